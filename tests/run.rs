//! Runs as their events tell them: states, replays, gaps.

use bellows::run::{
    CheckOutcome, EventKind, ExecutionState, FinalStatus, HeldBy, Pace, PhaseState, RunEvent,
    Signal, StopReason, Taken, View, next, next_phase,
};

fn events(kinds: Vec<EventKind>) -> Vec<RunEvent> {
    (1..)
        .zip(kinds)
        .map(|(seq, event)| RunEvent {
            v: 1,
            seq,
            at: i64::try_from(seq).unwrap() * 1_000,
            event,
        })
        .collect()
}

fn created() -> EventKind {
    EventKind::ExecutionCreated {
        migration: "rename".into(),
        phases: 2,
    }
}

fn started(phase: u32, resumed: bool) -> EventKind {
    EventKind::PhaseStarted {
        phase,
        by: "eva".into(),
        resumed,
    }
}

fn step(phase: u32, step: &str) -> EventKind {
    EventKind::StepStarted {
        phase,
        step: step.into(),
        title: "Add".into(),
        sql: vec!["SELECT 1".into()],
    }
}

fn step_done(phase: u32, step: &str) -> EventKind {
    EventKind::StepCompleted {
        phase,
        step: step.into(),
        duration_ms: 5,
    }
}

fn progress(step: &str, rows: u64) -> EventKind {
    EventKind::Progress {
        step: step.into(),
        rows,
        changed: rows,
        total: 100,
        rate: 10.0,
        left_ms: Some(1),
        batch: 10,
        pace: Pace::default(),
    }
}

fn stopped(phase: u32, reason: StopReason) -> EventKind {
    EventKind::Stopped {
        phase,
        reason,
        message: "why".into(),
    }
}

fn throttled(signals: &[Signal]) -> EventKind {
    EventKind::Throttled {
        step: "1.0.0".into(),
        held: signals
            .iter()
            .map(|signal| HeldBy {
                signal: *signal,
                value: Some(20),
                limit: 10,
                message: "seen".into(),
            })
            .collect(),
        held_ms: 0,
    }
}

fn done(phase: u32) -> EventKind {
    EventKind::PhaseCompleted {
        phase,
        duration_ms: 9,
    }
}

fn finished(status: FinalStatus) -> EventKind {
    EventKind::Finished {
        status,
        message: None,
    }
}

/// A whole run, with a pause, a crash and a gate.
fn whole() -> Vec<EventKind> {
    vec![
        created(),
        started(1, false),
        step(1, "1.0.0"),
        EventKind::LockWaiting {
            step: "1.0.0".into(),
            tries: 3,
            next_ms: 100,
            blockers: Vec::new(),
        },
        step_done(1, "1.0.0"),
        EventKind::CheckPassed {
            phase: 1,
            check: "column_exists".into(),
        },
        done(1),
        stopped(2, StopReason::Gate),
        started(2, false),
        step(2, "2.0.0"),
        progress("2.0.0", 40),
        stopped(2, StopReason::Paused),
        started(2, true),
        step(2, "2.0.0"),
        progress("2.0.0", 60),
        EventKind::Recovered {
            phase: 2,
            found: "60 rows".into(),
        },
        started(2, true),
        step(2, "2.0.0"),
        progress("2.0.0", 100),
        step_done(2, "2.0.0"),
        done(2),
        finished(FinalStatus::Completed),
    ]
}

#[test]
fn a_run_is_told_from_beginning_to_end() {
    let events = events(whole());
    let mut view = View::default();
    let mut states = Vec::new();
    for event in &events {
        assert_eq!(view.take(event), Taken::Next);
        states.push(view.state.unwrap());
    }
    assert_eq!(view.illegal, Vec::new());
    use ExecutionState::{Completed, Paused, Running, Waiting};
    assert_eq!(states[0], Waiting);
    assert_eq!(states[1], Running);
    assert_eq!(states[6..9], [Waiting, Waiting, Running]);
    assert_eq!(states[11..13], [Paused, Running]);
    assert_eq!(states.last(), Some(&Completed));
    let second = view.phase(2).unwrap();
    assert_eq!(second.state, PhaseState::Completed);
    assert_eq!(second.started_at, Some(9_000));
    assert_eq!(second.steps.len(), 1, "begun three times, one step");
    assert_eq!(second.steps[0].duration_ms, Some(5));
    assert_eq!(second.steps[0].progress, Some(progress("2.0.0", 100)));
    assert_eq!(second.recovered, ["60 rows"]);
    assert_eq!(view.stopped, None);
    assert_eq!(view.finished, Some((FinalStatus::Completed, None)));
    assert!(view.current().is_none());
}

#[test]
fn what_is_in_hand_is_shown_while_it_is() {
    let events = events(whole());
    let waiting = View::fold(&events[..4]);
    let (phase, step) = waiting.current().unwrap();
    assert_eq!((phase.phase, step.step.as_str()), (1, "1.0.0"));
    assert_eq!(step.waiting, Some((3, 100, Vec::new())));
    let paused = View::fold(&events[..12]);
    assert_eq!(paused.stopped.unwrap().reason, StopReason::Paused);
    assert_eq!(View::fold(&events[..13]).stopped, None);
}

#[test]
fn a_replay_gives_the_same_view_from_any_point() {
    let events = events(whole());
    let once = View::fold(&events);
    for cut in 0..events.len() {
        let mut view = View::fold(&events[..cut]);
        // A reconnect sends some that are known already.
        for event in &events[cut.saturating_sub(3)..] {
            view.take(event);
        }
        assert_eq!(view, once);
    }
}

#[test]
fn known_events_change_nothing_and_gaps_are_reported() {
    let events = events(whole());
    let mut view = View::fold(&events[..5]);
    let before = view.clone();
    assert_eq!(view.take(&events[2]), Taken::Known);
    assert_eq!(view.take(&events[4]), Taken::Known);
    assert_eq!(view.take(&events[7]), Taken::Gap { after: 5 });
    assert_eq!(view, before);
}

#[test]
fn a_failed_phase_is_taken_back() {
    let view = View::fold(&events(vec![
        created(),
        started(1, false),
        step(1, "1.0.0"),
        step_done(1, "1.0.0"),
        EventKind::CheckFailed {
            phase: 1,
            check: "custom".into(),
            message: "rows are wrong".into(),
            found: "3".into(),
            sql: "SELECT 3".into(),
        },
        EventKind::PhaseFailed {
            phase: 1,
            message: "rows are wrong".into(),
        },
        EventKind::RollbackStarted { phase: 1 },
        step(1, "1.r0.0"),
        step_done(1, "1.r0.0"),
        EventKind::PhaseRolledBack { phase: 1 },
        finished(FinalStatus::RolledBack),
    ]));
    assert_eq!(view.illegal, Vec::new());
    assert_eq!(view.state, Some(ExecutionState::RolledBack));
    let phase = view.phase(1).unwrap();
    assert_eq!(phase.state, PhaseState::RolledBack);
    assert_eq!(phase.error.as_deref(), Some("rows are wrong"));
    assert!(matches!(&phase.checks[0], CheckOutcome::Failed { found, .. } if found == "3"));
    assert_eq!(
        phase.steps.iter().map(|s| s.rollback).collect::<Vec<_>>(),
        [false, true]
    );
}

#[test]
fn done_phases_are_taken_back_when_asked() {
    let view = View::fold(&events(vec![
        created(),
        started(1, false),
        done(1),
        started(2, false),
        stopped(2, StopReason::Lock),
        EventKind::RollbackStarted { phase: 2 },
        EventKind::PhaseRolledBack { phase: 2 },
        EventKind::RollbackStarted { phase: 1 },
        stopped(1, StopReason::Connection),
        EventKind::RollbackStarted { phase: 1 },
        EventKind::PhaseRolledBack { phase: 1 },
        finished(FinalStatus::RolledBack),
    ]));
    assert_eq!(view.illegal, Vec::new());
    assert_eq!(view.state, Some(ExecutionState::RolledBack));
}

#[test]
fn what_is_completed_can_be_taken_back() {
    let mut told = whole();
    let (first, second) = (1, 2);
    for phase in [second, first] {
        told.extend([
            EventKind::Notice {
                message: "asked for".into(),
            },
            EventKind::RollbackStarted { phase },
            step(phase, &format!("{phase}.r0.0")),
            step_done(phase, &format!("{phase}.r0.0")),
        ]);
        let view = View::fold(&events(told.clone()));
        assert_eq!(view.illegal, Vec::new());
        assert_eq!(view.state, Some(ExecutionState::RollingBack));
        assert_eq!(view.finished, None, "it is not over any more");
        told.push(EventKind::PhaseRolledBack { phase });
    }
    told.push(finished(FinalStatus::RolledBack));
    let view = View::fold(&events(told));
    assert_eq!(view.illegal, Vec::new());
    assert_eq!(view.state, Some(ExecutionState::RolledBack));
    assert_eq!(view.finished, Some((FinalStatus::RolledBack, None)));
    assert!(
        view.phases
            .iter()
            .all(|phase| phase.state == PhaseState::RolledBack)
    );
}

#[test]
fn a_phase_that_was_taken_back_alone_is_waited_for_and_runs_again() {
    let mut told = whole();
    told.extend([
        EventKind::RollbackStarted { phase: 2 },
        EventKind::PhaseRolledBack { phase: 2 },
    ]);
    let view = View::fold(&events(told.clone()));
    assert_eq!(view.illegal, Vec::new());
    assert_eq!(view.state, Some(ExecutionState::Waiting));
    told.extend([started(2, false), done(2), finished(FinalStatus::Completed)]);
    let view = View::fold(&events(told));
    assert_eq!(view.illegal, Vec::new());
    assert_eq!(view.state, Some(ExecutionState::Completed));
    assert_eq!(view.phase(2).unwrap().state, PhaseState::Completed);
}

/// What can come in each state, all of it.
#[test]
fn the_table_of_transitions() {
    let kinds = || {
        let mut kinds = vec![
            created(),
            started(1, false),
            started(1, true),
            EventKind::Recovered {
                phase: 1,
                found: String::new(),
            },
            step(1, "1.0.0"),
            step_done(1, "1.0.0"),
            EventKind::LockWaiting {
                step: "1.0.0".into(),
                tries: 1,
                next_ms: 1,
                blockers: Vec::new(),
            },
            progress("1.0.0", 1),
            throttled(&[Signal::ReplicaLag]),
            EventKind::Released {
                step: "1.0.0".into(),
                held_ms: 1,
            },
            EventKind::CheckPassed {
                phase: 1,
                check: String::new(),
            },
            stopped(1, StopReason::Gate),
            stopped(1, StopReason::Lock),
            done(1),
            EventKind::PhaseFailed {
                phase: 1,
                message: String::new(),
            },
            EventKind::RollbackStarted { phase: 1 },
            EventKind::PhaseRolledBack { phase: 1 },
            EventKind::Notice {
                message: String::new(),
            },
            EventKind::BackupProgress {
                before: 1,
                bytes: 0,
                total: 0,
            },
            EventKind::BackupTaken {
                before: 1,
                snapshot: String::new(),
                bytes: 0,
                duration_ms: 0,
                tables: 0,
            },
            EventKind::BackupSkipped {
                before: 1,
                by: String::new(),
            },
            EventKind::GoSaid {
                phase: 1,
                by: String::new(),
            },
            EventKind::Restored {
                snapshot: String::new(),
                state: ExecutionState::RolledBack,
                phases: Vec::new(),
            },
        ];
        kinds.extend(
            [
                FinalStatus::Completed,
                FinalStatus::Failed,
                FinalStatus::RolledBack,
                FinalStatus::Cancelled,
            ]
            .map(finished),
        );
        kinds
    };
    let name = |event: &EventKind| {
        let detail = if let EventKind::Stopped { reason, .. } = event {
            format!("({reason:?})")
        } else if let EventKind::Finished { status, .. } = event {
            format!("({status:?})")
        } else if let EventKind::PhaseStarted { resumed, .. } = event {
            format!("(resumed {resumed})")
        } else {
            String::new()
        };
        format!("{}{detail}", event.word())
    };
    let mut table = String::new();
    use ExecutionState as E;
    let states = [
        E::Running,
        E::Waiting,
        E::Paused,
        E::RollingBack,
        E::Completed,
        E::Failed,
        E::RolledBack,
        E::Cancelled,
    ];
    for state in std::iter::once(None).chain(states.map(Some)) {
        table.push_str(&format!("execution {state:?}\n"));
        for event in kinds() {
            if let Ok(then) = next(state, &event) {
                table.push_str(&format!("  {} -> {then:?}\n", name(&event)));
            }
        }
    }
    use PhaseState as P;
    for state in [
        P::Pending,
        P::Running,
        P::Paused,
        P::Completed,
        P::Failed,
        P::RolledBack,
    ] {
        table.push_str(&format!("phase {state:?}\n"));
        for event in kinds().into_iter().filter(|e| e.phase().is_some()) {
            if let Ok(then) = next_phase(state, &event) {
                table.push_str(&format!("  {} -> {then:?}\n", name(&event)));
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn an_account_that_cannot_be_is_reported() {
    let view = View::fold(&events(vec![created(), done(1), progress("1.0.0", 1)]));
    assert_eq!(view.illegal.len(), 3, "{:?}", view.illegal);
    assert_eq!(
        view.illegal[0].to_string(),
        "phase_completed cannot come while the execution is Waiting"
    );
    assert_eq!(view.state, Some(ExecutionState::Waiting));
}

#[test]
fn the_word_of_an_event_is_its_kind_on_the_wire() {
    for event in events(whole()) {
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["kind"], event.event.word());
        assert_eq!(serde_json::from_value::<RunEvent>(json).unwrap(), event);
    }
}

#[test]
fn what_holds_a_step_back_is_shown_with_its_beginning_until_it_is_released() {
    let mut told = events(vec![
        created(),
        started(1, false),
        step(1, "1.0.0"),
        throttled(&[Signal::ReplicaLag]),
        throttled(&[Signal::ReplicaLag, Signal::LockWaits]),
        EventKind::Released {
            step: "1.0.0".into(),
            held_ms: 9,
        },
    ]);
    let released = told.pop().unwrap();
    let mut view = View::fold(&told);
    let held = view.current().unwrap().1.held.clone();
    let since: Vec<(Signal, i64)> = held.iter().map(|(by, at)| (by.signal, *at)).collect();
    assert_eq!(
        since,
        [
            (Signal::ReplicaLag, told[3].at),
            (Signal::LockWaits, told[4].at)
        ]
    );
    view.take(&released);
    assert!(view.current().unwrap().1.held.is_empty());
    assert!(view.illegal.is_empty());
}
