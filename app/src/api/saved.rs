//! Saved copies on targets.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;

#[cfg(feature = "ssr")]
use super::{backend, told};
use crate::backend::{ApiError, SavedCopyView};

/// The copies that are kept on a target, newest first.
#[server(name = ListSavedCopies, endpoint = "saved-copies/list")]
pub async fn saved_copies(target_id: String) -> Result<Vec<SavedCopyView>, ApiError> {
    told(backend()?.saved_copies(target_id).await)
}

/// Removes one for good.
#[server(endpoint = "saved-copies/remove", input = Json)]
pub async fn remove_saved_copy(target_id: String, place: String) -> Result<(), ApiError> {
    told(backend()?.remove_saved_copy(target_id, place).await)
}
