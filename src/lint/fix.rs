//! The safe sequence in place of a statement, as phases of a document.
//!
//! Only where a statement does one thing, and all that it says can be said: what an operation has
//! no words for gets no fix rather than half of one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Spot, Text};
use crate::document::Engine;
use crate::pattern;
use crate::schema::TableName;
use crate::sql::act::{ForeignKey, NewColumn, NewConstraint, NewIndex};

/// Phases from the operations of each, numbered from 1.
fn phases(list: Vec<Value>) -> Option<Value> {
    let numbered: Vec<Value> = list
        .into_iter()
        .enumerate()
        .map(|(at, mut phase)| {
            phase["phase"] = json!(at + 1);
            phase
        })
        .collect();
    Some(Value::Array(numbered))
}

fn phase(operations: Vec<Value>) -> Value {
    json!({ "operations": operations })
}

/// Whether the statement is an ALTER TABLE with one change, or none at all.
fn alone(spot: Spot<'_>) -> bool {
    spot.reading.act.changes().len() <= 1
}

fn is_postgres(text: &Text<'_>) -> bool {
    text.script.engine == Engine::PostgreSql
}

/// Whether some word of it stands in the statement: one that the operation could not say.
fn says(spot: Spot<'_>, words: &[&str]) -> bool {
    let lower = spot.sql.to_ascii_lowercase();
    lower
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .any(|word| words.contains(&word))
}

/// A plain column with all that ADD COLUMN says, but for its default and NOT NULL; nothing where
/// it says more than an operation can.
fn plain(table: &TableName, column: &NewColumn, data_type: &str) -> Option<Value> {
    let more = column.collation.is_some()
        || column.generated.is_some()
        || column.identity
        || !column.constraints.is_empty()
        || column.position.is_some()
        || column.on_update.is_some();
    (!more).then(|| {
        json!({
            "type": "add_column", "table": table.to_string(), "column": column.name,
            "dataType": data_type, "nullable": true
        })
    })
}

/// NOT NULL without a default: the column; then rows are given a value by a person's own choice;
/// only a default that is there can be filled in.
pub fn required_column(
    text: &Text<'_>,
    spot: Spot<'_>,
    table: &TableName,
    column: &NewColumn,
) -> Option<Value> {
    let data_type = column.data_type.as_deref()?;
    if !alone(spot) || text.script.engine == Engine::Sqlite {
        return None;
    }
    let bare = NewColumn {
        constraints: Vec::new(),
        ..column.clone()
    };
    if !column.constraints.is_empty() {
        return None;
    }
    phases(vec![phase(vec![plain(table, &bare, data_type)?])])
}

/// A default that differs from row to row: the column, the default for new rows, the old ones in
/// batches, and NOT NULL at the end where it was wanted.
pub fn default_in_steps(
    text: &Text<'_>,
    spot: Spot<'_>,
    table: &TableName,
    column: &NewColumn,
) -> Option<Value> {
    if !alone(spot) || !is_postgres(text) {
        return None;
    }
    let sql = &column.default.as_ref()?.sql;
    let name = table.to_string();
    let mut list = vec![
        phase(vec![
            plain(table, column, column.data_type.as_deref()?)?,
            json!({ "type": "set_default", "table": name, "column": column.name, "defaultValue": { "sql": sql } }),
        ]),
        phase(vec![json!({
            "type": "backfill", "table": name,
            "sql": format!("{} = {sql}", quoted(text, &column.name)),
            "where": format!("{} IS NULL", quoted(text, &column.name)),
        })]),
    ];
    if column.not_null {
        list.push(phase(vec![
            json!({ "type": "set_not_null", "table": name, "column": column.name }),
        ]));
    }
    phases(list)
}

fn quoted(text: &Text<'_>, name: &str) -> String {
    crate::dialect::quote::name(text.script.engine, name)
}

/// The column with another type.
pub fn column_of_type(
    _: &Text<'_>,
    spot: Spot<'_>,
    table: &TableName,
    column: &NewColumn,
    data_type: &str,
) -> Option<Value> {
    if !alone(spot) || column.not_null || column.default.is_some() {
        return None;
    }
    phases(vec![phase(vec![plain(table, column, data_type)?])])
}

/// A check, which the operation adds NOT VALID and validates by itself.
pub fn check(
    text: &Text<'_>,
    spot: Spot<'_>,
    table: &TableName,
    constraint: &NewConstraint,
    sql: &str,
) -> Option<Value> {
    if !alone(spot) || !is_postgres(text) || constraint.no_inherit {
        return None;
    }
    let fallback = format!("{}_check", table.name);
    phases(vec![phase(vec![json!({
        "type": "add_check", "table": table.to_string(),
        "constraintName": constraint.name.as_ref().unwrap_or(&fallback), "sql": sql,
    })])])
}

/// A foreign key, which the operation adds NOT VALID and validates by itself.
pub fn foreign_key(
    text: &Text<'_>,
    spot: Spot<'_>,
    table: &TableName,
    constraint: &NewConstraint,
    key: &ForeignKey,
) -> Option<Value> {
    let more = ["on", "match", "deferrable", "initially"];
    if !alone(spot) || !is_postgres(text) || says(spot, &more) {
        return None;
    }
    let fallback = format!("{}_{}_fkey", table.name, constraint.columns.join("_"));
    let mut operation = json!({
        "type": "add_foreign_key", "table": table.to_string(),
        "constraintName": constraint.name.as_ref().unwrap_or(&fallback),
        "columns": constraint.columns, "refTable": key.table.to_string(),
    });
    if !key.columns.is_empty() {
        operation["refColumns"] = json!(key.columns);
    }
    phases(vec![phase(vec![operation])])
}

/// A unique constraint, whose index the operation builds concurrently.
pub fn unique(
    text: &Text<'_>,
    spot: Spot<'_>,
    table: &TableName,
    constraint: &NewConstraint,
) -> Option<Value> {
    let more = [
        "include",
        "nulls",
        "deferrable",
        "initially",
        "with",
        "using",
    ];
    if !alone(spot) || !is_postgres(text) || says(spot, &more) {
        return None;
    }
    let fallback = format!("{}_{}_key", table.name, constraint.columns.join("_"));
    phases(vec![phase(vec![json!({
        "type": "add_unique", "table": table.to_string(),
        "constraintName": constraint.name.as_ref().unwrap_or(&fallback),
        "columns": constraint.columns,
    })])])
}

/// SET NOT NULL, which the operation does by way of a check.
pub fn set_not_null(
    text: &Text<'_>,
    spot: Spot<'_>,
    table: &TableName,
    column: &str,
) -> Option<Value> {
    if !alone(spot) || !is_postgres(text) {
        return None;
    }
    phases(vec![phase(vec![
        json!({ "type": "set_not_null", "table": table.to_string(), "column": column }),
    ])])
}

/// The pattern's phases; without a schema it must know the old type, and so gives none.
pub fn type_change(text: &Text<'_>, table: &TableName, column: &str, to: &str) -> Option<Value> {
    let values = BTreeMap::from([
        ("table".to_owned(), table.to_string()),
        ("column".to_owned(), column.to_owned()),
        ("newType".to_owned(), to.to_owned()),
    ]);
    expanded(text, "change-type", &values)
}

/// The pattern's phases.
pub fn rename_column(text: &Text<'_>, table: &TableName, from: &str, to: &str) -> Option<Value> {
    let values = BTreeMap::from([
        ("table".to_owned(), table.to_string()),
        ("oldColumn".to_owned(), from.to_owned()),
        ("newColumn".to_owned(), to.to_owned()),
    ]);
    expanded(text, "rename-column", &values)
}

fn expanded(text: &Text<'_>, word: &str, values: &BTreeMap<String, String>) -> Option<Value> {
    let document = pattern::expand(word, values, text.script.engine, text.schema).ok()?;
    serde_json::to_value(document.phases).ok()
}

/// An index, which the operation builds concurrently.
pub fn index(
    text: &Text<'_>,
    spot: Spot<'_>,
    table: &TableName,
    index: &NewIndex,
) -> Option<Value> {
    let more = [
        "include",
        "with",
        "tablespace",
        "nulls",
        "desc",
        "asc",
        "collate",
        "only",
    ];
    let name =
        |c: &String| c.starts_with('(') || c.chars().all(|c| c.is_alphanumeric() || c == '_');
    if !is_postgres(text) || says(spot, &more) || !index.columns.iter().all(name) {
        return None;
    }
    let mut operation = json!({
        "type": "add_index", "table": table.to_string(), "columns": index.columns,
    });
    if let Some(name) = &index.name {
        operation["indexName"] = json!(name);
    }
    if index.unique {
        operation["unique"] = json!(true);
    }
    if let Some(method) = index.method.as_deref().filter(|m| *m != "btree") {
        operation["method"] = json!(method);
    }
    if let Some(predicate) = &index.predicate {
        operation["where"] = json!(predicate);
    }
    phases(vec![phase(vec![operation])])
}

/// Indexes whose tables are known, dropped concurrently.
pub fn drop_indexes(text: &Text<'_>, spot: Spot<'_>, indexes: &[TableName]) -> Option<Value> {
    if says(spot, &["cascade"]) {
        return None;
    }
    let schema = text.schema?;
    let operations: Option<Vec<Value>> = indexes
        .iter()
        .map(|index| {
            let (table, _) = schema
                .tables
                .iter()
                .find(|(name, table)| {
                    name.schema == index.schema && table.indexes.iter().any(|i| i.name == index.name)
                })?;
            Some(json!({ "type": "drop_index", "indexName": index.name, "table": table.to_string() }))
        })
        .collect();
    phases(vec![phase(operations?)])
}

/// A column that goes once nobody uses it.
pub fn drop_column(_: &Text<'_>, spot: Spot<'_>, table: &TableName, column: &str) -> Option<Value> {
    if !alone(spot) || says(spot, &["cascade"]) {
        return None;
    }
    let operation = json!({ "type": "drop_column", "table": table.to_string(), "column": column });
    phases(vec![behind_gate(
        format!("no running application reads or writes {table}.{column}"),
        operation,
    )])
}

/// A table that goes once nobody uses it.
pub fn drop_table(text: &Text<'_>, spot: Spot<'_>, table: &TableName) -> Option<Value> {
    let drops = matches!(&spot.reading.act, crate::sql::Act::DropTables { tables, .. } if tables.len() == 1);
    if !drops || says(spot, &["cascade"]) || text.script.engine == Engine::Sqlite {
        return None;
    }
    let operation = json!({ "type": "drop_table", "table": table.to_string() });
    phases(vec![behind_gate(
        format!("no running application reads or writes {table}"),
        operation,
    )])
}

fn behind_gate(deploy: String, operation: Value) -> Value {
    json!({
        "kind": "contract",
        "gate": { "deploy": deploy, "soak": "7d" },
        "operations": [operation],
    })
}
