//! Migrations: drafts, versions, reviews, approvals.

use async_trait::async_trait;
use bellows::document::{Engine, Migration};
use bellows::plan::Plan;
use bellows::run::{BackupNeed, Forecast};
use serde::{Deserialize, Serialize};

use super::{Answer, BlockedBy, ExecutionSummary};

/// Where the latest version of a migration stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewState {
    /// Being written.
    Draft,
    /// Review was asked for; approvals can be given.
    InReview,
    /// An approver rejected it; an edit makes a new version.
    Rejected,
}

/// A line in a list of migrations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrationSummary {
    /// Its id.
    pub id: String,
    /// The document's name.
    pub name: String,
    /// The document's description.
    pub description: String,
    /// The document's engine.
    pub database: Engine,
    /// The target that it is meant for.
    pub target_id: String,
    /// That target's name.
    pub target: String,
    /// That target's environment.
    pub environment: String,
    /// Number of the latest version.
    pub version: u32,
    /// Where that version stands.
    pub review: ReviewState,
    /// Phases of that version; how many hold enough approvals; how many are done.
    pub phases: u32,
    /// See `phases`.
    pub approved: u32,
    /// See `phases`.
    pub done: u32,
    /// The execution that is not over, or else the last one.
    pub execution: Option<ExecutionSummary>,
    /// Who made the latest version.
    pub author: String,
    /// Microseconds since 1970 of the latest change.
    pub updated_at: i64,
}

/// One immutable version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionView {
    /// 1, 2, 3, ...
    pub number: u32,
    /// Hash of the document, `sha256:...`.
    pub hash: String,
    /// Who saved it.
    pub author: String,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Where it stands.
    pub review: ReviewState,
}

/// What an approver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The phase may run.
    Approved,
    /// It may not.
    Rejected,
}

/// One approval or rejection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalView {
    /// The phase.
    pub phase: u32,
    /// Who.
    pub by: String,
    /// What they said.
    pub decision: Decision,
    /// Their words.
    pub comment: String,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// The version that it was given to.
    pub version: u32,
    /// Given to another version or plan than the one shown: it counts no more.
    pub stale: bool,
}

/// What the page shows of one phase beside its plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhaseView {
    /// The phase.
    pub phase: u32,
    /// Where it stands in the execution, if there is one.
    pub state: bellows::run::PhaseState,
    /// Approvals that count, and how many are needed.
    pub approvals: u32,
    /// See `approvals`.
    pub approvals_needed: u32,
    /// Whether the person who asks may sign it off, and if not, why.
    pub can_approve: Result<(), String>,
    /// What keeps the person who asks from starting it; nothing in it: the button works.
    pub blocked: BlockedBy,
    /// Whether a backup is taken before it.
    pub backup: BackupNeed,
    /// Whether it can be held before a cut-over until a person says go, and whether the policy wants
    /// that.
    pub can_hold: bool,
    /// See `can_hold`.
    pub is_held: bool,
    /// The version that a person confirmed at its deploy gate.
    pub gate_confirmed: Option<String>,
}

/// Everything of one migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrationDetail {
    /// The line of the list.
    pub summary: MigrationSummary,
    /// The latest version's document.
    pub document: Migration,
    /// The text as it was saved, comments kept, where it came from the text editor.
    pub text: String,
    /// The latest version's plan against the target. Absent where the target could not be asked,
    /// or the document does not fit it; then `plan_error` says why.
    pub plan: Option<Plan>,
    /// See `plan`.
    pub plan_error: Option<String>,
    /// Newest first.
    pub versions: Vec<VersionView>,
    /// Newest first, stale ones too.
    pub approvals: Vec<ApprovalView>,
    /// One a phase, in order.
    pub phases: Vec<PhaseView>,
    /// Executions, newest first.
    pub executions: Vec<ExecutionSummary>,
    /// Whether the person who asks may edit, and ask for review.
    pub can_edit: bool,
    /// See `can_edit`.
    pub can_request_review: bool,
}

/// What the editor sends.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaveRequest {
    /// Absent for a new migration.
    pub id: Option<String>,
    /// The target.
    pub target_id: String,
    /// The document as YAML; the server reads it again and keeps the text.
    pub text: String,
    /// The version that the editor started from, so that nobody's work is overwritten; 0 for new.
    pub base_version: u32,
}

/// What was saved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Saved {
    /// The migration.
    pub id: String,
    /// The version; the old number where nothing changed.
    pub version: u32,
    /// Its hash.
    pub hash: String,
}

/// A finding that an approver accepts as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaiveRequest {
    /// The migration.
    pub migration_id: String,
    /// The plan that it was found in.
    pub plan_hash: String,
    /// The rule.
    pub rule: String,
    /// As the finding has it.
    pub phase: Option<u32>,
    /// As the finding has it.
    pub operation: Option<usize>,
    /// Why it does no harm here.
    pub reason: String,
}

/// What the editor asks about while a document with SQL of its own is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviewRequest {
    /// The target.
    pub target_id: String,
    /// The document as YAML.
    pub text: String,
}

/// Drafts, versions, reviews, approvals.
#[async_trait]
pub trait MigrationBackend {
    /// All of them, newest change first.
    async fn migrations(&self) -> Answer<Vec<MigrationSummary>>;
    /// One of them.
    async fn migration(&self, id: String) -> Answer<MigrationDetail>;
    /// Whether the locks of its plan would be had now.
    async fn forecast(&self, id: String) -> Answer<Forecast>;
    /// Saves a new version. [`super::ErrorCode::Conflict`] where the base is not the latest.
    async fn save_migration(&self, request: SaveRequest) -> Answer<Saved>;
    /// Asks for review: the plan is computed against the target and kept; approvals bind to it.
    async fn request_review(&self, id: String, version: u32) -> Answer<()>;
    /// Signs off or rejects phases of the version with that plan.
    async fn decide(
        &self,
        id: String,
        plan_hash: String,
        phases: Vec<u32>,
        decision: Decision,
        comment: String,
    ) -> Answer<()>;
    /// The plan of a document that is being written, with what the parsers say of its SQL, which
    /// the browser leaves off. Nothing is kept.
    async fn preview(&self, request: PreviewRequest) -> Answer<Plan>;
    /// Accepts a finding of the reviewed plan as it is; recorded with its reason.
    async fn waive(&self, request: WaiveRequest) -> Answer<()>;
}
