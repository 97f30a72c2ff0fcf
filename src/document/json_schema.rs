//! The JSON Schema of the document, made from the shapes, for editors that complete and check.

use serde_json::{Map, Value, json};

use super::{Field, FieldKind, GATE, MIGRATION, PHASE, Part, Shape, WAIVER, checks};
use crate::operation::shapes as operations;

/// A text that says something.
const FILLED: &str = "\\S";

/// The schema (2020-12) of what the reader accepts.
pub fn json_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Bellows migration",
        "type": "object",
        "required": ["migration"],
        "additionalProperties": false,
        "properties": { "migration": mapping(&MIGRATION, None) },
        "$defs": {
            "phase": mapping(&PHASE, None),
            "gate": gate(),
            "waiver": mapping(&WAIVER, None),
            "operation": one_of(operations(), "type"),
            "check": one_of(checks(), "check"),
        }
    })
}

fn gate() -> Value {
    let mut schema = mapping(&GATE, None);
    schema["minProperties"] = json!(1);
    schema
}

fn one_of(shapes: &[&Shape], tag: &str) -> Value {
    let all: Vec<Value> = shapes.iter().map(|s| mapping(s, Some(tag))).collect();
    json!({ "oneOf": all })
}

fn mapping(shape: &Shape, tag: Option<&str>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    if let Some(tag) = tag {
        properties.insert(tag.to_owned(), json!({ "const": shape.word }));
        required.push(tag);
    }
    for field in shape.fields {
        properties.insert(field.key.to_owned(), property(field));
        if field.required {
            required.push(field.key);
        }
    }
    json!({
        "type": "object",
        "title": shape.title,
        "description": shape.help,
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    })
}

fn property(field: &Field) -> Value {
    let mut schema = match field.kind {
        FieldKind::Table
        | FieldKind::Column
        | FieldKind::NewName
        | FieldKind::Index
        | FieldKind::DataType
        | FieldKind::Sql => json!({ "type": "string", "pattern": FILLED }),
        FieldKind::Text if field.key == "name" => json!({
            "type": "string",
            "pattern": "^[a-z0-9-]+$",
            "maxLength": super::NAME_MAX,
        }),
        FieldKind::Text if matches!(field.key, "deploy" | "reason") => {
            json!({ "type": "string", "pattern": FILLED })
        }
        FieldKind::Text => json!({ "type": "string" }),
        FieldKind::Columns => json!({
            "type": "array",
            "items": { "type": "string", "pattern": FILLED },
            "minItems": 1,
            "uniqueItems": true,
        }),
        FieldKind::Words => json!({
            "type": "array",
            "items": { "type": "string", "pattern": FILLED },
            "uniqueItems": true,
        }),
        FieldKind::Bool => json!({ "type": "boolean" }),
        FieldKind::Number => json!({
            "type": "integer",
            "minimum": i32::from(matches!(field.key, "phase" | "timeout")),
            "maximum": u32::MAX,
        }),
        FieldKind::Default => json!({
            "oneOf": [
                { "type": ["string", "number", "boolean"] },
                {
                    "type": "object",
                    "required": ["sql"],
                    "additionalProperties": false,
                    "properties": { "sql": { "type": "string", "pattern": FILLED } },
                },
            ]
        }),
        // A plain `true` is a truth value to whoever reads the YAML before the schema does.
        FieldKind::Choice(words) if words.contains(&"true") => {
            let mut all: Vec<Value> = words.iter().map(|w| json!(w)).collect();
            all.push(json!(true));
            json!({ "enum": all })
        }
        FieldKind::Choice(words) => json!({ "enum": words }),
        FieldKind::Conversion => json!({
            "oneOf": [
                { "type": "string", "pattern": FILLED },
                {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": { "type": "string", "pattern": FILLED },
                },
            ]
        }),
        FieldKind::Duration => json!({ "type": "string", "pattern": "^(0|[0-9]+[smhd])$" }),
        FieldKind::Part(Part::Phases) => {
            json!({ "type": "array", "items": { "$ref": "#/$defs/phase" }, "minItems": 1 })
        }
        FieldKind::Part(Part::Gate) => json!({ "$ref": "#/$defs/gate" }),
        FieldKind::Part(Part::Operations) => {
            json!({ "type": "array", "items": { "$ref": "#/$defs/operation" } })
        }
        FieldKind::Part(part @ (Part::Columns | Part::Constraints)) => {
            let item = part.item().map(|shape| mapping(shape, None));
            json!({ "type": "array", "items": item, "minItems": i32::from(field.required) })
        }
        FieldKind::Part(Part::Waivers) => {
            json!({ "type": "array", "items": { "$ref": "#/$defs/waiver" } })
        }
        FieldKind::Part(Part::Checks) => {
            json!({ "type": "array", "items": { "$ref": "#/$defs/check" } })
        }
    };
    if let Value::Object(map) = &mut schema {
        map.insert("description".to_owned(), json!(field.help));
        if let Some(default) = field.default
            && let Ok(default) = serde_json::from_str::<Value>(default)
        {
            map.insert("default".to_owned(), default);
        }
    }
    schema
}
