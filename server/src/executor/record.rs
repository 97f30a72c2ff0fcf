//! What an execution is on the target, and what callers hand in and get back.

use std::path::PathBuf;

use bellows::plan::Plan;
use bellows::run::{ExecutionState, PhaseState, StopReason, Throttle};
use bellows::schema::Schema;

use crate::backup::BackupError;
use crate::target::{Fault, TargetError, fault};

/// A document about to be executed.
#[derive(Clone, Debug)]
pub struct NewExecution {
    /// UUIDv7, used where the execution is not there yet.
    pub id: String,
    /// The document's name: one execution per name lives on a target.
    pub migration: String,
    /// The document as YAML.
    pub document: String,
    /// What it compiled to for this target.
    pub plan: Plan,
    /// The schema that the plan was made for, against which drift is measured; where it is absent
    /// the target is asked now.
    pub planned_on: Option<Schema>,
    /// Who starts it.
    pub by: String,
}

/// What [`super::open`] found or made.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The execution.
    pub record: ExecutionRecord,
    /// Whether it was made now.
    pub created: bool,
}

/// An execution as the target's records have it. Times are microseconds since 1970, by the
/// target's clock.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionRecord {
    /// UUIDv7.
    pub id: String,
    /// The document's name.
    pub migration: String,
    /// The document's hash.
    pub hash: String,
    /// The plan's hash.
    pub plan_hash: String,
    /// The document as YAML.
    pub document: String,
    /// What is run.
    pub plan: Plan,
    /// Where it stands.
    pub state: ExecutionState,
    /// Its phases, in order.
    pub phases: Vec<PhaseRecord>,
    /// Who started it.
    pub by: String,
    /// When it was made.
    pub started_at: i64,
    /// When it ended.
    pub completed_at: Option<i64>,
    /// What went wrong.
    pub error: Option<String>,
    /// Gates that people confirmed.
    pub gates: Vec<GateRecord>,
    /// The newest backup that was taken for it.
    pub snapshot: Option<String>,
}

impl ExecutionRecord {
    /// The phase's record, where the plan has such a phase.
    pub fn phase(&self, phase: u32) -> Option<&PhaseRecord> {
        self.phases.iter().find(|p| p.phase == phase)
    }

    /// The first phase that is not completed; `None` once all are.
    pub fn next_phase(&self) -> Option<u32> {
        self.phases
            .iter()
            .find(|p| p.state != PhaseState::Completed)
            .map(|p| p.phase)
    }
}

/// Whether an execution in this state is over. One that is can still be rolled back.
pub fn is_over(state: ExecutionState) -> bool {
    match state {
        ExecutionState::Running
        | ExecutionState::Waiting
        | ExecutionState::Paused
        | ExecutionState::RollingBack => false,
        ExecutionState::Completed
        | ExecutionState::Failed
        | ExecutionState::RolledBack
        | ExecutionState::Cancelled => true,
    }
}

/// A phase of an execution.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseRecord {
    /// 1, 2, 3, ...
    pub phase: u32,
    /// Where it stands.
    pub state: PhaseState,
    /// When it was first started.
    pub started_at: Option<i64>,
    /// When it was done, checks included.
    pub completed_at: Option<i64>,
    /// The fingerprint of its tables once it was done.
    pub fingerprint_after: Option<String>,
}

/// A confirmed gate.
#[derive(Clone, Debug, PartialEq)]
pub struct GateRecord {
    /// The phase behind the gate.
    pub phase: u32,
    /// The version that was deployed.
    pub version: String,
    /// Who confirmed it.
    pub by: String,
    /// When.
    pub at: i64,
}

/// How a run goes about its work.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// How long a statement whose queued lock holds traffic up may wait in each try, in ms.
    pub lock_timeout_ms: u64,
    /// How long a statement that holds nobody up may wait for its lock in each try, in ms.
    pub patient_ms: u64,
    /// Who runs: the server's instance id, or the command line's. A restarted server with the
    /// same id may end what its predecessor left running on the target.
    pub owner: String,
    /// The time for all tries of a step together, in ms, where the document's phase has no
    /// `timeout`; absent: five minutes.
    pub budget_ms: Option<u64>,
    /// What a statement that blocks others may take, in ms, in place of the phase's `timeout`.
    pub timeout_ms: Option<u64>,
    /// How long to try for a lost connection, in ms.
    pub reconnect_ms: u64,
    /// From where on the target's signals hold batches back.
    pub throttle: Throttle,
    /// How long they may, in ms; then the run stops where it can go on.
    pub throttle_ms: u64,
    /// Sessions that walk a large table at the same time, where nobody wants another number while it
    /// runs; 0 is one that rests as long as it works.
    pub workers: u32,
    /// Rows of a part of a walk, each of which one session walks.
    pub part_rows: u64,
    /// What a person said about a statement of which nobody can know whether it took effect.
    pub unknown: Unknown,
    /// The backup to take before the phase's first statement; absent: none.
    pub backup: Option<BackupOrder>,
    /// Whether the phase is held before its cut-over, or where it is a contract phase before it
    /// begins, until a person says go.
    pub hold: bool,
}

/// A backup that a run is to take before a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupOrder {
    /// Where backups are kept.
    pub folder: PathBuf,
    /// The whole database, and not only the tables that the migration touches.
    pub whole: bool,
}

impl RunOptions {
    /// The defaults, for that owner.
    pub fn new(owner: impl Into<String>) -> Self {
        Self {
            lock_timeout_ms: 50,
            patient_ms: 30_000,
            owner: owner.into(),
            budget_ms: None,
            timeout_ms: None,
            reconnect_ms: 60_000,
            throttle: Throttle::default(),
            workers: 1,
            part_rows: 50_000,
            throttle_ms: 3_600_000,
            unknown: Unknown::Ask,
            backup: None,
            hold: false,
        }
    }
}

/// What to do with a statement outside a transaction that was begun by a run which then died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Stop and ask.
    Ask,
    /// Send it again.
    Rerun,
    /// It took effect: go on after it.
    TakeAsDone,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The phase is done; others remain.
    PhaseCompleted,
    /// The phase is done and was the last one.
    Completed,
    /// Taken back: because the phase failed, or because a person asked.
    RolledBack {
        /// Why, for people.
        message: String,
    },
    /// The rollback was not possible.
    Failed {
        /// What went wrong and what is left, for people.
        message: String,
    },
    /// Ended by a person; the phase in hand was taken back.
    Cancelled,
    /// Stopped where it can go on.
    Stopped {
        /// Why.
        reason: StopReason,
        /// For people.
        message: String,
    },
}

/// Why a call was refused, or broke.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// The target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// No such execution on the target.
    #[error("there is no execution {0} on this target")]
    NotFound(String),
    /// The plan has no such phase.
    #[error("the migration has no phase {0}")]
    NoPhase(u32),
    /// A phase before it is not done.
    #[error("phase {phase} cannot start: phase {missing} is not completed")]
    Predecessor {
        /// The phase asked for.
        phase: u32,
        /// The first one that is missing.
        missing: u32,
    },
    /// A later phase is still there.
    #[error("phase {phase} cannot be taken back before phase {later}")]
    Successor {
        /// The phase asked for.
        phase: u32,
        /// The later one.
        later: u32,
    },
    /// The execution has ended.
    #[error("execution {id} is over ({state})")]
    Over {
        /// The execution.
        id: String,
        /// How it ended, for people.
        state: &'static str,
    },
    /// A newer execution of the same migration stands on what this one left.
    #[error("execution {newer} of the same migration came after this one: roll that one back")]
    Superseded {
        /// The newer one.
        newer: String,
    },
    /// A phase that was begun reads differently now.
    #[error(
        "phase {phase} of {migration} was begun on this target and reads differently now; put it \
         back as it was, or roll it back first"
    )]
    DocumentChanged {
        /// The document's name.
        migration: String,
        /// The phase.
        phase: u32,
    },
    /// The tables are not as the plan, or the phases before, left them.
    #[error("the tables of phase {phase} are not as the plan expects them: {difference}")]
    Drift {
        /// The phase.
        phase: u32,
        /// For people.
        difference: String,
    },
    /// Nothing waits there for a person to say go.
    #[error("execution {0} is not held: there is nothing to say go to")]
    NotHeld(String),
    /// Nothing of it is left to take back.
    #[error("execution {0} has nothing to roll back")]
    NothingToRollBack(String),
    /// Bellows' records on the target cannot be read.
    #[error("Bellows' records on the target cannot be read: {0}")]
    Records(String),
    /// An event could not be kept; the run stopped where it can go on.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A backup could not be taken or restored; where it was to come before a phase, nothing of the
    /// phase was done.
    #[error("{0}")]
    Backup(BackupError),
    /// A saved copy is missing, in the way, or still needed; nothing was done.
    #[error("{0}")]
    Saved(String),
    /// A soak cannot be read.
    #[error("the soak of a gate cannot be read: {0}")]
    Soak(String),
}

impl ExecuteError {
    /// Whether a lock on the target was not had, after every try for it: nothing was done.
    pub fn is_locked(&self) -> bool {
        match self {
            ExecuteError::Target(error) => error.is_locked(),
            ExecuteError::NotFound(_)
            | ExecuteError::NoPhase(_)
            | ExecuteError::Predecessor { .. }
            | ExecuteError::Successor { .. }
            | ExecuteError::Over { .. }
            | ExecuteError::Superseded { .. }
            | ExecuteError::DocumentChanged { .. }
            | ExecuteError::Drift { .. }
            | ExecuteError::NotHeld(_)
            | ExecuteError::NothingToRollBack(_)
            | ExecuteError::Records(_)
            | ExecuteError::Sink(_)
            | ExecuteError::Backup(_)
            | ExecuteError::Saved(_)
            | ExecuteError::Soak(_) => false,
        }
    }

    /// Whether the target could not be reached, or was lost: trying again may help.
    pub fn is_lost(&self) -> bool {
        match self {
            ExecuteError::Target(TargetError::Connect { source, .. }) => {
                fault(source) == Fault::Lost
            }
            ExecuteError::Target(TargetError::Query(error)) => fault(error) == Fault::Lost,
            ExecuteError::Target(_)
            | ExecuteError::NotFound(_)
            | ExecuteError::NoPhase(_)
            | ExecuteError::Predecessor { .. }
            | ExecuteError::Successor { .. }
            | ExecuteError::Over { .. }
            | ExecuteError::Superseded { .. }
            | ExecuteError::DocumentChanged { .. }
            | ExecuteError::Drift { .. }
            | ExecuteError::NotHeld(_)
            | ExecuteError::NothingToRollBack(_)
            | ExecuteError::Records(_)
            | ExecuteError::Sink(_)
            | ExecuteError::Backup(_)
            | ExecuteError::Saved(_)
            | ExecuteError::Soak(_) => false,
        }
    }
}

impl From<BackupError> for ExecuteError {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Target(error) => ExecuteError::Target(error),
            error @ (BackupError::Missing { .. }
            | BackupError::Old { .. }
            | BackupError::Tool { .. }
            | BackupError::Room { .. }
            | BackupError::File { .. }
            | BackupError::NotFound { .. }
            | BackupError::Damaged { .. }
            | BackupError::Refused(_)) => ExecuteError::Backup(error),
        }
    }
}

impl From<sqlx::Error> for ExecuteError {
    fn from(error: sqlx::Error) -> Self {
        ExecuteError::Target(TargetError::Query(error))
    }
}

/// An event could not be kept.
#[derive(Debug, thiserror::Error)]
#[error("an event of the run could not be stored: {0}")]
pub struct SinkError(pub String);
