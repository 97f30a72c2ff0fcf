//! Executions: start, watch, control.

use bellows::run::{PhaseEvidence, RunEvent};
use leptos::prelude::*;
use leptos::server_fn::codec::Json;

#[cfg(feature = "ssr")]
use super::{backend, told};
use crate::backend::{ApiError, Control, ExecutionDetail, ExecutionSummary, StartRequest};

/// All executions, newest first.
#[server(name = ListExecutions, endpoint = "executions/list")]
pub async fn executions() -> Result<Vec<ExecutionSummary>, ApiError> {
    told(backend()?.executions().await)
}

/// One execution with its events so far.
#[server(name = GetExecution, endpoint = "executions/get")]
pub async fn execution(id: String) -> Result<ExecutionDetail, ApiError> {
    told(backend()?.execution(id).await)
}

/// Whether what its next contract phase takes away is still used.
#[server(name = GetEvidence, endpoint = "executions/evidence")]
pub async fn evidence(id: String) -> Result<Option<PhaseEvidence>, ApiError> {
    told(backend()?.evidence(id).await)
}

/// Its events after a number, for a page that has no websocket.
#[server(name = GetEvents, endpoint = "executions/events")]
pub async fn events(id: String, after: u64) -> Result<Vec<RunEvent>, ApiError> {
    told(backend()?.events(id, after).await)
}

/// Starts a phase through the guard; gives the execution's id.
#[server(endpoint = "executions/start", input = Json)]
pub async fn start_phase(request: StartRequest) -> Result<String, ApiError> {
    told(backend()?.start_phase(request).await)
}

/// Confirms a deploy gate with a version.
#[server(endpoint = "executions/confirm-gate", input = Json)]
pub async fn confirm_gate(
    migration_id: String,
    phase: u32,
    version: String,
) -> Result<(), ApiError> {
    told(backend()?.confirm_gate(migration_id, phase, version).await)
}

/// Ends a session of the target's that stands in the way of the run at this moment.
#[server(endpoint = "executions/end-blocker", input = Json)]
pub async fn end_blocker(id: String, pid: i32) -> Result<(), ApiError> {
    told(backend()?.end_blocker(id, pid).await)
}

/// Pauses, resumes, makes faster or slower, cancels, rolls back.
#[server(name = SendControl, endpoint = "executions/control", input = Json)]
pub async fn control(id: String, control: Control) -> Result<(), ApiError> {
    told(backend()?.control(id, control).await)
}
