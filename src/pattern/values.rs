//! What a form's text means as a default: a literal of its type, or SQL.

use crate::dialect::lexer::{self, Kind};
use crate::dialect::quote;
use crate::document::Engine;
use crate::operation::DefaultValue;

/// `now()`, `'{}'::jsonb`, `(1 + 2)` and `CURRENT_DATE` are SQL; `true` and `12` are typed unless
/// the column holds text; everything else is the text itself.
pub(super) fn default_value(engine: Engine, data_type: &str, text: &str) -> DefaultValue {
    if is_sql(engine, text) {
        return DefaultValue::Expression {
            sql: text.to_owned(),
        };
    }
    let lower = data_type.to_lowercase();
    let textual = ["char", "text", "clob", "json", "citext", "name"]
        .iter()
        .any(|word| lower.contains(word));
    let typed = (!textual)
        .then(|| serde_json::from_str::<serde_json::Value>(text).ok())
        .flatten()
        .filter(|value| match value {
            serde_json::Value::Bool(_) => true,
            // 0.10 stays as typed where a number would lose a digit.
            serde_json::Value::Number(number) => number.to_string().as_str() == text,
            serde_json::Value::Null
            | serde_json::Value::String(_)
            | serde_json::Value::Array(_)
            | serde_json::Value::Object(_) => false,
        });
    DefaultValue::Literal(typed.unwrap_or_else(|| text.into()))
}

/// The text that a form would have for that default: read by [`default_value`] for a column of any
/// type, it says the same.
pub(crate) fn default_text(engine: Engine, value: &DefaultValue) -> String {
    match value {
        DefaultValue::Expression { sql } if is_sql(engine, sql) => sql.trim().to_owned(),
        DefaultValue::Expression { sql } => format!("({})", sql.trim()),
        DefaultValue::Literal(serde_json::Value::String(text)) => {
            let is_itself = default_value(engine, "", text) == *value;
            if is_itself && !text.is_empty() && text.trim() == text {
                text.clone()
            } else {
                quote::default_value(engine, value)
            }
        }
        DefaultValue::Literal(other) => other.to_string(),
    }
}

fn is_sql(engine: Engine, text: &str) -> bool {
    let Ok(tokens) = lexer::significant(engine, text) else {
        return false;
    };
    let Some(first) = tokens.first() else {
        return false;
    };
    let closes = tokens.last().is_some_and(|t| t.is_symbol(")"));
    let word = matches!(first.kind, Kind::Word | Kind::QuotedName);
    let called = word && text[first.end()..].starts_with(['(', '.']) && text.contains('(');
    let moment = tokens.len() == 1 && text.to_lowercase().starts_with("current_");
    first.kind == Kind::Text || (first.is_symbol("(") && closes) || called || moment
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_default_is_told_as_text() {
        let of = |value: DefaultValue| default_text(Engine::PostgreSql, &value);
        for (value, text) in [
            ("active".into(), "active"),
            ("it's".into(), "it's"),
            ("true".into(), "'true'"),
            ("12".into(), "'12'"),
            ("now()".into(), "'now()'"),
            ("".into(), "''"),
            (" a".into(), "' a'"),
            ("'{}'::jsonb".into(), "'{}'::jsonb"),
            (DefaultValue::sql("now()"), "now()"),
            (DefaultValue::sql("1 + 2"), "(1 + 2)"),
            (false.into(), "false"),
            (0.into(), "0"),
            (0.5.into(), "0.5"),
        ] {
            assert_eq!(of(value), text);
        }
    }

    #[test]
    fn a_text_is_what_it_looks_like() {
        let of = |data_type: &str, text: &str| {
            serde_json::to_value(default_value(Engine::PostgreSql, data_type, text)).unwrap()
        };
        assert_eq!(of("BOOLEAN", "false"), json!(false));
        assert_eq!(of("INTEGER", "0"), json!(0));
        assert_eq!(of("VARCHAR(9)", "0"), json!("0"));
        assert_eq!(of("NUMERIC(9, 2)", "0.10"), json!("0.10"));
        assert_eq!(of("TEXT", "active"), json!("active"));
        assert_eq!(of("TEXT", "N/A (unknown)"), json!("N/A (unknown)"));
        assert_eq!(of("TEXT", "it's"), json!("it's"));
        for sql in [
            "now()",
            "'{}'::jsonb",
            "(1 + 2)",
            "CURRENT_TIMESTAMP",
            "now() - interval '1 day'",
            "pg_catalog.now()",
        ] {
            assert_eq!(of("TEXT", sql), json!({ "sql": sql }));
        }
    }
}
