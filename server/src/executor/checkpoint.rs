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

/// A stretch of a walk with a checkpoint of its own.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// Under which the target keeps it: the step's id, and for all but the first its number.
    pub(super) key: String,
    /// How far it is.
    pub(super) at: Checkpoint,
    /// It is the last one, and what is behind its end belongs to it, too.
    pub(super) open: bool,
    /// Nothing of it is left.
    pub(super) done: bool,
}

/// The parts of a walk from their checkpoints, in order.
pub(super) fn parts(step: &str, checkpoints: Vec<Checkpoint>) -> Vec<Part> {
    let several = checkpoints.len() > 1;
    let last = checkpoints.len().saturating_sub(1);
    checkpoints
        .into_iter()
        .enumerate()
        .map(|(number, at)| Part {
            key: match number {
                0 => step.to_owned(),
                _ => format!("{step}#{number}"),
            },
            open: number == last,
            // A walk of one part is done when its step is.
            done: several && at.position.is_some() && at.position == at.upper,
            at,
        })
        .collect()
}

/// The parts of a step's walk, in order; none where it was not begun.
pub(super) async fn read(
    link: &mut Link,
    execution: &str,
    step: &str,
) -> Result<Vec<Part>, sqlx::Error> {
    let sql = ours(
        link.engine(),
        "SELECT position, upper, sweep, walked, changed, swept, total, step FROM {b}checkpoint
         WHERE execution = $1 AND (step = $2 OR substr(step, 1, length($3)) = $3)",
    );
    let rows = link
        .fetch_all(
            &sql,
            &[execution.into(), step.into(), format!("{step}#").into()],
        )
        .await?;
    let mut found = Vec::new();
    for row in &rows {
        let count = |index| -> Result<u64, sqlx::Error> {
            Ok(u64::try_from(row.int(index)?.unwrap_or(0)).unwrap_or(0))
        };
        let key = row.text(7)?.unwrap_or_default();
        let number: u32 = key
            .rsplit_once('#')
            .and_then(|(_, number)| number.parse().ok())
            .unwrap_or(0);
        let at = Checkpoint {
            position: decode(row.text(0)?)?,
            upper: decode(row.text(1)?)?,
            sweep: count(2)?,
            walked: count(3)?,
            changed: count(4)?,
            swept: count(5)?,
            total: count(6)?,
        };
        found.push((number, at));
    }
    found.sort_by_key(|(number, _)| *number);
    let checkpoints = found.into_iter().map(|(_, at)| at).collect();
    Ok(parts(step, checkpoints))
}

/// Writes the first checkpoint of a part.
pub(super) async fn create(
    link: &mut Link,
    execution: &str,
    phase: u32,
    part: &Part,
) -> Result<(), sqlx::Error> {
    let at = &part.at;
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
            part.key.as_str().into(),
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

/// Moves a part's checkpoint on, in the batch's transaction; false where the lease is not ours any
/// more, or the checkpoint is not where the batch began: one whose connection was lost may have
/// come through after all. The one statement fences and writes, for a batch has no round trip to
/// spare.
pub(super) async fn write(
    link: &mut Link,
    token: &str,
    execution: &str,
    part: &Part,
    to: &Checkpoint,
) -> Result<bool, sqlx::Error> {
    let sql = match link.engine() {
        Engine::PostgreSql => {
            "WITH lease AS (SELECT 1 FROM bellows.lease WHERE token = $1 FOR KEY SHARE)
             UPDATE bellows.checkpoint SET position = $4, upper = $5, sweep = $6, walked = $7,
                    changed = $8, swept = $9
             FROM lease WHERE execution = $2 AND step = $3 AND position IS NOT DISTINCT FROM $10"
        }
        // There the batch has fenced already.
        Engine::MySql | Engine::MariaDb => {
            "UPDATE _bellows_checkpoint SET position = $4, upper = $5, sweep = $6, walked = $7,
                    changed = $8, swept = $9
             WHERE execution = $2 AND step = $3 AND position <=> $10 AND $1 <> ''"
        }
        Engine::Sqlite => {
            "UPDATE _bellows_checkpoint SET position = $4, upper = $5, sweep = $6, walked = $7,
                    changed = $8, swept = $9
             WHERE execution = $2 AND step = $3 AND position IS $10
               AND EXISTS (SELECT 1 FROM _bellows_lease WHERE token = $1)"
        }
    };
    let touched = link
        .execute_often(
            sql,
            &[
                token.into(),
                execution.into(),
                part.key.as_str().into(),
                encode(to.position.as_ref()).into(),
                encode(to.upper.as_ref()).into(),
                to.sweep.into(),
                to.walked.into(),
                to.changed.into(),
                to.swept.into(),
                encode(part.at.position.as_ref()).into(),
            ],
        )
        .await?;
    Ok(touched == 1)
}
