//! Executions as this store saw them last: a projection of what the targets say.

use bellows::plan::Plan;
use bellows::run::{EventKind, ExecutionState, PhaseState, next, next_phase};
use serde::{Deserialize, Serialize};

use super::words::{from_json, from_word, json, number, word};
use super::{Stored, Tx};

/// What was begun and is not done: what resuming it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Intent {
    /// Run the phase.
    Phase {
        /// Which.
        phase: u32,
        /// Who started it.
        by: String,
        /// Whether a backup comes first, and then, whether of the whole database.
        #[serde(default)]
        backup: Option<bool>,
        /// Whether it is held before its cut-over until a person says go.
        #[serde(default)]
        hold: bool,
        /// Why it may begin although what it takes away is used.
        #[serde(default)]
        despite_use: Option<String>,
    },
    /// Take back everything that is done.
    RollBack {
        /// Who asked.
        by: String,
    },
    /// Take back the phase in hand and end.
    Cancel {
        /// Who asked.
        by: String,
    },
}

/// Where a phase stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseProgress {
    /// Its state.
    pub state: PhaseState,
    /// When it was done, microseconds by the target's clock.
    pub completed_at: Option<i64>,
}

/// One execution.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionRecord {
    /// UUIDv7, the same on the target.
    pub id: String,
    /// The migration; absent for one that this server did not start.
    pub migration_id: Option<String>,
    /// The document's name.
    pub name: String,
    /// The version that runs.
    pub version: u32,
    /// The target; absent in a command line's own store.
    pub target_id: Option<String>,
    /// The target's address, without user and password, where it has no record here.
    pub address: Option<String>,
    /// The plan that runs.
    pub plan: Plan,
    /// Where it stands.
    pub state: ExecutionState,
    /// Where each phase stands.
    pub phases: Vec<PhaseProgress>,
    /// The phase in hand, or the last one that was.
    pub phase: u32,
    /// Who started it, as others see them.
    pub started_by: String,
    /// Microseconds.
    pub started_at: i64,
    /// Microseconds.
    pub completed_at: Option<i64>,
    /// What went wrong last.
    pub error: Option<String>,
    /// The newest backup that was taken for it.
    pub snapshot: Option<String>,
    /// See [`Intent`].
    pub intent: Option<Intent>,
    /// Whether a server that finds it without a run goes on with it by itself.
    pub wanted: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    migration_id: Option<String>,
    name: String,
    version: i64,
    target_id: Option<String>,
    address: Option<String>,
    plan: String,
    state: String,
    phases: String,
    phase: i64,
    started_by: String,
    started_at: i64,
    completed_at: Option<i64>,
    error: Option<String>,
    snapshot: Option<String>,
    intent: Option<String>,
    wanted: bool,
}

impl Row {
    fn read(self) -> Stored<ExecutionRecord> {
        let what = |of: &str| format!("{of} of execution {}", self.id);
        Ok(ExecutionRecord {
            version: number(self.version)?,
            plan: from_json(&what("plan"), &self.plan)?,
            state: from_word(&self.state)?,
            phases: from_json(&what("phases"), &self.phases)?,
            phase: number(self.phase)?,
            intent: self
                .intent
                .as_deref()
                .map(|intent| from_json(&what("intent"), intent))
                .transpose()?,
            id: self.id,
            migration_id: self.migration_id,
            name: self.name,
            target_id: self.target_id,
            address: self.address,
            started_by: self.started_by,
            started_at: self.started_at,
            completed_at: self.completed_at,
            error: self.error,
            snapshot: self.snapshot,
            wanted: self.wanted,
        })
    }
}

/// Keeps it, in place of what was known.
pub async fn put(tx: &mut Tx, record: &ExecutionRecord) -> Stored<()> {
    let intent = record.intent.as_ref().map(json).transpose()?;
    execute!(
        tx,
        "INSERT INTO execution (id, migration_id, name, version, target_id, address, plan_hash, plan, state, phases,
             phase, started_by, started_at, completed_at, error, intent, wanted, updated_at, snapshot)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
         ON CONFLICT (id) DO UPDATE SET version = excluded.version, plan_hash = excluded.plan_hash,
             plan = excluded.plan, state = excluded.state, phases = excluded.phases,
             phase = excluded.phase, completed_at = excluded.completed_at, error = excluded.error,
             intent = excluded.intent, wanted = excluded.wanted, updated_at = excluded.updated_at,
             snapshot = excluded.snapshot",
        &record.id,
        record.migration_id.as_deref(),
        &record.name,
        i64::from(record.version),
        record.target_id.as_deref(),
        record.address.as_deref(),
        &record.plan.plan_hash,
        json(&record.plan)?,
        word(&record.state)?,
        json(&record.phases)?,
        i64::from(record.phase),
        &record.started_by,
        record.started_at,
        record.completed_at,
        record.error.as_deref(),
        intent.as_deref(),
        record.wanted,
        super::now(),
        record.snapshot.as_deref()
    )?;
    Ok(())
}

/// Replaces the intent of one that is under way.
pub async fn set_intent(tx: &mut Tx, id: &str, intent: &Intent) -> Stored<()> {
    execute!(
        tx,
        "UPDATE execution SET intent = $2, updated_at = $3 WHERE id = $1",
        id,
        json(intent)?,
        super::now()
    )?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Standing {
    state: String,
    phases: String,
    phase: i64,
    error: Option<String>,
}

/// Moves an execution on by an event that is told of it, by the core's table: whoever is woken by
/// the event finds it where the event says. What cannot come in its state changes nothing; the
/// target's own account follows at the end of the run.
pub async fn advance(tx: &mut Tx, id: &str, event: &EventKind, at: i64) -> Stored<()> {
    if let EventKind::BackupTaken { snapshot, .. } = event {
        execute!(
            tx,
            "UPDATE execution SET snapshot = $2, updated_at = $3 WHERE id = $1",
            id,
            snapshot,
            at
        )?;
    }
    let message = match event {
        EventKind::PhaseStarted { .. }
        | EventKind::PhaseCompleted { .. }
        | EventKind::RollbackStarted { .. }
        | EventKind::PhaseRolledBack { .. } => None,
        EventKind::Stopped { message, .. } | EventKind::PhaseFailed { message, .. } => {
            Some(message.clone())
        }
        EventKind::Finished { message, .. } => message.clone(),
        EventKind::ExecutionCreated { .. }
        | EventKind::Recovered { .. }
        | EventKind::StepStarted { .. }
        | EventKind::StepCompleted { .. }
        | EventKind::LockWaiting { .. }
        | EventKind::BlockerEnded { .. }
        | EventKind::Progress { .. }
        | EventKind::Throttled { .. }
        | EventKind::Released { .. }
        | EventKind::CheckPassed { .. }
        | EventKind::CheckFailed { .. }
        | EventKind::BackupProgress { .. }
        | EventKind::BackupSkipped { .. }
        | EventKind::GoSaid { .. }
        | EventKind::BackupTaken { .. }
        // Who restores knows more than the event says, and keeps it.
        | EventKind::Restored { .. }
        | EventKind::Notice { .. } => return Ok(()),
    };
    let row = fetch_optional!(
        tx,
        Standing,
        "SELECT state, phases, phase, error FROM execution WHERE id = $1",
        id
    )?;
    let Some(row) = row else {
        return Ok(());
    };
    let Ok(state) = next(Some(from_word(&row.state)?), event) else {
        return Ok(());
    };
    let mut phases: Vec<PhaseProgress> =
        from_json(&format!("phases of execution {id}"), &row.phases)?;
    let named = event.phase().filter(|phase| *phase > 0);
    let in_hand = named.and_then(|phase| phases.get_mut(phase as usize - 1));
    if let Some(progress) = in_hand
        && let Ok(state) = next_phase(progress.state, event)
    {
        progress.state = state;
        if state == PhaseState::Completed {
            progress.completed_at = Some(at);
        }
    }
    let error = match event {
        EventKind::PhaseStarted { .. } | EventKind::PhaseCompleted { .. } => None,
        EventKind::Finished { .. } => message,
        EventKind::ExecutionCreated { .. }
        | EventKind::Recovered { .. }
        | EventKind::StepStarted { .. }
        | EventKind::StepCompleted { .. }
        | EventKind::LockWaiting { .. }
        | EventKind::BlockerEnded { .. }
        | EventKind::Progress { .. }
        | EventKind::Throttled { .. }
        | EventKind::Released { .. }
        | EventKind::CheckPassed { .. }
        | EventKind::CheckFailed { .. }
        | EventKind::Stopped { .. }
        | EventKind::PhaseFailed { .. }
        | EventKind::RollbackStarted { .. }
        | EventKind::PhaseRolledBack { .. }
        | EventKind::BackupProgress { .. }
        | EventKind::BackupTaken { .. }
        | EventKind::BackupSkipped { .. }
        | EventKind::GoSaid { .. }
        | EventKind::Restored { .. }
        | EventKind::Notice { .. } => message.or(row.error),
    };
    execute!(
        tx,
        "UPDATE execution SET state = $2, phases = $3, phase = $4, error = $5, completed_at = $6,
             updated_at = $7 WHERE id = $1",
        id,
        word(&state)?,
        json(&phases)?,
        named.map_or(row.phase, i64::from),
        error.as_deref(),
        state.is_over().then_some(at),
        at
    )?;
    Ok(())
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, migration_id, name, version, target_id, address, plan, state, phases, phase, ",
            "started_by, started_at, completed_at, error, snapshot, intent, wanted FROM execution ",
            $rest
        )
    };
}

/// The newest 500, newest first.
pub async fn all(tx: &mut Tx) -> Stored<Vec<ExecutionRecord>> {
    fetch_all!(
        tx,
        Row,
        select!("ORDER BY started_at DESC, id DESC LIMIT 500")
    )?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// Those of a migration, newest first.
pub async fn of_migration(tx: &mut Tx, migration_id: &str) -> Stored<Vec<ExecutionRecord>> {
    fetch_all!(
        tx,
        Row,
        select!("WHERE migration_id = $1 ORDER BY started_at DESC, id DESC"),
        migration_id
    )?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// Those that a server is to go on with by itself.
pub async fn wanted(tx: &mut Tx) -> Stored<Vec<ExecutionRecord>> {
    fetch_all!(tx, Row, select!("WHERE wanted ORDER BY id"))?
        .into_iter()
        .map(Row::read)
        .collect()
}

/// One of them.
pub async fn by_id(tx: &mut Tx, id: &str) -> Stored<Option<ExecutionRecord>> {
    fetch_optional!(tx, Row, select!("WHERE id = $1"), id)?
        .map(Row::read)
        .transpose()
}
