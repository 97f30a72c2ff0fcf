//! Runs plans against targets: one run at a time per target, and the target is the truth about
//! what was done.

mod backfill;
mod backup;
mod batch;
mod birth;
mod blockers;
mod brake;
mod check;
mod checkpoint;
mod control;
mod ddl;
mod drift;
mod evidence;
mod forecast;
mod halt;
mod hands;
mod hold;
mod index;
mod job;
mod lease;
mod ledger;
mod left;
mod limits;
mod locks;
mod measure;
mod monitor;
mod pace;
mod process;
mod record;
mod recovery;
mod run;
mod saved;
mod session;
mod shadow;
mod shadow_mysql;
mod shadow_sqlite;
mod signals;
mod steps;
mod throttle;
mod undo;
mod walk;
mod walk_mysql;

use std::time::Duration;

use bellows::run::{ExecutionState, PhaseState, StopReason};

use crate::target::{Target, ensure_layout, identity_on, layout_present};

use ledger::{Ending, Undo};
use run::{Goal, Run};
use session::{Acquired, Session};

pub use backup::{
    Preview, PreviewedTable, Restored, Rewound, Snapshot, create_backup, preview_restore,
    restore_backup, snapshots,
};
pub use birth::{open, planning_schema};
pub use check::{Verdict, verify};
pub use control::{ControlReceiver, ControlSender, EventSink, Evicted, WORKERS, Wish, control};
pub use evidence::{evidence, first_evidence, watch};
pub use forecast::forecast;
pub use hold::say_go;
pub use left::{Found, LeftBehind, Unfinished, left_behind};
pub use measure::{Held, facts, facts_if_any, held};
pub use record::{
    BackupOrder, ExecuteError, ExecutionRecord, GateRecord, NewExecution, Opened, Outcome,
    PhaseRecord, RunOptions, SinkError, Unknown, is_over,
};
pub use saved::{KeptCopy, Removed, expire_saved_copies, remove_saved_copy, saved_copies};

/// Every execution on the target, newest first; none where Bellows was never there.
pub async fn executions(target: &Target) -> Result<Vec<ExecutionRecord>, ExecuteError> {
    let mut link = target.look().await?;
    if !layout_present(&mut link).await? {
        return Ok(Vec::new());
    }
    ledger::all(&mut link).await
}

/// One execution on the target.
pub async fn execution(target: &Target, id: &str) -> Result<Option<ExecutionRecord>, ExecuteError> {
    let mut link = target.look().await?;
    if !layout_present(&mut link).await? {
        return Ok(None);
    }
    ledger::one(&mut link, id).await
}

/// Records on the target that a person confirmed the deploy which a phase waits for.
pub async fn confirm_gate(
    target: &Target,
    id: &str,
    phase: u32,
    version: &str,
    by: &str,
) -> Result<(), ExecuteError> {
    let mut link = target.open().await?;
    ensure_layout(&mut link).await?;
    identity_on(&mut link).await?;
    let record = ledger::one(&mut link, id)
        .await?
        .ok_or_else(|| ExecuteError::NotFound(id.to_owned()))?;
    if record.phase(phase).is_none() {
        return Err(ExecuteError::NoPhase(phase));
    }
    ledger::set_gate(&mut link, id, phase, version, by).await
}

/// Milliseconds until the soak before that phase is over, by the target's clock; 0 where there is
/// none, or where it is. Of a predecessor that is not completed the whole soak is left.
pub async fn soak_left_ms(
    target: &Target,
    record: &ExecutionRecord,
    phase: u32,
) -> Result<u64, ExecuteError> {
    let plan = birth::find(&record.plan, phase).ok_or(ExecuteError::NoPhase(phase))?;
    let soak_ms = match &plan.gate {
        Some(gate) => gate.soak_ms().map_err(ExecuteError::Soak)?,
        None => return Ok(0),
    };
    let previous = record
        .phases
        .iter()
        .filter(|p| p.phase < phase)
        .max_by_key(|p| p.phase);
    let since = match previous {
        None => record.started_at,
        Some(p) if p.state == PhaseState::Completed => p.completed_at.unwrap_or_default(),
        Some(_) => return Ok(soak_ms),
    };
    let mut link = target.look().await?;
    let passed_us = ledger::now(&mut link).await?.saturating_sub(since);
    Ok(soak_ms.saturating_sub(u64::try_from(passed_us / 1000).unwrap_or(0)))
}

/// What the tables of a phase have that the plan, or the phases before it, do not expect, for
/// people; `None` where they are as expected.
pub async fn drift(
    target: &Target,
    record: &ExecutionRecord,
    phase: u32,
) -> Result<Option<String>, ExecuteError> {
    let mut link = target.look().await?;
    drift::difference(target, &mut link, record, phase).await
}

/// Runs a phase, or goes on with one that stopped. A phase that is done is a success that does
/// nothing; a rollback under way is brought to its end first, and is then the outcome.
///
/// Gates, soaks and approvals are the caller's to ask for.
pub async fn run_phase(
    target: &Target,
    id: &str,
    phase: u32,
    by: &str,
    options: &RunOptions,
    sink: &dyn EventSink,
    control: ControlReceiver,
) -> Result<Outcome, ExecuteError> {
    let task = Task::Forward { phase, by };
    perform(target, id, task, options, sink, control).await
}

/// Takes back a phase, which must be the last one that was begun, or with `None` all of them,
/// last first. An execution of which earlier phases remain waits for the phase again.
pub async fn roll_back(
    target: &Target,
    id: &str,
    phase: Option<u32>,
    by: &str,
    options: &RunOptions,
    sink: &dyn EventSink,
    control: ControlReceiver,
) -> Result<Outcome, ExecuteError> {
    let task = Task::Back { phase, by };
    perform(target, id, task, options, sink, control).await
}

/// Ends an execution that nobody runs: the phase in hand is taken back, earlier ones stay. One
/// that runs is cancelled through its [`ControlSender`].
pub async fn cancel(
    target: &Target,
    id: &str,
    by: &str,
    options: &RunOptions,
    sink: &dyn EventSink,
) -> Result<Outcome, ExecuteError> {
    let (_sender, control) = control();
    perform(target, id, Task::Cancel { by }, options, sink, control).await
}

/// What a run is asked for, and by whom.
enum Task<'a> {
    /// Bring a phase to its end.
    Forward { phase: u32, by: &'a str },
    /// Take a phase back, or all.
    Back { phase: Option<u32>, by: &'a str },
    /// End the execution.
    Cancel { by: &'a str },
}

/// How often a run starts anew that loses its connection before it has got anywhere.
const STARTS: u32 = 5;

/// Takes the target, reads the execution once it is ours, works, and gives the target back. A
/// target that is not to be had is a stop.
async fn perform(
    target: &Target,
    id: &str,
    task: Task<'_>,
    options: &RunOptions,
    sink: &dyn EventSink,
    control: ControlReceiver,
) -> Result<Outcome, ExecuteError> {
    let mut starts = 0;
    loop {
        let control = control.clone();
        let error = match attempt(target, id, &task, options, sink, control).await {
            Err(error) if error.is_lost() => error,
            Err(error) if error.is_locked() => {
                return Ok(Outcome::Stopped {
                    reason: StopReason::Lock,
                    message: format!(
                        "somebody keeps the target locked, and every try for it was in vain: \
                         {error}. Go on once they are done"
                    ),
                });
            }
            result => return result,
        };
        starts += 1;
        if starts >= STARTS {
            return Ok(Outcome::Stopped {
                reason: StopReason::Connection,
                message: error.to_string(),
            });
        }
        tokio::time::sleep(Duration::from_millis(200) * starts).await;
    }
}

async fn attempt(
    target: &Target,
    id: &str,
    task: &Task<'_>,
    options: &RunOptions,
    sink: &dyn EventSink,
    control: ControlReceiver,
) -> Result<Outcome, ExecuteError> {
    let not_found = || ExecuteError::NotFound(id.to_owned());
    if execution(target, id).await?.is_none() {
        return Err(not_found());
    }
    let mut session = match Session::acquire(target, &options.owner, id).await? {
        Acquired::Held(session) => *session,
        Acquired::Busy(message) => {
            return Ok(Outcome::Stopped {
                reason: StopReason::Busy,
                message,
            });
        }
    };
    if let Some(message) = backup::half_restored(&mut session).await? {
        session.release().await?;
        return Ok(Outcome::Stopped {
            reason: StopReason::Busy,
            message,
        });
    }
    // Whoever had the target before may have changed it since.
    let (session, outcome) = match ledger::one(&mut session.link, id).await {
        Ok(Some(record)) => {
            let mut run = Run::new(target, options, sink, control, session, record);
            let outcome = match task {
                Task::Forward { phase, by } => forward(&mut run, *phase, by).await,
                Task::Back { phase, by } => back(&mut run, *phase, by).await,
                Task::Cancel { by } => end(&mut run, by).await,
            };
            (run.session, outcome)
        }
        Ok(None) => (session, Err(not_found())),
        Err(error) => (session, Err(error)),
    };
    if let Err(error) = session.release().await {
        // Its end releases it as well, once the server notices.
        tracing::debug!(%error, "the run lock was not given back");
    }
    outcome
}

async fn forward(run: &mut Run<'_>, phase: u32, by: &str) -> Result<Outcome, ExecuteError> {
    let record = run.record.clone();
    let at = record.phase(phase).ok_or(ExecuteError::NoPhase(phase))?;
    if at.state == PhaseState::Completed {
        return Ok(if record.state == ExecutionState::Completed {
            Outcome::Completed
        } else {
            Outcome::PhaseCompleted
        });
    }
    if is_over(record.state) {
        return Err(over(&record));
    }
    if let Some(undo) = run.undo().await? {
        return run.go(Goal::Back(undo, record.error.clone())).await;
    }
    if let Some(missing) = record.next_phase().filter(|next| *next < phase) {
        return Err(ExecuteError::Predecessor { phase, missing });
    }
    if let Some(outcome) = run.hold_phase(phase, at.state, by).await? {
        return Ok(outcome);
    }
    if at.state == PhaseState::Pending {
        run.check_drift(phase).await?;
        let link = &mut run.session.link;
        if let Some(message) = saved::in_the_way(link, &record, phase).await? {
            return Err(ExecuteError::Saved(message));
        }
        if let Some(outcome) = run.back_up(phase, by).await? {
            return Ok(outcome);
        }
    }
    run.start(phase, at.state, by).await?;
    run.go(Goal::Forward(phase)).await
}

async fn back(run: &mut Run<'_>, phase: Option<u32>, by: &str) -> Result<Outcome, ExecuteError> {
    let record = run.record.clone();
    if let Some(undo) = run.undo().await? {
        return run.go(Goal::Back(undo, record.error.clone())).await;
    }
    run.not_superseded().await?;
    let nothing = || ExecuteError::NothingToRollBack(record.id.clone());
    let last = last_begun(&record).ok_or_else(nothing)?;
    let down_to = match phase {
        None => 1,
        Some(phase) if record.phase(phase).is_none() => {
            return Err(ExecuteError::NoPhase(phase));
        }
        Some(phase) if phase < last => {
            return Err(ExecuteError::Successor { phase, later: last });
        }
        Some(phase) if phase > last => return Err(nothing()),
        Some(phase) => phase,
    };
    if let Some(message) = saved::obstacle(&mut run.session.link, &record, down_to).await? {
        return Err(ExecuteError::Saved(message));
    }
    let undo = Undo {
        down_to,
        ending: Ending::Request,
    };
    run.note(format!("the rollback was asked for by {by}"))
        .await?;
    run.go(Goal::Back(undo, None)).await
}

async fn end(run: &mut Run<'_>, by: &str) -> Result<Outcome, ExecuteError> {
    let record = run.record.clone();
    if is_over(record.state) {
        return Err(over(&record));
    }
    run.note(format!("cancelled by {by}")).await?;
    let undo = match run.undo().await? {
        Some(undo) => undo,
        None => Undo {
            // Where no phase is in hand there is nothing to take back.
            down_to: record.next_phase().unwrap_or(u32::MAX),
            ending: Ending::Cancel,
        },
    };
    run.go(Goal::Back(undo, record.error.clone())).await
}

fn last_begun(record: &ExecutionRecord) -> Option<u32> {
    record
        .phases
        .iter()
        .filter(|p| match p.state {
            PhaseState::Pending | PhaseState::RolledBack => false,
            PhaseState::Running
            | PhaseState::Paused
            | PhaseState::Completed
            | PhaseState::Failed => true,
        })
        .map(|p| p.phase)
        .max()
}

fn over(record: &ExecutionRecord) -> ExecuteError {
    ExecuteError::Over {
        id: record.id.clone(),
        state: match record.state {
            ExecutionState::Completed => "completed",
            ExecutionState::Failed => "failed",
            ExecutionState::RolledBack => "rolled back",
            ExecutionState::Cancelled => "cancelled",
            ExecutionState::Running
            | ExecutionState::Waiting
            | ExecutionState::Paused
            | ExecutionState::RollingBack => "not over",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs are spawned: this does not compile where one of them cannot be sent to a thread.
    #[test]
    fn runs_can_be_spawned() {
        fn sendable<T: Send>(_: impl FnOnce(&'static Args) -> T) {}
        struct Args {
            target: Target,
            options: RunOptions,
            sink: Box<dyn EventSink>,
            control: ControlReceiver,
        }
        sendable(|a| {
            let control = a.control.clone();
            run_phase(&a.target, "", 1, "", &a.options, &*a.sink, control)
        });
        sendable(|a| {
            let control = a.control.clone();
            roll_back(&a.target, "", None, "", &a.options, &*a.sink, control)
        });
        sendable(|a| cancel(&a.target, "", "", &a.options, &*a.sink));
    }
}
