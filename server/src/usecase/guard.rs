//! The guard's facts, read from the store, the target and the person who asks. The core judges.

use bellows::access::Action;
use bellows::lint;
use bellows::plan::PhasePlan;
use bellows::run::{
    BackupNeed, ExecutionState, GuardFacts, PhaseEvidence, PhaseState, Reason, VersionState, guard,
};
use bellows_app::backend::{BlockedBy, ReviewState};

use super::facts::Facts;
use crate::auth::Actor;
use crate::store::now;

/// What only the target can say, or the person who starts.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Milliseconds until the soak is over, by the target's clock; absent: estimated from what
    /// the store knows.
    pub soak_left_ms: Option<u64>,
    /// What is different on the target from what the plan expects.
    pub drift: Option<String>,
    /// What else runs on the target.
    pub busy: Option<String>,
    /// The person said to go on without a backup, or will be asked.
    pub without_backup: bool,
    /// Why no backup can be taken.
    pub backup_obstacle: Option<String>,
    /// Whether what the phase takes away is still used.
    pub evidence: Option<PhaseEvidence>,
    /// The person said, with a reason, to start although it is.
    pub despite_use: bool,
}

/// What keeps that person from starting the phase; empty lists: nothing does.
pub fn blocked(facts: &Facts, phase: u32, actor: &Actor, live: Live) -> BlockedBy {
    let mut by = BlockedBy::default();
    if !actor.may(Action::Execute, Some(&facts.target.environment)) {
        by.person
            .push("Your roles do not permit you to start phases here.".to_owned());
    }
    let verdict = guard(&conditions(facts, phase, actor, live));
    by.person
        .extend(verdict.person.iter().map(Reason::to_string));
    by.time.extend(verdict.time.iter().map(Reason::to_string));
    by
}

fn conditions(facts: &Facts, phase: u32, actor: &Actor, live: Live) -> GuardFacts {
    let plan = facts.phase(phase);
    let gate = plan.and_then(|plan| plan.gate.as_ref());
    let approvals = facts.approvals_of(phase);
    let starter = actor.person.as_ref().map(|person| person.id.as_str());
    let under_way = under_way(facts);
    GuardFacts {
        phase,
        version_is_current: facts.version().number == facts.migration.latest,
        version: version_state(facts, phase, plan),
        policy: facts.policy.clone(),
        approvals: u32::try_from(approvals.len()).unwrap_or(u32::MAX),
        starter_approved: approvals
            .iter()
            .any(|approval| Some(approval.person_id.as_str()) == starter),
        gate: gate.and_then(|gate| gate.deploy.clone()),
        gate_confirmed: facts
            .gate_confirmed(phase)
            .map(|gate| gate.confirmed.clone()),
        soak_left_ms: live
            .soak_left_ms
            .unwrap_or_else(|| estimated_soak(facts, phase)),
        previous: phase
            .checked_sub(1)
            .filter(|before| *before > 0)
            .map(|before| facts.phase_state(before)),
        worst_finding: lint::worst(
            facts
                .findings()
                .iter()
                .filter(|finding| finding.phase.is_none_or(|of| of == phase)),
        ),
        backup: backup_need(facts, phase),
        backup_obstacle: live.backup_obstacle,
        backup_waived: live.without_backup,
        in_use: live
            .evidence
            .as_ref()
            .map_or_else(Vec::new, PhaseEvidence::in_use),
        quiet_left_ms: live
            .evidence
            .as_ref()
            .map_or(0, PhaseEvidence::quiet_left_ms),
        use_accepted: live.despite_use,
        drift: live.drift,
        another_run: live.busy,
        execution: under_way,
        state: state(facts, phase, under_way),
    }
}

/// How long what the phase takes away has to be quiet, in milliseconds.
pub fn quiet_ms(facts: &Facts, phase: u32) -> u64 {
    facts.policy.quiet_ms(soak_ms(facts, phase))
}

fn soak_ms(facts: &Facts, phase: u32) -> u64 {
    facts
        .phase(phase)
        .and_then(|plan| plan.gate.as_ref())
        .and_then(|gate| gate.soak_ms().ok())
        .unwrap_or(0)
}

/// Whether a backup is taken before the phase.
pub fn backup_need(facts: &Facts, phase: u32) -> BackupNeed {
    let reversible = facts.phase(phase).is_none_or(|plan| plan.reversible);
    let under_way = facts.executions.first().filter(|e| !e.state.is_over());
    let first = under_way.is_none_or(|execution| {
        let mut phases = execution.phases.iter();
        phases.all(|progress| progress.state == PhaseState::Pending)
    });
    BackupNeed::of(facts.policy.backup, reversible, first)
}

/// A version without a reviewed plan that has the phase counts as not reviewed, one of which
/// somebody rejected the phase as rejected.
fn version_state(facts: &Facts, phase: u32, plan: Option<&PhasePlan>) -> VersionState {
    match facts.review() {
        ReviewState::Draft => VersionState::Draft,
        ReviewState::Rejected => VersionState::Rejected,
        ReviewState::InReview if facts.rejected_by(phase).is_some() => VersionState::Rejected,
        ReviewState::InReview if plan.is_none() => VersionState::Draft,
        ReviewState::InReview => VersionState::InReview,
    }
}

/// Where the execution stands that the phase would go on with. One that is over leaves the way
/// free for another; only what a failed rollback left behind does not.
fn under_way(facts: &Facts) -> Option<ExecutionState> {
    let state = facts.executions.first()?.state;
    match state {
        ExecutionState::Running
        | ExecutionState::Waiting
        | ExecutionState::Paused
        | ExecutionState::RollingBack
        | ExecutionState::Failed => Some(state),
        ExecutionState::Completed | ExecutionState::RolledBack | ExecutionState::Cancelled => None,
    }
}

/// Where the phase stands for the execution that it would be started in.
fn state(facts: &Facts, phase: u32, under_way: Option<ExecutionState>) -> PhaseState {
    match facts.phase_state(phase) {
        PhaseState::Failed | PhaseState::RolledBack if under_way.is_none() => PhaseState::Pending,
        state @ (PhaseState::Pending
        | PhaseState::Running
        | PhaseState::Paused
        | PhaseState::Completed
        | PhaseState::Failed
        | PhaseState::RolledBack) => state,
    }
}

/// The soak as the store knows it: good enough to show, not to start by.
fn estimated_soak(facts: &Facts, phase: u32) -> u64 {
    let soak = soak_ms(facts, phase);
    let before = phase
        .checked_sub(1)
        .and_then(|before| facts.completed_at(before));
    let Some(done) = before else {
        return soak;
    };
    let passed = u64::try_from((now() - done) / 1_000).unwrap_or(0);
    soak.saturating_sub(passed)
}
