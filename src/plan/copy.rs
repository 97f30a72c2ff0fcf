//! Copying a table's rows to another one while triggers keep the two in step.

use serde::{Deserialize, Serialize};

use super::{Statement, WalkKey};
use crate::schema::TableName;

/// How a batch locks the rows that it reads, so that none of them is deleted, or changed where
/// that would move it, before its copy is there for the triggers to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowLock {
    /// Against deletes and changes of the key: where a row's place in the copy depends on its key
    /// alone, other changes find their way through the copy's unique key.
    KeyShare,
    /// Against every change: where another column decides whether and where the row is copied.
    Share,
}

impl RowLock {
    /// As SQL.
    pub fn sql(self) -> &'static str {
        match self {
            RowLock::KeyShare => "FOR KEY SHARE",
            RowLock::Share => "FOR SHARE",
        }
    }
}

/// Rows to be copied, or compared with their copies, ready to be cut into batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableCopy {
    /// The table that is read.
    pub table: TableName,
    /// The same as SQL, with its schema.
    pub table_sql: String,
    /// What expressions may call it, as SQL.
    pub alias: String,
    /// The table that is written.
    pub shadow: TableName,
    /// The same as SQL, with its schema.
    pub shadow_sql: String,
    /// Its columns as SQL, each with its value as an expression over the row that is read.
    pub columns: Vec<(String, String)>,
    /// Its unique key, as SQL.
    pub conflict: Vec<String>,
    /// Which rows are copied; absent: all.
    pub filter: Option<String>,
    /// An item of FROM that makes several rows of one.
    pub each: Option<String>,
    /// The key of the table that is read.
    pub key: WalkKey,
    /// Where each column of that key is in the copy, as SQL, in the key's order; empty where it is
    /// not copied as it is.
    pub key_copies: Vec<String>,
    /// The trigger without which copying would be in vain.
    pub trigger: String,
    /// How a batch locks what it reads.
    pub lock: RowLock,
    /// Rows a batch starts with; absent: the executor's own start.
    pub batch_size: Option<u32>,
    /// Milliseconds of rest after each batch.
    pub pause_ms: u64,
    /// Rows of the table, estimated.
    pub estimated_rows: u64,
    /// The statement as people read it, with `$1` and `$2` for the batch's ends.
    pub shown: Statement,
}
