//! Backups of targets.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;

#[cfg(feature = "ssr")]
use super::{backend, told};
use crate::backend::{ApiError, BackupView, RestorePreview, RestoreResult};

/// A target's backups, newest first.
#[server(name = ListBackups, endpoint = "backups/list")]
pub async fn backups(target_id: String) -> Result<Vec<BackupView>, ApiError> {
    told(backend()?.backups(target_id).await)
}

/// Takes a backup of the whole database.
#[server(endpoint = "backups/take", input = Json)]
pub async fn take_backup(target_id: String) -> Result<String, ApiError> {
    told(backend()?.take_backup(target_id).await)
}

/// What restoring a backup would do.
#[server(endpoint = "backups/preview")]
pub async fn preview_restore(target_id: String, id: String) -> Result<RestorePreview, ApiError> {
    told(backend()?.preview_restore(target_id, id).await)
}

/// Restores a backup.
#[server(endpoint = "backups/restore", input = Json)]
pub async fn restore_backup(target_id: String, id: String) -> Result<RestoreResult, ApiError> {
    told(backend()?.restore_backup(target_id, id).await)
}
