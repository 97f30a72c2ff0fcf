//! What a phase keeps beside the database, so that its way back brings back what it destroys.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::schema::TableName;

/// Values that were kept when their column or table went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedCopy {
    /// The step that destroys what is kept: before it was done the copy is worth nothing.
    pub step: String,
    /// The table.
    pub table: TableName,
    /// Its column; absent: the whole table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What holds the values, as SQL.
    pub place: String,
    /// A query that gives one row with one truth: whether the copy is there.
    pub present_sql: String,
    /// A query that gives one row with one number: the bytes that it takes.
    pub bytes_sql: String,
    /// What removes the copy for good, in order.
    pub remove: Vec<String>,
    /// What must hold before the way back begins, beside the copy's being there.
    pub needs: Vec<Need>,
}

/// A condition of a way back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// A query that gives one row with one truth.
    pub sql: String,
    /// What a person reads where it does not hold: what is in the way, and what to do.
    pub message: String,
}

impl SavedCopy {
    /// What was destroyed, for people.
    pub fn what(&self) -> String {
        match &self.column {
            Some(column) => format!("column {}.{column}", self.table),
            None => format!("table {}", self.table),
        }
    }
}

/// What the copies of an operation are called by: the same whenever its phase reads the same.
pub(super) fn stem(migration: &str, phase_hash: &str, operation: usize) -> String {
    let mut hasher = Sha256::new();
    for part in [migration, phase_hash, &operation.to_string()] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let digest = hasher.finalize();
    digest.iter().take(6).map(|b| format!("{b:02x}")).collect()
}
