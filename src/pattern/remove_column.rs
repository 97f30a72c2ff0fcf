//! remove-column: applications stop writing, then reading, then the column goes.

use super::form::{Form, phase, validation};
use crate::document::{Check, Field, FieldKind, Gate, Migration, PhaseKind, Shape, Validation};
use crate::operation::{DropColumn, DropNotNull};

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "remove-column",
    title: "Remove a column",
    help: "Waits until applications have stopped writing and reading the column, then drops it.",
    fields: &[
        Field::required("table", "Table", FieldKind::Table, "The table."),
        Field::required(
            "column",
            "Column",
            FieldKind::Column,
            "The column that goes.",
        ),
        Field::optional(
            "soak",
            "Soak",
            FieldKind::Duration,
            "How long nobody may have used it before it goes; 0 for none.",
        )
        .or("\"7d\""),
    ],
};

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    let table = form.table_name()?;
    let column = form.needed("column")?;
    if form
        .table_of_form()
        .is_some_and(|t| t.primary_key.contains(&column))
    {
        form.refuse(
            "column",
            format!(
                "`{column}` is in the primary key of `{table}`: nothing would tell its rows apart."
            ),
        );
    }
    let mut phases = Vec::new();
    // Who stops writing it must be able to leave it out.
    if form
        .column(&column)
        .is_some_and(|c| !c.nullable && c.default.is_none() && !c.generated)
    {
        let mut loosen = phase(PhaseKind::Expand, format!("Let rows leave {column} out"));
        loosen.operations.push(
            DropNotNull {
                table: table.to_string(),
                column: column.clone(),
            }
            .into(),
        );
        phases.push(loosen);
    }
    let mut stop = phase(
        PhaseKind::Migrate,
        format!("Applications no longer write {column}"),
    );
    stop.gate = Some(Gate {
        deploy: Some(format!("No application writes {table}.{column} any more")),
        soak: None,
    });
    phases.push(stop);
    let mut drop = phase(PhaseKind::Contract, format!("Drop {column}"));
    drop.gate = Some(Gate {
        deploy: Some(format!("No application reads {table}.{column} any more")),
        soak: form.soak("7d"),
    });
    drop.operations.push(
        DropColumn {
            table: table.to_string(),
            column: column.clone(),
            saved_copy: false,
        }
        .into(),
    );
    drop.validation.push(Validation {
        column: Some(column.clone()),
        ..validation(Check::ColumnNotExists, &table)
    });
    phases.push(drop);
    Some(form.document(
        &format!("remove-{table}-{column}"),
        format!("Remove the column {table}.{column}"),
        phases,
    ))
}
