//! The hash of a document and of a phase: what approvals are given to.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{FieldKind, GATE, MIGRATION, Migration, PHASE, Part, Phase, Shape, checks};
use crate::operation::shapes as operations;

/// `sha256:` and the hex of SHA-256 over the document's canonical JSON (RFC 8785), defaults filled
/// in. The order of keys, comments and defaults written out don't change it.
pub fn hash(migration: &Migration) -> String {
    digest(serde_json::to_value(migration), &MIGRATION)
}

/// The hash of one phase, its number included: a phase that is done is unchanged while this is.
pub fn phase_hash(phase: &Phase) -> String {
    digest(serde_json::to_value(phase), &PHASE)
}

fn digest(value: serde_json::Result<Value>, shape: &Shape) -> String {
    // Our types are structs, lists and texts with text keys: nothing in them fails to become JSON.
    // Were it ever so, the error's text stands in, so that nothing else has that hash.
    let canonical = value
        .and_then(|mut value| {
            fill(&mut value, shape);
            serde_json_canonicalizer::to_string(&value)
        })
        .unwrap_or_else(|error| format!("not canonical: {error}"));
    let hex: String = Sha256::digest(canonical.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("sha256:{hex}")
}

/// Fills in the defaults of the shape, here and below, and takes floats away.
fn fill(value: &mut Value, shape: &Shape) {
    let Value::Object(map) = value else { return };
    map.retain(|_, v| !v.is_null());
    for field in shape.fields {
        if let Some(default) = field.default
            && !map.contains_key(field.key)
            && let Ok(default) = serde_json::from_str(default)
        {
            map.insert(field.key.to_owned(), default);
        }
        let Some(value) = map.get_mut(field.key) else {
            continue;
        };
        match field.kind {
            FieldKind::Part(Part::Gate) => fill(value, &GATE),
            FieldKind::Part(part) => each(value, part),
            FieldKind::Default => literal(value),
            FieldKind::Table
            | FieldKind::Column
            | FieldKind::NewName
            | FieldKind::Index
            | FieldKind::DataType
            | FieldKind::Columns
            | FieldKind::Sql
            | FieldKind::Text
            | FieldKind::Bool
            | FieldKind::Number
            | FieldKind::Choice(_)
            | FieldKind::Words
            | FieldKind::Conversion
            | FieldKind::Duration => {}
        }
    }
}

fn each(value: &mut Value, part: Part) {
    let Value::Array(items) = value else { return };
    for item in items {
        let shape = match part {
            Part::Phases | Part::Gate | Part::Columns | Part::Constraints | Part::Waivers => {
                part.item()
            }
            Part::Operations => named(item, "type", operations()),
            Part::Checks => named(item, "check", checks()),
        };
        if let Some(shape) = shape {
            fill(item, shape);
        }
    }
}

fn named(item: &Value, tag: &str, shapes: &'static [&'static Shape]) -> Option<&'static Shape> {
    let word = item.get(tag)?.as_str()?;
    shapes.iter().find(|s| s.word == word).copied()
}

/// Canonical JSON writes every number as a double, in which neighbours among large integers are
/// one: numbers stand as their text instead, marked so that no text equals them.
fn literal(value: &mut Value) {
    if let Value::Number(number) = value {
        let mut marked = Map::new();
        marked.insert("number".to_owned(), json!(number.to_string()));
        *value = Value::Object(marked);
    }
}
