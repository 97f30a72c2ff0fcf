//! What runs left behind on targets.

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use super::{backend, told};
use crate::backend::{ApiError, LeftBehindView};

/// What is left on a target.
#[server(endpoint = "targets/left-behind")]
pub async fn left_behind(target_id: String) -> Result<LeftBehindView, ApiError> {
    told(backend()?.left_behind(target_id).await)
}
