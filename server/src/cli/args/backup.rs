//! `bellows backup` and its words.

use clap::{Args, Subcommand};

use super::{FormatOption, TargetOption};

/// `bellows backup ...`.
#[derive(Debug, Subcommand)]
pub enum Backup {
    /// The backups of a database, or all that are kept here.
    List(BackupList),
    /// Take a backup now.
    Create(BackupCreate),
    /// Put a database back to where a backup has it.
    Restore(BackupRestore),
    /// Remove a backup that is kept here.
    Remove(BackupRemove),
    /// The saved copies of what contract phases destroyed, on a database.
    Copies(CopyList),
    /// Remove such a copy for good.
    RemoveCopy(CopyRemove),
}

/// `bellows backup list`.
#[derive(Debug, Args)]
pub struct BackupList {
    #[command(flatten)]
    pub target: TargetOption,
    #[command(flatten)]
    pub format: FormatOption,
}

/// `bellows backup create`.
#[derive(Debug, Args)]
pub struct BackupCreate {
    #[command(flatten)]
    pub target: TargetOption,
    /// Only this table, and what stands on it; several times for several.
    #[arg(long = "table", value_name = "TABLE")]
    pub tables: Vec<String>,
    #[command(flatten)]
    pub format: FormatOption,
}

/// `bellows backup restore`.
#[derive(Debug, Args)]
pub struct BackupRestore {
    /// The backup's id, as `list` and `snapshotId` have it.
    pub id: String,
    #[command(flatten)]
    pub target: TargetOption,
    /// Restore without a backup of what is there now. Recorded.
    #[arg(long)]
    pub skip_backup: bool,
    /// Answer yes to questions.
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub format: FormatOption,
}

/// `bellows backup remove`.
#[derive(Debug, Args)]
pub struct BackupRemove {
    /// The backup's id.
    pub id: String,
    /// Answer yes to questions.
    #[arg(short, long)]
    pub yes: bool,
}

/// `bellows backup copies`.
#[derive(Debug, Args)]
pub struct CopyList {
    #[command(flatten)]
    pub target: TargetOption,
    #[command(flatten)]
    pub format: FormatOption,
}

/// `bellows backup remove-copy`.
#[derive(Debug, Args)]
pub struct CopyRemove {
    /// What holds the copy, as `copies` and `leftovers` have it.
    pub place: String,
    #[command(flatten)]
    pub target: TargetOption,
    /// Answer yes to questions.
    #[arg(short, long)]
    pub yes: bool,
}
