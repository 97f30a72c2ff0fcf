//! Statements in a transaction, which is taken back.

use crate::Room;
use crate::row::Row;
use crate::seen::{SEEN, Seen, WHAT};

/// Runs the statement, and looks at what it holds and has done before its transaction ends.
pub async fn run(room: &mut Room, row: &Row) -> Result<Seen, String> {
    room.worker.run("BEGIN").await;
    room.worker
        .run(&format!("CREATE TEMP TABLE was AS {WHAT}"))
        .await;
    if let Err(error) = room.worker.try_run(row.bare()).await {
        room.worker.run("ROLLBACK").await;
        return Err(error.to_string());
    }
    let mut seen = Seen::default();
    let lines = room.worker.text(SEEN).await.unwrap_or_default();
    seen.take(&lines, &room.rows);
    seen.try_out(&mut room.probe, row.main().unwrap_or("t"))
        .await;
    room.worker.run("ROLLBACK").await;
    Ok(seen)
}

/// Whether the server refuses it, as it stands.
pub async fn is_refused(room: &mut Room, row: &Row) -> bool {
    let tried = room.worker.try_run(&row.sql).await;
    if row.sql.starts_with("BEGIN") {
        room.worker.run("ROLLBACK").await;
    }
    tried.is_err()
}

/// Whether the server refuses it because of the transaction.
pub async fn is_refused_in_a_transaction(room: &mut Room, row: &Row) -> bool {
    room.worker.run("BEGIN").await;
    let tried = room.worker.try_run(&row.sql).await;
    room.worker.run("ROLLBACK").await;
    tried.is_err_and(|error| error.to_string().contains("transaction block"))
}
