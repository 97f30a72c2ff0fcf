//! Whether what a contract phase takes away is still used: looked at when somebody asks, and again
//! and again while the phase waits.

use std::time::Duration;

use bellows::access::{Action, Policy};
use bellows::document::PhaseKind;
use bellows::plan::{PhasePlan, Plan};
use bellows::run::{PhaseEvidence, PhaseState};
use bellows_app::backend::Answer;
use tokio::time::sleep;

use super::{RequestBackend, reach};
use crate::executor;
use crate::state::AppState;
use crate::store::executions::ExecutionRecord;
use crate::store::{Stored, environments, executions, targets};

/// How often it is looked whether it is time to look.
const TICK: Duration = Duration::from_secs(60);

impl RequestBackend {
    /// The evidence for the execution's first phase to come that takes something away.
    pub(super) async fn evidence_of(&self, id: &str) -> Answer<Option<PhaseEvidence>> {
        let (execution, _) = self.known(id, Action::Read).await?;
        let Some((target, policy)) = where_it_runs(&self.state, &execution).await? else {
            return Ok(None);
        };
        let target = reach::target(&self.state, &target).await?;
        let asked = async {
            let Some(seen) = executor::execution(&target, id).await? else {
                return Ok(None);
            };
            let Some(phase) = seen.takes_away().filter(|_| !seen.state.is_over()) else {
                return Ok(None);
            };
            let need = need_ms(&policy, &seen.plan, phase);
            executor::evidence(&target, &seen, phase, need).await
        };
        reach::within(asked)
            .await?
            .map_err(|error| reach::refused(&error))
    }
}

/// The execution's target, and what its environment asks for.
async fn where_it_runs(
    state: &AppState,
    execution: &ExecutionRecord,
) -> Stored<Option<(String, Policy)>> {
    let mut tx = state.store.read().await?;
    let id = execution.target_id.as_deref().unwrap_or_default();
    let Some(target) = targets::by_id(&mut tx, id).await? else {
        return Ok(None);
    };
    let policy = environments::policy(&mut tx, &target.environment).await?;
    Ok(Some((target.id, policy.unwrap_or_default())))
}

/// How long what that phase takes away has to be quiet.
fn need_ms(policy: &Policy, plan: &Plan, phase: u32) -> u64 {
    let gate = plan
        .phases
        .iter()
        .find(|planned| planned.phase == phase)
        .and_then(|planned| planned.gate.as_ref());
    policy.quiet_ms(gate.and_then(|gate| gate.soak_ms().ok()).unwrap_or(0))
}

/// Looks at what the contract phases to come take away, for as long as the server runs.
pub async fn watch(state: AppState) {
    loop {
        tokio::select! {
            () = sleep(TICK) => {}
            () = state.stopping.cancelled() => return,
        }
        let mut tx = match state.store.read().await {
            Ok(tx) => tx,
            Err(error) => {
                tracing::warn!(%error, "the store cannot say what waits");
                continue;
            }
        };
        let known = executions::all(&mut tx).await;
        drop(tx);
        for record in known.unwrap_or_else(|error| {
            tracing::warn!(%error, "the store cannot say what waits");
            Vec::new()
        }) {
            if state.stopping.is_cancelled() {
                return;
            }
            if waits_to_contract(&record)
                && let Err(error) = look(&state, &record).await
            {
                tracing::debug!(%error, execution = record.id, "who uses the old side was not seen");
            }
        }
    }
}

/// Whether a contract phase of it is to come.
fn waits_to_contract(record: &ExecutionRecord) -> bool {
    let pending = |(planned, at): (&PhasePlan, &executions::PhaseProgress)| {
        planned.kind == PhaseKind::Contract && at.state == PhaseState::Pending
    };
    !record.state.is_over() && record.plan.phases.iter().zip(&record.phases).any(pending)
}

async fn look(state: &AppState, record: &ExecutionRecord) -> Answer<()> {
    let Some((target, policy)) = where_it_runs(state, record).await? else {
        return Ok(());
    };
    let target = reach::target(state, &target).await?;
    let asked = async {
        let Some(seen) = executor::execution(&target, &record.id).await? else {
            return Ok(());
        };
        let Some(phase) = seen.takes_away() else {
            return Ok(());
        };
        let need = need_ms(&policy, &seen.plan, phase);
        executor::watch(&target, &seen, phase, need).await
    };
    reach::within(asked)
        .await?
        .map_err(|error| reach::refused(&error))
}
