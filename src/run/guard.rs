//! The guard: whether a phase may start now, and if not, what a person must do and what only time
//! will do. One function, for the page, the API and the moment of the start.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::span::span;
use super::{ExecutionState, PhaseState};
use crate::access::{BackupRule, Policy};
use crate::lint::Severity;

/// Where a version of a document stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionState {
    /// Being written.
    Draft,
    /// Review was asked for; approvals can be given.
    InReview,
    /// An approver rejected it.
    Rejected,
}

/// Everything that the guard looks at, read from the store and the target at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardFacts {
    /// The phase that is to start.
    pub phase: u32,
    /// Whether the version is the migration's latest.
    pub version_is_current: bool,
    /// Where that version stands.
    pub version: VersionState,
    /// What the environment asks for.
    pub policy: Policy,
    /// Distinct people who approved this very version, plan, phase and target, and may have.
    pub approvals: u32,
    /// Whether the person who starts is one of them.
    pub starter_approved: bool,
    /// The deploy that the phase's gate waits for.
    pub gate: Option<String>,
    /// The version that a person confirmed at it.
    pub gate_confirmed: Option<String>,
    /// Milliseconds of soak that are left on the target's clock; 0 where it is over.
    pub soak_left_ms: u64,
    /// Where the phase before stands; `None` for the first.
    pub previous: Option<PhaseState>,
    /// The worst finding about the phase, or the document as a whole, that nobody waived.
    pub worst_finding: Option<Severity>,
    /// What the phase needs a backup for, where it does.
    pub backup: BackupNeed,
    /// Who or what still uses what the phase takes away, for people.
    pub in_use: Vec<String>,
    /// Milliseconds for which that has yet to be quiet.
    pub quiet_left_ms: u64,
    /// Whether a person said, with a reason, that it may go although it is used.
    pub use_accepted: bool,
    /// Why no backup can be taken: no tool, no room; `None` where one can.
    pub backup_obstacle: Option<String>,
    /// Whether a person said that it may start without one.
    pub backup_waived: bool,
    /// How the tables differ from what the approved plan expects.
    pub drift: Option<String>,
    /// The run that holds the target.
    pub another_run: Option<String>,
    /// Where the execution stands; `None` where the phase would begin a new one.
    pub execution: Option<ExecutionState>,
    /// Where the phase itself stands.
    pub state: PhaseState,
}

/// Whether a backup is taken before a phase's first statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupNeed {
    /// It destroys nothing, and the policy asks for none.
    None,
    /// It destroys values; a person may say that none is needed.
    Destroys,
    /// The policy asks for one, whatever people say.
    Required,
}

impl BackupNeed {
    /// What a phase needs: `first` where nothing of its execution has begun yet.
    pub fn of(rule: BackupRule, reversible: bool, first: bool) -> Self {
        match rule {
            BackupRule::Required if first || !reversible => BackupNeed::Required,
            BackupRule::Required | BackupRule::Destroying if reversible => BackupNeed::None,
            BackupRule::Required | BackupRule::Destroying => BackupNeed::Destroys,
        }
    }
}

/// One thing that keeps a phase from starting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "code",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum Reason {
    /// A newer version was saved.
    NotCurrent,
    /// Review was not asked for.
    NotInReview,
    /// An approver rejected the version.
    Rejected,
    /// Too few approvals.
    Approvals {
        /// Those that count.
        have: u32,
        /// Those that the policy asks for.
        need: u32,
    },
    /// Who approved may not start.
    StarterApproved,
    /// Nobody confirmed the deploy.
    Gate {
        /// What must be deployed.
        deploy: String,
    },
    /// The phase before is not done.
    PreviousNotDone {
        /// The phase before.
        phase: u32,
    },
    /// A finding blocks.
    Findings {
        /// The worst.
        severity: Severity,
    },
    /// Values would be destroyed, and no backup can be taken.
    Irreversible {
        /// Why not.
        obstacle: String,
    },
    /// The policy asks for a backup, and a person wants none.
    BackupRequired,
    /// What it takes away is still used.
    InUse {
        /// By whom or what, a line each.
        by: Vec<String>,
    },
    /// What it takes away has not been quiet for long enough.
    NotQuiet {
        /// Milliseconds that are left.
        left_ms: u64,
    },
    /// The tables are not as the plan expects.
    Drift {
        /// The difference.
        difference: String,
    },
    /// The phase, or all of it, is over.
    Over {
        /// How it stands.
        state: PhaseState,
    },
    /// The execution is over.
    ExecutionOver {
        /// How it ended.
        state: ExecutionState,
    },
    /// The soak is not over.
    Soak {
        /// Milliseconds that are left.
        left_ms: u64,
    },
    /// Another run holds the target.
    AnotherRun {
        /// Which.
        run: String,
    },
    /// The phase before still runs.
    PreviousRunning {
        /// The phase before.
        phase: u32,
    },
    /// It runs already.
    Running,
    /// The execution is being taken back.
    RollingBack,
}

/// What the guard says. Nothing in either list: the phase may start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardVerdict {
    /// What a person must do.
    pub person: Vec<Reason>,
    /// What only time will do.
    pub time: Vec<Reason>,
}

impl GuardVerdict {
    /// Whether the phase may start.
    pub fn may_start(&self) -> bool {
        self.person.is_empty() && self.time.is_empty()
    }
}

/// Judges whether the phase may start, and says all that keeps it from it.
pub fn guard(facts: &GuardFacts) -> GuardVerdict {
    let mut reasons = Vec::new();
    if !facts.version_is_current {
        reasons.push(Reason::NotCurrent);
    }
    match facts.version {
        VersionState::Draft => reasons.push(Reason::NotInReview),
        VersionState::Rejected => reasons.push(Reason::Rejected),
        VersionState::InReview => {}
    }
    if facts.approvals < facts.policy.approvals {
        reasons.push(Reason::Approvals {
            have: facts.approvals,
            need: facts.policy.approvals,
        });
    }
    if facts.starter_approved && !facts.policy.approver_may_execute {
        reasons.push(Reason::StarterApproved);
    }
    if let Some(deploy) = &facts.gate
        && facts.gate_confirmed.is_none()
    {
        reasons.push(Reason::Gate {
            deploy: deploy.clone(),
        });
    }
    let before = facts.phase.saturating_sub(1);
    match facts.previous {
        None | Some(PhaseState::Completed) => {}
        Some(PhaseState::Running) => reasons.push(Reason::PreviousRunning { phase: before }),
        Some(
            PhaseState::Pending | PhaseState::Paused | PhaseState::Failed | PhaseState::RolledBack,
        ) => reasons.push(Reason::PreviousNotDone { phase: before }),
    }
    if let Some(severity) = facts.worst_finding
        && severity >= facts.policy.blocking
    {
        reasons.push(Reason::Findings { severity });
    }
    match (facts.backup, &facts.backup_obstacle) {
        (BackupNeed::None, _) => {}
        (BackupNeed::Destroys, _) if facts.backup_waived => {}
        (BackupNeed::Required, _) if facts.backup_waived => reasons.push(Reason::BackupRequired),
        (BackupNeed::Destroys | BackupNeed::Required, Some(obstacle)) => {
            reasons.push(Reason::Irreversible {
                obstacle: obstacle.clone(),
            });
        }
        (BackupNeed::Destroys | BackupNeed::Required, None) => {}
    }
    if !facts.use_accepted {
        if !facts.in_use.is_empty() {
            reasons.push(Reason::InUse {
                by: facts.in_use.clone(),
            });
        }
        if facts.quiet_left_ms > 0 {
            reasons.push(Reason::NotQuiet {
                left_ms: facts.quiet_left_ms,
            });
        }
    }
    if let Some(difference) = &facts.drift {
        reasons.push(Reason::Drift {
            difference: difference.clone(),
        });
    }
    match facts.state {
        // A paused phase goes on by being started again.
        PhaseState::Pending | PhaseState::Paused => {}
        PhaseState::Running => reasons.push(Reason::Running),
        state @ (PhaseState::Completed | PhaseState::Failed | PhaseState::RolledBack) => {
            reasons.push(Reason::Over { state });
        }
    }
    match facts.execution {
        None | Some(ExecutionState::Waiting | ExecutionState::Paused | ExecutionState::Running) => {
        }
        Some(ExecutionState::RollingBack) => reasons.push(Reason::RollingBack),
        Some(
            state @ (ExecutionState::Completed
            | ExecutionState::Failed
            | ExecutionState::RolledBack
            | ExecutionState::Cancelled),
        ) => reasons.push(Reason::ExecutionOver { state }),
    }
    if facts.soak_left_ms > 0 {
        reasons.push(Reason::Soak {
            left_ms: facts.soak_left_ms,
        });
    }
    if let Some(run) = &facts.another_run {
        reasons.push(Reason::AnotherRun { run: run.clone() });
    }
    let (time, person) = reasons.into_iter().partition(Reason::passes_with_time);
    GuardVerdict { person, time }
}

impl Reason {
    /// Whether it goes away by itself.
    pub fn passes_with_time(&self) -> bool {
        match self {
            Reason::Soak { .. }
            | Reason::NotQuiet { .. }
            | Reason::AnotherRun { .. }
            | Reason::PreviousRunning { .. }
            | Reason::Running
            | Reason::RollingBack => true,
            Reason::NotCurrent
            | Reason::NotInReview
            | Reason::Rejected
            | Reason::Approvals { .. }
            | Reason::StarterApproved
            | Reason::Gate { .. }
            | Reason::PreviousNotDone { .. }
            | Reason::Findings { .. }
            | Reason::Irreversible { .. }
            | Reason::BackupRequired
            | Reason::InUse { .. }
            | Reason::Drift { .. }
            | Reason::Over { .. }
            | Reason::ExecutionOver { .. } => false,
        }
    }

    /// The stable code: the same word as on the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::NotCurrent => "not_current",
            Reason::NotInReview => "not_in_review",
            Reason::Rejected => "rejected",
            Reason::Approvals { .. } => "approvals",
            Reason::StarterApproved => "starter_approved",
            Reason::Gate { .. } => "gate",
            Reason::PreviousNotDone { .. } => "previous_not_done",
            Reason::Findings { .. } => "findings",
            Reason::Irreversible { .. } => "irreversible",
            Reason::BackupRequired => "backup_required",
            Reason::InUse { .. } => "in_use",
            Reason::NotQuiet { .. } => "not_quiet",
            Reason::Drift { .. } => "drift",
            Reason::Over { .. } => "over",
            Reason::ExecutionOver { .. } => "execution_over",
            Reason::Soak { .. } => "soak",
            Reason::AnotherRun { .. } => "another_run",
            Reason::PreviousRunning { .. } => "previous_running",
            Reason::Running => "running",
            Reason::RollingBack => "rolling_back",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NotCurrent => {
                f.write_str("A newer version was saved: have that one approved, and start it.")
            }
            Reason::NotInReview => f.write_str("Review has not been asked for."),
            Reason::Rejected => f.write_str("An approver rejected this version: edit it."),
            Reason::Approvals { have, need } => {
                write!(
                    f,
                    "It needs {need} approval{}, and has {have}.",
                    plural(*need)
                )
            }
            Reason::StarterApproved => {
                f.write_str("You approved it: here, somebody else has to start it.")
            }
            Reason::Gate { deploy } => {
                write!(f, "Somebody has to confirm the deploy: {deploy}.")
            }
            Reason::PreviousNotDone { phase } => {
                write!(f, "Phase {phase} comes first, and is not done.")
            }
            Reason::Findings { severity } => {
                let word = match severity {
                    Severity::Info => "remark",
                    Severity::Warning => "warning",
                    Severity::Error => "error",
                };
                write!(
                    f,
                    "A finding is in the way: the worst is of the severity {word}."
                )
            }
            Reason::Irreversible { obstacle } => write!(
                f,
                "It needs a backup, and none can be taken: {}.",
                obstacle.trim_end_matches('.')
            ),
            Reason::BackupRequired => f.write_str(
                "The environment's policy asks for a backup: it cannot start without one.",
            ),
            Reason::InUse { by } => write!(
                f,
                "What it takes away is still used: {}. Have that end, or start it all the same \
                 with a reason.",
                by.join("; ")
            ),
            Reason::NotQuiet { left_ms } => write!(
                f,
                "What it takes away has to be quiet for {} more.",
                span(*left_ms)
            ),
            Reason::Drift { difference } => {
                write!(
                    f,
                    "The tables are not as the approved plan expects: {difference}"
                )
            }
            Reason::Over { state } => f.write_str(match state {
                PhaseState::Completed => "It is done.",
                PhaseState::Failed => "It failed, and what is left of it needs a person.",
                PhaseState::RolledBack => "It was taken back.",
                PhaseState::Pending | PhaseState::Running | PhaseState::Paused => "It is not over.",
            }),
            Reason::ExecutionOver { state } => f.write_str(match state {
                ExecutionState::Completed => "The execution is completed.",
                ExecutionState::Failed => "The execution failed.",
                ExecutionState::RolledBack => "The execution was rolled back.",
                ExecutionState::Cancelled => "The execution was cancelled.",
                ExecutionState::Running
                | ExecutionState::Waiting
                | ExecutionState::Paused
                | ExecutionState::RollingBack => "The execution is not over.",
            }),
            Reason::Soak { left_ms } => write!(f, "The soak goes on for {}.", span(*left_ms)),
            Reason::AnotherRun { run } => write!(f, "Another run holds the target: {run}."),
            Reason::PreviousRunning { phase } => write!(f, "Phase {phase} still runs."),
            Reason::Running => f.write_str("It runs already."),
            Reason::RollingBack => f.write_str("The execution is being taken back."),
        }
    }
}

fn plural(number: u32) -> &'static str {
    if number == 1 { "" } else { "s" }
}
