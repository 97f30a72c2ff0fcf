//! What the records on the target say.

use std::collections::HashMap;

use bellows::schema::Schema;
use serde::de::DeserializeOwned;

use crate::executor::record::{ExecuteError, ExecutionRecord, GateRecord, PhaseRecord};
use crate::target::{Arg, Link, Row, ours};

use super::{StepState, Undo};

const COLUMNS: &str = "id, migration, hash, plan_hash, document, plan, state, started_by, \
                       started_at, completed_at, error";

fn state<T: DeserializeOwned>(word: &str) -> Result<T, ExecuteError> {
    serde_json::from_value(serde_json::Value::String(word.to_owned()))
        .map_err(|error| ExecuteError::Records(error.to_string()))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, ExecuteError> {
    serde_json::from_str(text).map_err(|error| ExecuteError::Records(error.to_string()))
}

fn need(row: &Row, index: usize) -> Result<String, ExecuteError> {
    row.text(index)?
        .ok_or_else(|| ExecuteError::Records(format!("column {index} of a record is NULL")))
}

fn number(row: &Row, index: usize) -> Result<u32, ExecuteError> {
    row.int(index)?
        .and_then(|n| u32::try_from(n).ok())
        .ok_or_else(|| ExecuteError::Records(format!("column {index} of a record is no number")))
}

/// Every execution, newest first.
pub(in crate::executor) async fn all(
    link: &mut Link,
) -> Result<Vec<ExecutionRecord>, ExecuteError> {
    let sql = format!("SELECT {COLUMNS} FROM {{b}}execution ORDER BY started_at DESC, id DESC");
    let rows = link.fetch_all(&ours(link.engine(), &sql), &[]).await?;
    complete(link, &rows).await
}

/// One execution.
pub(in crate::executor) async fn one(
    link: &mut Link,
    id: &str,
) -> Result<Option<ExecutionRecord>, ExecuteError> {
    let sql = format!("SELECT {COLUMNS} FROM {{b}}execution WHERE id = $1");
    let rows = link
        .fetch_all(&ours(link.engine(), &sql), &[id.into()])
        .await?;
    Ok(complete(link, &rows).await?.into_iter().next())
}

/// The newest execution of a migration.
pub(in crate::executor) async fn latest(
    link: &mut Link,
    migration: &str,
) -> Result<Option<ExecutionRecord>, ExecuteError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {{b}}execution WHERE migration = $1
         ORDER BY started_at DESC, id DESC LIMIT 1"
    );
    let rows = link
        .fetch_all(&ours(link.engine(), &sql), &[migration.into()])
        .await?;
    Ok(complete(link, &rows).await?.into_iter().next())
}

/// Puts phases and gates to the executions.
async fn complete(link: &mut Link, rows: &[Row]) -> Result<Vec<ExecutionRecord>, ExecuteError> {
    let engine = link.engine();
    // One execution: only its own rows; the history: all of them, in two queries.
    let only = match rows {
        [row] => Some(need(row, 0)?),
        _ => None,
    };
    let filter = Arg::Text(only.clone());
    let mut phases: HashMap<String, Vec<PhaseRecord>> = HashMap::new();
    for row in link
        .fetch_all(
            &ours(
                engine,
                "SELECT execution, phase, state, started_at, completed_at, fingerprint_after
                 FROM {b}phase WHERE execution = $1 OR CAST($1 AS {text}) IS NULL ORDER BY phase",
            ),
            std::slice::from_ref(&filter),
        )
        .await?
    {
        phases.entry(need(&row, 0)?).or_default().push(PhaseRecord {
            phase: number(&row, 1)?,
            state: state(&need(&row, 2)?)?,
            started_at: row.int(3)?,
            completed_at: row.int(4)?,
            fingerprint_after: row.text(5)?,
        });
    }
    let mut gates: HashMap<String, Vec<GateRecord>> = HashMap::new();
    for row in link
        .fetch_all(
            &ours(
                engine,
                "SELECT execution, phase, version, confirmed_by, at FROM {b}gate
                 WHERE execution = $1 OR CAST($1 AS {text}) IS NULL ORDER BY phase",
            ),
            &[filter],
        )
        .await?
    {
        gates.entry(need(&row, 0)?).or_default().push(GateRecord {
            phase: number(&row, 1)?,
            version: need(&row, 2)?,
            by: need(&row, 3)?,
            at: row.int(4)?.unwrap_or_default(),
        });
    }
    let mut snapshots = super::backups::newest(link, only.as_deref()).await?;
    rows.iter()
        .map(|row| {
            let id = need(row, 0)?;
            Ok(ExecutionRecord {
                snapshot: snapshots.remove(&id),
                phases: phases.remove(&id).unwrap_or_default(),
                gates: gates.remove(&id).unwrap_or_default(),
                id,
                migration: need(row, 1)?,
                hash: need(row, 2)?,
                plan_hash: need(row, 3)?,
                document: need(row, 4)?,
                plan: from_json(&need(row, 5)?)?,
                state: state(&need(row, 6)?)?,
                by: need(row, 7)?,
                started_at: row.int(8)?.unwrap_or_default(),
                completed_at: row.int(9)?,
                error: row.text(10)?,
            })
        })
        .collect()
}

/// The touched tables as they were before the execution's first phase.
pub(in crate::executor) async fn before(link: &mut Link, id: &str) -> Result<Schema, ExecuteError> {
    let row = link
        .fetch_one(
            &ours(
                link.engine(),
                "SELECT tables_before FROM {b}execution WHERE id = $1",
            ),
            &[id.into()],
        )
        .await?;
    from_json(&need(&row, 0)?)
}

/// The touched tables as that phase left them.
pub(in crate::executor) async fn after(
    link: &mut Link,
    id: &str,
    phase: u32,
) -> Result<Option<Schema>, ExecuteError> {
    let row = link
        .fetch_optional(
            &ours(
                link.engine(),
                "SELECT tables_after FROM {b}phase WHERE execution = $1 AND phase = $2",
            ),
            &[id.into(), phase.into()],
        )
        .await?;
    match row {
        Some(row) => row.text(0)?.map(|text| from_json(&text)).transpose(),
        None => Ok(None),
    }
}

/// The rollback under way, where there is one.
pub(in crate::executor) async fn undo(
    link: &mut Link,
    id: &str,
) -> Result<Option<Undo>, ExecuteError> {
    let row = link
        .fetch_one(
            &ours(
                link.engine(),
                "SELECT undo_to, ending FROM {b}execution WHERE id = $1",
            ),
            &[id.into()],
        )
        .await?;
    match (row.int(0)?, row.text(1)?) {
        (Some(down_to), Some(ending)) => Ok(Some(Undo {
            down_to: u32::try_from(down_to).unwrap_or(1),
            ending: state(&ending)?,
        })),
        _ => Ok(None),
    }
}

/// How far the steps of an execution are, by their ids.
pub(in crate::executor) async fn steps(
    link: &mut Link,
    id: &str,
) -> Result<HashMap<String, StepState>, ExecuteError> {
    let sql = ours(
        link.engine(),
        "SELECT id, state FROM {b}step WHERE execution = $1",
    );
    link.fetch_all(&sql, &[id.into()])
        .await?
        .iter()
        .map(|row| Ok((need(row, 0)?, state(&need(row, 1)?)?)))
        .collect()
}

/// Microseconds since 1970 by the target's clock.
pub(in crate::executor) async fn now(link: &mut Link) -> Result<i64, ExecuteError> {
    Ok(link
        .fetch_one(&ours(link.engine(), "SELECT {now}"), &[])
        .await?
        .int(0)?
        .unwrap_or_default())
}

/// Rows that the backfills of an execution have walked so far.
pub(in crate::executor) async fn walked(link: &mut Link, id: &str) -> Result<i64, ExecuteError> {
    let sql = ours(
        link.engine(),
        "SELECT CAST(coalesce(sum(walked), 0) AS {integer}) FROM {b}checkpoint WHERE execution = $1",
    );
    Ok(link
        .fetch_one(&sql, &[id.into()])
        .await?
        .int(0)?
        .unwrap_or_default())
}
