//! add-nullable-column: one phase, nothing to fill.

use super::form::{Form, phase, validation};
use super::values::default_value;
use crate::document::{Check, Field, FieldKind, Migration, PhaseKind, Shape, Validation};
use crate::operation::AddColumn;

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "add-nullable-column",
    title: "Add a nullable column",
    help: "Adds a column that may be NULL, in one phase.",
    fields: &[
        Field::required("table", "Table", FieldKind::Table, "The table."),
        Field::required(
            "column",
            "Column",
            FieldKind::NewName,
            "The new column's name.",
        ),
        Field::required(
            "dataType",
            "Data type",
            FieldKind::DataType,
            "The type, as the engine spells it.",
        ),
        Field::optional(
            "default",
            "Default",
            FieldKind::Default,
            "A literal, or SQL such as now(); NULL where absent.",
        ),
    ],
};

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    form.must_be_new("column");
    let table = form.table_name()?;
    let (column, data_type) = (form.needed("column")?, form.needed("dataType")?);
    let default = form
        .text("default")
        .map(|text| default_value(form.engine, &data_type, text));
    let mut add = phase(PhaseKind::Expand, format!("Add {column}"));
    add.operations.push(
        AddColumn {
            table: table.to_string(),
            column: column.clone(),
            data_type,
            nullable: true,
            default_value: default,
        }
        .into(),
    );
    add.validation.push(Validation {
        column: Some(column.clone()),
        ..validation(Check::ColumnExists, &table)
    });
    Some(form.document(
        &format!("add-{table}-{column}"),
        format!("Add the column {table}.{column}"),
        vec![add],
    ))
}
