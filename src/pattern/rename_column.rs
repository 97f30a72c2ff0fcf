//! rename-column: a new column beside the old one, kept in step until nobody uses the old one.

use super::carry::{Carried, Reading, carry, comment};
use super::form::{Form, phase, validation};
use crate::dialect::quote;
use crate::document::{Check, Field, FieldKind, Gate, Migration, PhaseKind, Shape, Validation};
use crate::operation::{AddColumn, Backfill, DropColumn, DropNotNull, EnableDualWrite, SetNotNull};
use crate::schema::{Column, TableName};

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "rename-column",
    title: "Rename a column",
    help: "Old and new applications run side by side: the new column takes over all that hangs on \
           the old one, triggers keep both in step, and the old one goes when nobody uses it any \
           more.",
    fields: &[
        Field::required("table", "Table", FieldKind::Table, "The table."),
        Field::required(
            "oldColumn",
            "Old column",
            FieldKind::Column,
            "The column as it is called now.",
        ),
        Field::required(
            "newColumn",
            "New column",
            FieldKind::NewName,
            "What it will be called.",
        ),
        Field::optional(
            "dataType",
            "Data type",
            FieldKind::DataType,
            "The new column's type; the old one's where absent.",
        ),
        Field::optional(
            "soak",
            "Soak",
            FieldKind::Duration,
            "How long nobody may have used the old column before it goes; 0 for none.",
        )
        .or("\"7d\""),
    ],
};

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    form.must_be_new("newColumn");
    let table = form.table_name()?;
    let (old, new) = (form.needed("oldColumn")?, form.needed("newColumn")?);
    let known = form.column(&old);
    // SQLite finds `NAME` for `name`; the document has it as the catalogue spells it.
    let old = known.map_or(old, |column| column.name.clone());
    let data_type = data_type(form, known);
    let carried = match (form.schema, form.table_of_form(), known) {
        (Some(schema), Some(of), Some(column)) => {
            let reading = Reading {
                new: &new,
                columns: &[],
                expression: None,
            };
            carry(schema, &table, of, column, &reading)
        }
        _ => Carried::default(),
    };
    for reason in &carried.refusals {
        form.refuse("oldColumn", reason.clone());
    }
    let data_type = data_type?;
    if form.is_refused() {
        return None;
    }
    let required = known.is_some_and(|c| !c.nullable);
    Some(document(
        form, &table, &old, &new, data_type, required, carried,
    ))
}

/// The type with its collation: as typed, or the old column's.
fn data_type(form: &mut Form<'_>, known: Option<&Column>) -> Option<String> {
    if let Some(text) = form.needed("dataType") {
        return Some(text);
    }
    let Some(column) = known else {
        // Where the table is known and the column is not, that was said.
        if form.table_of_form().is_none() {
            form.refuse(
                "dataType",
                "Needed, since the table is not known here.".to_owned(),
            );
        }
        return None;
    };
    let mut whole = column.data_type.clone();
    if let Some(collation) = &column.collation {
        whole.push_str(&format!(" COLLATE {collation}"));
    }
    whole.push_str(&comment(form.engine, column));
    Some(whole)
}

fn document(
    form: &Form<'_>,
    table: &TableName,
    old: &str,
    new: &str,
    data_type: String,
    required: bool,
    carried: Carried,
) -> Migration {
    let in_step = || Validation {
        old_column: Some(old.to_owned()),
        new_column: Some(new.to_owned()),
        ..validation(Check::ColumnsMatch, table)
    };
    let of = |check: Check, column: &str| Validation {
        column: Some(column.to_owned()),
        ..validation(check, table)
    };

    let with = if carried.early.is_empty() {
        String::new()
    } else {
        format!(" with what hangs on {old}")
    };
    let mut add = phase(PhaseKind::Expand, format!("Add {new}{with}"));
    add.operations.push(
        AddColumn {
            table: table.to_string(),
            column: new.to_owned(),
            data_type,
            nullable: true,
            default_value: None,
        }
        .into(),
    );
    add.operations.extend(carried.early);
    add.validation.push(of(Check::ColumnExists, new));
    let indexes = add
        .operations
        .iter()
        .any(|o| matches!(o.word(), "add_index" | "add_unique"));
    if indexes {
        add.validation.push(validation(Check::IndexExists, table));
    }

    let mut dual = phase(PhaseKind::Migrate, format!("Keep {old} and {new} in step"));
    // There INSERT ... SELECT without a column that is NOT NULL is refused before a trigger fills it.
    let late = required && form.engine.is_mysql_family();
    if late {
        dual.operations.push(
            DropNotNull {
                table: table.to_string(),
                column: old.to_owned(),
            }
            .into(),
        );
    }
    dual.operations
        .push(EnableDualWrite::pair(&table.to_string(), old, new).into());

    let mut fill = phase(
        PhaseKind::Migrate,
        format!("Fill {new} for the rows that are there"),
    );
    fill.operations.push(
        Backfill {
            table: table.to_string(),
            sql: format!(
                "{} = {}",
                quote::name(form.engine, new),
                quote::name(form.engine, old)
            ),
            filter: None,
            batch_size: None,
            pause_ms: 0,
        }
        .into(),
    );
    fill.operations.extend(carried.late);
    fill.validation.push(in_step());
    let forbid = || {
        SetNotNull {
            table: table.to_string(),
            column: new.to_owned(),
        }
        .into()
    };
    if required {
        if !late {
            fill.operations.push(forbid());
        }
        fill.validation.push(of(Check::BackfillComplete, new));
    }

    let mut switch = phase(
        PhaseKind::Migrate,
        format!("Applications read and write {new}"),
    );
    switch.gate = Some(Gate {
        deploy: Some(format!("Applications read {table}.{new}")),
        soak: None,
    });
    switch.validation.push(in_step());

    let mut drop = phase(PhaseKind::Contract, format!("Drop {old}"));
    drop.gate = Some(Gate {
        deploy: Some(format!("No application uses {table}.{old} any more")),
        soak: form.soak("7d"),
    });
    drop.operations.extend(carried.last);
    drop.operations.push(
        DropColumn {
            table: table.to_string(),
            column: old.to_owned(),
            saved_copy: false,
        }
        .into(),
    );
    if late {
        drop.operations.push(forbid());
    }
    drop.validation = vec![
        of(Check::ColumnNotExists, old),
        of(Check::ColumnExists, new),
    ];

    let mut description = format!("Rename {table}.{old} to {new}");
    if form.table_of_form().is_none() {
        description.push_str(
            ". Written without looking at the target: indexes, constraints, grants and views of the \
             old column are not carried over.",
        );
    }
    form.document(
        &format!("rename-{table}-{old}-to-{new}"),
        description,
        vec![add, dual, fill, switch, drop],
    )
}
