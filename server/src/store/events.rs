//! Events of executions, numbered without gaps.

use bellows::run::{EventKind, RunEvent};

use super::words::{from_json, json};
use super::{StoreError, Stored, Tx};

/// Appends one and gives it its number. Locks the execution's numbers until the transaction ends.
pub async fn append(tx: &mut Tx, execution: &str, event: EventKind) -> Stored<RunEvent> {
    execute!(
        tx,
        "INSERT INTO event_head (execution_id, seq) VALUES ($1, 0) ON CONFLICT (execution_id) DO NOTHING",
        execution
    )?;
    let row = fetch_optional!(
        tx,
        (i64,),
        "UPDATE event_head SET seq = seq + 1 WHERE execution_id = $1 RETURNING seq",
        execution
    )?;
    let (seq,) = row.ok_or_else(|| StoreError::unreadable("event head", execution))?;
    let at = super::now();
    execute!(
        tx,
        "INSERT INTO event (execution_id, seq, at, event) VALUES ($1, $2, $3, $4)",
        execution,
        seq,
        at,
        json(&event)?
    )?;
    Ok(RunEvent {
        v: 1,
        seq: u64::try_from(seq).map_err(|error| StoreError::unreadable("event", error))?,
        at,
        event,
    })
}

/// The events after a number, in order, at most `limit`.
pub async fn after(tx: &mut Tx, execution: &str, after: u64, limit: u32) -> Stored<Vec<RunEvent>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    fetch_all!(
        tx,
        (i64, i64, String),
        "SELECT seq, at, event FROM event WHERE execution_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
        execution,
        after,
        i64::from(limit)
    )?
    .into_iter()
    .map(|(seq, at, event)| {
        Ok(RunEvent {
            v: 1,
            seq: u64::try_from(seq).map_err(|error| StoreError::unreadable("event", error))?,
            at,
            event: from_json(&format!("event {seq} of {execution}"), &event)?,
        })
    })
    .collect()
}
