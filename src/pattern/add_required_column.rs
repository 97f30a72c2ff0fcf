//! add-required-column: nullable first, filled in batches, then NOT NULL.

use super::form::{Form, phase, validation};
use super::values::default_value;
use crate::dialect::quote;
use crate::document::{Check, Field, FieldKind, Migration, PhaseKind, Shape, Validation};
use crate::operation::{AddColumn, Backfill, SetDefault, SetNotNull};

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "add-required-column",
    title: "Add a required column",
    help: "Adds the column nullable with a default for new rows, fills the rows that are there in \
           batches, then makes it NOT NULL.",
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
        Field::required(
            "default",
            "Default",
            FieldKind::Default,
            "What new rows get where they give no value: a literal, or SQL such as now().",
        ),
        Field::optional(
            "backfill",
            "Value of existing rows",
            FieldKind::Sql,
            "An SQL expression over the row; the default where absent.",
        ),
    ],
};

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    form.must_be_new("column");
    let table = form.table_name()?;
    let (column, data_type) = (form.needed("column")?, form.needed("dataType")?);
    let default = default_value(form.engine, &data_type, form.text("default")?);
    let expression = form
        .needed("backfill")
        .unwrap_or_else(|| quote::default_value(form.engine, &default));
    let quoted = quote::name(form.engine, &column);
    let of = |check: Check| Validation {
        column: Some(column.clone()),
        ..validation(check, &table)
    };

    let mut add = phase(
        PhaseKind::Expand,
        format!("Add {column}, nullable, with a default for new rows"),
    );
    add.operations = vec![
        AddColumn {
            table: table.to_string(),
            column: column.clone(),
            data_type,
            nullable: true,
            default_value: None,
        }
        .into(),
        SetDefault {
            table: table.to_string(),
            column: column.clone(),
            default_value: default,
        }
        .into(),
    ];
    add.validation.push(of(Check::ColumnExists));

    let mut fill = phase(
        PhaseKind::Migrate,
        format!("Fill {column} for the rows that are there"),
    );
    fill.operations.push(
        Backfill {
            table: table.to_string(),
            sql: format!("{quoted} = {expression}"),
            filter: Some(format!("{quoted} IS NULL")),
            batch_size: None,
            pause_ms: 0,
        }
        .into(),
    );
    fill.validation.push(of(Check::BackfillComplete));

    let mut require = phase(PhaseKind::Contract, format!("Make {column} NOT NULL"));
    require.operations.push(
        SetNotNull {
            table: table.to_string(),
            column: column.clone(),
        }
        .into(),
    );
    require.validation.push(of(Check::BackfillComplete));

    Some(form.document(
        &format!("add-{table}-{column}"),
        format!("Add the required column {table}.{column}"),
        vec![add, fill, require],
    ))
}
