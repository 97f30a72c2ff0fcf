//! What a new table is made of: columns and constraints.

use serde::{Deserialize, Serialize};

use super::super::{DefaultValue, default};
use crate::document::{Field, FieldKind, Shape};

/// A column of a new table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewColumn {
    /// Its name.
    pub name: String,
    /// Its type, as the engine spells it.
    pub data_type: String,
    /// Whether NULL is allowed; never in the primary key.
    #[serde(default = "default::yes", skip_serializing_if = "default::is_yes")]
    pub nullable: bool,
    /// Its default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_value: Option<DefaultValue>,
    /// Whether it is of the primary key, in the order of the columns.
    #[serde(default, skip_serializing_if = "default::is_no")]
    pub primary_key: bool,
}

/// A constraint of a new table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewConstraint {
    /// Its name.
    pub constraint_name: String,
    /// Its body: `CHECK (...)`, `FOREIGN KEY (...) REFERENCES ...`.
    pub sql: String,
}

impl NewColumn {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "column",
        title: "Column",
        help: "A column of the new table.",
        fields: &[
            Field::required("name", "Name", FieldKind::NewName, "Its name."),
            Field::required(
                "dataType",
                "Data type",
                FieldKind::DataType,
                "Its type, as the engine spells it.",
            ),
            Field::optional(
                "nullable",
                "Nullable",
                FieldKind::Bool,
                "Whether NULL is allowed; never in the primary key.",
            )
            .or("true"),
            Field::optional(
                "defaultValue",
                "Default",
                FieldKind::Default,
                "A literal, or an SQL expression.",
            ),
            Field::optional(
                "primaryKey",
                "Primary key",
                FieldKind::Bool,
                "Whether it is of the primary key.",
            )
            .or("false"),
        ],
    };
}

impl NewConstraint {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "constraint",
        title: "Constraint",
        help: "A constraint of the new table.",
        fields: &[
            Field::required(
                "constraintName",
                "Constraint name",
                FieldKind::NewName,
                "Its name.",
            ),
            Field::required(
                "sql",
                "Constraint",
                FieldKind::Sql,
                "CHECK (...), UNIQUE (...), FOREIGN KEY (...) REFERENCES ... or EXCLUDE ...",
            ),
        ],
    };
}
