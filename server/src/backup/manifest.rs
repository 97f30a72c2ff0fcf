//! What a backup says of itself, in the file beside it.

use bellows::document::Engine;
use bellows::schema::TableName;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a backup is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Whole,
    /// These tables, as far as they are there, and what stands on them.
    Tables(Vec<TableName>),
}

/// The run that a backup was taken before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Occasion {
    /// The execution.
    pub execution: String,
    /// The document's name.
    pub migration: String,
    /// The phase that had not begun.
    pub phase: u32,
}

/// A table in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldTable {
    /// Its name.
    pub name: TableName,
    /// Its rows in the backup, counted.
    pub rows: u64,
}

/// Rows of one of Bellows' own tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerTable {
    /// Without the prefix.
    pub table: String,
    /// In the order of the values.
    pub columns: Vec<String>,
    /// Texts, whole numbers and NULL.
    pub rows: Vec<Vec<Value>>,
}

/// See the room's first line. It is written last, when the file is complete.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// UUIDv7: what `restore` takes.
    pub id: String,
    /// The target's own id.
    pub target: String,
    /// Where the target was, without user and password.
    pub address: String,
    /// Its engine.
    pub engine: Engine,
    /// What took it, with its version.
    pub tool: String,
    /// Microseconds since 1970, by the target's clock.
    pub taken_at: i64,
    /// Who asked for it.
    pub by: String,
    /// The run that it was taken before, where it was.
    pub occasion: Option<Occasion>,
    /// Whether it holds the whole database.
    pub whole: bool,
    /// The tables in it.
    pub tables: Vec<HeldTable>,
    /// The views in it.
    pub views: Vec<TableName>,
    /// Sequences that stand by themselves (MariaDB).
    #[serde(default)]
    pub sequences: Vec<TableName>,
    /// Tables that were asked for and were not there.
    pub absent: Vec<TableName>,
    /// SQL that makes the functions of the tables' triggers, by the functions' signatures.
    #[serde(default)]
    pub functions: Vec<(String, String)>,
    /// The fingerprint of its tables.
    pub fingerprint: String,
    /// The file beside this one.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// Where in the file what stands on the tables begins (MySQL and MariaDB).
    #[serde(default)]
    pub split: u64,
    /// What it took, in milliseconds.
    pub duration_ms: u64,
    /// Where executions stood.
    pub ledger: Vec<LedgerTable>,
}

impl Manifest {
    /// The names of its tables.
    pub fn names(&self) -> Vec<TableName> {
        self.tables.iter().map(|held| held.name.clone()).collect()
    }

    /// All rows in it.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|held| held.rows).sum()
    }

    /// Whether it was asked to hold that table.
    pub fn covers(&self, table: &TableName) -> bool {
        self.whole
            || self.tables.iter().any(|held| held.name == *table)
            || self.absent.contains(table)
    }

    /// What it holds, for people.
    pub fn holds(&self) -> String {
        let tables = match self.tables.as_slice() {
            [] => "no tables".to_owned(),
            [one] => format!("table {}", one.name),
            more => format!("{} tables", more.len()),
        };
        if self.whole {
            format!("the whole database, {tables}, {} rows", self.rows())
        } else {
            format!("{tables}, {} rows", self.rows())
        }
    }
}
