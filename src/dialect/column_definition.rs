//! A column's definition on MySQL and MariaDB, as SHOW CREATE TABLE prints it behind the name, and
//! what can be changed in it.

use super::expression::{self, nesting};
use super::lexer::{self, Token};
use crate::document::Engine;

/// The tokens of a definition that stand outside of all parentheses.
fn outer<'a>(engine: Engine, definition: &'a str) -> Vec<Token<'a>> {
    let mut depth = 0;
    lexer::significant(engine, definition)
        .unwrap_or_default()
        .into_iter()
        .filter(|token| {
            let outside = depth == 0;
            depth += nesting(token);
            outside
        })
        .collect()
}

/// Words that may stand behind the type and its character set.
const ATTRIBUTES: &[&str] = &[
    "default",
    "on",
    "auto_increment",
    "comment",
    "check",
    "constraint",
    "invisible",
    "visible",
    "generated",
    "as",
    "unique",
    "primary",
    "key",
    "references",
    "column_format",
    "storage",
    "compressed",
    "without",
];

/// The definition with NULL forbidden or allowed, and all else as it was.
pub fn with_null(engine: Engine, definition: &str, allowed: bool) -> String {
    let tokens = outer(engine, definition);
    // `NOT NULL`, or a NULL that is no default's.
    let is_default = |at: usize| at > 0 && tokens[at - 1].is("default");
    let found = tokens.iter().enumerate().position(|(at, t)| {
        (t.is("not") && tokens.get(at + 1).is_some_and(|t| t.is("null")))
            || (t.is("null") && !is_default(at))
    });
    let word = if allowed { "NULL" } else { "NOT NULL" };
    let mut out = match found {
        Some(at) => {
            let last = if tokens[at].is("not") { at + 1 } else { at };
            format!(
                "{}{word}{}",
                &definition[..tokens[at].start],
                &definition[tokens[last].end()..]
            )
        }
        None => match tokens
            .iter()
            .skip(1)
            .find(|t| ATTRIBUTES.iter().any(|w| t.is(w)))
        {
            Some(next) => format!(
                "{}{word} {}",
                &definition[..next.start],
                &definition[next.start..]
            ),
            None => format!("{} {word}", definition.trim_end()),
        },
    };
    if !allowed {
        // A default that such a column cannot have.
        let tokens = outer(engine, &out);
        let null = tokens
            .windows(2)
            .find(|pair| pair[0].is("default") && pair[1].is("null"))
            .map(|pair| (pair[0].start, pair[1].end()));
        if let Some((start, end)) = null {
            out = format!("{}{}", out[..start].trim_end(), &out[end..]);
        }
    }
    out
}

/// The definition with another default, or none.
pub fn with_default(engine: Engine, definition: &str, default: Option<&str>) -> String {
    let tokens = outer(engine, definition);
    let mut out = definition.trim_end().to_owned();
    if let Some(at) = tokens.iter().position(|t| t.is("default")) {
        let next = tokens[at + 1..]
            .iter()
            .skip(1)
            .find(|t| t.is("not") || t.is("null") || ATTRIBUTES.iter().any(|w| t.is(w)));
        let end = next.map_or(definition.len(), |t| t.start);
        out = format!(
            "{}{}",
            definition[..tokens[at].start].trim_end(),
            match definition[end..].trim_end() {
                "" => String::new(),
                rest => format!(" {rest}"),
            }
        );
    }
    let Some(default) = default else {
        return out;
    };
    let clause = format!("DEFAULT {default}");
    match outer(engine, &out)
        .iter()
        .skip(1)
        .find(|t| ATTRIBUTES.iter().any(|w| t.is(w)))
    {
        Some(next) => format!("{}{clause} {}", &out[..next.start], &out[next.start..]),
        None => format!("{out} {clause}"),
    }
}

/// What the engine takes as a column's value of the moment without parentheses.
const MOMENTS: &[&str] = &["current_timestamp", "now", "localtime", "localtimestamp"];

/// A default as it stands behind DEFAULT: whatever is no literal in parentheses, and literals of
/// types that take none but as an expression, too.
pub fn default_value(engine: Engine, data_type: &str, default: &str) -> String {
    let default = default.trim();
    let tokens = lexer::significant(engine, default).unwrap_or_default();
    let moment = match tokens.as_slice() {
        [word] => MOMENTS[..1].iter().chain(&MOMENTS[2..]).any(|w| word.is(w)),
        [word, open, .., close] => {
            MOMENTS.iter().any(|w| word.is(w))
                && open.is_symbol("(")
                && close.is_symbol(")")
                && tokens.len() <= 4
        }
        _ => false,
    };
    let null = matches!(tokens.as_slice(), [word] if word.is("null"));
    let literal = expression::is_plain_literal(engine, default) && !is_long(data_type);
    if moment || null || literal || is_enclosed(&tokens) {
        default.to_owned()
    } else {
        format!("({default})")
    }
}

/// Whether the first parenthesis is closed by the last one.
fn is_enclosed(tokens: &[Token<'_>]) -> bool {
    let mut depth = 0;
    let closed = tokens.iter().position(|t| {
        depth += nesting(t);
        depth == 0
    });
    tokens.first().is_some_and(|t| t.is_symbol("(")) && closed == Some(tokens.len() - 1)
}

/// The first word of a type, in lower case.
pub fn type_word(data_type: &str) -> String {
    data_type
        .trim()
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default()
        .to_lowercase()
}

/// Types kept beside the row: their index needs a length, their literal default parentheses.
pub fn is_long(data_type: &str) -> bool {
    let word = type_word(data_type);
    word.ends_with("text") || word.ends_with("blob") || word == "json" || word == "geometry"
}

/// Whether values of the type are compared by a collation, which may hold different texts for the
/// same.
pub fn is_text(data_type: &str) -> bool {
    let word = type_word(data_type);
    word.ends_with("char")
        || word.ends_with("text")
        || matches!(
            word.as_str(),
            "enum" | "set" | "character" | "long" | "varcharacter"
        )
}

/// The condition that two values are the same, NULL being a value. Texts are compared letter by
/// letter, which the columns' collations may not do; so are values of a type that is not known.
pub fn same(data_type: Option<&str>, left: &str, right: &str) -> String {
    if data_type.is_none_or(is_text) {
        let exact = |value: &str| format!("CAST(CONVERT({value} USING utf8mb4) AS BINARY)");
        format!("{} <=> {}", exact(left), exact(right))
    } else {
        format!("{left} <=> {right}")
    }
}

/// The condition that they differ.
pub fn differ(data_type: Option<&str>, left: &str, right: &str) -> String {
    format!("NOT ({})", same(data_type, left, right))
}

/// The condition that a column is in a trigger's new row what it was.
pub fn unchanged(data_type: Option<&str>, name: &str) -> String {
    if data_type.is_none_or(is_text) {
        format!("CAST(NEW.{name} AS BINARY) <=> CAST(OLD.{name} AS BINARY)")
    } else {
        format!("NEW.{name} <=> OLD.{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_null_is_changed() {
        let forbid = |sql| with_null(Engine::MariaDb, sql, false);
        let allow = |sql| with_null(Engine::MariaDb, sql, true);
        assert_eq!(
            forbid("varchar(9) CHARACTER SET latin1 DEFAULT NULL COMMENT 'DEFAULT NULL'"),
            "varchar(9) CHARACTER SET latin1 NOT NULL COMMENT 'DEFAULT NULL'"
        );
        assert_eq!(forbid("int(11)"), "int(11) NOT NULL");
        assert_eq!(
            forbid("timestamp NULL DEFAULT current_timestamp() ON UPDATE current_timestamp()"),
            "timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp()"
        );
        assert_eq!(
            forbid("enum('NOT NULL','b') DEFAULT 'b'"),
            "enum('NOT NULL','b') NOT NULL DEFAULT 'b'"
        );
        assert_eq!(
            allow("text NOT NULL DEFAULT concat('a','b') CHECK (`x` is not null)"),
            "text NULL DEFAULT concat('a','b') CHECK (`x` is not null)"
        );
    }

    #[test]
    fn only_the_default_is_changed() {
        let set = |sql, default| with_default(Engine::MySql, sql, default);
        assert_eq!(
            set("varchar(9) NOT NULL DEFAULT 'x' COMMENT 'c'", None),
            "varchar(9) NOT NULL COMMENT 'c'"
        );
        assert_eq!(
            set(
                "datetime DEFAULT current_timestamp() ON UPDATE current_timestamp()",
                Some("'a'")
            ),
            "datetime DEFAULT 'a' ON UPDATE current_timestamp()"
        );
        assert_eq!(set("int(11) DEFAULT NULL", Some("7")), "int(11) DEFAULT 7");
        assert_eq!(set("int", Some("7")), "int DEFAULT 7");
        assert_eq!(set("text DEFAULT (uuid())", None), "text");
    }

    #[test]
    fn defaults_that_are_expressions_stand_in_parentheses() {
        let value = |data_type, sql| default_value(Engine::MySql, data_type, sql);
        assert_eq!(value("varchar(9)", "'x'"), "'x'");
        assert_eq!(value("text", "'x'"), "('x')");
        assert_eq!(value("int", "-1"), "-1");
        assert_eq!(
            value("datetime(6)", "current_timestamp(6)"),
            "current_timestamp(6)"
        );
        assert_eq!(
            value("datetime", "now() + interval 1 day"),
            "(now() + interval 1 day)"
        );
        assert_eq!(value("char(36)", "uuid()"), "(uuid())");
        assert_eq!(value("int", "(1) + (2)"), "((1) + (2))");
        assert_eq!(value("int", "(1 + 2)"), "(1 + 2)");
        assert_eq!(value("json", "NULL"), "NULL");
    }
}
