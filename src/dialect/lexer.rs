//! Cuts SQL into tokens, so that nothing is ever found inside a string or a comment.

use crate::document::Engine;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Blanks and line ends.
    Space,
    /// `-- ...` or `/* ... */`; on MySQL and MariaDB `# ...`, too.
    Comment,
    /// A keyword or a bare name.
    Word,
    /// A name in quotes, brackets or backticks.
    QuotedName,
    /// A string, dollar-quoted ones included.
    Text,
    /// A number.
    Number,
    /// `$1`, `?`, `:name`.
    Parameter,
    /// One character of anything else; on MySQL and MariaDB a whole `/*! ... */`, which is no
    /// comment: the server runs what is in it.
    Symbol,
}

/// A piece of SQL and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// As written.
    pub text: &'a str,
    /// Byte offset of its start.
    pub start: usize,
}

/// Words that no engine takes as a name without quotes: `DEFAULT` before a value is no mention of
/// a column that is called so.
const NEVER_NAMES: &[&str] = &[
    "all",
    "and",
    "as",
    "case",
    "check",
    "constraint",
    "create",
    "default",
    "distinct",
    "else",
    "foreign",
    "from",
    "group",
    "having",
    "in",
    "into",
    "limit",
    "not",
    "null",
    "on",
    "or",
    "order",
    "primary",
    "references",
    "select",
    "table",
    "then",
    "to",
    "union",
    "unique",
    "using",
    "when",
    "where",
];

/// SQL that ends inside a string, a name or a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} that starts at {} is not closed", place(*.line, *.at))]
pub struct Unclosed {
    /// `a string`, `a comment`, ...
    pub what: &'static str,
    /// The line of the text, from 1.
    pub line: usize,
    /// The character of that line, from 1.
    pub at: usize,
}

fn place(line: usize, at: usize) -> String {
    if line == 1 {
        format!("character {at}")
    } else {
        format!("line {line}, character {at}")
    }
}

impl<'a> Token<'a> {
    /// Whether it is that keyword; a quoted name never is.
    pub fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// Whether it is that character.
    pub fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }

    /// Whether the SQL means something else without it.
    pub fn counts(&self) -> bool {
        self.kind != Kind::Space && self.kind != Kind::Comment
    }

    /// Byte offset of its end.
    pub fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// The name that it spells, as the engine's catalogue has it: without quotes, and in lower
    /// case where PostgreSQL folds it. `None` for what is no name.
    pub fn name(&self, engine: Engine) -> Option<String> {
        match self.kind {
            Kind::Word => Some(match engine {
                Engine::PostgreSql => self.text.to_lowercase(),
                Engine::MySql | Engine::MariaDb | Engine::Sqlite => self.text.to_owned(),
            }),
            Kind::QuotedName => {
                let mut chars = self.text.chars();
                let close = match chars.next() {
                    Some('[') => ']',
                    Some(quote) => quote,
                    None => return None,
                };
                chars.next_back();
                let doubled: String = [close, close].iter().collect();
                Some(chars.as_str().replace(&doubled, &close.to_string()))
            }
            Kind::Space
            | Kind::Comment
            | Kind::Text
            | Kind::Number
            | Kind::Parameter
            | Kind::Symbol => None,
        }
    }

    /// Whether it spells that name; only PostgreSQL's columns know case.
    pub fn names(&self, engine: Engine, name: &str) -> bool {
        if self.kind == Kind::Word && NEVER_NAMES.iter().any(|word| self.is(word)) {
            return false;
        }
        self.name(engine).is_some_and(|own| match engine {
            Engine::PostgreSql => own == name,
            Engine::MySql | Engine::MariaDb => own.to_lowercase() == name.to_lowercase(),
            Engine::Sqlite => own.eq_ignore_ascii_case(name),
        })
    }
}

/// Every token of the text; put together they are the text again.
pub fn tokens(engine: Engine, sql: &str) -> Result<Vec<Token<'_>>, Unclosed> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < sql.len() {
        let rest = &sql[at..];
        let (kind, length) = next(engine, rest).map_err(|what| Unclosed {
            what,
            line: sql[..at].matches('\n').count() + 1,
            at: sql[..at].chars().rev().take_while(|c| *c != '\n').count() + 1,
        })?;
        out.push(Token {
            kind,
            text: &rest[..length],
            start: at,
        });
        at += length;
    }
    Ok(out)
}

/// The tokens that count.
pub fn significant(engine: Engine, sql: &str) -> Result<Vec<Token<'_>>, Unclosed> {
    Ok(tokens(engine, sql)?
        .into_iter()
        .filter(Token::counts)
        .collect())
}

/// The first token of a text that is not empty: its kind and its length in bytes.
fn next(engine: Engine, rest: &str) -> Result<(Kind, usize), &'static str> {
    let first = rest.chars().next().unwrap_or(' ');
    let second = rest[first.len_utf8()..].chars().next();
    let run = |belongs: &dyn Fn(char) -> bool| rest.find(|c| !belongs(c)).unwrap_or(rest.len());
    let postgres = engine == Engine::PostgreSql;
    let family = engine.is_mysql_family();
    // Two hyphens are two signs there, unless a blank follows.
    let dashes = |rest: &str| {
        !family
            || rest[2..]
                .chars()
                .next()
                .is_none_or(|c| c.is_whitespace() || c.is_control())
    };
    match (first, second) {
        (c, _) if c.is_whitespace() => Ok((Kind::Space, run(&char::is_whitespace))),
        ('#', _) if family => Ok((Kind::Comment, run(&|c| c != '\n'))),
        ('-', Some('-')) if dashes(rest) => Ok((Kind::Comment, run(&|c| c != '\n'))),
        ('/', Some('*')) if family && (rest.starts_with("/*!") || rest.starts_with("/*M!")) => {
            Ok((Kind::Symbol, block_comment(rest, engine)?))
        }
        ('/', Some('*')) => Ok((Kind::Comment, block_comment(rest, engine)?)),
        ('\'' | '"', _) if family => Ok((Kind::Text, quoted(rest, first, true).ok_or("a string")?)),
        ('\'', _) => Ok((Kind::Text, quoted(rest, '\'', false).ok_or("a string")?)),
        ('e' | 'E', Some('\'')) if postgres => {
            let inner = quoted(&rest[1..], '\'', true).ok_or("a string")?;
            Ok((Kind::Text, inner + 1))
        }
        ('b' | 'B' | 'x' | 'X' | 'n' | 'N', Some('\'')) => {
            let inner = quoted(&rest[1..], '\'', family).ok_or("a string")?;
            Ok((Kind::Text, inner + 1))
        }
        ('u' | 'U', Some('&')) if postgres && rest[2..].starts_with(['\'', '"']) => {
            let name = rest[2..].starts_with('"');
            let quote = if name { '"' } else { '\'' };
            let inner = quoted(&rest[2..], quote, false).ok_or("a string")?;
            Ok((if name { Kind::QuotedName } else { Kind::Text }, inner + 2))
        }
        ('"', _) => Ok((Kind::QuotedName, quoted(rest, '"', false).ok_or("a name")?)),
        ('`', _) if !postgres => Ok((Kind::QuotedName, quoted(rest, '`', false).ok_or("a name")?)),
        ('[', _) if engine == Engine::Sqlite => {
            let end = rest.find(']').ok_or("a name")?;
            Ok((Kind::QuotedName, end + 1))
        }
        ('$', _) if postgres => dollar(rest),
        ('?', _) if !postgres => Ok((Kind::Parameter, 1 + digits(&rest[1..]))),
        (c, _) if starts_word(c) => Ok((
            Kind::Word,
            run(&|c| starts_word(c) || c.is_ascii_digit() || c == '$'),
        )),
        (c, _) if c.is_ascii_digit() => Ok((Kind::Number, number(rest))),
        ('.', Some(c)) if c.is_ascii_digit() => Ok((Kind::Number, number(rest))),
        (c, _) => Ok((Kind::Symbol, c.len_utf8())),
    }
}

fn starts_word(c: char) -> bool {
    c == '_' || c.is_alphabetic() || (!c.is_ascii() && !c.is_whitespace())
}

fn digits(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len())
}

/// Length of a number: `1`, `1.5e-3`, `0x1f`, `.5`.
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let c = bytes[at];
        let sign = (c == b'+' || c == b'-') && at > 0 && matches!(bytes[at - 1], b'e' | b'E');
        if c.is_ascii_alphanumeric() || c == b'.' || c == b'_' || sign {
            at += 1;
        } else {
            break;
        }
    }
    at.max(1)
}

/// Length of a quoted piece, where a doubled quote (or a backslash) keeps it open.
fn quoted(text: &str, quote: char, backslash: bool) -> Option<usize> {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if backslash && c == '\\' {
            chars.next();
        } else if c == quote {
            if chars.peek().is_some_and(|(_, next)| *next == quote) {
                chars.next();
            } else {
                return Some(at + c.len_utf8());
            }
        }
    }
    None
}

/// Length of a block comment; PostgreSQL's nest, SQLite's end with the text.
fn block_comment(text: &str, engine: Engine) -> Result<usize, &'static str> {
    let nests = engine == Engine::PostgreSql;
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (2, 1);
    while at + 1 < bytes.len() {
        match (bytes[at], bytes[at + 1]) {
            (b'*', b'/') => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Ok(at);
                }
            }
            (b'/', b'*') if nests => {
                depth += 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
    match engine {
        Engine::PostgreSql | Engine::MySql | Engine::MariaDb => Err("a comment"),
        Engine::Sqlite => Ok(text.len()),
    }
}

/// `$1`, `$$ ... $$` or `$tag$ ... $tag$`.
fn dollar(text: &str) -> Result<(Kind, usize), &'static str> {
    let after = &text[1..];
    let number = digits(after);
    if number > 0 {
        return Ok((Kind::Parameter, 1 + number));
    }
    let tag = after
        .find(|c: char| !(starts_word(c) || c.is_ascii_digit()))
        .unwrap_or(after.len());
    if !after[tag..].starts_with('$') {
        return Ok((Kind::Symbol, 1));
    }
    let fence = &text[..tag + 2];
    let body = &text[fence.len()..];
    let end = body.find(fence).ok_or("a dollar-quoted string")?;
    Ok((Kind::Text, fence.len() + end + fence.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(engine: Engine, sql: &str) -> Vec<(Kind, &str)> {
        significant(engine, sql)
            .unwrap()
            .iter()
            .map(|t| (t.kind, t.text))
            .collect()
    }

    #[test]
    fn postgres_strings_and_comments() {
        let sql = "a /* x /* y */ ; */ 'it''s;' E'\\';' $$;$$ $q$ $$ ; $q$ \"b;\" -- ;\n$1 1.5e-3;";
        assert_eq!(
            texts(Engine::PostgreSql, sql),
            [
                (Kind::Word, "a"),
                (Kind::Text, "'it''s;'"),
                (Kind::Text, "E'\\';'"),
                (Kind::Text, "$$;$$"),
                (Kind::Text, "$q$ $$ ; $q$"),
                (Kind::QuotedName, "\"b;\""),
                (Kind::Parameter, "$1"),
                (Kind::Number, "1.5e-3"),
                (Kind::Symbol, ";"),
            ]
        );
    }

    #[test]
    fn sqlite_names_and_comments() {
        assert_eq!(
            texts(Engine::Sqlite, "[a;b] `c;` \"d\" x'00' ?1 /* /* */ e"),
            [
                (Kind::QuotedName, "[a;b]"),
                (Kind::QuotedName, "`c;`"),
                (Kind::QuotedName, "\"d\""),
                (Kind::Text, "x'00'"),
                (Kind::Parameter, "?1"),
                (Kind::Word, "e"),
            ]
        );
    }

    #[test]
    fn names_lose_quotes_and_fold_where_the_engine_folds() {
        let name = |engine, sql| tokens(engine, sql).unwrap()[0].name(engine);
        assert_eq!(name(Engine::PostgreSql, "Name").as_deref(), Some("name"));
        assert_eq!(
            name(Engine::PostgreSql, "\"Na\"\"me\"").as_deref(),
            Some("Na\"me")
        );
        assert_eq!(name(Engine::Sqlite, "[Na me]").as_deref(), Some("Na me"));
    }

    #[test]
    fn what_is_not_closed_is_said_with_its_place() {
        assert_eq!(
            tokens(Engine::PostgreSql, "é 'x"),
            Err(Unclosed {
                what: "a string",
                line: 1,
                at: 3
            })
        );
        let later = tokens(Engine::PostgreSql, "é\n 'x").unwrap_err();
        assert_eq!(
            later.to_string(),
            "a string that starts at line 2, character 2 is not closed"
        );
        assert!(tokens(Engine::PostgreSql, "$a$ b").is_err());
        assert!(tokens(Engine::PostgreSql, "/* /* */").is_err());
    }

    #[test]
    fn mysqls_comments_strings_and_names() {
        use Kind::*;
        assert_eq!(
            texts(
                Engine::MySql,
                "a--1 -- b\n#c\n'd\\'e' \"f\"\"g\" `h``i` /*!80000 x*/ /* y */"
            ),
            [
                (Word, "a"),
                (Symbol, "-"),
                (Symbol, "-"),
                (Number, "1"),
                (Text, "'d\\'e'"),
                (Text, "\"f\"\"g\""),
                (QuotedName, "`h``i`"),
                (Symbol, "/*!80000 x*/"),
            ]
        );
        assert!(tokens(Engine::MariaDb, "/* x").is_err());
        assert!(tokens(Engine::MariaDb, "'x\\'").is_err());
    }

    proptest::proptest! {
        #[test]
        fn the_tokens_are_the_text(sql in "[a-z'\"$/*\\-; \\[\\]`\\\\\n0-9.é]{0,40}") {
            for engine in Engine::ALL {
                if let Ok(tokens) = tokens(engine, &sql) {
                    let whole: String = tokens.iter().map(|t| t.text).collect();
                    proptest::prop_assert_eq!(&whole, &sql);
                }
            }
        }
    }
}
