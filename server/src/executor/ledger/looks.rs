//! What was seen of the old sides that contract phases take away, as the records on the target have
//! it.

use bellows::run::Look;

use crate::executor::record::ExecuteError;
use crate::target::{Link, on_conflict, ours};

/// Keeps one.
pub(in crate::executor) async fn keep_look(
    link: &mut Link,
    id: &str,
    phase: u32,
    look: &Look,
) -> Result<(), ExecuteError> {
    let engine = link.engine();
    let again = on_conflict(engine, "execution, phase, at", &["seen"]);
    let sql = ours(
        engine,
        &format!(
            "INSERT INTO {{b}}look (execution, phase, at, seen) VALUES ($1, $2, $3, $4) {again}"
        ),
    );
    let seen = super::json(&look.sights)?;
    link.execute(
        &sql,
        &[id.into(), phase.into(), look.at.into(), seen.into()],
    )
    .await?;
    Ok(())
}

/// All of them, the oldest first.
pub(in crate::executor) async fn looks(
    link: &mut Link,
    id: &str,
    phase: u32,
) -> Result<Vec<Look>, ExecuteError> {
    let sql = ours(
        link.engine(),
        "SELECT at, seen FROM {b}look WHERE execution = $1 AND phase = $2 ORDER BY at",
    );
    let mut looks = Vec::new();
    for row in link.fetch_all(&sql, &[id.into(), phase.into()]).await? {
        let seen = row.text(1)?.unwrap_or_default();
        looks.push(Look {
            at: row.int(0)?.unwrap_or_default(),
            sights: serde_json::from_str(&seen)
                .map_err(|error| ExecuteError::Records(error.to_string()))?,
        });
    }
    Ok(looks)
}

/// When it was looked last.
pub(in crate::executor) async fn last_look(
    link: &mut Link,
    id: &str,
    phase: u32,
) -> Result<Option<i64>, ExecuteError> {
    let sql = ours(
        link.engine(),
        "SELECT max(at) FROM {b}look WHERE execution = $1 AND phase = $2",
    );
    let row = link.fetch_one(&sql, &[id.into(), phase.into()]).await?;
    Ok(row.int(0)?)
}
