//! The runs of this server: started on tasks of their own, told to pause or cancel, and brought to
//! the books when they end, however they end.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bellows::run::{EventKind, ExecutionState, StopReason, Throttle};
use bellows_app::backend::Answer;
use futures::FutureExt;
use serde_json::json;
use tokio::time::sleep;

use super::{conflict, told};
use crate::audit::{Entry, append, execution_subject};
use crate::auth::Actor;
use crate::events::Note;
use crate::executor::{
    self, BackupOrder, ControlReceiver, ControlSender, Evicted, ExecuteError, Outcome, RunOptions,
};
use crate::state::AppState;
use crate::store::executions::{self, ExecutionRecord, Intent, PhaseProgress};
use crate::store::{Stored, environments, targets};
use crate::target::Target;

/// A server that stops waits so long for its runs to come to rest.
const REST: Duration = Duration::from_secs(30);
/// A run whose end was told is brought to the books within moments.
const SETTLED: Duration = Duration::from_secs(10);
const SETTLING: Duration = Duration::from_millis(10);
/// Between tries to bring an end to the books.
const BOOKS_AGAIN: Duration = Duration::from_secs(2);

/// The runs under way, by execution.
#[derive(Debug, Default)]
pub struct Runs(Mutex<HashMap<String, Run>>);

#[derive(Debug)]
struct Run {
    target_id: String,
    name: String,
    control: ControlSender,
    /// A person paused it, so that a restart does not go on with it by itself.
    by_person: bool,
    /// Sessions that are to be at work on a large table.
    workers: u32,
}

/// Why a run is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A person asked for it.
    Person,
    /// A server found it unfinished.
    Recovery,
}

impl Runs {
    fn map(&self) -> MutexGuard<'_, HashMap<String, Run>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What runs on the target for another migration's execution than the given one.
    pub fn busy(&self, target_id: &str, but: Option<&ExecutionRecord>) -> Option<String> {
        self.map()
            .iter()
            .find(|(id, run)| {
                run.target_id == target_id && but.is_none_or(|execution| execution.id != **id)
            })
            .map(|(_, run)| run.name.clone())
    }

    /// Whether the execution is being run here.
    pub fn is_live(&self, id: &str) -> bool {
        self.map().contains_key(id)
    }

    /// Waits for a run that has told its end to leave the books; false where it goes on.
    pub async fn settled(&self, id: &str) -> bool {
        let gone = async {
            while self.is_live(id) {
                sleep(SETTLING).await;
            }
        };
        tokio::time::timeout(SETTLED, gone).await.is_ok()
    }

    /// Has the run stop after the batch or statement in hand; false where there is none.
    pub fn pause(&self, id: &str) -> bool {
        match self.map().get_mut(id) {
            Some(run) => {
                run.by_person = true;
                run.control.pause();
                true
            }
            None => false,
        }
    }

    /// Has the run stop and take its phase back; false where there is none.
    pub fn cancel(&self, id: &str) -> bool {
        match self.map().get(id) {
            Some(run) => {
                run.control.cancel();
                true
            }
            None => false,
        }
    }

    /// Has a session ended that stands in the way of the run; nothing where there is no run, or it
    /// waits for no lock.
    pub async fn end_blocker(&self, id: &str, pid: i32, by: &str) -> Option<Evicted> {
        let control = self.map().get(id).map(|run| run.control.clone())?;
        control.end_blocker(pid, by).await
    }

    /// How many sessions are to be at work on a large table, and how many with a step up or down;
    /// `None` where there is no run.
    pub fn step(&self, id: &str, faster: bool) -> Option<(u32, u32)> {
        let map = self.map();
        let before = map.get(id)?.workers;
        let after = if faster {
            (before + 1).min(executor::WORKERS)
        } else {
            before.saturating_sub(1)
        };
        Some((before, after))
    }

    /// Has so many at work after the batches in hand.
    pub fn set_workers(&self, id: &str, workers: u32) {
        if let Some(run) = self.map().get_mut(id) {
            run.workers = workers;
            run.control.set_workers(workers);
        }
    }

    fn pause_all(&self) {
        for run in self.map().values() {
            run.control.pause();
        }
    }

    fn is_empty(&self) -> bool {
        self.map().is_empty()
    }
}

/// Begins a run whose record, with its intent, is in the store already.
pub fn begin(
    state: &AppState,
    record: ExecutionRecord,
    target: Target,
    occasion: Occasion,
) -> Answer<()> {
    let (sender, receiver) = executor::control();
    {
        let mut runs = state.runs.map();
        if runs.contains_key(&record.id) {
            return Err(conflict("It is being run already."));
        }
        runs.insert(
            record.id.clone(),
            Run {
                target_id: record.target_id.clone().unwrap_or_default(),
                name: record.name.clone(),
                control: sender,
                by_person: false,
                workers: RunOptions::new(&state.owner).workers,
            },
        );
    }
    let counters = &state.counters;
    counters.runs_started.fetch_add(1, Ordering::Relaxed);
    counters.runs_live.fetch_add(1, Ordering::Relaxed);
    let state = state.clone();
    tokio::spawn(async move {
        let ended = AssertUnwindSafe(run(&state, &record, &target, receiver))
            .catch_unwind()
            .await;
        let end = match ended {
            Ok(Ok(outcome)) => End::Outcome(outcome),
            Ok(Err(error)) => End::Refused(error),
            Err(_) => End::Panicked,
        };
        close(&state, &record, &target, end, occasion).await;
        state.runs.map().remove(&record.id);
        state.counters.runs_live.fetch_sub(1, Ordering::Relaxed);
        state.events.notify(Note {
            execution: record.id,
            seq: None,
        });
    });
    Ok(())
}

async fn run(
    state: &AppState,
    record: &ExecutionRecord,
    target: &Target,
    control: ControlReceiver,
) -> Result<Outcome, ExecuteError> {
    let throttle = match throttle(state, record).await {
        Ok(throttle) => throttle,
        Err(error) => {
            return Err(ExecuteError::Records(format!(
                "the environment's limits could not be read from the store: {error}"
            )));
        }
    };
    let mut options = RunOptions {
        throttle,
        ..RunOptions::new(&state.owner)
    };
    let events = &state.events;
    match &record.intent {
        Some(Intent::Phase {
            phase,
            by,
            backup,
            hold,
            despite_use: _,
        }) => {
            options.hold = *hold;
            options.backup = backup.map(|whole| BackupOrder {
                folder: state.backups.clone(),
                whole,
            });
            executor::run_phase(target, &record.id, *phase, by, &options, events, control).await
        }
        Some(Intent::RollBack { by }) => {
            executor::roll_back(target, &record.id, None, by, &options, events, control).await
        }
        Some(Intent::Cancel { by }) => {
            executor::cancel(target, &record.id, by, &options, events).await
        }
        None => Err(ExecuteError::NothingToRollBack(record.id.clone())),
    }
}

/// From where on signals of the target hold its batches back: its environment's limits.
async fn throttle(state: &AppState, record: &ExecutionRecord) -> Stored<Throttle> {
    let mut tx = state.store.read().await?;
    let id = record.target_id.as_deref().unwrap_or_default();
    let Some(target) = targets::by_id(&mut tx, id).await? else {
        return Ok(Throttle::default());
    };
    let policy = environments::policy(&mut tx, &target.environment).await?;
    Ok(policy.unwrap_or_default().throttle)
}

/// How a task ended.
enum End {
    Outcome(Outcome),
    Refused(ExecuteError),
    Panicked,
}

impl End {
    /// What the audit calls it, and what went wrong.
    fn words(&self) -> (&'static str, Option<String>) {
        match self {
            End::Outcome(Outcome::PhaseCompleted) => ("phase.completed", None),
            End::Outcome(Outcome::Completed) => ("execution.completed", None),
            End::Outcome(Outcome::RolledBack { message }) => {
                ("execution.rolled_back", Some(message.clone()))
            }
            End::Outcome(Outcome::Failed { message }) => {
                ("execution.failed", Some(message.clone()))
            }
            End::Outcome(Outcome::Cancelled) => ("execution.cancelled", None),
            End::Outcome(Outcome::Stopped { message, .. }) => {
                ("phase.stopped", Some(message.clone()))
            }
            End::Refused(error) => ("phase.refused", Some(error.to_string())),
            End::Panicked => (
                "phase.broken_off",
                Some("The run broke off by a fault of Bellows; its log says more. Resume it to go on from what the target says was done.".to_owned()),
            ),
        }
    }

    fn stopped_for(&self) -> Option<StopReason> {
        match self {
            End::Outcome(Outcome::Stopped { reason, .. }) => Some(*reason),
            End::Outcome(
                Outcome::PhaseCompleted
                | Outcome::Completed
                | Outcome::RolledBack { .. }
                | Outcome::Failed { .. }
                | Outcome::Cancelled,
            )
            | End::Refused(_)
            | End::Panicked => None,
        }
    }
}

/// Brings a run's end to the books. The target says where it stands; where it cannot be asked, the
/// execution is shown as stopped with the reason, never as running.
async fn close(
    state: &AppState,
    record: &ExecutionRecord,
    target: &Target,
    end: End,
    occasion: Occasion,
) {
    let reason = end.stopped_for();
    if occasion == Occasion::Recovery && reason == Some(StopReason::Busy) {
        // Another server, or what is left of this one, holds it: looked for again.
        return;
    }
    let seen = match executor::execution(target, &record.id).await {
        Ok(seen) => seen,
        Err(error) => {
            tracing::warn!(%error, execution = record.id, "the target cannot say where it stands");
            None
        }
    };
    // A run that ended before its end could be kept is found over by the one that goes on with it.
    let found_over = matches!(&end, End::Refused(_))
        && occasion == Occasion::Recovery
        && seen.as_ref().is_some_and(|seen| seen.state.is_over());
    let (action, message) = match &seen {
        Some(seen) if found_over => (over_word(seen.state), seen.error.clone()),
        Some(_) | None => end.words(),
    };
    let badly = !found_over && matches!(&end, End::Refused(_) | End::Panicked);
    let untold = badly || reason == Some(StopReason::Busy);
    if let (true, Some(message)) = (untold, &message) {
        tracing::warn!(execution = record.id, message, "a run did not come far");
        let event = EventKind::Notice {
            message: message.clone(),
        };
        if let Err(error) = state.events.append(&record.id, event).await {
            tracing::error!(%error, "the end of a run could not be told");
        }
    }
    let by_person = state
        .runs
        .map()
        .get(&record.id)
        .is_some_and(|run| run.by_person);
    let interrupted =
        state.stopping.is_cancelled() && reason == Some(StopReason::Paused) && !by_person;
    let mut closed = record.clone();
    match &seen {
        Some(seen) => {
            take_over(&mut closed, seen);
            if let Err(error) = told::catch_up(&state.events, seen).await {
                tracing::error!(%error, "what the target says could not be told");
            }
        }
        None => closed.state = ExecutionState::Paused,
    }
    closed.wanted = interrupted;
    if interrupted {
        // As it was: the next start goes on with it.
        closed.state = record.state;
    } else if matches!(
        closed.state,
        ExecutionState::Running | ExecutionState::RollingBack
    ) {
        closed.state = ExecutionState::Paused;
    }
    if reason.is_none() && !badly {
        closed.intent = None;
    }
    closed.error = message.clone();
    let entry = Entry::new(action, execution_subject(&record.id, &record.name))
        .hash(&record.plan.plan_hash)
        .detail(json!({
            "migration": record.name,
            "phase": closed.phase,
            "state": closed.state,
            "message": message,
            "reason": reason,
            "interrupted": interrupted,
        }));
    if let Some(snapshot) = &closed.snapshot
        && record.snapshot.as_ref() != Some(snapshot)
    {
        let taken = Entry::new("backup.taken", execution_subject(&record.id, &record.name))
            .hash(&record.plan.plan_hash)
            .detail(json!({ "snapshot": snapshot, "migration": record.name }));
        if let Err(error) = crate::audit::record(&state.store, &Actor::server(), taken).await {
            tracing::error!(%error, "a backup could not be recorded");
        }
    }
    // The run's end must not be lost because the store is away for a moment.
    while let Err(error) = keep(state, &closed, Some(entry.clone())).await {
        tracing::error!(%error, execution = record.id, "a run's end could not be kept; trying again");
        if state.stopping.is_cancelled() {
            return;
        }
        sleep(BOOKS_AGAIN).await;
    }
}

/// What the audit calls an execution that is over.
fn over_word(state: ExecutionState) -> &'static str {
    match state {
        ExecutionState::Completed => "execution.completed",
        ExecutionState::Failed => "execution.failed",
        ExecutionState::RolledBack => "execution.rolled_back",
        ExecutionState::Cancelled => "execution.cancelled",
        ExecutionState::Running
        | ExecutionState::Waiting
        | ExecutionState::Paused
        | ExecutionState::RollingBack => "phase.stopped",
    }
}

/// Keeps the record, and what is to be recorded of it, in one transaction.
pub(super) async fn keep(
    state: &AppState,
    record: &ExecutionRecord,
    entry: Option<Entry>,
) -> Stored<()> {
    let mut tx = state.store.write().await?;
    executions::put(&mut tx, record).await?;
    if let Some(entry) = entry {
        append(&mut tx, &Actor::server(), entry).await?;
    }
    tx.commit().await
}

/// What the target says of an execution.
pub fn take_over(record: &mut ExecutionRecord, seen: &executor::ExecutionRecord) {
    record.plan = seen.plan.clone();
    record.state = seen.state;
    record.phases = seen
        .phases
        .iter()
        .map(|phase| PhaseProgress {
            state: phase.state,
            completed_at: phase.completed_at,
        })
        .collect();
    record.started_at = seen.started_at;
    record.completed_at = seen.completed_at;
    record.error = seen.error.clone();
    record.snapshot = seen.snapshot.clone();
}

/// Has every run stop after the batch or statement in hand, and waits until they have. The next
/// start goes on with them.
pub async fn come_to_rest(state: &AppState) {
    let rest = async {
        while !state.runs.is_empty() {
            state.runs.pause_all();
            sleep(Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(REST, rest).await.is_err() {
        tracing::warn!(
            "runs are still under way; the next start finds them by the target's records"
        );
    }
}
