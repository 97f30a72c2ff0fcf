//! What statements took, as the records on the target have it.

use bellows::estimate::{Kind, Measure, Shape};

use crate::executor::measure::Held;
use crate::executor::record::ExecuteError;
use crate::target::{Link, layout_has_measures, on_conflict, ours};

/// How many of each kind the next plan learns from.
const MOST: usize = 200;

/// Keeps one; of a step that is done once more, the newest stays.
pub(in crate::executor) async fn keep_measure(
    link: &mut Link,
    statement: usize,
    held: &Held,
) -> Result<(), sqlx::Error> {
    let engine = link.engine();
    let again = on_conflict(
        engine,
        "execution, step, statement",
        &[
            "kind",
            "rows_held",
            "bytes_held",
            "indexes",
            "low_ms",
            "high_ms",
            "took_us",
            "at",
        ],
    );
    let sql = ours(
        engine,
        &format!(
            "INSERT INTO {{b}}measure (execution, step, statement, kind, rows_held, bytes_held,
                                       indexes, low_ms, high_ms, took_us, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, {{now}}) {again}"
        ),
    );
    let measure = &held.measure;
    let stated = |end: fn((u64, u64)) -> u64| {
        crate::target::Arg::Int(
            held.stated_ms
                .map(|ms| i64::try_from(end(ms)).unwrap_or(i64::MAX)),
        )
    };
    link.execute_often(
        &sql,
        &[
            held.execution.as_str().into(),
            held.step.as_str().into(),
            (statement as u64).into(),
            measure.kind.word().into(),
            measure.shape.rows.into(),
            measure.shape.bytes.into(),
            measure.shape.indexes.into(),
            stated(|(low, _)| low),
            stated(|(_, high)| high),
            ((measure.took_ms * 1000.0) as u64).into(),
        ],
    )
    .await?;
    Ok(())
}

/// All that is known, the newest first; nothing where no run was measured yet.
pub(in crate::executor) async fn held(link: &mut Link) -> Result<Vec<Held>, ExecuteError> {
    if !layout_has_measures(link).await? {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT execution, step, kind, rows_held, bytes_held, indexes, low_ms, high_ms, took_us
         FROM {{b}}measure ORDER BY at DESC, execution, step, statement LIMIT {}",
        MOST * Kind::ALL.len()
    );
    let mut held = Vec::new();
    for row in link.fetch_all(&ours(link.engine(), &sql), &[]).await? {
        let number = |index| -> Result<u64, sqlx::Error> {
            Ok(row
                .int(index)?
                .and_then(|n| u64::try_from(n).ok())
                .unwrap_or(0))
        };
        // A kind of a newer bellows says nothing to this one.
        let Some(kind) = Kind::of_word(&row.text(2)?.unwrap_or_default()) else {
            continue;
        };
        held.push(Held {
            execution: row.text(0)?.unwrap_or_default(),
            step: row.text(1)?.unwrap_or_default(),
            measure: Measure {
                kind,
                shape: Shape {
                    rows: number(3)?,
                    bytes: number(4)?,
                    indexes: u32::try_from(number(5)?).unwrap_or(u32::MAX),
                },
                took_ms: number(8)? as f64 / 1000.0,
            },
            stated_ms: match (row.int(6)?, row.int(7)?) {
                (Some(_), Some(_)) => Some((number(6)?, number(7)?)),
                _ => None,
            },
        });
    }
    Ok(held)
}

/// The measures alone.
pub(in crate::executor) async fn measures(link: &mut Link) -> Result<Vec<Measure>, ExecuteError> {
    Ok(held(link).await?.into_iter().map(|h| h.measure).collect())
}
