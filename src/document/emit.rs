//! The writer: a document as YAML, in the order of keys that the shapes give, quotes only where
//! they are needed, SQL of several lines as a block.

use serde_json::{Map, Value};

use super::tree::Data;
use super::{Field, FieldKind, GATE, MIGRATION, Migration, Part, Shape, checks, scalar};
use crate::operation::shapes as operations;

/// Writes a document as YAML, in the order of keys that people know, without what is default.
pub fn emit(migration: &Migration) -> String {
    serde_json::to_value(migration).map_or_else(|_| String::new(), |value| emit_draft(&value))
}

/// The same for a document that is not finished: what stands under `migration:` as JSON. Keys that
/// nobody defined are left out.
pub fn emit_draft(migration: &Value) -> String {
    let mut out = String::from("migration:\n");
    if let Value::Object(map) = migration {
        mapping(&mut out, map, &MIGRATION, None, 1, Lead::Indented);
    }
    out
}

/// Whether the first key of a mapping stands on a line of its own or after the `- ` of a list.
#[derive(Clone, Copy, PartialEq)]
enum Lead {
    Indented,
    AfterDash,
}

fn mapping(
    out: &mut String,
    map: &Map<String, Value>,
    shape: &Shape,
    tag: Option<&str>,
    depth: usize,
    lead: Lead,
) {
    let mut first = lead == Lead::AfterDash;
    let mut begin = |out: &mut String| {
        if !std::mem::take(&mut first) {
            indent(out, depth);
        }
    };
    if let Some(tag) = tag {
        begin(out);
        out.push_str(tag);
        out.push_str(": ");
        out.push_str(shape.word);
        out.push('\n');
    }
    for field in shape.fields {
        let Some(value) = map.get(field.key).filter(|v| !is_default(field, v)) else {
            continue;
        };
        begin(out);
        out.push_str(field.key);
        out.push(':');
        entry(out, field, value, depth);
    }
}

/// Whether leaving the key out says the same.
fn is_default(field: &Field, value: &Value) -> bool {
    value.is_null()
        || field
            .default
            .is_some_and(|text| serde_json::from_str::<Value>(text).is_ok_and(|d| d == *value))
}

fn entry(out: &mut String, field: &Field, value: &Value, depth: usize) {
    match (field.kind, value) {
        (FieldKind::Part(part), Value::Array(items)) => list_of(out, part, items, depth + 1),
        (FieldKind::Part(Part::Gate), Value::Object(map)) => {
            out.push('\n');
            mapping(out, map, &GATE, None, depth + 1, Lead::Indented);
        }
        // `expect: true` is a word, whatever a plain `true` is elsewhere.
        (FieldKind::Choice(_), Value::String(word)) => {
            out.push(' ');
            out.push_str(word);
            out.push('\n');
        }
        (_, Value::Array(items)) => {
            let words: Vec<String> = items.iter().map(flow_word).collect();
            out.push_str(&format!(" [{}]\n", words.join(", ")));
        }
        (_, Value::Object(map)) => {
            out.push('\n');
            for (key, value) in map {
                indent(out, depth + 1);
                out.push_str(&word(key));
                out.push(':');
                scalar_line(out, value, depth + 1);
            }
        }
        (_, Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            scalar_line(out, value, depth);
        }
    }
}

fn list_of(out: &mut String, part: Part, items: &[Value], depth: usize) {
    if items.is_empty() {
        out.push_str(" []\n");
        return;
    }
    out.push('\n');
    for (index, item) in items.iter().enumerate() {
        let Value::Object(map) = item else { continue };
        let (shape, tag) = match part {
            Part::Phases | Part::Gate | Part::Columns | Part::Constraints | Part::Waivers => {
                (part.item(), None)
            }
            Part::Operations => (named(operations(), map, "type"), Some("type")),
            Part::Checks => (named(checks(), map, "check"), Some("check")),
        };
        let Some(shape) = shape else { continue };
        if index > 0 && part == Part::Phases {
            out.push('\n');
        }
        indent(out, depth);
        out.push_str("- ");
        mapping(out, map, shape, tag, depth + 1, Lead::AfterDash);
    }
}

fn named(
    shapes: &'static [&'static Shape],
    map: &Map<String, Value>,
    tag: &str,
) -> Option<&'static Shape> {
    let word = map.get(tag)?.as_str()?;
    shapes.iter().find(|s| s.word == word).copied()
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// A scalar after its key's colon, to the end of its line or block.
fn scalar_line(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::String(text) if is_block(text) => block(out, text, depth + 1),
        Value::String(text) => {
            out.push(' ');
            out.push_str(&word(text));
            out.push('\n');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            out.push_str(&format!(" {value}\n"));
        }
    }
}

/// Whether the text is written as a literal block: several lines that no indentation, trailing
/// line ends or unprintable characters make ambiguous.
fn is_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n')
        && !body.starts_with([' ', '\t', '\n'])
        && !body.ends_with('\n')
        && !body
            .split('\n')
            .any(|l| !l.is_empty() && l.trim().is_empty())
        && text
            .chars()
            .all(|c| c == '\n' || c == '\t' || is_printable(c))
}

fn block(out: &mut String, text: &str, depth: usize) {
    let (body, mark) = match text.strip_suffix('\n') {
        Some(body) => (body, " |\n"),
        None => (text, " |-\n"),
    };
    out.push_str(mark);
    for line in body.split('\n') {
        if !line.is_empty() {
            indent(out, depth);
            out.push_str(line);
        }
        out.push('\n');
    }
}

/// A scalar of one line in block context, quoted where plain would say something else.
fn word(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else if text.contains('"') && !text.contains('\'') && text.chars().all(is_printable) {
        format!("'{text}'")
    } else {
        double(text)
    }
}

fn flow_word(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) && !text.contains([',', '[', ']', '{', '}', ':']) => {
            text.clone()
        }
        Value::String(text) => double(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// Whether the text, as it stands, is read back as itself, by readers of YAML 1.1 too.
fn is_plain(text: &str) -> bool {
    let Some(first) = text.chars().next() else {
        return false;
    };
    let begins = first.is_alphabetic() || matches!(first, '_' | '(' | '/' | '$' | '.');
    let digit = first.is_ascii_digit();
    (begins || digit)
        && matches!(scalar::resolve(text), Data::Text(_))
        && !is_old_word(text)
        // 1.1 reads 12:30 and 2025-01-28 as numbers and dates, 1_000 as a number.
        && !(digit && text.chars().all(|c| c.is_ascii_digit() || "_:-.+TZtzeE ".contains(c)))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("...")
        && text.chars().all(is_printable)
}

/// The truth values of YAML 1.1, which other tools still read so.
fn is_old_word(text: &str) -> bool {
    matches!(
        text.to_lowercase().as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null"
    )
}

/// Printable in YAML and not a line end of any kind.
fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

fn double(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            c => out.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}
