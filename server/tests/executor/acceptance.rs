//! What breaks online changes elsewhere, done to ours on real servers: see the table in
//! `docs/faults.md`.

use std::sync::Arc;
use std::time::Duration;

use bellows::document::Engine;
use bellows::run::{EventKind, ExecutionState, StopReason};
use bellows_server::executor::{Outcome, RunOptions, control, execution, run_phase};

use crate::faults::{document, right, table};
use crate::support::{Cluster, Events, Fate, Proxy, TestTarget, open, run, run_with};

on_mariadb_and_mysql! {
    a_column_that_is_dropped_by_hand_stops_it_by_name,
    a_pause_is_heeded_within_a_batch,
}

fn is_progress(event: &EventKind) -> bool {
    matches!(event, EventKind::Progress { .. })
}

/// A batch and its checkpoint that the server had not written yet are lost together.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_ended_at_once_and_comes_back_is_gone_on_with() {
    let cluster = Arc::new(Cluster::start(""));
    let test = TestTarget::on(&cluster).await;
    test.sql(
        "CREATE TABLE t (id int PRIMARY KEY, b int NOT NULL);
         INSERT INTO t SELECT i, 0 FROM generate_series(1, 3000) i",
    )
    .await;
    let record = open(&test.target, &document(Engine::PostgreSql)).await;
    let events = Events::default();
    let (outcome, ()) = tokio::join!(run(&test.target, &record.id, 1, &events), async {
        for rows in [1, 1000] {
            events
                .seen(|e| matches!(e, EventKind::Progress { rows: walked, .. } if *walked >= rows))
                .await;
            let cluster = Arc::clone(&cluster);
            tokio::task::spawn_blocking(move || cluster.restart())
                .await
                .unwrap();
        }
    });
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    assert!(events.count(|e| matches!(e, EventKind::Recovered { .. })) > 0);
    right(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_ended_sessions_lose_and_repeat_nothing() {
    let test = table(Engine::PostgreSql).await;
    let slow = document(Engine::PostgreSql)
        .replace("batchSize: 50, pauseMs: 2", "batchSize: 10, pauseMs: 10");
    let record = open(&test.target, &slow).await;
    let events = Events::default();
    let mut admin = test.client().await;
    let mut cuts = 0;
    let outcome = loop {
        let running = run(&test.target, &record.id, 1, &events);
        tokio::pin!(running);
        let cut = async {
            loop {
                // Every one that is at work, as soon as it is.
                cuts += admin
                    .number(
                        "SELECT count(pg_terminate_backend(l.pid::int)) FROM bellows.lease l
                         JOIN pg_stat_activity a ON a.pid = l.pid
                          AND (extract(epoch from a.backend_start) * 1000000)::bigint = l.backend_start
                         WHERE EXISTS (SELECT 1 FROM bellows.checkpoint)",
                    )
                    .await;
                tokio::time::sleep(Duration::from_millis(15)).await;
                if cuts >= 100 {
                    return;
                }
            }
        };
        let outcome = tokio::select! {
            outcome = &mut running => outcome,
            () = cut => running.await,
        };
        // Lost too often with nothing done in between: how often is the machine's matter.
        let lost = matches!(
            outcome,
            Outcome::Stopped {
                reason: StopReason::Connection,
                ..
            }
        );
        if !lost {
            break outcome;
        }
    };
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    assert!(cuts >= 100, "only {cuts} sessions were ended");
    right(&test).await;
}

const SWAP: &str = "
migration:
  name: anew
  database: postgresql
  phases:
    - phase: 1
      operations:
        - type: custom_sql
          sql: CREATE TABLE t_new (id int PRIMARY KEY, b bigint NOT NULL)
          rollbackSql: DROP TABLE t_new
        - {type: copy_table, table: t, shadow: t_new}
    - phase: 2
      operations:
        - {type: swap_tables, table: t, shadow: t_new, oldName: t_old}
";

/// A connection that is lost in the swap, and nobody to be asked how it went: nothing is said to be
/// done. Once the target can be asked, its catalogue says it, and nothing is swapped twice.
async fn a_swap_is_cut(commit: bool, fate: Fate, took_effect: bool) {
    let test = table(Engine::PostgreSql).await;
    let record = open(&test.target, SWAP).await;
    let outcome = run(&test.target, &record.id, 1, &Events::default()).await;
    assert_eq!(outcome, Outcome::PhaseCompleted);

    let proxy = Proxy::ending_at(test.server_address(), "RENAME TO", commit, fate).await;
    let target = test.through(proxy.port()).await;
    let options = RunOptions {
        reconnect_ms: 500,
        ..RunOptions::new("test")
    };
    let (_sender, receiver) = control();
    let events = Events::default();
    let outcome = run_phase(&target, &record.id, 2, "ada", &options, &events, receiver).await;
    assert_eq!(proxy.cuts(), 1, "{outcome:?}");
    let Ok(Outcome::Stopped {
        reason: StopReason::Connection,
        ..
    }) = outcome
    else {
        panic!("{outcome:?}");
    };
    let told = |e: &EventKind| {
        matches!(
            e,
            EventKind::PhaseCompleted { .. } | EventKind::Finished { .. }
        )
    };
    assert_eq!(events.count(told), 0, "{:#?}", events.all());

    let swapped = "SELECT (to_regclass('t_old') IS NOT NULL)::int";
    assert_eq!(test.number(swapped).await, i64::from(took_effect));
    let step = record.plan.phases[1]
        .steps
        .iter()
        .find(|step| {
            let statements = step.action.statements();
            statements.iter().any(|s| s.sql.contains("RENAME TO"))
        })
        .unwrap();
    let said = format!(
        "SELECT count(*) FROM bellows.step WHERE id = '{}' AND state = 'done'",
        step.id
    );
    assert_eq!(
        test.number(&said).await,
        i64::from(took_effect),
        "the record and the catalogue say the same"
    );
    let now = execution(&test.target, &record.id).await.unwrap().unwrap();
    assert_ne!(now.state, ExecutionState::Completed);

    let outcome = run(&test.target, &record.id, 2, &Events::default()).await;
    assert_eq!(outcome, Outcome::Completed);
    let new = "SELECT (format_type(atttypid, NULL) = 'bigint')::int FROM pg_attribute
               WHERE attrelid = 't'::regclass AND attname = 'b'";
    assert_eq!(test.number(new).await, 1, "swapped once, and not back");
    let apart = "SELECT count(*) FROM (TABLE t EXCEPT TABLE t_old) AS apart";
    assert_eq!(test.number(apart).await, 0);
}

#[tokio::test]
async fn a_swap_that_was_cut_off_before_it_began_is_not_said_to_be_done() {
    a_swap_is_cut(false, Fate::Lost, false).await;
}

#[tokio::test]
async fn a_swap_that_was_cut_off_before_its_commit_is_not_said_to_be_done() {
    a_swap_is_cut(true, Fate::Lost, false).await;
}

#[tokio::test]
async fn a_swap_whose_commit_was_not_answered_is_looked_up_and_not_done_twice() {
    a_swap_is_cut(true, Fate::Unanswered, true).await;
}

const ONE_BATCH: &str = "
migration:
  name: fill
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: backfill, table: t, sql: b = b + 1, where: 'true', batchSize: 3000}
";

/// It changes the last row, and then the first, which the batch has by then that comes from the
/// first to the last: the server ends one of two such transactions, and that is never it.
#[tokio::test]
async fn an_application_that_locks_in_reverse_order_never_fails() {
    let test = TestTarget::new(Engine::PostgreSql).await;
    // A batch comes to its middle, and tells so.
    test.sql(
        "CREATE TABLE t (id int PRIMARY KEY, b int NOT NULL, n int NOT NULL);
         INSERT INTO t SELECT i, 0, 0 FROM generate_series(1, 3000) i;
         CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END $$;
         CREATE TRIGGER linger BEFORE UPDATE OF b ON t FOR EACH ROW WHEN (NEW.id = 1500)
         EXECUTE FUNCTION linger()",
    )
    .await;
    let record = open(&test.target, ONE_BATCH).await;
    let (mut application, mut admin) = (test.client().await, test.client().await);
    let events = Events::default();
    let waits = |e: &EventKind| matches!(e, EventKind::LockWaiting { .. });
    application
        .run("BEGIN; UPDATE t SET n = n + 1 WHERE id = 3000")
        .await;
    let (outcome, (rounds, failed)) =
        tokio::join!(run(&test.target, &record.id, 1, &events), async {
            let (mut rounds, mut failed) = (0, Vec::new());
            // Until they have met, where they do.
            while rounds < 20 || events.count(waits) == 0 && rounds < 500 {
                rounds += 1;
                let lingers = "SELECT count(*) FROM pg_stat_activity
                     WHERE wait_event = 'PgSleep' AND datname = current_database()";
                while events.count(waits) == 0 && admin.number(lingers).await == 0 {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                for sql in [
                    "UPDATE t SET n = n + 1 WHERE id = 1",
                    "COMMIT",
                    "BEGIN; UPDATE t SET n = n + 1 WHERE id = 3000",
                ] {
                    failed.extend(application.try_run(sql).await.err());
                }
            }
            failed.extend(application.try_run("COMMIT").await.err());
            (rounds, failed)
        });
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    // Alone it never fails.
    assert!(failed.is_empty(), "{failed:?}");
    let filled = "SELECT count(*) FROM t WHERE b = 1";
    assert_eq!(test.number(filled).await, 3000);
    let counted = "SELECT sum(n) FROM t WHERE id IN (1, 3000)";
    assert_eq!(test.number(counted).await, 2 * rounds + 1);
}

/// Somebody drops the column in the midst of a backfill: the phase is taken back and says why, and
/// nothing goes on that was planned for another table.
async fn a_column_that_is_dropped_by_hand_stops_it_by_name(engine: Engine) {
    let test = table(engine).await;
    let record = open(&test.target, &document(engine)).await;
    let events = Events::holding(is_progress);
    let (outcome, ()) = tokio::join!(run(&test.target, &record.id, 1, &events), async {
        events.seen(is_progress).await;
        test.sql("ALTER TABLE t DROP COLUMN b").await;
        events.go_on();
    });
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        ["column \"b\"", "'b'", "column: b"]
            .iter()
            .any(|named| message.contains(named)),
        "{message}"
    );
    let schema = test.schema().await;
    let table = schema.table(&"t".to_owned().into()).unwrap();
    assert_eq!(table.columns.len(), 1, "what the phase made is gone");
    let (_sender, receiver) = control();
    let again = run_phase(
        &test.target,
        &record.id,
        1,
        "ada",
        &RunOptions::new("test"),
        &Events::default(),
        receiver,
    )
    .await;
    assert!(again.is_err(), "{again:?}");
}

#[tokio::test]
async fn postgres_a_column_that_is_dropped_by_hand_stops_it_by_name() {
    a_column_that_is_dropped_by_hand_stops_it_by_name(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_a_column_that_is_dropped_by_hand_stops_it_by_name() {
    a_column_that_is_dropped_by_hand_stops_it_by_name(Engine::Sqlite).await;
}

async fn a_pause_is_heeded_within_a_batch(engine: Engine) {
    let test = table(engine).await;
    let record = open(&test.target, &document(engine)).await;
    let filled = "SELECT count(*) FROM t WHERE b = 1";
    let events = Events::holding(is_progress);
    let (sender, receiver) = control();
    let (outcome, before) = tokio::join!(
        run_with(&test.target, &record.id, 1, &events, receiver),
        async {
            events.seen(is_progress).await;
            let before = test.number(filled).await;
            sender.pause();
            events.go_on();
            before
        }
    );
    let Outcome::Stopped {
        reason: StopReason::Paused,
        ..
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    let after = test.number(filled).await;
    assert!(
        before > 0 && after <= before + 50,
        "{before}, and then {after}"
    );
    let outcome = run(&test.target, &record.id, 1, &Events::default()).await;
    assert_eq!(outcome, Outcome::Completed);
    right(&test).await;
}

#[tokio::test]
async fn postgres_a_pause_is_heeded_within_a_batch() {
    a_pause_is_heeded_within_a_batch(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_a_pause_is_heeded_within_a_batch() {
    a_pause_is_heeded_within_a_batch(Engine::Sqlite).await;
}

/// Between two pages of one of the table's files, so that a write ends in the middle of a page.
const FULL: u64 = (16 << 20) + 4096;

#[tokio::test]
async fn a_full_disk_stops_it_where_it_can_go_on() {
    let cluster = Cluster::start("");
    let test = TestTarget::on(&cluster).await;
    test.sql(
        "CREATE TABLE t (id int PRIMARY KEY, b int NOT NULL, filler char(600) NOT NULL DEFAULT '');
         INSERT INTO t SELECT i, 0 FROM generate_series(1, 20000) i",
    )
    .await;
    let record = open(
        &test.target,
        &ONE_BATCH.replace("batchSize: 3000", "batchSize: 500"),
    )
    .await;
    cluster.limit_files(Some(FULL));
    let events = Events::default();
    let outcome = run(&test.target, &record.id, 1, &events).await;
    let Outcome::Stopped {
        reason: StopReason::Disk,
        message,
    } = &outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("make room and go on"), "{message}");
    let filled = test.number("SELECT count(*) FROM t WHERE b = 1").await;
    assert!(filled > 0 && filled < 20_000, "{filled}");
    assert_eq!(test.number("SELECT sum(b) FROM t").await, filled);
    let walked = "SELECT sum(walked)::bigint FROM bellows.checkpoint";
    assert_eq!(test.number(walked).await, filled, "and not a batch more");

    cluster.limit_files(None);
    let outcome = run(&test.target, &record.id, 1, &Events::default()).await;
    assert_eq!(outcome, Outcome::Completed);
    let wrong = "SELECT count(*) FROM t WHERE b <> 1";
    assert_eq!(test.number(wrong).await, 0);
}
