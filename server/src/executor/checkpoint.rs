//! Where a backfill is, as the target keeps it.

use bellows::document::Engine;

use crate::target::{Link, ours};

/// How far a walk is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Checkpoint {
    /// The last key walked, as SQL literals, one a column; absent at the start. Along pages: the
    /// next page, and the rows that the sweep before this one changed.
    pub(super) position: Option<Vec<String>>,
    /// The last key to walk; absent where the table was empty. Along pages: their number.
    pub(super) upper: Option<Vec<String>>,
    /// Sweeps that are over; only along pages.
    pub(super) sweep: u64,
    /// Rows walked.
    pub(super) walked: u64,
    /// Rows changed.
    pub(super) changed: u64,
    /// Rows that the current sweep changed.
    pub(super) swept: u64,
    /// Rows to walk, counted or estimated at the start.
    pub(super) total: u64,
}

fn encode(literals: Option<&Vec<String>>) -> Option<String> {
    // A list of strings: writing it as JSON cannot fail.
    literals.map(|list| serde_json::to_string(list).unwrap_or_default())
}

fn decode(text: Option<String>) -> Result<Option<Vec<String>>, sqlx::Error> {
    text.map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|error| sqlx::Error::Decode(error.into()))
}

/// The checkpoint of a step, where it was begun.
pub(super) async fn read(
    link: &mut Link,
    execution: &str,
    step: &str,
) -> Result<Option<Checkpoint>, sqlx::Error> {
    let sql = ours(
        link.engine(),
        "SELECT position, upper, sweep, walked, changed, swept, total FROM {b}checkpoint
         WHERE execution = $1 AND step = $2",
    );
    let Some(row) = link
        .fetch_optional(&sql, &[execution.into(), step.into()])
        .await?
    else {
        return Ok(None);
    };
    let count = |index| -> Result<u64, sqlx::Error> {
        Ok(u64::try_from(row.int(index)?.unwrap_or(0)).unwrap_or(0))
    };
    Ok(Some(Checkpoint {
        position: decode(row.text(0)?)?,
        upper: decode(row.text(1)?)?,
        sweep: count(2)?,
        walked: count(3)?,
        changed: count(4)?,
        swept: count(5)?,
        total: count(6)?,
    }))
}

/// Writes the first checkpoint of a step.
pub(super) async fn create(
    link: &mut Link,
    execution: &str,
    phase: u32,
    step: &str,
    at: &Checkpoint,
) -> Result<(), sqlx::Error> {
    let sql = ours(
        link.engine(),
        "INSERT INTO {b}checkpoint (execution, step, phase, position, upper, sweep, walked,
                                    changed, swept, total)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    );
    link.execute(
        &sql,
        &[
            execution.into(),
            step.into(),
            phase.into(),
            encode(at.position.as_ref()).into(),
            encode(at.upper.as_ref()).into(),
            at.sweep.into(),
            at.walked.into(),
            at.changed.into(),
            at.swept.into(),
            at.total.into(),
        ],
    )
    .await?;
    Ok(())
}

/// Moves the checkpoint on, in the batch's transaction; false where the lease is not ours any
/// more. The one statement fences and writes, for a batch has no round trip to spare.
pub(super) async fn write(
    link: &mut Link,
    token: &str,
    execution: &str,
    step: &str,
    at: &Checkpoint,
) -> Result<bool, sqlx::Error> {
    let sql = match link.engine() {
        Engine::PostgreSql => {
            "WITH lease AS (SELECT 1 FROM bellows.lease WHERE token = $1 FOR KEY SHARE)
             UPDATE bellows.checkpoint SET position = $4, upper = $5, sweep = $6, walked = $7,
                    changed = $8, swept = $9
             FROM lease WHERE execution = $2 AND step = $3"
        }
        // There the batch has fenced already.
        Engine::MySql | Engine::MariaDb => {
            "UPDATE _bellows_checkpoint SET position = $4, upper = $5, sweep = $6, walked = $7,
                    changed = $8, swept = $9
             WHERE execution = $2 AND step = $3 AND $1 <> ''"
        }
        Engine::Sqlite => {
            "UPDATE _bellows_checkpoint SET position = $4, upper = $5, sweep = $6, walked = $7,
                    changed = $8, swept = $9
             WHERE execution = $2 AND step = $3
               AND EXISTS (SELECT 1 FROM _bellows_lease WHERE token = $1)"
        }
    };
    let touched = link
        .execute_often(
            sql,
            &[
                token.into(),
                execution.into(),
                step.into(),
                encode(at.position.as_ref()).into(),
                encode(at.upper.as_ref()).into(),
                at.sweep.into(),
                at.walked.into(),
                at.changed.into(),
                at.swept.into(),
            ],
        )
        .await?;
    Ok(touched == 1)
}
