//! Statements that no transaction takes: stopped half way by what others hold, and looked at there.

use std::time::Duration;

use crate::Room;
use crate::row::Row;
use crate::seen::{Seen, WHAT, lock};
use crate::support::Client;

/// Whether the session has come to where it waits.
const WAITS: &str = "SELECT EXISTS (SELECT FROM pg_locks WHERE pid = $PID AND NOT granted)
    OR EXISTS (SELECT FROM pg_stat_progress_vacuum WHERE pid = $PID)";

/// What it holds there and asks for.
const HELD: &str = "SELECT string_agg(format('%s|%s|%s', w.name, w.kind, l.mode), E'\\n')
      FROM pg_locks l JOIN was w ON w.oid = l.relation
     WHERE l.pid = $PID AND l.locktype = 'relation'";

/// What it did to files and rows, against what was there by name: indexes that are built anew beside
/// the old ones are other ones of the same name.
const DONE: &str = "SELECT string_agg(line, E'\\n') FROM (
    SELECT format('file|%s|%s|%s', was.name, was.kind, pg_relation_size(c.oid)) AS line
      FROM was JOIN pg_class c ON c.relname = was.name AND c.relnamespace = 'public'::regnamespace
     WHERE was.kind IN ('r', 'i', 'm') AND pg_relation_filenode(c.oid) IS DISTINCT FROM was.file
    UNION ALL
    SELECT format('rows|%s|%s|%s', name, kind, pg_stat_get_tuples_returned(oid)
           + pg_stat_get_tuples_fetched(oid) - counted) FROM was WHERE kind IN ('r', 'm')) AS seen(line)";

/// Whether every block of a table was fetched.
const FETCHED: &str =
    "SELECT bool_or(pg_stat_get_blocks_fetched(oid) - fetched >= blocks AND blocks > 10)
    FROM was WHERE kind = 'r'";

/// Runs it twice: among others, for its locks, and by itself, for what it does.
pub async fn run(room: &mut Room, row: &Row, main: &str) -> Result<Seen, String> {
    let mut seen = Seen::default();
    among_others(room, row, main, &mut seen).await;
    room.make_again().await;
    match by_itself(room, row, &mut seen).await {
        Ok(()) => Ok(seen),
        Err(error) => Err(error.to_string()),
    }
}

/// Others read and write the tables, and end one after the other.
async fn among_others(room: &mut Room, row: &Row, main: &str, seen: &mut Seen) {
    room.owner
        .run(&format!(
            "DROP TABLE IF EXISTS was; CREATE TEMP TABLE was AS {WHAT}"
        ))
        .await;
    let mut holders = Vec::new();
    for (table, _) in row.locks() {
        let mode = if table == main {
            "ROW EXCLUSIVE"
        } else {
            "ACCESS SHARE"
        };
        let mut holder = room.test.client().await;
        holder
            .run(&format!("BEGIN; LOCK TABLE ONLY {table} IN {mode} MODE"))
            .await;
        holders.push(holder);
    }
    let mut worker = room.test.client().await;
    // VACUUM waits for nobody: it is held up at each page.
    worker
        .run("SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1")
        .await;
    let pid = worker.number("SELECT pg_backend_pid()").await;
    let sql = row.sql.clone();
    let mut running = tokio::spawn(async move { worker.try_run(&sql).await });
    for mut holder in holders {
        if stopped(&mut room.owner, pid, &mut running, seen).await {
            seen.try_out(&mut room.probe, main).await;
        }
        holder.run("ROLLBACK").await;
    }
    if row.sql.starts_with("VACUUM") {
        // The rest of it, at that pace, is of no interest.
        room.owner
            .run(&format!("SELECT pg_cancel_backend({pid})"))
            .await;
    }
    let _ = running.await.unwrap();
}

/// Waits until the statement waits, and notes what it holds and asks for; false where it is done.
async fn stopped(
    owner: &mut Client,
    pid: i64,
    running: &mut tokio::task::JoinHandle<Result<u64, sqlx::Error>>,
    seen: &mut Seen,
) -> bool {
    let of = |sql: &str| sql.replace("$PID", &pid.to_string());
    while owner.number(&of(WAITS)).await == 0 {
        if running.is_finished() {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // Only now: it waits for us, and asks for nothing more meanwhile.
    let lines = owner.text(&of(HELD)).await.unwrap_or_default();
    for line in lines.lines() {
        let [name, kind, mode] = line.splitn(3, '|').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        seen.locked(name, kind.chars().next().unwrap(), lock(mode));
    }
    true
}

/// Nobody else is there. What a session has read becomes known when it ends.
async fn by_itself(room: &mut Room, row: &Row, seen: &mut Seen) -> Result<(), sqlx::Error> {
    room.owner.run("CREATE TABLE marker AS SELECT 1").await;
    let owner = std::mem::replace(&mut room.owner, room.test.client().await);
    end(owner, &mut room.probe).await;
    room.owner
        .run(&format!(
            "CREATE TEMP TABLE was AS
             SELECT what.*, pg_stat_get_tuples_returned(oid) + pg_stat_get_tuples_fetched(oid) AS counted,
                    pg_stat_get_blocks_fetched(oid) AS fetched,
                    CASE WHEN kind = 'r' THEN pg_relation_size(oid) / 8192 END AS blocks
               FROM ({WHAT}) AS what WHERE name <> 'marker'"
        ))
        .await;
    let mut worker = room.test.client().await;
    worker.try_run(&row.sql).await?;
    end(worker, &mut room.probe).await;
    let lines = room.owner.text(DONE).await.unwrap_or_default();
    seen.take(&lines, &room.rows);
    if row.sql.starts_with("VACUUM") && room.owner.number(FETCHED).await == 1 {
        seen.did("scan");
    }
    Ok(())
}

/// Ends a session, and waits until what it has read is known: what it reads last is counted after, or
/// with, all that it has read before.
async fn end(mut client: Client, probe: &mut Client) {
    const MARKED: &str = "SELECT pg_stat_get_tuples_returned('marker'::regclass)";
    let before = probe.number(MARKED).await;
    client.run("SELECT * FROM marker").await;
    drop(client);
    while probe.number(MARKED).await == before {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
