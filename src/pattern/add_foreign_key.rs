//! add-foreign-key: orphans are dealt with, the key gets an index, then the constraint is added and
//! checked without holding writers up.

use super::form::{Form, phase, validation};
use super::names::Names;
use super::resolve::{FIX, KEY, LIMIT, Rows, SET_ASIDE, Wrong, resolve};
use crate::dialect::quote;
use crate::document::{
    Check, Engine, Field, FieldKind, Migration, Phase, PhaseKind, Shape, Validation, slug,
};
use crate::operation::{AddForeignKey, AddIndex, REFERENTIAL_ACTIONS, ReferentialAction};
use crate::schema::{Schema, TableName};

/// Its form.
pub(super) const SHAPE: Shape = Shape {
    word: "add-foreign-key",
    title: "Add a foreign key",
    help: "Rows point to rows of another table: those that point nowhere are dealt with, the key \
           is indexed, and the constraint is added and checked while writers go on.",
    fields: &[
        Field::required("table", "Table", FieldKind::Table, "The table."),
        Field::required(
            "column",
            "Column",
            FieldKind::Columns,
            "The column that points; several with commas between them.",
        ),
        Field::required(
            "refTable",
            "Referenced table",
            FieldKind::Table,
            "The table pointed to.",
        ),
        Field::optional(
            "refColumn",
            "Referenced column",
            FieldKind::Words,
            "Its column, or several; its primary key where absent.",
        ),
        Field::optional(
            "constraintName",
            "Constraint name",
            FieldKind::NewName,
            "The constraint's name; made from the table and its columns where absent.",
        ),
        Field::optional(
            "onDelete",
            "On delete",
            FieldKind::Choice(REFERENTIAL_ACTIONS),
            "What happens when the row pointed to goes.",
        ),
        Field::optional(
            "onUpdate",
            "On update",
            FieldKind::Choice(REFERENTIAL_ACTIONS),
            "What happens when its key changes.",
        ),
        Field::optional(
            "orphans",
            "Orphans",
            FieldKind::Choice(&["stop", "null", "fix", "delete"]),
            "What is done with rows that point to no row: stop and list them, or mend them.",
        )
        .or("\"stop\""),
        FIX,
        SET_ASIDE,
        KEY,
        LIMIT,
        Field::optional(
            "indexName",
            "Index name",
            FieldKind::NewName,
            "The name of the index on the columns; idx_ with the table and them where absent.",
        ),
    ],
};

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    let table = form.table_name()?;
    let columns = form.list("column");
    let target = TableName::parse(form.text("refTable")?);
    let ref_columns = ref_columns(form, &target, &columns);
    let mut names = Names::of(form.schema.unwrap_or(&Schema::empty(form.engine)));
    let constraint_name = form
        .needed("constraintName")
        .unwrap_or_else(|| names.free(&format!("{}_{}_fkey", table.name, columns.join("_"))));
    let ref_columns = ref_columns?;

    let name = slug(&format!(
        "{table}-{}-references-{target}",
        columns.join("-")
    ));
    let orphans = Wrong {
        engine: form.engine,
        field: "orphans",
        what: format!("point to no row of {target}"),
        table: &table,
        columns: &columns,
        rows: Rows::Where(orphans(
            form.engine,
            &table,
            &columns,
            &target,
            &ref_columns,
        )),
        migration: &name,
    };
    let mut phases: Vec<Phase> = resolve(form, &orphans).into_iter().collect();
    phases.extend(index(form, &table, &columns));

    let mut add = phase(
        PhaseKind::Contract,
        format!("Add {constraint_name}, and check every row against it"),
    );
    // SQLite looks at every row itself as it makes the table anew.
    if form.engine != Engine::Sqlite {
        add.validation.push(Validation {
            constraint_name: Some(constraint_name.clone()),
            ..validation(Check::ConstraintValid, &table)
        });
    }
    let action = |key: &str| form.text(key).and_then(ReferentialAction::of);
    add.operations.push(
        AddForeignKey {
            table: table.to_string(),
            constraint_name,
            columns: columns.clone(),
            ref_table: target.to_string(),
            ref_columns: Some(ref_columns),
            on_delete: action("onDelete"),
            on_update: action("onUpdate"),
        }
        .into(),
    );
    phases.push(add);
    Some(form.document(
        &name,
        format!("{table}.{} points to {target}", columns.join(", ")),
        phases,
    ))
}

/// Rows whose key is whole and found nowhere: a key with a NULL in it points to nothing, which a
/// foreign key allows.
fn orphans(
    engine: Engine,
    table: &TableName,
    columns: &[String],
    target: &TableName,
    ref_columns: &[String],
) -> String {
    let own = |c: &String| {
        format!(
            "{}.{}",
            quote::name(engine, &table.name),
            quote::name(engine, c)
        )
    };
    let whole: Vec<String> = columns
        .iter()
        .map(|c| format!("{} IS NOT NULL", own(c)))
        .collect();
    let found: Vec<String> = columns
        .iter()
        .zip(ref_columns)
        .map(|(c, r)| format!("pointed.{} = {}", quote::name(engine, r), own(c)))
        .collect();
    format!(
        "{} AND NOT EXISTS (SELECT 1 FROM {} AS pointed WHERE {})",
        whole.join(" AND "),
        quote::table(engine, target),
        found.join(" AND ")
    )
}

/// The columns pointed to: as given, else the primary key of a table that is known.
fn ref_columns(form: &mut Form<'_>, target: &TableName, columns: &[String]) -> Option<Vec<String>> {
    let given = form.list("refColumn");
    let known = form.schema.and_then(|s| s.table(target));
    let found = match known {
        Some(known) if given.is_empty() => known.primary_key.clone(),
        Some(_) | None => given,
    };
    if found.is_empty() {
        form.refuse(
            "refColumn",
            format!(
                "Needed, since the primary key of {target} is not known here, or there is none."
            ),
        );
        return None;
    }
    if found.len() != columns.len() {
        form.refuse(
            "refColumn",
            format!(
                "{} columns point to {} of {target} ({}): as many as are pointed to.",
                columns.len(),
                found.len(),
                found.join(", ")
            ),
        );
        return None;
    }
    let Some(known) = known else {
        return Some(found);
    };
    for column in &found {
        if super::form::find(form.engine, known, column).is_none() {
            form.refuse("refColumn", format!("`{target}` has no column `{column}`."));
            return None;
        }
    }
    let same = |key: &[String]| {
        key.len() == found.len() && key.iter().all(|k| found.iter().any(|f| f == k))
    };
    let unique = same(&known.primary_key)
        || known.indexes.iter().any(|i| {
            i.unique && i.valid && i.predicate.is_none() && !i.expressions && same(&i.columns)
        });
    if !unique {
        form.refuse(
            "refColumn",
            format!(
                "Nothing keeps ({}) of {target} unique, and only such a key can be pointed to: use add-unique on it first.",
                found.join(", ")
            ),
        );
    }
    Some(found)
}

/// An index that begins with the columns, unless there is one: without it, each row that goes from
/// the table pointed to reads this one through.
fn index(form: &mut Form<'_>, table: &TableName, columns: &[String]) -> Option<Phase> {
    let known = form.table_of_form();
    let begins = |key: &[String]| {
        key.len() >= columns.len() && columns.iter().all(|c| key[..columns.len()].contains(c))
    };
    let there = known.is_some_and(|t| {
        begins(&t.primary_key)
            || t.indexes
                .iter()
                .any(|i| i.valid && i.predicate.is_none() && begins(&i.columns))
    });
    if there {
        return None;
    }
    let add = AddIndex {
        table: table.to_string(),
        index_name: form.needed("indexName"),
        columns: columns.to_vec(),
        concurrent: true,
        unique: false,
        method: None,
        predicate: None,
    };
    let mut build = phase(PhaseKind::Expand, format!("Build {}", add.name()));
    build.validation.push(Validation {
        index_name: Some(add.name()),
        ..validation(Check::IndexExists, table)
    });
    build.operations.push(
        AddIndex {
            index_name: Some(add.name()),
            ..add
        }
        .into(),
    );
    Some(build)
}
