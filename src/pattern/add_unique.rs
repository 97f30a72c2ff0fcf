//! add-unique: duplicates are dealt with, a unique index is built beside traffic, and the
//! constraint takes it over.

use super::form::{Form, phase, validation};
use super::names::Names;
use super::resolve::{FIX, KEY, LIMIT, Rows, SET_ASIDE, Wrong, resolve};
use crate::document::{
    Check, Engine, Field, FieldKind, Migration, Phase, PhaseKind, Shape, Validation, slug,
};
use crate::operation::{AddIndex, AddUnique, Operation};
use crate::schema::Schema;

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "add-unique",
    title: "Add a unique constraint",
    help: "No two rows may have the same values: duplicates are dealt with, and the constraint \
           takes over a unique index that was built while writers went on. NULL equals nothing.",
    fields: &[
        Field::required("table", "Table", FieldKind::Table, "The table."),
        Field::required(
            "columns",
            "Columns",
            FieldKind::Columns,
            "Its columns in order, with commas between them.",
        ),
        Field::optional(
            "constraintName",
            "Constraint name",
            FieldKind::NewName,
            "The constraint's name, and its index's; made from the table and its columns where absent.",
        ),
        Field::optional(
            "duplicates",
            "Duplicates",
            FieldKind::Choice(&["stop", "null", "fix", "delete"]),
            "What is done with all but one of the rows with the same values: stop and list them, or mend them.",
        )
        .or("\"stop\""),
        Field::optional(
            "keep",
            "Survivor",
            FieldKind::Choice(&["lowest", "highest"]),
            "Which of them stays as it is: the one with the lowest key or with the highest.",
        )
        .or("\"lowest\""),
        FIX,
        SET_ASIDE,
        KEY,
        LIMIT,
    ],
};

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    let table = form.table_name()?;
    let columns = form.list("columns");
    let mut names = Names::of(form.schema.unwrap_or(&Schema::empty(form.engine)));
    let name = form
        .needed("constraintName")
        .unwrap_or_else(|| names.free(&format!("{}_{}_key", table.name, columns.join("_"))));
    let unique = form.table_of_form().and_then(|t| {
        let is =
            |key: &[String]| key.len() == columns.len() && columns.iter().all(|c| key.contains(c));
        let index = t
            .indexes
            .iter()
            .find(|i| i.unique && i.valid && i.predicate.is_none() && is(&i.columns));
        match index {
            Some(index) => Some(index.name.clone()),
            None => is(&t.primary_key).then(|| "the primary key".to_owned()),
        }
    });
    if let Some(unique) = unique {
        form.refuse("columns", format!("They are unique already, by {unique}."));
    }

    let document = slug(&format!("unique-{table}-{}", columns.join("-")));
    let duplicates = Wrong {
        engine: form.engine,
        field: "duplicates",
        what: format!("have the same {} as another one", columns.join(", ")),
        table: &table,
        columns: &columns,
        rows: Rows::Surplus {
            columns: columns.clone(),
            highest: form.text("keep") == Some("highest"),
        },
        migration: &document,
    };
    let mut phases: Vec<Phase> = resolve(form, &duplicates).into_iter().collect();

    let mut add = phase(
        PhaseKind::Contract,
        format!("Keep {} unique", columns.join(", ")),
    );
    add.operations.push(constraint(
        form.engine,
        table.to_string(),
        name.clone(),
        columns.clone(),
    ));
    // A constraint that takes an index over gives it its own name, so that is looked for.
    add.validation.push(Validation {
        index_name: Some(name),
        ..validation(Check::IndexExists, &table)
    });
    phases.push(add);
    Some(form.document(
        &document,
        format!(
            "No two rows of {table} have the same {}",
            columns.join(", ")
        ),
        phases,
    ))
}

/// The constraint; on SQLite the index alone, which is as strict and copies no table.
fn constraint(engine: Engine, table: String, name: String, columns: Vec<String>) -> Operation {
    match engine {
        Engine::PostgreSql | Engine::MySql | Engine::MariaDb => AddUnique {
            table,
            constraint_name: name,
            columns,
        }
        .into(),
        Engine::Sqlite => AddIndex {
            table,
            index_name: Some(name),
            columns,
            concurrent: true,
            unique: true,
            method: None,
            predicate: None,
        }
        .into(),
    }
}
