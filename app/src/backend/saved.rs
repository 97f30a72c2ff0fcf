//! Saved copies: what phases keep beside a database of what they destroyed.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Answer;

/// A copy that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedCopyView {
    /// What was destroyed: `column users.email`.
    pub what: String,
    /// What holds it on the target.
    pub place: String,
    /// Bytes that it takes.
    pub bytes: u64,
    /// Milliseconds since its phase ended.
    pub age_ms: u64,
    /// The execution that made it.
    pub execution: String,
    /// Its document's name.
    pub migration: String,
    /// Its phase.
    pub phase: u32,
    /// Why it cannot be removed now; absent: it can.
    pub held: Option<String>,
}

/// List and remove.
#[async_trait]
pub trait SavedCopyBackend {
    /// The copies on a target, newest first.
    async fn saved_copies(&self, target_id: String) -> Answer<Vec<SavedCopyView>>;
    /// Removes one for good.
    async fn remove_saved_copy(&self, target_id: String, place: String) -> Answer<()>;
}
