//! SIGKILL between a batch's rows and its checkpoint, and between the COMMIT that was sent and its
//! end: no row is done twice, and none is left out.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;

use super::apply::Applied;
use super::database::Database;

const ROWS: i64 = 4_000;

/// Kills at each of the two places.
const KILLS: usize = 5;

const DOCUMENT: &str = "
migration:
  name: add-one
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: numbers, column: more, dataType: integer}
    - phase: 2
      operations:
        - {type: backfill, table: numbers, sql: x = x + 1, where: 'true', batchSize: 100}
";

/// Holds whoever moves a checkpoint: within the batch, after its rows, at place 1; in its COMMIT, at
/// place 2.
const HOLD: &str = "
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS $$
BEGIN
    PERFORM pg_catalog.pg_advisory_xact_lock_shared(7331, TG_ARGV[0]::int);
    RETURN NEW;
END $$;
CREATE TRIGGER in_the_batch BEFORE UPDATE ON bellows.checkpoint
    FOR EACH ROW EXECUTE FUNCTION hold('1');
CREATE CONSTRAINT TRIGGER in_the_commit AFTER UPDATE ON bellows.checkpoint
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold('2')";

async fn ask(holder: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query_scalar(sql)
        .persistent(false)
        .fetch_one(holder)
        .await
        .unwrap_or_else(|e| panic!("{sql}: {e}"))
}

/// Starts the phase until somebody is held.
async fn killed_at(applied: &Applied, holder: &mut PgConnection, place: i32) {
    let held = format!(
        "SELECT count(*) FROM pg_locks
         WHERE locktype = 'advisory' AND classid = 7331 AND objid = {place} AND NOT granted
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    );
    let took = format!("SELECT 1::int8 FROM pg_advisory_lock(7331, {place})");
    ask(holder, &took).await;
    let since = Instant::now();
    let mut child = applied.start(2);
    while ask(holder, &held).await == 0 {
        assert!(
            since.elapsed() < Duration::from_secs(240),
            "it never came to its checkpoint: {}",
            applied.said()
        );
        // The one before may hold the target for a moment.
        if child.try_wait().expect("its status").is_some() {
            child = applied.start(2);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // SIGKILL: no handler runs, nothing is flushed.
    child.kill().expect("it can be killed");
    child.wait().expect("it is gone");
    let let_go = format!("SELECT pg_advisory_unlock(7331, {place})::int::int8");
    assert_eq!(ask(holder, &let_go).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_a_batch_and_its_checkpoint() {
    let database = Database::fresh().await;
    database
        .run(&format!(
            "CREATE TABLE numbers (id bigint PRIMARY KEY, x bigint NOT NULL);
             INSERT INTO numbers SELECT i, i * 10 FROM generate_series(1, {ROWS}) i"
        ))
        .await;
    let applied = Applied::new(DOCUMENT, &database.url);
    applied.through(1).await;
    database.run(HOLD).await;
    let mut holder = database.connection().await;
    for _ in 0..KILLS {
        for place in [1, 2] {
            killed_at(&applied, &mut holder, place).await;
        }
    }
    let walked = "SELECT coalesce(sum(walked), 0)::int8 FROM bellows.checkpoint";
    let before = database.count(walked).await;
    assert!(before < ROWS, "every kill came in the midst of it");
    applied.through(2).await;
    let wrong = "SELECT count(*) FROM numbers WHERE x <> id * 10 + 1";
    assert_eq!(
        database.count(wrong).await,
        0,
        "rows were done twice, or not"
    );
    drop(holder);
    database.drop().await;
}
