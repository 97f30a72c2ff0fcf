//! split-column: one column becomes several, each from an expression over it.

use super::apart::{Apart, parts};
use super::form::{Form, phase, validation};
use super::resolve::KEY;
use crate::document::{Check, Field, FieldKind, Migration, PhaseKind, Shape, Validation};
use crate::operation::AddColumn;

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "split-column",
    title: "Split a column",
    help: "One column becomes several, each from an expression over it; triggers keep them in step \
           until nobody uses the old one any more.",
    fields: &[
        Field::required("table", "Table", FieldKind::Table, "The table."),
        Field::required(
            "column",
            "Column",
            FieldKind::Column,
            "The column that is split.",
        ),
        Field::required(
            "parts",
            "Parts",
            FieldKind::Sql,
            "The new columns: name TYPE = expression over the old one, with semicolons between them.",
        ),
        Field::optional(
            "backward",
            "Conversion back",
            FieldKind::Sql,
            "The old value, as an expression over the parts. Without one, what new applications write is lost on the way back.",
        ),
        KEY,
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
    let table = form.table_name()?;
    let old = form.needed("column")?;
    let old = form.column(&old).map_or(old, |c| c.name.clone());
    let mut parts = parts(form, "parts");
    for (name, data_type, _) in &mut parts {
        if form.column(name).is_some() {
            form.refuse("parts", format!("`{table}` has a column `{name}` already."));
        }
        if data_type.is_empty() {
            match form.column(&old) {
                Some(column) => data_type.clone_from(&column.data_type),
                None => form.refuse(
                    "parts",
                    format!("`{name}` needs a type: name TYPE = expression."),
                ),
            }
        }
    }
    if form.is_refused() {
        return None;
    }
    let backward = form.needed("backward");
    let apart = Apart {
        engine: form.engine,
        table: &table,
        new: parts
            .iter()
            .map(|(name, _, sql)| (name.clone(), sql.clone()))
            .collect(),
        backward: backward.map(|sql| (old.clone(), sql)).into_iter().collect(),
        old: vec![old.clone()],
    };
    let names: Vec<&str> = parts.iter().map(|(name, _, _)| name.as_str()).collect();
    let mut add = phase(PhaseKind::Expand, format!("Add {}", names.join(", ")));
    for (name, data_type, _) in &parts {
        add.operations.push(
            AddColumn {
                table: table.to_string(),
                column: name.clone(),
                data_type: data_type.clone(),
                nullable: true,
                default_value: None,
            }
            .into(),
        );
        add.validation.push(Validation {
            column: Some(name.clone()),
            ..validation(Check::ColumnExists, &table)
        });
    }
    add.operations.extend(apart.loosen(form));
    let phases = vec![
        add,
        apart.dual(),
        apart.fill(),
        apart.switch(form),
        apart.contract(form, "column"),
    ];
    Some(form.document(
        &format!("split-{table}-{old}"),
        format!(
            "Split {table}.{old} into {}{}",
            names.join(", "),
            apart.goes(form)
        ),
        phases,
    ))
}
