//! How values are spelled in a form's controls.

use std::collections::BTreeMap;

use bellows::document::{Field, read_list, write_list};
use serde_json::{Map, Number, Value, json};

/// How a text is read, and a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As it is.
    Text,
    /// A whole number; what is none yet stays a text.
    Number,
    /// Words with commas.
    List,
    /// A number, a truth value, or a text; a text in double quotes is one whatever it holds.
    Literal,
    /// The expression of `{sql: ...}`.
    Expression,
    /// One expression, or a map of column to expression as JSON.
    Conversion,
}

impl Spelling {
    /// What the text means; `None` for nothing.
    pub(super) fn read(self, text: &str) -> Option<Value> {
        match self {
            Spelling::Text => (!text.is_empty()).then(|| json!(text)),
            Spelling::Number => {
                let digits = text.trim();
                (!digits.is_empty()).then(|| match digits.parse::<u64>() {
                    Ok(number) => json!(number),
                    Err(_) => json!(digits),
                })
            }
            Spelling::List => {
                let words = read_list(text);
                (!words.is_empty()).then(|| json!(words))
            }
            Spelling::Literal => Some(literal(text)),
            Spelling::Expression => Some(json!({ "sql": text })),
            Spelling::Conversion => match serde_json::from_str::<Map<String, Value>>(text) {
                Ok(map) => Some(Value::Object(map)),
                Err(_) => Spelling::Text.read(text),
            },
        }
    }

    /// The text that means the value.
    pub(super) fn write(self, value: &Value) -> String {
        match (self, value) {
            (Spelling::Literal, Value::String(text)) if literal(text) != json!(text) => {
                format!("\"{text}\"")
            }
            (Spelling::Conversion, Value::Object(_)) => value.to_string(),
            (
                Spelling::Text
                | Spelling::Number
                | Spelling::List
                | Spelling::Literal
                | Spelling::Expression
                | Spelling::Conversion,
                _,
            ) => as_text(value),
        }
    }
}

/// A value as plain text: a list with commas, an expression without its wrapping.
pub fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(as_text).collect();
            write_list(&items)
        }
        Value::Object(map) => map.get("sql").map_or_else(|| value.to_string(), as_text),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// The values of a pattern's form as the core takes them.
pub fn expand_values(values: &Map<String, Value>) -> BTreeMap<String, String> {
    values
        .iter()
        .map(|(key, value)| (key.clone(), as_text(value)))
        .collect()
}

/// What a field holds where it is absent.
pub(super) fn default_of(field: &Field) -> Value {
    field
        .default
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or(Value::Null)
}

fn literal(text: &str) -> Value {
    let trimmed = text.trim();
    if let Ok(number) = serde_json::from_str::<Number>(trimmed) {
        return Value::Number(number);
    }
    match trimmed {
        "true" => json!(true),
        "false" => json!(false),
        _ => match trimmed.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
            Some(inner) => json!(inner),
            None => json!(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_reads_back_as_what_it_is() {
        for value in [
            json!("active"),
            json!("0"),
            json!("true"),
            json!("\"x\""),
            json!(""),
            json!(0),
            json!(1.5),
            json!(false),
        ] {
            let text = Spelling::Literal.write(&value);
            assert_eq!(Spelling::Literal.read(&text), Some(value), "{text}");
        }
    }

    #[test]
    fn what_is_half_typed_is_kept() {
        assert_eq!(Spelling::Number.read("12x"), Some(json!("12x")));
        assert_eq!(Spelling::Number.write(&json!("12x")), "12x");
        assert_eq!(Spelling::List.read("a, "), Some(json!(["a"])));
        assert_eq!(Spelling::List.read(" , "), None);
        assert_eq!(Spelling::Text.read(""), None);
    }
}
