//! What a statement changes about the world that the next one finds.

use std::sync::Arc;

use super::{Known, State};
use crate::schema::{Table, TableName};
use crate::sql::act::{Act, NewTable};
use crate::sql::script::Timeout;

impl State<'_> {
    /// Takes over what the statement does, as if it went well.
    pub(in crate::sql) fn apply(&mut self, act: &Act) {
        match act {
            Act::CreateTable(new) => self.create_table(new),
            Act::DropTables { tables, .. } => {
                for table in tables {
                    self.tables.insert(table.clone(), None);
                }
            }
            Act::Set { name, value, .. } => self.set(name, value.as_deref()),
            Act::Reset { name: Some(name) } => self.set(name, None),
            Act::Reset { name: None } => {
                self.settings.clear();
                self.lock_timeout = Timeout::Unset;
                self.statement_timeout = Timeout::Unset;
            }
            Act::AlterTable { .. }
            | Act::RenameTables { .. }
            | Act::Truncate { .. }
            | Act::CreateIndex { .. }
            | Act::DropIndexes { .. }
            | Act::AlterIndex { .. }
            | Act::Reindex { .. }
            | Act::CreateView { .. }
            | Act::DropViews { .. }
            | Act::AlterView { .. }
            | Act::RefreshView { .. }
            | Act::Attach { .. }
            | Act::Detach { .. }
            | Act::AlterAttachment { .. }
            | Act::CreateSequence { .. }
            | Act::AlterSequence { .. }
            | Act::DropSequences { .. }
            | Act::CreateType { .. }
            | Act::AlterType { .. }
            | Act::CreateDomain { .. }
            | Act::AlterDomain { .. }
            | Act::DropTypes { .. }
            | Act::CreateFunction { .. }
            | Act::DropFunctions { .. }
            | Act::CreateSchema { .. }
            | Act::DropSchemas { .. }
            | Act::RenameSchema { .. }
            | Act::Extension { .. }
            | Act::Cluster { .. }
            | Act::Object { .. }
            | Act::Grant { .. }
            | Act::Revoke { .. }
            | Act::Comment { .. }
            | Act::Statistics { .. }
            | Act::Publication { .. }
            | Act::LockTables { .. }
            | Act::Vacuum { .. }
            | Act::Analyze { .. }
            | Act::ClusterTable { .. }
            | Act::Repack { .. }
            | Act::Insert { .. }
            | Act::Update { .. }
            | Act::Delete { .. }
            | Act::Merge { .. }
            | Act::Select { .. }
            | Act::Copy { .. }
            | Act::Explain { .. }
            | Act::Transaction(_)
            | Act::Session { .. }
            | Act::Unknown(_) => {}
        }
    }

    fn create_table(&mut self, new: &NewTable) {
        // IF NOT EXISTS says that it may have been there before.
        if new.if_not_exists && !self.is_absent(&new.name) {
            return;
        }
        self.put(
            new.name.clone(),
            Known {
                table: Table::default(),
                whole: true,
                made_here: true,
            },
        );
    }

    fn put(&mut self, name: TableName, known: Known) {
        self.tables.insert(name, Some(Arc::new(known)));
    }

    fn set(&mut self, name: &str, value: Option<&str>) {
        let timeout = match value {
            None => Timeout::Unset,
            Some(text) => milliseconds(text).map_or(Timeout::Off, |ms| {
                if ms == 0 {
                    Timeout::Off
                } else {
                    Timeout::Set(ms)
                }
            }),
        };
        match name {
            "lock_timeout" | "busy_timeout" => self.lock_timeout = timeout,
            "statement_timeout" => self.statement_timeout = timeout,
            _ => {}
        }
        self.settings
            .insert(name.to_owned(), value.map(str::to_owned));
    }
}

/// A duration of PostgreSQL's: a number of milliseconds, or one with its unit.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let number: f64 = number.parse().ok()?;
    let factor = match unit.trim() {
        "" | "ms" => 1.0,
        "us" => 0.001,
        "s" => 1_000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    // Durations are far below what a float holds exactly; the server rounds as well.
    Some((number * factor).round() as u64)
}
