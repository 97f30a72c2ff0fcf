//! The audit log.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Answer;

/// One entry of the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// 1, 2, 3, ... without gaps.
    pub seq: u64,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Who; absent for nobody.
    pub actor: Option<String>,
    /// From where: an address, or `command line`.
    pub origin: String,
    /// What: `approval.given`, `phase.started`, `session.refused`.
    pub action: String,
    /// On what: `migration rename-user-name`, `execution ...`.
    pub subject: String,
    /// The hash of the document or plan it was about.
    pub hash: Option<String>,
    /// Whether it was refused.
    pub refused: bool,
    /// Before, after, comment, as JSON.
    pub detail: serde_json::Value,
    /// The chain's hash at this entry.
    pub chain: String,
}

/// Which entries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AuditFilter {
    /// Only with this in actor, action or subject.
    pub text: String,
    /// Only refusals.
    pub refused: bool,
    /// Only before this number; for the next page.
    pub before: Option<u64>,
}

/// A page of entries, newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditPage {
    /// At most 100.
    pub entries: Vec<AuditEntry>,
    /// Whether there are older ones.
    pub more: bool,
}

/// What a walk along the chain found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainVerdict {
    /// Entries walked.
    pub entries: u64,
    /// The first one that is broken, and how.
    pub broken: Option<(u64, String)>,
}

/// Read, verify, export.
#[async_trait]
pub trait AuditBackend {
    /// A page of entries.
    async fn audit(&self, filter: AuditFilter) -> Answer<AuditPage>;
    /// Walks the whole chain.
    async fn verify_audit(&self) -> Answer<ChainVerdict>;
}
