//! Makes up for events that were never told: what the target says was done, though whoever did it
//! died before telling, or told it elsewhere.

use bellows::run::{EventKind, ExecutionState, FinalStatus, PhaseState, View};

use crate::events::Events;
use crate::executor::ExecutionRecord;
use crate::store::Stored;

/// Tells what is missing, so that whoever folds the events sees what the target says. Called while
/// nobody runs the execution here.
pub async fn catch_up(events: &Events, seen: &ExecutionRecord) -> Stored<()> {
    let told = View::fold(&events.all_after(&seen.id, 0).await?);
    for event in missing(&told, seen) {
        events.append(&seen.id, event).await?;
    }
    Ok(())
}

fn missing(told: &View, seen: &ExecutionRecord) -> Vec<EventKind> {
    let mut events = Vec::new();
    if told.state.is_none() {
        events.push(EventKind::ExecutionCreated {
            migration: seen.migration.clone(),
            phases: u32::try_from(seen.phases.len()).unwrap_or(u32::MAX),
        });
    }
    let state_of = |phase: u32| {
        told.phase(phase)
            .map_or(PhaseState::Pending, |phase| phase.state)
    };
    for record in &seen.phases {
        let phase = record.phase;
        if record.state != PhaseState::Completed || state_of(phase) == PhaseState::Completed {
            continue;
        }
        if state_of(phase) != PhaseState::Running {
            events.push(EventKind::PhaseStarted {
                phase,
                by: seen.by.clone(),
                resumed: state_of(phase) != PhaseState::Pending,
            });
        }
        let took = record.completed_at.unwrap_or_default() - record.started_at.unwrap_or_default();
        events.push(EventKind::PhaseCompleted {
            phase,
            duration_ms: u64::try_from(took / 1_000).unwrap_or(0),
        });
    }
    for record in seen.phases.iter().rev() {
        let phase = record.phase;
        let state = state_of(phase);
        if record.state == PhaseState::RolledBack
            && state != PhaseState::RolledBack
            && state != PhaseState::Pending
        {
            if told.rolling_back != Some(phase) {
                events.push(EventKind::RollbackStarted { phase });
            }
            events.push(EventKind::PhaseRolledBack { phase });
        }
    }
    // One that had ended may have been taken back since.
    if let Some(status) = ended(seen.state)
        && told.finished.as_ref().map(|(told, _)| *told) != Some(status)
    {
        events.push(EventKind::Finished {
            status,
            message: seen.error.clone(),
        });
    }
    events
}

/// How an execution in that state ended.
pub fn ended(state: ExecutionState) -> Option<FinalStatus> {
    match state {
        ExecutionState::Running
        | ExecutionState::Waiting
        | ExecutionState::Paused
        | ExecutionState::RollingBack => None,
        ExecutionState::Completed => Some(FinalStatus::Completed),
        ExecutionState::Failed => Some(FinalStatus::Failed),
        ExecutionState::RolledBack => Some(FinalStatus::RolledBack),
        ExecutionState::Cancelled => Some(FinalStatus::Cancelled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::PhaseRecord;
    use bellows::run::RunEvent;

    fn seen(state: ExecutionState, phases: &[PhaseState]) -> ExecutionRecord {
        let document = "migration: {name: m, database: sqlite, phases: [{phase: 1}, {phase: 2}]}";
        let plan = bellows::plan::plan(&bellows::document::parse(document).unwrap(), None).unwrap();
        ExecutionRecord {
            id: "x".to_owned(),
            migration: "m".to_owned(),
            hash: plan.hash.clone(),
            plan_hash: plan.plan_hash.clone(),
            document: document.to_owned(),
            plan,
            state,
            phases: (1..)
                .zip(phases)
                .map(|(phase, state)| PhaseRecord {
                    phase,
                    state: *state,
                    started_at: Some(1_000),
                    completed_at: Some(6_000),
                    fingerprint_after: None,
                })
                .collect(),
            by: "ada".to_owned(),
            started_at: 0,
            completed_at: None,
            error: None,
            gates: Vec::new(),
            snapshot: None,
        }
    }

    /// What is told, and what catching up makes of it, fold to what the target says.
    fn check(told: Vec<EventKind>, seen: &ExecutionRecord) {
        let number = |events: Vec<EventKind>, after: u64| -> Vec<RunEvent> {
            (after + 1..)
                .zip(events)
                .map(|(seq, event)| RunEvent {
                    v: 1,
                    seq,
                    at: 0,
                    event,
                })
                .collect()
        };
        let mut events = number(told, 0);
        let more = missing(&View::fold(&events), seen);
        let last = events.len() as u64;
        events.extend(number(more, last));
        let view = View::fold(&events);
        assert_eq!(view.illegal, [], "{events:?}");
        assert_eq!(view.state, Some(seen.state));
        for record in &seen.phases {
            assert_eq!(view.phase(record.phase).unwrap().state, record.state);
        }
        assert_eq!(missing(&view, seen), [], "told once is told");
    }

    #[test]
    fn what_was_never_told_is_made_up_for() {
        use PhaseState::{Completed, Pending, RolledBack};
        let created = EventKind::ExecutionCreated {
            migration: "m".to_owned(),
            phases: 2,
        };
        let started = |phase| EventKind::PhaseStarted {
            phase,
            by: "ada".to_owned(),
            resumed: false,
        };
        let waiting = seen(ExecutionState::Waiting, &[Completed, Pending]);
        check(
            Vec::new(),
            &seen(ExecutionState::Waiting, &[Pending, Pending]),
        );
        check(Vec::new(), &waiting);
        check(vec![created.clone()], &waiting);
        check(vec![created.clone(), started(1)], &waiting);
        let done = seen(ExecutionState::Completed, &[Completed, Completed]);
        check(vec![created.clone(), started(1)], &done);
        let failed = EventKind::PhaseFailed {
            phase: 1,
            message: "no".to_owned(),
        };
        let back = seen(ExecutionState::RolledBack, &[RolledBack, Pending]);
        check(vec![created.clone(), started(1), failed.clone()], &back);
        let begun = EventKind::RollbackStarted { phase: 1 };
        check(vec![created.clone(), started(1), failed, begun], &back);
        let completed = |phase| EventKind::PhaseCompleted {
            phase,
            duration_ms: 1,
        };
        let whole = vec![
            created,
            started(1),
            completed(1),
            started(2),
            completed(2),
            EventKind::Finished {
                status: FinalStatus::Completed,
                message: None,
            },
        ];
        let back = seen(ExecutionState::RolledBack, &[RolledBack, RolledBack]);
        check(whole, &back);
    }
}
