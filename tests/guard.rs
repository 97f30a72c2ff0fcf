//! One test for each condition of the guard, named after it: without the condition, it fails.

use bellows::access::Policy;
use bellows::lint::Severity;
use bellows::run::{
    BackupNeed, ExecutionState, GuardFacts, GuardVerdict, PhaseState, Reason, VersionState, guard,
};

/// A second phase that may start.
fn ready() -> GuardFacts {
    GuardFacts {
        phase: 2,
        version_is_current: true,
        version: VersionState::InReview,
        policy: Policy {
            approvals: 2,
            approver_may_execute: false,
            blocking: Severity::Error,
            ..Policy::default()
        },
        approvals: 2,
        starter_approved: false,
        gate: Some("App v2".to_owned()),
        gate_confirmed: Some("v2.1".to_owned()),
        soak_left_ms: 0,
        previous: Some(PhaseState::Completed),
        worst_finding: Some(Severity::Warning),
        backup: BackupNeed::Destroys,
        backup_obstacle: None,
        backup_waived: false,
        in_use: Vec::new(),
        quiet_left_ms: 0,
        use_accepted: false,
        drift: None,
        another_run: None,
        execution: Some(ExecutionState::Waiting),
        state: PhaseState::Pending,
    }
}

/// The facts with one thing changed, and what a person must do about it.
fn person(change: impl FnOnce(&mut GuardFacts), reason: Reason) {
    let mut facts = ready();
    change(&mut facts);
    let expected = GuardVerdict {
        person: vec![reason],
        time: Vec::new(),
    };
    assert_eq!(guard(&facts), expected);
}

/// The facts with one thing changed, and what only time will do about it.
fn time(change: impl FnOnce(&mut GuardFacts), reason: Reason) {
    let mut facts = ready();
    change(&mut facts);
    let expected = GuardVerdict {
        person: Vec::new(),
        time: vec![reason],
    };
    assert_eq!(guard(&facts), expected);
}

#[test]
fn nothing_keeps_a_ready_phase_from_starting() {
    assert!(guard(&ready()).may_start());
}

#[test]
fn the_first_phase_has_none_before_it() {
    let first = GuardFacts {
        phase: 1,
        previous: None,
        execution: None,
        ..ready()
    };
    assert!(guard(&first).may_start());
}

#[test]
fn a_paused_phase_may_go_on() {
    let paused = GuardFacts {
        execution: Some(ExecutionState::Paused),
        state: PhaseState::Paused,
        ..ready()
    };
    assert!(guard(&paused).may_start());
}

#[test]
fn version_is_current() {
    person(|f| f.version_is_current = false, Reason::NotCurrent);
}

#[test]
fn version_is_in_review() {
    person(|f| f.version = VersionState::Draft, Reason::NotInReview);
}

#[test]
fn version_is_not_rejected() {
    person(|f| f.version = VersionState::Rejected, Reason::Rejected);
}

#[test]
fn approvals_are_enough() {
    person(|f| f.approvals = 1, Reason::Approvals { have: 1, need: 2 });
}

#[test]
fn starter_did_not_approve() {
    person(|f| f.starter_approved = true, Reason::StarterApproved);
    let mut facts = ready();
    facts.starter_approved = true;
    facts.policy.approver_may_execute = true;
    assert!(guard(&facts).may_start());
}

#[test]
fn gate_is_confirmed() {
    person(
        |f| f.gate_confirmed = None,
        Reason::Gate {
            deploy: "App v2".to_owned(),
        },
    );
}

#[test]
fn previous_phase_is_completed() {
    for state in [
        PhaseState::Pending,
        PhaseState::Paused,
        PhaseState::Failed,
        PhaseState::RolledBack,
    ] {
        person(
            |f| f.previous = Some(state),
            Reason::PreviousNotDone { phase: 1 },
        );
    }
}

#[test]
fn previous_phase_does_not_run() {
    time(
        |f| f.previous = Some(PhaseState::Running),
        Reason::PreviousRunning { phase: 1 },
    );
}

#[test]
fn findings_are_acceptable() {
    person(
        |f| f.worst_finding = Some(Severity::Error),
        Reason::Findings {
            severity: Severity::Error,
        },
    );
    person(
        |f| f.policy.blocking = Severity::Warning,
        Reason::Findings {
            severity: Severity::Warning,
        },
    );
}

#[test]
fn irreversible_needs_a_backup_or_a_waiver() {
    let obstacle = || "pg_dump is not on this machine".to_owned();
    person(
        |f| f.backup_obstacle = Some(obstacle()),
        Reason::Irreversible {
            obstacle: obstacle(),
        },
    );
    let mut facts = ready();
    facts.backup_obstacle = Some(obstacle());
    facts.backup_waived = true;
    assert!(
        guard(&facts).may_start(),
        "somebody took it upon themselves"
    );
    facts.backup_waived = false;
    facts.backup = BackupNeed::None;
    assert!(guard(&facts).may_start(), "it destroys nothing");
}

#[test]
fn a_backup_that_the_policy_asks_for_is_not_waived() {
    person(
        |f| {
            f.backup = BackupNeed::Required;
            f.backup_waived = true;
        },
        Reason::BackupRequired,
    );
}

#[test]
fn what_needs_a_backup_goes_by_the_policy_and_the_phase() {
    use bellows::access::BackupRule::{Destroying, Required};
    for (rule, reversible, first, need) in [
        (Destroying, true, true, BackupNeed::None),
        (Destroying, false, false, BackupNeed::Destroys),
        (Required, true, true, BackupNeed::Required),
        (Required, true, false, BackupNeed::None),
        (Required, false, false, BackupNeed::Required),
    ] {
        assert_eq!(BackupNeed::of(rule, reversible, first), need);
    }
}

#[test]
fn nobody_uses_what_the_phase_takes_away() {
    let by = || vec!["applications still write users.name: 3 times".to_owned()];
    person(|f| f.in_use = by(), Reason::InUse { by: by() });
    let mut facts = ready();
    facts.in_use = by();
    facts.quiet_left_ms = 5;
    facts.use_accepted = true;
    assert!(
        guard(&facts).may_start(),
        "somebody took it upon themselves"
    );
}

#[test]
fn what_the_phase_takes_away_was_quiet_for_long_enough() {
    time(|f| f.quiet_left_ms = 1, Reason::NotQuiet { left_ms: 1 });
}

#[test]
fn tables_are_as_the_plan_expects() {
    person(
        |f| f.drift = Some("users has a column more".to_owned()),
        Reason::Drift {
            difference: "users has a column more".to_owned(),
        },
    );
}

#[test]
fn soak_is_over() {
    time(|f| f.soak_left_ms = 1, Reason::Soak { left_ms: 1 });
}

#[test]
fn no_other_run_holds_the_target() {
    time(
        |f| f.another_run = Some("add-index on shop".to_owned()),
        Reason::AnotherRun {
            run: "add-index on shop".to_owned(),
        },
    );
}

#[test]
fn phase_is_not_over() {
    for state in [
        PhaseState::Completed,
        PhaseState::Failed,
        PhaseState::RolledBack,
    ] {
        person(|f| f.state = state, Reason::Over { state });
    }
}

#[test]
fn phase_does_not_run_already() {
    time(|f| f.state = PhaseState::Running, Reason::Running);
}

#[test]
fn execution_is_not_over() {
    for state in [
        ExecutionState::Completed,
        ExecutionState::Failed,
        ExecutionState::RolledBack,
        ExecutionState::Cancelled,
    ] {
        person(
            |f| f.execution = Some(state),
            Reason::ExecutionOver { state },
        );
    }
}

#[test]
fn execution_is_not_being_taken_back() {
    time(
        |f| f.execution = Some(ExecutionState::RollingBack),
        Reason::RollingBack,
    );
}

#[test]
fn every_reason_is_said_at_once_and_in_words() {
    let verdict = guard(&GuardFacts {
        phase: 2,
        version_is_current: false,
        version: VersionState::Draft,
        policy: Policy {
            approvals: 1,
            ..ready().policy
        },
        approvals: 0,
        starter_approved: true,
        gate_confirmed: None,
        soak_left_ms: 86_400_000 * 6 + 3_600_000 * 23 + 1,
        previous: Some(PhaseState::RolledBack),
        worst_finding: Some(Severity::Error),
        backup_obstacle: Some("pg_dump is not on this machine".to_owned()),
        in_use: vec!["applications still write users.name: 3 times".to_owned()],
        quiet_left_ms: 90_000,
        drift: Some("users.name is gone".to_owned()),
        another_run: Some("0192 on shop".to_owned()),
        execution: Some(ExecutionState::Cancelled),
        state: PhaseState::Failed,
        ..ready()
    });
    let lines = |reasons: &[Reason]| {
        reasons
            .iter()
            .map(|r| format!("{}: {r}", r.code()))
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(format!(
        "a person:\n{}\n\ntime:\n{}",
        lines(&verdict.person),
        lines(&verdict.time)
    ));
    for reason in verdict.person.iter().chain(&verdict.time) {
        let json = serde_json::to_value(reason).unwrap();
        assert_eq!(json["code"], reason.code());
    }
}
