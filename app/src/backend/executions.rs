//! Executions: start, watch, control.

use async_trait::async_trait;
use bellows::plan::Plan;
use bellows::run::{ExecutionState, PhaseEvidence, PhaseState, RunEvent};
use serde::{Deserialize, Serialize};

use super::Answer;

/// A line in a list of executions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionSummary {
    /// Its id.
    pub id: String,
    /// The migration.
    pub migration_id: String,
    /// The document's name.
    pub migration: String,
    /// The target's name.
    pub target: String,
    /// Where it stands.
    pub state: ExecutionState,
    /// The phase it is in, or the last one that it was in.
    pub phase: u32,
    /// Number of phases.
    pub phases: u32,
    /// Who started it.
    pub started_by: String,
    /// When, in microseconds since 1970.
    pub started_at: i64,
    /// When it was over.
    pub completed_at: Option<i64>,
    /// What went wrong last.
    pub error: Option<String>,
    /// The newest backup that was taken for it.
    pub snapshot: Option<String>,
}

/// Everything of one execution but its events' tail, which comes over the websocket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionDetail {
    /// The line of the list.
    pub summary: ExecutionSummary,
    /// The plan that it runs.
    pub plan: Plan,
    /// Where each phase stands, in order.
    pub phases: Vec<PhaseState>,
    /// Every event so far, in order.
    pub events: Vec<RunEvent>,
    /// Whether the person who asks may pause, resume, cancel, roll back.
    pub can_control: bool,
}

/// What keeps a phase from starting; empty lists: nothing does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockedBy {
    /// What a person must do.
    pub person: Vec<String>,
    /// What only time will do.
    pub time: Vec<String>,
}

/// What the start button sends.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartRequest {
    /// The migration.
    pub migration_id: String,
    /// The plan that the person saw.
    pub plan_hash: String,
    /// The phase.
    pub phase: u32,
    /// For a phase that destroys values: the person said to go on without a backup. Recorded.
    pub without_backup: bool,
    /// For a contract phase: why it may begin although what it takes away is still used. Recorded.
    #[serde(default)]
    pub despite_use: Option<String>,
    /// Hold it before its cut-over, or a contract phase before it begins, until a person says go.
    #[serde(default)]
    pub hold: bool,
}

/// What a person can tell a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Stop after the batch or statement in hand; go on later.
    Pause,
    /// Go on.
    Resume,
    /// Do what it was held before.
    Go,
    /// One session more at work on a large table.
    Faster,
    /// One less; less than one is one that rests as long as it works.
    Slower,
    /// Stop, take the phase in hand back, and end the execution.
    Cancel,
    /// Take back the phases that are done, last first, and end the execution.
    RollBack,
}

/// Start, watch, control.
#[async_trait]
pub trait ExecutionBackend {
    /// All of them, newest first.
    async fn executions(&self) -> Answer<Vec<ExecutionSummary>>;
    /// One of them.
    async fn execution(&self, id: String) -> Answer<ExecutionDetail>;
    /// Whether what its first phase to come that takes something away takes is still used: the target
    /// is looked at once more. Nothing where no such phase is to come.
    async fn evidence(&self, id: String) -> Answer<Option<PhaseEvidence>>;
    /// Its events after a number: what the page asks where no websocket can be had.
    async fn events(&self, id: String, after: u64) -> Answer<Vec<RunEvent>>;
    /// Starts a phase through the guard; gives the execution's id.
    async fn start_phase(&self, request: StartRequest) -> Answer<String>;
    /// Confirms a deploy gate with a version.
    async fn confirm_gate(&self, migration_id: String, phase: u32, version: String) -> Answer<()>;
    /// Ends a session of the target's that stands in the way of the run at this moment.
    async fn end_blocker(&self, id: String, pid: i32) -> Answer<()>;
    /// Pause, resume, go, faster, slower, cancel, roll back.
    async fn control(&self, id: String, control: Control) -> Answer<()>;
}
