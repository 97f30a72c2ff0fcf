//! Executions in Bellows' records on the target: reading them, and every change of their state.

mod backups;
mod holds;
mod looks;
mod measures;
mod read;

use bellows::document::Engine;
use bellows::plan::Plan;
use bellows::run::{ExecutionState, PhaseState};
use bellows::schema::{Schema, TableName};
use serde::Serialize;

use crate::target::{Arg, Link, on_conflict, ours};

use super::record::ExecuteError;

pub(super) use backups::{back_to, keep_snapshot, restored, snapshots, standing};
pub(super) use holds::{ask_hold, hold, say_go, set_held};
pub(super) use looks::{keep_look, last_look, looks};
pub(super) use measures::{held, keep_measure, measures};
pub(super) use read::{after, all, before, latest, now, one, steps, undo, walked};

/// How far a step is. A step without a row was never begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StepState {
    /// About to be done, or half done by a run that died.
    Intent,
    /// Done.
    Done,
}

/// What an execution that is being taken back ends as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ending {
    /// A phase failed.
    Failure,
    /// A person ended it.
    Cancel,
    /// A person took phases back.
    Request,
}

/// A rollback under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Undo {
    /// The lowest phase that is taken back.
    pub(super) down_to: u32,
    /// What it ends as.
    pub(super) ending: Ending,
}

/// The word that a state has in the records: the same as on the wire.
pub(super) fn word<T: Serialize>(value: &T) -> Result<String, ExecuteError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(ExecuteError::Records(format!("{other} is not a word"))),
        Err(error) => Err(ExecuteError::Records(error.to_string())),
    }
}

fn json<T: Serialize>(value: &T) -> Result<String, ExecuteError> {
    serde_json::to_string(value).map_err(|error| ExecuteError::Records(error.to_string()))
}

/// Writes a new execution with its phases, all pending.
pub(super) async fn create(
    link: &mut Link,
    id: &str,
    document: &str,
    plan: &Plan,
    before: &Schema,
    by: &str,
) -> Result<(), ExecuteError> {
    let engine = link.engine();
    link.execute(
        &ours(
            engine,
            "INSERT INTO {b}execution (id, migration, hash, plan_hash, document, plan,
                                       tables_before, state, started_by, started_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, {now})",
        ),
        &[
            id.into(),
            plan.migration.as_str().into(),
            plan.hash.as_str().into(),
            plan.plan_hash.as_str().into(),
            document.into(),
            json(plan)?.into(),
            json(before)?.into(),
            word(&ExecutionState::Waiting)?.into(),
            by.into(),
        ],
    )
    .await?;
    create_phases(link, id, plan).await
}

/// Writes the rows of phases that the plan has and the records do not.
pub(super) async fn create_phases(
    link: &mut Link,
    id: &str,
    plan: &Plan,
) -> Result<(), ExecuteError> {
    let engine = link.engine();
    let sql = ours(
        engine,
        &format!(
            "INSERT INTO {{b}}phase (execution, phase, state) VALUES ($1, $2, $3) {}",
            on_conflict(engine, "execution, phase", &[])
        ),
    );
    for phase in &plan.phases {
        link.execute(
            &sql,
            &[
                id.into(),
                phase.phase.into(),
                word(&PhaseState::Pending)?.into(),
            ],
        )
        .await?;
    }
    Ok(())
}

/// Puts another document and plan in the place of the ones that an execution has.
pub(super) async fn replace(
    link: &mut Link,
    id: &str,
    document: &str,
    plan: &Plan,
    before: &Schema,
) -> Result<(), ExecuteError> {
    let engine = link.engine();
    link.execute(
        &ours(
            engine,
            "UPDATE {b}execution SET hash = $2, plan_hash = $3, document = $4, plan = $5,
                                     tables_before = $6
             WHERE id = $1",
        ),
        &[
            id.into(),
            plan.hash.as_str().into(),
            plan.plan_hash.as_str().into(),
            document.into(),
            json(plan)?.into(),
            json(before)?.into(),
        ],
    )
    .await?;
    let last = plan.phases.last().map_or(0, |p| p.phase);
    link.execute(
        &ours(
            engine,
            "DELETE FROM {b}phase WHERE execution = $1 AND phase > $2",
        ),
        &[id.into(), last.into()],
    )
    .await?;
    create_phases(link, id, plan).await
}

/// Gives a new execution the phases that an ended one of the same migration has left done.
pub(super) async fn inherit(
    link: &mut Link,
    from: &str,
    to: &str,
    phases: u32,
) -> Result<(), ExecuteError> {
    let engine = link.engine();
    let args: [Arg; 3] = [from.into(), to.into(), phases.into()];
    for sql in [
        "DELETE FROM {b}phase WHERE execution = $2 AND phase <= $3 AND $1 <> $2",
        "INSERT INTO {b}phase (execution, phase, state, started_at, completed_at,
                               fingerprint_after, tables_after)
         SELECT $2, phase, state, started_at, completed_at, fingerprint_after, tables_after
         FROM {b}phase WHERE execution = $1 AND phase <= $3",
        "INSERT INTO {b}step (execution, id, phase, state, started_at, completed_at)
         SELECT $2, id, phase, state, started_at, completed_at
         FROM {b}step WHERE execution = $1 AND phase <= $3",
        "INSERT INTO {b}checkpoint (execution, step, phase, position, upper, sweep, walked,
                                    changed, swept, total)
         SELECT $2, step, phase, position, upper, sweep, walked, changed, swept, total
         FROM {b}checkpoint WHERE execution = $1 AND phase <= $3",
        "INSERT INTO {b}gate (execution, phase, version, confirmed_by, at)
         SELECT $2, phase, version, confirmed_by, at
         FROM {b}gate WHERE execution = $1 AND phase <= $3",
        "INSERT INTO {b}look (execution, phase, at, seen)
         SELECT $2, phase, at, seen FROM {b}look WHERE execution = $1 AND phase > $3",
    ] {
        link.execute(&ours(engine, sql), &args).await?;
    }
    Ok(())
}

/// Marks an execution as being taken back.
pub(super) async fn start_undo(
    link: &mut Link,
    id: &str,
    undo: Undo,
    error: Option<&str>,
) -> Result<(), ExecuteError> {
    link.execute(
        &ours(
            link.engine(),
            "UPDATE {b}execution SET state = $2, undo_to = $3, ending = $4,
                    error = COALESCE($5, error), completed_at = NULL
             WHERE id = $1",
        ),
        &[
            id.into(),
            word(&ExecutionState::RollingBack)?.into(),
            undo.down_to.into(),
            word(&undo.ending)?.into(),
            error.map(str::to_owned).into(),
        ],
    )
    .await?;
    Ok(())
}

/// Sets where an execution stands; an end gets its time, and ends a rollback.
pub(super) async fn set_execution(
    link: &mut Link,
    id: &str,
    to: ExecutionState,
    error: Option<&str>,
) -> Result<(), ExecuteError> {
    let over = super::record::is_over(to);
    let sql = if over {
        "UPDATE {b}execution SET state = $2, error = $3, completed_at = {now},
                undo_to = NULL, ending = NULL WHERE id = $1"
    } else {
        "UPDATE {b}execution SET state = $2, error = $3, completed_at = NULL WHERE id = $1"
    };
    link.execute(
        &ours(link.engine(), sql),
        &[
            id.into(),
            word(&to)?.into(),
            error.map(str::to_owned).into(),
        ],
    )
    .await?;
    Ok(())
}

/// A rollback of single phases is over: the execution waits for its next phase again.
pub(super) async fn end_undo(link: &mut Link, id: &str) -> Result<(), ExecuteError> {
    link.execute(
        &ours(
            link.engine(),
            "UPDATE {b}execution SET state = $2, undo_to = NULL, ending = NULL, error = NULL,
                    completed_at = NULL WHERE id = $1",
        ),
        &[id.into(), word(&ExecutionState::Waiting)?.into()],
    )
    .await?;
    Ok(())
}

/// Sets where a phase stands; running gives it a start where it has none.
pub(super) async fn set_phase(
    link: &mut Link,
    id: &str,
    phase: u32,
    to: PhaseState,
) -> Result<(), ExecuteError> {
    let sql = if to == PhaseState::Running {
        "UPDATE {b}phase SET state = $3, started_at = COALESCE(started_at, {now})
         WHERE execution = $1 AND phase = $2"
    } else {
        "UPDATE {b}phase SET state = $3 WHERE execution = $1 AND phase = $2"
    };
    link.execute(
        &ours(link.engine(), sql),
        &[id.into(), phase.into(), word(&to)?.into()],
    )
    .await?;
    Ok(())
}

/// Marks a phase as done, and keeps how it left its tables.
pub(super) async fn complete_phase(
    link: &mut Link,
    id: &str,
    phase: u32,
    tables: &[TableName],
    left: &Schema,
) -> Result<(), ExecuteError> {
    link.execute(
        &ours(
            link.engine(),
            "UPDATE {b}phase SET state = $3, completed_at = {now}, fingerprint_after = $4,
                    tables_after = $5
             WHERE execution = $1 AND phase = $2",
        ),
        &[
            id.into(),
            phase.into(),
            word(&PhaseState::Completed)?.into(),
            left.fingerprint(tables).into(),
            json(left)?.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Forgets what was done in a phase that was taken back and may be run again.
pub(super) async fn forget_phase(
    link: &mut Link,
    id: &str,
    phase: u32,
) -> Result<(), ExecuteError> {
    let engine = link.engine();
    let args: [Arg; 2] = [id.into(), phase.into()];
    for sql in [
        "DELETE FROM {b}step WHERE execution = $1 AND phase = $2",
        "DELETE FROM {b}checkpoint WHERE execution = $1 AND phase = $2",
        "DELETE FROM {b}hold WHERE execution = $1 AND phase = $2",
        "UPDATE {b}phase SET state = 'pending', started_at = NULL, completed_at = NULL,
                fingerprint_after = NULL, tables_after = NULL
         WHERE execution = $1 AND phase = $2",
    ] {
        link.execute(&ours(engine, sql), &args).await?;
    }
    Ok(())
}

/// Writes how far a step is. The first row keeps its start.
pub(super) async fn set_step(
    link: &mut Link,
    id: &str,
    phase: u32,
    step: &str,
    to: StepState,
) -> Result<(), sqlx::Error> {
    let (word, sql, again) = match to {
        StepState::Intent => (
            "intent",
            "INSERT INTO {b}step (execution, id, phase, state, started_at)
             VALUES ($1, $2, $3, $4, {now})",
            &["state"][..],
        ),
        StepState::Done => (
            "done",
            "INSERT INTO {b}step (execution, id, phase, state, started_at, completed_at)
             VALUES ($1, $2, $3, $4, {now}, {now})",
            &["state", "completed_at"][..],
        ),
    };
    let engine = link.engine();
    let conflict = on_conflict(engine, "execution, id", again);
    let sql = ours(engine, &format!("{sql} {conflict}"));
    link.execute(&sql, &[id.into(), step.into(), phase.into(), word.into()])
        .await?;
    Ok(())
}

/// Takes the record of a step back that did nothing.
pub(super) async fn forget_step(link: &mut Link, id: &str, step: &str) -> Result<(), ExecuteError> {
    let sql = ours(
        link.engine(),
        "DELETE FROM {b}step WHERE execution = $1 AND id = $2 AND state = 'intent'",
    );
    link.execute(&sql, &[id.into(), step.into()]).await?;
    Ok(())
}

/// Records that a person confirmed a gate; a later confirmation takes the earlier one's place.
pub(super) async fn set_gate(
    link: &mut Link,
    id: &str,
    phase: u32,
    version: &str,
    by: &str,
) -> Result<(), ExecuteError> {
    let engine = link.engine();
    let again = on_conflict(
        engine,
        "execution, phase",
        &["version", "confirmed_by", "at"],
    );
    link.execute(
        &ours(
            engine,
            &format!(
                "INSERT INTO {{b}}gate (execution, phase, version, confirmed_by, at)
                 VALUES ($1, $2, $3, $4, {{now}}) {again}"
            ),
        ),
        &[id.into(), phase.into(), version.into(), by.into()],
    )
    .await?;
    Ok(())
}

/// Begins a transaction of the records, after whoever else makes an execution now.
pub(super) async fn begin(link: &mut Link) -> Result<(), sqlx::Error> {
    match link.engine() {
        Engine::PostgreSql => {
            link.raw(&format!(
                "BEGIN; SELECT pg_advisory_xact_lock({}, 3)",
                crate::target::LOCK_SPACE
            ))
            .await?;
        }
        Engine::MySql | Engine::MariaDb => {
            link.raw("BEGIN; SELECT one FROM _bellows_target FOR UPDATE")
                .await?;
        }
        Engine::Sqlite => {
            link.raw("PRAGMA busy_timeout = 10000").await?;
            link.raw("BEGIN IMMEDIATE").await?;
        }
    }
    Ok(())
}
