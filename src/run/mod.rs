//! The state machine of an execution, and the events that it tells.

mod evidence;
mod forecast;
mod guard;
mod hold;
mod old_side;
mod span;
mod throttle;
mod transition;
mod view;

use serde::{Deserialize, Serialize};

pub use evidence::{Evidence, Look, PhaseEvidence, Point, Seen, Sight, Source, Usage};
pub use forecast::{Forecast, Hold, Obstacle, PhaseForecast, Prospect, StepForecast};
pub use guard::{BackupNeed, GuardFacts, GuardVerdict, Reason, VersionState, guard};
pub use hold::{HoldPoint, hold_point};
pub use old_side::{OldSide, names, old_sides};
pub use throttle::{HeldBy, Pace, Signal, Throttle, parse_throttle};
pub use transition::{IllegalTransition, next, next_phase};
pub use view::{BackupProgress, CheckOutcome, PhaseProgress, StepProgress, Stopped, Taken, View};

/// Where an execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionState {
    /// A phase runs, or is about to.
    Running,
    /// Between phases: the next one waits for a person or for time.
    Waiting,
    /// Stopped in the middle of a phase; it can go on.
    Paused,
    /// A phase, or all of them, is being taken back.
    RollingBack,
    /// Every phase is done. Over.
    Completed,
    /// The rollback itself was not possible. Over.
    Failed,
    /// Taken back. Over.
    RolledBack,
    /// A person ended it. Over.
    Cancelled,
}

impl ExecutionState {
    /// Whether nothing can happen to it any more.
    pub fn is_over(self) -> bool {
        match self {
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
}

/// Where a phase of an execution stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseState {
    /// Not started.
    Pending,
    /// Running.
    Running,
    /// Stopped in the middle.
    Paused,
    /// Done, checks included.
    Completed,
    /// Failed and being taken back, or left as the error says.
    Failed,
    /// Taken back.
    RolledBack,
}

/// Why a run stopped where it can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopReason {
    /// A deploy gate is not confirmed.
    Gate,
    /// The soak is not over.
    Soak,
    /// What the phase takes away is still used.
    #[serde(rename = "in_use")]
    InUse,
    /// A person paused it.
    Paused,
    /// It is held before a cut-over or a contract phase until a person says go.
    Held,
    /// Another run holds the target.
    Busy,
    /// A lock was not had within the bound.
    Lock,
    /// The throttle held it back for too long.
    Throttle,
    /// The connection was lost and could not be had again.
    Connection,
    /// The target's disk is full.
    Disk,
    /// Whether a statement took effect cannot be known; a person must look.
    Unknown,
}

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalStatus {
    /// Every phase is done.
    Completed,
    /// The rollback was not possible.
    Failed,
    /// Taken back.
    RolledBack,
    /// A person ended it.
    Cancelled,
}

/// A session that stands in the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocker {
    /// The server's process id.
    pub pid: i32,
    /// Its database user.
    pub user: String,
    /// What it runs or ran last.
    pub query: String,
    /// How long its transaction has been open, in milliseconds.
    pub age_ms: u64,
    /// An autovacuum worker, which is made to give way.
    pub autovacuum: bool,
    /// The server keeps no list of who holds which lock: this session may stand in the way, or not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guessed: bool,
}

/// What an event says. `seq`, time and version stand around it, see [`RunEvent`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    content = "data",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum EventKind {
    /// The execution was made on the target.
    ExecutionCreated {
        /// The document's name.
        migration: String,
        /// Number of phases.
        phases: u32,
    },
    /// A phase started, or goes on after a stop.
    PhaseStarted {
        /// The phase.
        phase: u32,
        /// Who started it.
        by: String,
        /// Whether it goes on where it stopped.
        resumed: bool,
    },
    /// After a crash or a lost connection: what the target says was done.
    Recovered {
        /// The phase.
        phase: u32,
        /// What was found, for people.
        found: String,
    },
    /// A step begins.
    StepStarted {
        /// The phase.
        phase: u32,
        /// The step's id.
        step: String,
        /// For people.
        title: String,
        /// The SQL that it sends.
        sql: Vec<String>,
    },
    /// A step is done.
    StepCompleted {
        /// The phase.
        phase: u32,
        /// The step's id.
        step: String,
        /// What it took, in milliseconds.
        duration_ms: u64,
    },
    /// The lock was not had; it will be tried again.
    LockWaiting {
        /// The step's id.
        step: String,
        /// Tries so far.
        tries: u32,
        /// Milliseconds until the next try.
        next_ms: u64,
        /// Who stands in the way, as far as could be seen.
        blockers: Vec<Blocker>,
    },
    /// A person had a session ended that stood in the way.
    BlockerEnded {
        /// The step's id.
        step: String,
        /// Who.
        by: String,
        /// The session.
        blocker: Blocker,
    },
    /// How far a backfill is; sampled.
    Progress {
        /// The step's id.
        step: String,
        /// Rows walked.
        rows: u64,
        /// Rows changed.
        changed: u64,
        /// Rows to walk, counted or estimated at the start.
        total: u64,
        /// Rows a second, over the last seconds.
        rate: f64,
        /// Milliseconds left, estimated.
        left_ms: Option<u64>,
        /// Rows of the last batch.
        batch: u32,
        /// How hard it goes at it, and what it has met.
        #[serde(default)]
        pace: Pace,
    },
    /// Signals of the target hold the batches back; told again when others do, and now and then.
    Throttled {
        /// The step's id.
        step: String,
        /// Which, each with what it shows.
        held: Vec<HeldBy>,
        /// How long it has been held back, in milliseconds.
        held_ms: u64,
    },
    /// Nothing holds the batches back any more.
    Released {
        /// The step's id.
        step: String,
        /// How long it was held back, in milliseconds.
        held_ms: u64,
    },
    /// A check passed.
    CheckPassed {
        /// The phase.
        phase: u32,
        /// The check, for people.
        check: String,
    },
    /// A check failed.
    CheckFailed {
        /// The phase.
        phase: u32,
        /// The check, for people.
        check: String,
        /// The document's message, or ours.
        message: String,
        /// The value found.
        found: String,
        /// The query that was asked.
        sql: String,
    },
    /// The phase stopped where it can go on.
    Stopped {
        /// The phase.
        phase: u32,
        /// Why.
        reason: StopReason,
        /// For people: who holds it, what to do.
        message: String,
    },
    /// The phase is done.
    PhaseCompleted {
        /// The phase.
        phase: u32,
        /// What it took, in milliseconds.
        duration_ms: u64,
    },
    /// The phase failed; what is reversible is taken back.
    PhaseFailed {
        /// The phase.
        phase: u32,
        /// Why.
        message: String,
    },
    /// A phase is taken back.
    RollbackStarted {
        /// The phase.
        phase: u32,
    },
    /// A phase was taken back.
    PhaseRolledBack {
        /// The phase.
        phase: u32,
    },
    /// How far the backup before a phase is; sampled.
    BackupProgress {
        /// The phase that it is taken before.
        before: u32,
        /// Bytes written so far.
        bytes: u64,
        /// Bytes that what is backed up takes on the target, as a measure.
        total: u64,
    },
    /// The backup before a phase is complete.
    BackupTaken {
        /// The phase that it was taken before.
        before: u32,
        /// Its id, by which it is restored.
        snapshot: String,
        /// Its size.
        bytes: u64,
        /// What it took, in milliseconds.
        duration_ms: u64,
        /// Number of tables in it.
        tables: u32,
    },
    /// A person said that a phase which destroys values needs no backup.
    BackupSkipped {
        /// The phase.
        before: u32,
        /// Who.
        by: String,
    },
    /// A person said go: what was held goes on.
    GoSaid {
        /// The phase.
        phase: u32,
        /// Who.
        by: String,
    },
    /// A backup was restored: the execution stands where the target was put back to.
    Restored {
        /// The backup.
        snapshot: String,
        /// Where the execution stands now.
        state: ExecutionState,
        /// Where its phases stand now, in order.
        phases: Vec<PhaseState>,
    },
    /// The server said something (RAISE NOTICE and the like).
    Notice {
        /// What.
        message: String,
    },
    /// The execution is over. The last event.
    Finished {
        /// How.
        status: FinalStatus,
        /// What went wrong, or what is left.
        message: Option<String>,
    },
}

impl EventKind {
    /// The word of the wire: `phase_started`.
    pub fn word(&self) -> &'static str {
        match self {
            EventKind::ExecutionCreated { .. } => "execution_created",
            EventKind::PhaseStarted { .. } => "phase_started",
            EventKind::Recovered { .. } => "recovered",
            EventKind::StepStarted { .. } => "step_started",
            EventKind::StepCompleted { .. } => "step_completed",
            EventKind::LockWaiting { .. } => "lock_waiting",
            EventKind::BlockerEnded { .. } => "blocker_ended",
            EventKind::Progress { .. } => "progress",
            EventKind::Throttled { .. } => "throttled",
            EventKind::Released { .. } => "released",
            EventKind::CheckPassed { .. } => "check_passed",
            EventKind::CheckFailed { .. } => "check_failed",
            EventKind::Stopped { .. } => "stopped",
            EventKind::PhaseCompleted { .. } => "phase_completed",
            EventKind::PhaseFailed { .. } => "phase_failed",
            EventKind::RollbackStarted { .. } => "rollback_started",
            EventKind::PhaseRolledBack { .. } => "phase_rolled_back",
            EventKind::BackupProgress { .. } => "backup_progress",
            EventKind::BackupTaken { .. } => "backup_taken",
            EventKind::BackupSkipped { .. } => "backup_skipped",
            EventKind::GoSaid { .. } => "go_said",
            EventKind::Restored { .. } => "restored",
            EventKind::Notice { .. } => "notice",
            EventKind::Finished { .. } => "finished",
        }
    }

    /// The phase that it names.
    pub fn phase(&self) -> Option<u32> {
        match self {
            EventKind::PhaseStarted { phase, .. }
            | EventKind::Recovered { phase, .. }
            | EventKind::StepStarted { phase, .. }
            | EventKind::StepCompleted { phase, .. }
            | EventKind::CheckPassed { phase, .. }
            | EventKind::CheckFailed { phase, .. }
            | EventKind::Stopped { phase, .. }
            | EventKind::GoSaid { phase, .. }
            | EventKind::PhaseCompleted { phase, .. }
            | EventKind::PhaseFailed { phase, .. }
            | EventKind::RollbackStarted { phase }
            | EventKind::PhaseRolledBack { phase } => Some(*phase),
            EventKind::ExecutionCreated { .. }
            | EventKind::LockWaiting { .. }
            | EventKind::BlockerEnded { .. }
            | EventKind::Progress { .. }
            | EventKind::BackupProgress { .. }
            | EventKind::BackupTaken { .. }
            | EventKind::BackupSkipped { .. }
            | EventKind::Restored { .. }
            | EventKind::Throttled { .. }
            | EventKind::Released { .. }
            | EventKind::Notice { .. }
            | EventKind::Finished { .. } => None,
        }
    }
}

/// One event, as it is stored and sent: `{v, seq, at, kind, data}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunEvent {
    /// Version of the format: 1.
    pub v: u32,
    /// 1, 2, 3, ... without gaps per execution.
    pub seq: u64,
    /// Microseconds since 1970, UTC.
    pub at: i64,
    /// What happened.
    #[serde(flatten)]
    pub event: EventKind,
}
