//! An operation or a check while it is written.

use bellows::document::Shape;
use serde_json::{Map, Value, json};

/// An operation or a check: a word and the values of its fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Stays with the item when others move; means nothing outside.
    pub id: u32,
    /// `add_column`, `custom`.
    pub word: String,
    /// The values, by the keys of its shape.
    pub values: Map<String, Value>,
}

impl Item {
    /// Its fields.
    pub fn shape(&self, shapes: &'static [&'static Shape]) -> Option<&'static Shape> {
        shapes.iter().find(|s| s.word == self.word).copied()
    }

    pub(super) fn to_json(&self, tag: &str) -> Value {
        let mut map = self.values.clone();
        map.insert(tag.to_owned(), json!(self.word));
        Value::Object(map)
    }

    /// In a few words: its title, and what it is about.
    pub fn summary(&self, shape: &Shape) -> String {
        let text = |key: &str| {
            self.values
                .get(key)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let subject = match (text("table"), text("column")) {
            (Some(table), Some(column)) => Some(format!("{table}.{column}")),
            (Some(table), None) => Some(table.to_owned()),
            (None, _) => text("indexName").map(str::to_owned),
        };
        match subject {
            Some(subject) => format!("{}: {subject}", shape.title),
            None => shape.title.to_owned(),
        }
    }
}

/// The shapes of the operations.
pub fn operations() -> &'static [&'static Shape] {
    bellows::operation::shapes()
}

/// The shapes of the checks.
pub fn checks() -> &'static [&'static Shape] {
    bellows::document::checks()
}
