//! Backups of targets: taken by the engines' own tools into files of the data directory, listed, and
//! put back in a way that leaves the old database or the backup's, never neither.
//!
//! Whoever calls holds the target's run lock: nothing of Bellows changes it meanwhile.

mod error;
mod files;
mod manifest;
mod mysql;
mod mysql_restore;
mod postgres;
mod postgres_restore;
mod rows;
mod sqlite;
mod take;
mod tool;

pub use error::BackupError;
pub use files::{expire, find, folder, list, remove};
pub use manifest::{HeldTable, LedgerTable, Manifest, Occasion, Scope};
pub use take::{Order, Progress, obstacle, take};

use std::path::Path;

use bellows::schema::TableName;

use crate::target::{Link, Target};

/// What is put back, and what goes with it.
#[derive(Clone, Debug)]
pub(crate) struct Restoring<'a> {
    /// The backup.
    pub(crate) manifest: &'a Manifest,
    /// Tables that runs have made since, which go.
    pub(crate) made_since: Vec<TableName>,
    /// Statements that put Bellows' own records back, in their order.
    pub(crate) records: Vec<String>,
}

/// Puts a backup back, or goes on with doing so. `link` has the run lock.
pub(crate) async fn restore(
    target: &Target,
    link: &mut Link,
    folder: &Path,
    work: &Restoring<'_>,
) -> Result<(), BackupError> {
    let path = verified(folder, work.manifest).await?;
    match target {
        Target::Postgres(target) => postgres_restore::restore(target, link, &path, work).await,
        Target::MySql(target) => mysql_restore::restore(target, link, &path, work).await,
        Target::Sqlite(_) => sqlite::restore(link, &path, work).await,
    }
}

/// The backup's file, whose bytes are those that were written.
async fn verified(folder: &Path, manifest: &Manifest) -> Result<std::path::PathBuf, BackupError> {
    let (folder, manifest) = (folder.to_owned(), manifest.clone());
    blocking(move || files::verify(&folder, &manifest)).await
}

/// Work with files that takes long, where it holds nobody up.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(BackupError::Refused(format!(
            "the work with the backup's file broke off: {error}"
        ))),
    }
}

/// The backup whose restoring was begun on the target and is not done: only MySQL and MariaDB, where
/// every statement stands by itself, know such a state.
pub(crate) async fn half_restored(link: &mut Link) -> Result<Option<String>, sqlx::Error> {
    mysql_restore::half_done(link).await
}
