//! What is known of a target that changes by itself: sizes, sessions, speed. None of it is part of
//! a fingerprint or of a plan's hash, for approvals bind to those.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Shape, Speeds};
use crate::schema::{Schema, Table, TableName};

/// A target as its catalogue and its sessions showed it at a moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetFacts {
    /// When they were read, by the target's clock, in microseconds since 1970.
    pub read_at: i64,
    /// The server's version, in its own words.
    pub server: String,
    /// Standbys or replicas that follow it now; absent where that is not to be seen.
    pub replicas: Option<u32>,
    /// Its tables.
    pub tables: BTreeMap<TableName, TableFacts>,
    /// Transactions open now, the oldest first, 20 at most; absent where they are not to be seen.
    pub transactions: Option<Vec<OpenTransaction>>,
    /// How fast it was.
    pub speeds: Speeds,
}

/// A table's size and state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableFacts {
    /// Rows, as the statistics estimate them; absent where there are none.
    pub rows: Option<u64>,
    /// Bytes without indexes; absent where the engine does not say.
    pub bytes: Option<u64>,
    /// Bytes of every index, the primary key's included; absent where the engine does not say.
    pub indexes: BTreeMap<String, Option<u64>>,
    /// Bytes that hold no row, roughly: what a rewrite would give back. PostgreSQL only.
    #[serde(default)]
    pub free_bytes: Option<u64>,
    /// Rows written, changed and deleted since the statistics began. PostgreSQL only.
    #[serde(default)]
    pub writes: Option<u64>,
    /// Partitions, where it is partitioned.
    #[serde(default)]
    pub partitions: Option<u32>,
    /// PostgreSQL: the DEFAULT partition.
    #[serde(default)]
    pub default_partition: Option<TableName>,
    /// Constraints that were added and never validated.
    #[serde(default)]
    pub unvalidated: Vec<String>,
    /// When its statistics were last brought up to date, in microseconds since 1970.
    #[serde(default)]
    pub analyzed_at: Option<i64>,
}

/// A transaction of somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenTransaction {
    /// The server's number of the session.
    pub pid: i64,
    /// Its database user.
    pub user: String,
    /// What the session runs or ran last.
    pub query: String,
    /// How long it has been open, in milliseconds.
    pub age_ms: u64,
    /// Whether it runs nothing, and only stays open.
    pub idle: bool,
}

impl TableFacts {
    /// The size; what the facts leave out comes from the schema.
    pub fn shape(&self, known: Option<&Table>) -> Shape {
        let rows = self.rows.or(known.map(|t| t.rows)).unwrap_or(0);
        let guess = Shape::assumed(rows);
        Shape {
            rows,
            bytes: self.bytes.unwrap_or(guess.bytes),
            indexes: count(self.indexes.len()),
        }
    }
}

/// The size of a table as the schema alone has it.
pub(super) fn of_schema(schema: &Schema, name: &TableName) -> Option<Shape> {
    let table = schema.table(name)?;
    let guess = Shape::assumed(table.rows);
    let keys = usize::from(!table.primary_key.is_empty());
    Some(Shape {
        bytes: if table.bytes > 0 {
            // With indexes: what these take of it is not said.
            table.bytes / 2
        } else {
            guess.bytes
        },
        indexes: count(table.indexes.len() + keys),
        ..guess
    })
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}
