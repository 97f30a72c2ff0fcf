//! What runs left behind on targets.

use async_trait::async_trait;
use bellows::left::Left;
use bellows::run::ExecutionState;
use serde::{Deserialize, Serialize};

use super::Answer;

/// An execution that is not over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnfinishedView {
    /// Its id.
    pub id: String,
    /// The document's name.
    pub migration: String,
    /// Where it stands.
    pub state: ExecutionState,
    /// The phase that comes next, and how many there are.
    pub next: Option<(u32, u32)>,
    /// Who started it.
    pub by: String,
    /// Milliseconds since then.
    pub age_ms: u64,
}

/// Something that was left in the schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftView {
    /// What.
    pub left: Left,
    /// The migration that last had to do with its table.
    pub migration: Option<String>,
    /// Who started that one.
    pub by: Option<String>,
    /// Milliseconds since then.
    pub age_ms: Option<u64>,
    /// Whether that one is not over, and will take it away itself.
    pub unfinished: bool,
}

/// Everything that is left on a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftBehindView {
    /// Executions that are not over.
    pub executions: Vec<UnfinishedView>,
    /// What is in the schema.
    pub found: Vec<LeftView>,
    /// A document that takes it away, as YAML.
    pub document: Option<String>,
}

/// Looks for what was left.
#[async_trait]
pub trait LeftBackend {
    /// On that target.
    async fn left_behind(&self, target_id: String) -> Answer<LeftBehindView>;
}
