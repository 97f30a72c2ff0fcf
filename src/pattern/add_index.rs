//! add-index: built concurrently, then looked for.

use super::form::{Form, phase, validation};
use crate::document::{
    Check, Field, FieldKind, Migration, PhaseKind, Shape, Validation, read_list,
};
use crate::operation::AddIndex;

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "add-index",
    title: "Add an index",
    help: "Builds an index while writers go on, and checks that it is valid.",
    fields: &[
        Field::required("table", "Table", FieldKind::Table, "The table."),
        Field::required(
            "columns",
            "Columns",
            FieldKind::Columns,
            "Its columns in order, with commas between them.",
        ),
        Field::optional(
            "indexName",
            "Index name",
            FieldKind::NewName,
            "The index's name; idx_ with the table and its columns where absent.",
        ),
        Field::optional(
            "unique",
            "Unique",
            FieldKind::Bool,
            "Whether no two rows may have the same keys.",
        )
        .or("false"),
        Field::optional(
            "where",
            "Where",
            FieldKind::Sql,
            "Only rows for which this condition holds are indexed.",
        ),
    ],
};

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    let table = form.table_name()?;
    let columns = read_list(form.text("columns")?);
    let index_name = form.needed("indexName").unwrap_or_else(|| {
        crate::dialect::quote::made_up(&format!("idx_{}_{}", table.name, columns.join("_")))
    });
    let taken = form
        .table_of_form()
        .is_some_and(|t| t.indexes.iter().any(|i| i.name == index_name));
    if taken {
        form.refuse(
            "indexName",
            format!("`{table}` has an index `{index_name}` already."),
        );
    }
    let mut build = phase(PhaseKind::Expand, format!("Build {index_name}"));
    build.operations.push(
        AddIndex {
            table: table.to_string(),
            index_name: Some(index_name.clone()),
            columns,
            concurrent: true,
            unique: form.text("unique") == Some("true"),
            method: None,
            predicate: form.needed("where"),
        }
        .into(),
    );
    build.validation.push(Validation {
        index_name: Some(index_name.clone()),
        ..validation(Check::IndexExists, &table)
    });
    Some(form.document(
        &format!("index-{index_name}"),
        format!("Add the index {index_name} to {table}"),
        vec![build],
    ))
}
