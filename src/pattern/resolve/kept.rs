//! Rows that are kept in a table before they are changed or deleted, and brought back from it.

mod family;

use super::{Remedy, Wrong};
use crate::dialect::expression::Assignment;
use crate::dialect::quote;
use crate::document::Engine;
use crate::operation::{CustomSql, Operation};
use crate::pattern::form::Form;
use crate::schema::{Column, Table, TableName};

/// The table in which rows are kept; beside their own one where no schema is said.
pub(super) fn aside(form: &mut Form<'_>, wrong: &Wrong<'_>) -> Option<TableName> {
    let mut name = TableName::parse(form.text("setAside")?);
    name.schema = name.schema.or_else(|| wrong.table.schema.clone());
    if form.text(wrong.field).unwrap_or("stop") == "stop" {
        form.refuse(
            "setAside",
            format!("Nothing is set aside where `{}` is `stop`.", wrong.field),
        );
    }
    if form.table_of_form().is_none() {
        form.refuse(
            "setAside",
            format!(
                "The columns of {} must be known to bring its rows back: look at the target.",
                wrong.table
            ),
        );
        return None;
    }
    if form.schema.is_some_and(|s| s.table(&name).is_some()) {
        form.refuse(
            "setAside",
            format!("There is a table {name} already; rows of now and then do not go together."),
        );
    }
    Some(name)
}

/// A name that no column of the table has.
fn free(known: &Table, word: &str) -> String {
    let mut name = word.to_owned();
    while known
        .columns
        .iter()
        .any(|c| c.name.eq_ignore_ascii_case(&name))
    {
        name.push('_');
    }
    name
}

/// A change of rows that are kept first, whole and locked, in one transaction; and back.
pub(super) fn kept(
    form: &Form<'_>,
    wrong: &Wrong<'_>,
    remedy: &Remedy,
    aside: &TableName,
    key: &[String],
    limit: u32,
) -> Operation {
    let known = form.table_of_form().cloned().unwrap_or_default();
    let engine = wrong.engine;
    if engine.is_mysql_family() {
        return family::kept(&known, wrong, remedy, aside, key, limit);
    }
    let (table, kept) = (
        quote::table(engine, wrong.table),
        quote::table(engine, aside),
    );
    let keys = quote::names(engine, key);
    let free = |word: &str| free(&known, word);
    let (at, by) = (free("set_aside_at"), free("set_aside_by"));
    let (now, lock, same) = match form.engine {
        Engine::Sqlite => ("datetime('now')", "", "IS"),
        Engine::PostgreSql | Engine::MySql | Engine::MariaDb => {
            ("now()", " FOR UPDATE", "IS NOT DISTINCT FROM")
        }
    };
    let own = quote::name(engine, &wrong.table.name);
    let this_row: Vec<String> = key
        .iter()
        .map(|k| format!("kept.{0} = {own}.{0}", quote::name(engine, k)))
        .collect();
    let this_row = this_row.join(" AND ");
    let of_kept =
        |column: &str| format!("(SELECT kept.{column} FROM {kept} AS kept WHERE {this_row})");
    let in_kept = format!("({keys}) IN (SELECT {keys} FROM {kept} LIMIT {limit})");
    let mut selected: Vec<String> = known
        .columns
        .iter()
        .map(|c| quote::name(engine, &c.name))
        .collect();

    let (change, restore) = match remedy {
        Remedy::Stop => (String::new(), String::new()),
        Remedy::Delete => {
            // What the server writes by itself is made anew; but a key comes back as it was.
            let written = |c: &&Column| !c.generated || key.contains(&c.name);
            let columns = quote::names(
                engine,
                known.columns.iter().filter(written).map(|c| &c.name),
            );
            let identity = known
                .columns
                .iter()
                .any(|c| c.generated && key.contains(&c.name));
            let overriding = match form.engine {
                Engine::PostgreSql if identity => " OVERRIDING SYSTEM VALUE",
                Engine::PostgreSql | Engine::MySql | Engine::MariaDb | Engine::Sqlite => "",
            };
            (
                format!("DELETE FROM {table} WHERE {in_kept}"),
                format!(
                    "INSERT INTO {table} ({columns}){overriding} SELECT {columns} FROM {kept} WHERE ({keys}) NOT IN (SELECT {keys} FROM {table} WHERE ({keys}) IN (SELECT {keys} FROM {kept}))"
                ),
            )
        }
        // The new value is worked out once and kept beside the old one, so that the way back finds
        // what nobody has changed since.
        Remedy::Change(assigned) => {
            let (mut set, mut back, mut since) = (Vec::new(), Vec::new(), String::new());
            for Assignment { column, expression } in assigned {
                let name = quote::name(engine, column);
                let new = quote::name(engine, &free(&format!("new_{column}")));
                // A cast to a type with a length cuts silently; the assignment will not.
                let data_type = form.column(column).map_or("text", |c| c.data_type.as_str());
                let cut = data_type.to_lowercase().contains("char");
                let data_type = if cut { "text" } else { data_type };
                selected.push(format!("CAST({expression} AS {data_type}) AS {new}"));
                set.push(format!("{name} = {}", of_kept(&new)));
                back.push(format!("{name} = {}", of_kept(&name)));
                since.push_str(&format!(" AND {own}.{name} {same} kept.{new}"));
            }
            (
                format!("UPDATE {table} SET {} WHERE {in_kept}", set.join(", ")),
                format!(
                    "UPDATE {table} SET {} WHERE {in_kept} AND EXISTS (SELECT 1 FROM {kept} AS kept WHERE {this_row}{since})",
                    back.join(", ")
                ),
            )
        }
    };
    let make = format!(
        "CREATE TABLE {kept} AS SELECT {now} AS {at}, CAST({} AS text) AS {by}, {} FROM {table} WHERE ({keys}) IN ({}){lock}",
        quote::literal(engine, wrong.migration),
        selected.join(", "),
        wrong.rows.keys(wrong.engine, &table, key, limit)
    );
    CustomSql {
        sql: format!("{make};\n{change}"),
        rollback_sql: Some(format!("{restore};\nDROP TABLE {kept}")),
    }
    .into()
}
