//! Backups of targets: which there are, taking one, putting a target back.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Answer;

/// A backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupView {
    /// Its id.
    pub id: String,
    /// When it was taken, in microseconds since 1970.
    pub taken_at: i64,
    /// Who asked for it.
    pub by: String,
    /// What it holds, for people.
    pub holds: String,
    /// Its size.
    pub bytes: u64,
    /// The execution that it was taken before.
    pub execution: Option<String>,
    /// The phase of it that had not begun.
    pub phase: Option<u32>,
    /// Whether this server has the file, and can restore it.
    pub here: bool,
    /// The machine that took it.
    pub host: String,
    /// When it was restored last.
    pub restored_at: Option<i64>,
}

/// A table before and after a restore.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableRows {
    /// Its name.
    pub table: String,
    /// Its rows now; absent: it is not there.
    pub now: Option<u64>,
    /// Its rows in the backup; absent: a run has made it since, and it goes.
    pub then: Option<u64>,
}

/// What a restore would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestorePreview {
    /// The tables.
    pub tables: Vec<TableRows>,
    /// The executions that go back with it, as `migration (id)`.
    pub executions: Vec<String>,
}

/// What a restore has done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoreResult {
    /// The backup of what was there before.
    pub saved: Option<String>,
    /// Whether the tables are defined as they were when the backup was taken.
    pub as_then: bool,
}

/// List, take, restore.
#[async_trait]
pub trait BackupBackend {
    /// The backups of a target, newest first.
    async fn backups(&self, target_id: String) -> Answer<Vec<BackupView>>;
    /// Takes one of the whole database; gives its id.
    async fn take_backup(&self, target_id: String) -> Answer<String>;
    /// What restoring one would do.
    async fn preview_restore(&self, target_id: String, id: String) -> Answer<RestorePreview>;
    /// Restores one, with a backup of what is there now first.
    async fn restore_backup(&self, target_id: String, id: String) -> Answer<RestoreResult>;
}
