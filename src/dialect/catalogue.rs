//! Conditions about the catalogue of MySQL and MariaDB, as `EXISTS (...)`: 1 or 0.

use super::quote;
use crate::document::Engine;
use crate::schema::TableName;

/// The database of a table, as an expression.
fn database(engine: Engine, table: &TableName) -> String {
    match &table.schema {
        Some(schema) => quote::literal(engine, schema),
        None => "database()".to_owned(),
    }
}

/// `EXISTS` over a view of `information_schema` that has the table's columns under those names.
fn exists(
    engine: Engine,
    view: &str,
    (schema_column, table_column): (&str, &str),
    table: &TableName,
    condition: &str,
) -> String {
    let condition = match condition {
        "" => String::new(),
        condition => format!(" AND {condition}"),
    };
    format!(
        "EXISTS (SELECT 1 FROM information_schema.{view} WHERE {schema_column} = {} AND {table_column} = {}{condition})",
        database(engine, table),
        quote::literal(engine, &table.name)
    )
}

const OF_TABLE: (&str, &str) = ("table_schema", "table_name");

/// The table or view is there.
pub fn table(engine: Engine, table: &TableName) -> String {
    exists(engine, "tables", OF_TABLE, table, "")
}

/// The column is there.
pub fn column(engine: Engine, table: &TableName, column: &str) -> String {
    let condition = format!("column_name = {}", quote::literal(engine, column));
    exists(engine, "columns", OF_TABLE, table, &condition)
}

/// The column is there and takes NULL, or takes none.
pub fn nullable(engine: Engine, table: &TableName, column: &str, allowed: bool) -> String {
    let condition = format!(
        "column_name = {} AND is_nullable = '{}'",
        quote::literal(engine, column),
        if allowed { "YES" } else { "NO" }
    );
    exists(engine, "columns", OF_TABLE, table, &condition)
}

/// The index is there. Every part of one is a row there.
pub fn index(engine: Engine, table: &TableName, name: &str) -> String {
    let condition = format!("index_name = {}", quote::literal(engine, name));
    exists(engine, "statistics", OF_TABLE, table, &condition)
}

/// An index on just those columns, in that order, is there.
pub fn index_on(engine: Engine, table: &TableName, columns: &[String]) -> String {
    let list: Vec<String> = columns
        .iter()
        .map(|c| format!("lower({})", quote::literal(engine, c)))
        .collect();
    let condition = format!(
        "sub_part IS NULL GROUP BY index_name HAVING group_concat(lower(column_name) ORDER BY seq_in_index SEPARATOR '\\n') = concat_ws('\\n', {})",
        list.join(", ")
    );
    exists(engine, "statistics", OF_TABLE, table, &condition)
}

/// The constraint is there.
pub fn constraint(engine: Engine, table: &TableName, name: &str) -> String {
    let condition = format!("constraint_name = {}", quote::literal(engine, name));
    exists(engine, "table_constraints", OF_TABLE, table, &condition)
}

/// The trigger is there.
pub fn trigger(engine: Engine, table: &TableName, name: &str) -> String {
    let condition = format!("trigger_name = {}", quote::literal(engine, name));
    let of_event = ("event_object_schema", "event_object_table");
    exists(engine, "triggers", of_event, table, &condition)
}
