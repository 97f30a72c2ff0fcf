//! SQLite's two triggers: after an insert and after an update, each in both directions.

use std::collections::BTreeMap;

use super::super::sqlite;
use super::enclosed;
use crate::dialect::quote;
use crate::document::Engine;
use crate::schema::{DualWrite, HeldColumn, Table, TableName};

/// The triggers' names.
pub(in crate::operation) fn names(dual_write: &DualWrite) -> [String; 2] {
    [
        format!("{}_insert", dual_write.trigger),
        format!("{}_update", dual_write.trigger),
    ]
}

/// The triggers. While one of them writes, a row in `_bellows_bypass` keeps both from firing, so
/// that they never answer each other.
pub(in crate::operation) fn trigger_texts(
    known: Option<&Table>,
    table: &TableName,
    dual_write: &DualWrite,
) -> Vec<String> {
    let on = quote::name(Engine::Sqlite, &table.name);
    let row = this_row(known);
    let (old, new) = (&dual_write.old, &dual_write.new);
    let set = |conversions: &BTreeMap<String, String>, condition: &str| {
        if conversions.is_empty() {
            return String::new();
        }
        let list: Vec<String> = conversions
            .iter()
            .map(|(column, sql)| {
                let sql = if is_identity(sql, old, new) {
                    sql.clone()
                } else {
                    enclosed(sql)
                };
                format!("{} = {sql}", quote::name(Engine::Sqlite, column))
            })
            .collect();
        format!(
            "  UPDATE {on} SET {} WHERE {row} AND {condition};\n",
            list.join(", ")
        )
    };
    let quiet = "NOT EXISTS (SELECT 1 FROM _bellows_bypass)";
    let body = |forward_condition: &str, back_condition: &str| {
        format!(
            "BEGIN\n  /* {} */\n  INSERT INTO _bellows_bypass (id) VALUES (1);\n{}{}  DELETE FROM _bellows_bypass;\nEND",
            dual_write.marker(),
            set(&dual_write.forward, forward_condition),
            set(&dual_write.backward, back_condition)
        )
    };
    let (old_absent, new_absent) = (each(old, " AND ", is_null), each(new, " AND ", is_null));
    let new_given = match new.as_slice() {
        [one] => format!(
            "NEW.{} IS NOT NULL",
            quote::name(Engine::Sqlite, &one.column)
        ),
        _ => format!("NOT ({new_absent})"),
    };
    let (old_changed, new_changed) = (each(old, " OR ", changed), each(new, " OR ", changed));
    let listed: Vec<String> = dual_write
        .columns()
        .map(|c| quote::name(Engine::Sqlite, &c.column))
        .collect();
    let [insert, update] = names(dual_write);
    vec![
        format!(
            "CREATE TRIGGER {} AFTER INSERT ON {on}\nWHEN ({} OR {}) AND {quiet}\n{}",
            quote::name(Engine::Sqlite, &insert),
            group(old, &old_absent),
            group(new, &new_absent),
            body(&new_absent, &format!("{old_absent} AND {new_given}"))
        ),
        format!(
            "CREATE TRIGGER {} AFTER UPDATE OF {} ON {on}\nWHEN ({old_changed}) <> ({new_changed}) AND {quiet}\n{}",
            quote::name(Engine::Sqlite, &update),
            listed.join(", "),
            body(&group(old, &old_changed), &group(new, &new_changed))
        ),
    ]
}

/// Whether the expression is the one column of the other side, as it is.
fn is_identity(sql: &str, old: &[HeldColumn], new: &[HeldColumn]) -> bool {
    [old, new]
        .iter()
        .any(|side| matches!(side, [one] if quote::name(Engine::Sqlite, &one.column) == sql))
}

fn each(columns: &[HeldColumn], between: &str, one: fn(&str) -> String) -> String {
    columns
        .iter()
        .map(|c| one(&quote::name(Engine::Sqlite, &c.column)))
        .collect::<Vec<_>>()
        .join(between)
}

fn is_null(name: &str) -> String {
    format!("NEW.{name} IS NULL")
}

fn changed(name: &str) -> String {
    format!("NEW.{name} IS NOT OLD.{name}")
}

/// A condition about several columns in parentheses.
fn group(columns: &[HeldColumn], condition: &str) -> String {
    if columns.len() > 1 {
        format!("({condition})")
    } else {
        condition.to_owned()
    }
}

/// The condition that finds the row which fired the trigger.
fn this_row(known: Option<&Table>) -> String {
    let by_key = |table: &Table| {
        table
            .primary_key
            .iter()
            .map(|c| format!("{0} = NEW.{0}", quote::name(Engine::Sqlite, c)))
            .collect::<Vec<_>>()
            .join(" AND ")
    };
    match known {
        Some(table) if sqlite::without_rowid(table) => by_key(table),
        Some(table) => match sqlite::rowid(table) {
            Some(rowid) => format!("{rowid} = NEW.{rowid}"),
            None => by_key(table),
        },
        None => "rowid = NEW.rowid".to_owned(),
    }
}
