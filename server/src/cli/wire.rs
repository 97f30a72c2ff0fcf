//! What `--format json` prints beside the plan. These shapes are promised to programs.

use bellows::lint::Finding;
use bellows::run::{ExecutionState, PhaseState};
use serde::Serialize;

use crate::executor::{ExecutionRecord, Verdict, is_over};
use crate::store::executions::ExecutionRecord as Kept;

/// What `verify` prints.
#[derive(Serialize)]
pub struct VerdictWire {
    /// No file is unsafe.
    pub safe: bool,
    /// One a file, in the order given.
    pub files: Vec<FileWire>,
}

/// The verdict on one file.
#[derive(Serialize)]
pub struct FileWire {
    /// As it was given.
    pub file: String,
    /// No finding is an error.
    pub safe: bool,
    /// What the linter, or the reader, says.
    pub findings: Vec<Finding>,
}

/// A check of an execution, asked once more.
#[derive(Serialize)]
pub struct CheckedWire {
    phase: u32,
    check: &'static str,
    /// Whether it holds.
    pub passed: bool,
    found: String,
    message: String,
    sql: String,
}

impl CheckedWire {
    /// Of that phase.
    pub fn new(phase: u32, verdict: Verdict) -> Self {
        Self {
            phase,
            check: verdict.check,
            passed: verdict.passed,
            found: verdict.found,
            message: verdict.message,
            sql: verdict.sql,
        }
    }

    /// For people.
    pub fn line(&self) -> String {
        if self.passed {
            format!("✓ Phase {}: {}", self.phase, self.check)
        } else {
            format!(
                "✗ Phase {}: {}: {} (found {})",
                self.phase, self.check, self.message, self.found
            )
        }
    }
}

/// One execution, as `status` and `history` print it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionWire {
    /// Its id.
    pub execution_id: String,
    /// The document's name.
    pub migration: String,
    /// The document's hash.
    pub hash: String,
    /// Where the target is, without credentials.
    pub target: String,
    /// Where it stands.
    pub status: ExecutionState,
    /// The phase in hand, or the last one that was; 0 before the first.
    pub phase: u32,
    /// How many there are.
    pub phases: u32,
    /// Milliseconds since 1970.
    pub started_at: i64,
    /// The same; null while it is not over.
    pub completed_at: Option<i64>,
    /// Milliseconds between the two.
    pub duration_ms: Option<i64>,
    /// The newest backup that was taken for it.
    pub snapshot_id: Option<String>,
    /// What went wrong last.
    pub error: Option<String>,
}

impl ExecutionWire {
    /// An execution on the target with that address.
    pub fn new(record: &ExecutionRecord, address: &str) -> Self {
        let begun = record
            .phases
            .iter()
            .filter(|p| p.state != PhaseState::Pending);
        Self {
            execution_id: record.id.clone(),
            migration: record.migration.clone(),
            hash: record.hash.clone(),
            target: address.to_owned(),
            status: record.state,
            phase: begun.map(|p| p.phase).max().unwrap_or(0),
            phases: record.phases.iter().map(|p| p.phase).max().unwrap_or(0),
            started_at: record.started_at / 1000,
            completed_at: record.completed_at.map(|at| at / 1000),
            duration_ms: record
                .completed_at
                .map(|at| (at - record.started_at) / 1000),
            snapshot_id: record.snapshot.clone(),
            error: record.error.clone(),
        }
    }
}

impl From<&Kept> for ExecutionWire {
    fn from(kept: &Kept) -> Self {
        Self {
            execution_id: kept.id.clone(),
            migration: kept.name.clone(),
            hash: kept.plan.hash.clone(),
            target: kept.address.clone().unwrap_or_default(),
            status: kept.state,
            phase: kept.phase,
            phases: u32::try_from(kept.phases.len()).unwrap_or(u32::MAX),
            started_at: kept.started_at / 1000,
            completed_at: kept.completed_at.map(|at| at / 1000),
            duration_ms: kept.completed_at.map(|at| (at - kept.started_at) / 1000),
            snapshot_id: kept.snapshot.clone(),
            error: kept.error.clone(),
        }
    }
}

/// How many executions went how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// All of them.
    pub total: usize,
    /// Every phase is done.
    pub completed: usize,
    /// Could not even be taken back.
    pub failed: usize,
    /// Taken back.
    pub rolled_back: usize,
    /// Not over.
    pub running: usize,
}

impl Summary {
    /// Counts.
    pub fn of(executions: &[ExecutionWire]) -> Self {
        let count = |wanted: &dyn Fn(ExecutionState) -> bool| {
            executions.iter().filter(|e| wanted(e.status)).count()
        };
        Self {
            total: executions.len(),
            completed: count(&|state| state == ExecutionState::Completed),
            failed: count(&|state| state == ExecutionState::Failed),
            rolled_back: count(&|state| state == ExecutionState::RolledBack),
            running: count(&|state| !is_over(state)),
        }
    }
}

/// What `status` prints.
#[derive(Serialize)]
pub struct StatusWire<'a> {
    /// The newest execution.
    pub last: Option<&'a ExecutionWire>,
    /// How all of them went.
    pub summary: Summary,
}
