//! Phases that are held until a person says go, as the records on the target have it: whoever runs
//! them next heeds it, whatever became of who asked for it.

use crate::executor::record::ExecuteError;
use crate::target::{Link, on_conflict, ours};

/// A phase that is to be held.
pub(in crate::executor) struct Hold {
    /// Who wanted it.
    pub(in crate::executor) asked_by: String,
    /// Whether somebody said go.
    pub(in crate::executor) gone: bool,
}

/// Writes that the phase is to be held, where that was not said yet.
pub(in crate::executor) async fn ask_hold(
    link: &mut Link,
    id: &str,
    phase: u32,
    by: &str,
) -> Result<(), ExecuteError> {
    let engine = link.engine();
    let sql = ours(
        engine,
        &format!(
            "INSERT INTO {{b}}hold (execution, phase, asked_by, asked_at)
             VALUES ($1, $2, $3, {{now}}) {}",
            on_conflict(engine, "execution, phase", &[])
        ),
    );
    link.execute(&sql, &[id.into(), phase.into(), by.into()])
        .await?;
    Ok(())
}

/// Whether the phase is to be held.
pub(in crate::executor) async fn hold(
    link: &mut Link,
    id: &str,
    phase: u32,
) -> Result<Option<Hold>, ExecuteError> {
    let sql = ours(
        link.engine(),
        "SELECT asked_by, go_at FROM {b}hold WHERE execution = $1 AND phase = $2",
    );
    let row = link
        .fetch_optional(&sql, &[id.into(), phase.into()])
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(Hold {
        asked_by: row.text(0)?.unwrap_or_default(),
        gone: row.int(1)?.is_some(),
    }))
}

/// Writes that it stands there now; the first time stays.
pub(in crate::executor) async fn set_held(
    link: &mut Link,
    id: &str,
    phase: u32,
) -> Result<(), ExecuteError> {
    let sql = ours(
        link.engine(),
        "UPDATE {b}hold SET since = {now} WHERE execution = $1 AND phase = $2 AND since IS NULL",
    );
    link.execute(&sql, &[id.into(), phase.into()]).await?;
    Ok(())
}

/// Writes that a person said go to what stands there; gives the phase, where one does.
pub(in crate::executor) async fn say_go(
    link: &mut Link,
    id: &str,
    by: &str,
) -> Result<Option<u32>, ExecuteError> {
    let engine = link.engine();
    let sql = ours(
        engine,
        "SELECT phase FROM {b}hold
         WHERE execution = $1 AND since IS NOT NULL AND go_at IS NULL ORDER BY phase",
    );
    let row = link.fetch_optional(&sql, &[id.into()]).await?;
    let Some(phase) = row.map_or(Ok(None), |row| row.int(0))? else {
        return Ok(None);
    };
    let sql = ours(
        engine,
        "UPDATE {b}hold SET go_by = $3, go_at = {now}
         WHERE execution = $1 AND phase = $2 AND go_at IS NULL",
    );
    let said = link
        .execute(&sql, &[id.into(), phase.into(), by.into()])
        .await?;
    // Somebody else may have said it at this moment.
    Ok((said == 1).then(|| u32::try_from(phase).unwrap_or(u32::MAX)))
}
