//! SQL to be read: keywords, strings and comments stand out.

use leptos::prelude::*;

/// A block of SQL; what is too wide scrolls inside it.
#[component]
pub fn Sql(
    /// The text.
    #[prop(into)]
    sql: String,
) -> impl IntoView {
    let spans = pieces(&sql)
        .into_iter()
        .map(|(piece, text)| view! { <span class=piece.class()>{text.to_owned()}</span> })
        .collect_view();
    view! { <pre class="sql" tabindex="0"><code>{spans}</code></pre> }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Keyword,
    Text,
    Comment,
    Plain,
}

impl Piece {
    fn class(self) -> Option<&'static str> {
        match self {
            Piece::Keyword => Some("k"),
            Piece::Text => Some("s"),
            Piece::Comment => Some("c"),
            Piece::Plain => None,
        }
    }
}

/// Words that carry a statement; types and functions are left plain.
const KEYWORDS: &[&str] = &[
    "ADD",
    "AFTER",
    "ALTER",
    "ALWAYS",
    "AND",
    "AS",
    "ASC",
    "BEFORE",
    "BEGIN",
    "BETWEEN",
    "BY",
    "CASCADE",
    "CASE",
    "CHECK",
    "COLUMN",
    "COMMENT",
    "COMMIT",
    "CONCURRENTLY",
    "CONFLICT",
    "CONSTRAINT",
    "CREATE",
    "DECLARE",
    "DEFAULT",
    "DELETE",
    "DESC",
    "DISTINCT",
    "DO",
    "DROP",
    "EACH",
    "ELSE",
    "END",
    "EXECUTE",
    "EXISTS",
    "FOR",
    "FOREIGN",
    "FROM",
    "FUNCTION",
    "GRANT",
    "GROUP",
    "HAVING",
    "IF",
    "IN",
    "INDEX",
    "INSERT",
    "INTO",
    "IS",
    "JOIN",
    "KEY",
    "LANGUAGE",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCK",
    "NEW",
    "NOT",
    "NULL",
    "OF",
    "OLD",
    "ON",
    "ONLY",
    "OR",
    "ORDER",
    "PERFORM",
    "PRAGMA",
    "PRIMARY",
    "REFERENCES",
    "RENAME",
    "REPLACE",
    "RETURN",
    "RETURNING",
    "RETURNS",
    "ROLLBACK",
    "ROW",
    "SELECT",
    "SET",
    "STATEMENT",
    "TABLE",
    "THEN",
    "TO",
    "TRIGGER",
    "TYPE",
    "UNION",
    "UNIQUE",
    "UPDATE",
    "USING",
    "VALID",
    "VALIDATE",
    "VALUES",
    "VIEW",
    "WHEN",
    "WHERE",
    "WITH",
];

/// Cuts a text into pieces that together are the text. It only colours: what it takes for what
/// changes nothing.
fn pieces(sql: &str) -> Vec<(Piece, &str)> {
    let mut out: Vec<(Piece, &str)> = Vec::new();
    let mut rest = sql;
    let mut plain = 0;
    // `plain` bytes before `rest` in `sql` belong to the plain piece in the making.
    while let Some(first) = rest.chars().next() {
        let (piece, length) = next(rest, first);
        if piece == Piece::Plain {
            plain += length;
        } else {
            let at = sql.len() - rest.len();
            if plain > 0 {
                out.push((Piece::Plain, &sql[at - plain..at]));
                plain = 0;
            }
            out.push((piece, &rest[..length]));
        }
        rest = &rest[length..];
    }
    if plain > 0 {
        out.push((Piece::Plain, &sql[sql.len() - plain..]));
    }
    out
}

fn next(rest: &str, first: char) -> (Piece, usize) {
    if rest.starts_with("--") {
        return (Piece::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (
            Piece::Comment,
            rest.find("*/").map_or(rest.len(), |i| i + 2),
        );
    }
    if first == '\'' {
        return (Piece::Text, quoted(rest, '\''));
    }
    if first == '"' {
        return (Piece::Plain, quoted(rest, '"'));
    }
    if first.is_alphabetic() || first == '_' {
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let length = rest.find(|c: char| !word(c)).unwrap_or(rest.len());
        let upper = rest[..length].to_ascii_uppercase();
        let piece = if KEYWORDS.binary_search(&upper.as_str()).is_ok() {
            Piece::Keyword
        } else {
            Piece::Plain
        };
        return (piece, length);
    }
    (Piece::Plain, first.len_utf8())
}

/// The length of what stands in quotes, the quotes included; to the end where none closes it. A
/// doubled quote closes one piece and opens the next.
fn quoted(rest: &str, quote: char) -> usize {
    rest[1..].find(quote).map_or(rest.len(), |i| i + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_can_be_searched() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn pieces_are_the_text() {
        for sql in [
            "",
            "UPDATE \"users\" SET a = 'it''s' -- why\nWHERE id > $1",
            "select 'open",
            "/* open",
            "é 'é' \"é",
        ] {
            let back: String = pieces(sql).iter().map(|(_, text)| *text).collect();
            assert_eq!(back, sql);
        }
    }

    #[test]
    fn a_keyword_in_a_string_is_a_string() {
        assert_eq!(
            pieces("SET x='WHERE'"),
            [
                (Piece::Keyword, "SET"),
                (Piece::Plain, " x="),
                (Piece::Text, "'WHERE'")
            ]
        );
    }
}
