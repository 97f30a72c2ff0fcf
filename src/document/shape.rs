//! What a mapping of the document may hold: the one list behind the reader, the JSON Schema and
//! the forms of the page.

use crate::operation::{NewColumn, NewConstraint};

/// The kinds of value, as the reader checks them and the form offers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A table's name, perhaps qualified. Offered from the live schema.
    Table,
    /// A column of the mapping's `table`. Offered from the live schema.
    Column,
    /// A name that is new: a column, an index, a constraint.
    NewName,
    /// An index of the mapping's `table`.
    Index,
    /// A type as the engine spells it.
    DataType,
    /// A list of columns of the mapping's `table`.
    Columns,
    /// SQL, kept verbatim.
    Sql,
    /// Words for people.
    Text,
    /// true or false.
    Bool,
    /// A whole number, not negative.
    Number,
    /// A literal, or `{sql: ...}`.
    Default,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Words in a list.
    Words,
    /// One expression, or a map of column to expression.
    Conversion,
    /// A time: `30s`, `15m`, `12h`, `7d`.
    Duration,
    /// A mapping or a list of mappings with shapes of their own; in no operation's or pattern's
    /// form.
    Part(Part),
}

/// What stands inside the document and its phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The list of phases.
    Phases,
    /// The gate of a phase.
    Gate,
    /// A list of operations, each with the shape that its `type` names.
    Operations,
    /// A list of checks, each with the shape that its `check` names.
    Checks,
    /// The columns of a new table.
    Columns,
    /// The constraints of a new table.
    Constraints,
    /// Findings that are accepted.
    Waivers,
}

impl Part {
    /// The one shape of its items; `None` where a key of each names it.
    pub fn item(self) -> Option<&'static Shape> {
        match self {
            Part::Phases => Some(&super::PHASE),
            Part::Gate => Some(&super::GATE),
            Part::Columns => Some(&NewColumn::SHAPE),
            Part::Constraints => Some(&NewConstraint::SHAPE),
            Part::Waivers => Some(&super::WAIVER),
            Part::Operations | Part::Checks => None,
        }
    }
}

/// One key of a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// As the document spells it: `dataType`.
    pub key: &'static str,
    /// As the form calls it: `Data type`.
    pub label: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it must be there.
    pub required: bool,
    /// The value where it is absent, as JSON text; filled in before hashing.
    pub default: Option<&'static str>,
    /// One sentence for the form and the schema.
    pub help: &'static str,
}

/// One kind of mapping: an operation, a check, a pattern's form.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// The word that names it: `add_column`.
    pub word: &'static str,
    /// As the form calls it: `Add a column`.
    pub title: &'static str,
    /// One or two sentences.
    pub help: &'static str,
    /// Its keys, in the order that the form shows and the emitter writes.
    pub fields: &'static [Field],
}

impl Shape {
    /// The field of that key.
    pub fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.key == key)
    }
}

impl Field {
    /// A field that must be there.
    pub const fn required(
        key: &'static str,
        label: &'static str,
        kind: FieldKind,
        help: &'static str,
    ) -> Self {
        Self {
            key,
            label,
            kind,
            required: true,
            default: None,
            help,
        }
    }

    /// A field that may be absent.
    pub const fn optional(
        key: &'static str,
        label: &'static str,
        kind: FieldKind,
        help: &'static str,
    ) -> Self {
        Self {
            key,
            label,
            kind,
            required: false,
            default: None,
            help,
        }
    }

    /// The same field with the value that it has where it is absent, as JSON text.
    pub const fn or(mut self, json: &'static str) -> Self {
        self.default = Some(json);
        self
    }
}
