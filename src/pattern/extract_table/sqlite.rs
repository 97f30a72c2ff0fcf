//! extract-table on SQLite. The new table has its foreign key from the start: to add one later
//! would make the table anew.

use super::super::form::{Form, phase, validation};
use super::super::values_of::{Source, Target, sqlite::source, sqlite::targets};
use super::{Key, drop_columns, gate_to_read, keys, misfits};
use crate::dialect::quote;
use crate::document::{Check, Conversion, Engine, Migration, Phase, PhaseKind, Validation};
use crate::operation::{CopyTable, CreateTable, NewColumn, NewConstraint};
use crate::schema::TableName;

pub(super) fn expand(form: &mut Form<'_>) -> Option<Migration> {
    let table = form.table_name()?;
    let columns = form.list("columns");
    let name = TableName {
        schema: table.schema.clone(),
        name: form.needed("newTable")?,
    };
    let key = keys(form, &table);
    if form.schema.is_some_and(|s| s.table(&name).is_some()) {
        form.refuse("newTable", format!("There is a table `{name}` already."));
    }
    let source = source(form, &table, &columns)?;
    let targets = targets(form, &source);
    let create = create(&table, &name, &key, &source, &targets);
    let copy = copy(&table, &name, &key, &source, &targets);
    let mut read = gate_to_read(&table, &name, &columns, &source);
    read.validation.push(without_parents(&table, &name, &key));
    let drop = drop_columns(form, &table, &name, &columns);
    Some(form.document(
        &format!("extract-{name}-from-{table}"),
        format!("{} of {table} becomes {name}", columns.join(", ")),
        vec![create, copy, read, drop],
    ))
}

fn create(
    table: &TableName,
    name: &TableName,
    key: &[Key],
    source: &Source,
    targets: &[Target],
) -> Phase {
    let column = |name: &str, data_type: &str, primary_key: bool| NewColumn {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        nullable: !primary_key,
        default_value: None,
        primary_key,
    };
    let mut columns: Vec<NewColumn> = key
        .iter()
        .map(|(_, own, data_type)| column(own, data_type, true))
        .collect();
    columns.push(column("position", "INTEGER", true));
    columns.extend(
        targets
            .iter()
            .map(|t| column(&t.column, &t.data_type, false)),
    );
    let mut create = phase(
        PhaseKind::Expand,
        format!("Create {name}, empty: a row for each value, by its position"),
    );
    let own = quote::names(Engine::Sqlite, key.iter().map(|(_, own, _)| own));
    let theirs = quote::names(Engine::Sqlite, key.iter().map(|(column, _, _)| column));
    create.operations.push(
        CreateTable {
            table: name.to_string(),
            columns,
            constraints: vec![NewConstraint {
                constraint_name: quote::made_up(&format!("{}_{}_fkey", name.name, table.name)),
                sql: format!(
                    "FOREIGN KEY ({own}) REFERENCES {} ({theirs}) ON DELETE CASCADE",
                    quote::name(Engine::Sqlite, &table.name)
                ),
            }],
        }
        .into(),
    );
    create.validation.extend(misfits(table, source));
    create
}

fn copy(
    table: &TableName,
    name: &TableName,
    key: &[Key],
    source: &Source,
    targets: &[Target],
) -> Phase {
    // json_each has columns of its own, id among them.
    let of = |column: &str| {
        format!(
            "{}.{}",
            quote::name(Engine::Sqlite, &table.name),
            quote::name(Engine::Sqlite, column)
        )
    };
    let mut columns: Vec<(String, String)> = key
        .iter()
        .map(|(column, own, _)| (own.clone(), of(column)))
        .collect();
    columns.push(("position".to_owned(), "item.key + 1".to_owned()));
    columns.extend(targets.iter().map(|t| (t.column.clone(), t.sql.clone())));
    let mut copy = phase(
        PhaseKind::Migrate,
        format!("Copy the values to {name}, and keep it in step from then on"),
    );
    copy.operations.push(
        CopyTable {
            table: table.to_string(),
            shadow: name.to_string(),
            columns: Some(columns.into_iter().collect::<Conversion>()),
            filter: Some(source.filter.clone()),
            each: Some(source.each.clone()),
            key: Some(
                key.iter()
                    .map(|(_, own, _)| own.clone())
                    .chain(["position".to_owned()])
                    .collect(),
            ),
            batch_size: None,
            pause_ms: 0,
        }
        .into(),
    );
    copy
}

/// INSERT OR REPLACE by an application that does not enforce foreign keys takes rows away without
/// a trigger firing.
fn without_parents(table: &TableName, name: &TableName, key: &[Key]) -> Validation {
    let (own, new) = (
        quote::name(Engine::Sqlite, &table.name),
        quote::name(Engine::Sqlite, &name.name),
    );
    let same: Vec<String> = key
        .iter()
        .map(|(column, child, _)| {
            format!(
                "{own}.{} = {new}.{}",
                quote::name(Engine::Sqlite, column),
                quote::name(Engine::Sqlite, child)
            )
        })
        .collect();
    Validation {
        table: None,
        sql: Some(format!(
            "SELECT count(*) FROM {new} WHERE NOT EXISTS (SELECT 1 FROM {own} WHERE {})",
            same.join(" AND ")
        )),
        error_message: Some(format!(
            "There are rows in {name} of rows that {table} has no more: an application that does not enforce foreign keys replaced some. Delete them"
        )),
        ..validation(Check::Custom, table)
    }
}
