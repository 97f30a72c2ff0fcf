//! Names, brackets and clauses in SQLite's CREATE statements, which is all that its catalogue
//! keeps of keys, predicates and views.

/// A piece of SQL, as far as it takes to find names and brackets.
enum Piece<'a> {
    /// A name in quotes, without them.
    Name(&'a str),
    /// A bare name or keyword, and where it starts.
    Word(&'a str, usize),
    /// A character of punctuation, and where it stands.
    Mark(char, usize),
}

/// Cuts SQL into words and marks; strings and comments are left out.
fn pieces(sql: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = sql;
    while let Some(c) = rest.chars().next() {
        let at = sql.len() - rest.len();
        let skip = match c {
            '\'' => close(rest, '\''),
            '"' | '`' | '[' => {
                let end = close(rest, if c == '[' { ']' } else { c });
                let inner = rest.get(1..end.saturating_sub(1)).unwrap_or_default();
                pieces.push(Piece::Name(inner));
                end
            }
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |n| n + 2),
            c if c.is_alphanumeric() || c == '_' => {
                let end = rest
                    .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
                    .unwrap_or(rest.len());
                pieces.push(Piece::Word(&rest[..end], at));
                end
            }
            c => {
                if !c.is_whitespace() {
                    pieces.push(Piece::Mark(c, at));
                }
                c.len_utf8()
            }
        };
        rest = &rest[skip..];
    }
    pieces
}

/// The length of a quoted text that starts at the first character; a doubled quote goes on.
fn close(text: &str, quote: char) -> usize {
    let mut from = 1;
    while let Some(n) = text[from..].find(quote) {
        let end = from + n + 1;
        if quote == ']' || !text[end..].starts_with(quote) {
            return end;
        }
        from = end + 1;
    }
    text.len()
}

pub(super) fn words(sql: &str) -> impl Iterator<Item = &str> {
    pieces(sql).into_iter().filter_map(|piece| match piece {
        Piece::Word(word, _) | Piece::Name(word) => Some(word),
        Piece::Mark(_, _) => None,
    })
}

/// The texts between the outer brackets of a CREATE INDEX, one a key.
pub(super) fn key_texts(definition: &str) -> Vec<String> {
    let (mut depth, mut from, mut keys) = (0, 0, Vec::new());
    for piece in pieces(definition) {
        match piece {
            Piece::Mark('(', at) => {
                depth += 1;
                if depth == 1 {
                    from = at + 1;
                }
            }
            Piece::Mark(mark @ (')' | ','), at) => {
                if depth == 1 {
                    keys.push(definition[from..at].trim().to_owned());
                    from = at + 1;
                }
                if mark == ')' {
                    depth -= 1;
                    if depth == 0 {
                        break;
                    }
                }
            }
            Piece::Mark(_, _) | Piece::Word(_, _) | Piece::Name(_) => {}
        }
    }
    keys
}

/// What stands after the WHERE of a CREATE INDEX.
pub(super) fn predicate(definition: &str) -> Option<String> {
    let mut depth = 0;
    for piece in pieces(definition) {
        match piece {
            Piece::Mark('(', _) => depth += 1,
            Piece::Mark(')', _) => depth -= 1,
            Piece::Word(word, at) if depth == 0 && word.eq_ignore_ascii_case("where") => {
                return Some(definition[at + word.len()..].trim().to_owned());
            }
            Piece::Mark(_, _) | Piece::Word(_, _) | Piece::Name(_) => {}
        }
    }
    None
}

/// What stands after the first AS outside brackets: the SELECT of a CREATE VIEW.
pub(super) fn after_as(sql: &str) -> &str {
    let mut depth = 0;
    for piece in pieces(sql) {
        match piece {
            Piece::Mark('(', _) => depth += 1,
            Piece::Mark(')', _) => depth -= 1,
            Piece::Word(word, at) if depth == 0 && word.eq_ignore_ascii_case("as") => {
                return sql[at + word.len()..].trim();
            }
            Piece::Mark(_, _) | Piece::Word(_, _) | Piece::Name(_) => {}
        }
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_predicates_are_read_around_quotes_and_comments() {
        let sql = "CREATE INDEX \"i (where)\" ON [t,(] (lower(a, ','), -- x, where\n \"b,c\" DESC) \
                   WHERE a <> 'where )' AND (b > 0)";
        assert_eq!(
            key_texts(sql),
            ["lower(a, ',')", "-- x, where\n \"b,c\" DESC"]
        );
        assert_eq!(
            predicate(sql).as_deref(),
            Some("a <> 'where )' AND (b > 0)")
        );
        assert_eq!(predicate("CREATE INDEX i ON t (a)"), None);
    }

    #[test]
    fn a_view_is_its_select() {
        assert_eq!(
            after_as("CREATE VIEW \"as\" (a) AS SELECT 1 AS b"),
            "SELECT 1 AS b"
        );
    }
}
