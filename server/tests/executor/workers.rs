//! Large tables walked in parts, by one session or by several, and the plans of their batches.

use bellows::document::Engine;
use bellows::run::EventKind;
use bellows_server::executor::{Outcome, RunOptions, control, run_phase};

use crate::support::{Events, TestTarget, open};

/// Adds one to every row: a row that is done twice, or not at all, shows.
const DOCUMENT: &str = "
migration:
  name: fill
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: backfill, table: t, sql: b = b + 1, where: 'true', batchSize: 50}
      validation:
        - {check: custom, sql: SELECT count(*) = 0 FROM t WHERE b <> 1, expect: true}
";

const ROWS: i64 = 6000;

/// A table that nobody has analysed, nor ever will.
async fn table(key: &str, values: &str) -> TestTarget {
    let test = TestTarget::postgres().await;
    test.sql(&format!(
        "CREATE TABLE t ({key}, b int NOT NULL) WITH (autovacuum_enabled = off);
         INSERT INTO t SELECT {values}, 0 FROM generate_series(1, {ROWS}) i"
    ))
    .await;
    test
}

fn options(workers: u32) -> RunOptions {
    RunOptions {
        workers,
        part_rows: 500,
        ..RunOptions::new("test")
    }
}

async fn run(test: &TestTarget, workers: u32, events: &Events) -> Outcome {
    let record = open(&test.target, DOCUMENT).await;
    let (_sender, receiver) = control();
    let options = options(workers);
    run_phase(
        &test.target,
        &record.id,
        1,
        "tester",
        &options,
        events,
        receiver,
    )
    .await
    .unwrap()
}

/// The numbers of sessions that progress told of.
fn workers(events: &Events) -> Vec<u32> {
    let mut told: Vec<u32> = events
        .all()
        .into_iter()
        .filter_map(|event| {
            if let EventKind::Progress { pace, .. } = event {
                Some(pace.workers)
            } else {
                None
            }
        })
        .collect();
    told.dedup();
    told
}

async fn right(test: &TestTarget) {
    assert_eq!(
        test.number("SELECT count(*) FROM t WHERE b = 1").await,
        ROWS,
        "every row once"
    );
}

#[tokio::test]
async fn several_sessions_do_every_row_once_whatever_the_key() {
    for (key, values) in [
        ("id bigint PRIMARY KEY", "i::bigint * 1000003"),
        (
            "\"K 1\" int, k2 timestamptz, PRIMARY KEY (\"K 1\", k2)",
            "i / 700, now() + i * interval '1 minute'",
        ),
        ("id uuid PRIMARY KEY", "gen_random_uuid()"),
        (
            "id text COLLATE \"und-x-icu\" PRIMARY KEY",
            "CASE WHEN i % 2 = 0 THEN 'Ä''' ELSE 'a\"\\' END || md5(i::text)",
        ),
    ] {
        let test = table(key, values).await;
        test.count_updates("t").await;
        let events = Events::default();
        assert_eq!(run(&test, 4, &events).await, Outcome::Completed, "{key}");
        right(&test).await;
        assert_eq!(test.counted().await, ROWS, "{key}");
        assert!(
            workers(&events).contains(&4),
            "{key}: {:?}",
            workers(&events)
        );
        assert!(
            test.number("SELECT count(*) FROM bellows.checkpoint WHERE position = upper")
                .await
                >= 8,
            "{key}: each part has a checkpoint of its own"
        );
        let last = events
            .all()
            .into_iter()
            .rfind(|e| matches!(e, EventKind::Progress { .. }));
        assert!(
            matches!(last, Some(EventKind::Progress { rows, total, .. })
                if rows == total && rows == ROWS.unsigned_abs()),
            "{key}: {last:?}"
        );
    }
}

#[tokio::test]
async fn rows_that_writers_add_everywhere_neither_hold_it_up_nor_are_changed() {
    let test = table("id bigint PRIMARY KEY", "i * 10").await;
    // Writers add rows in every gap, and behind the last key, while it is under way.
    test.sql(
        "CREATE FUNCTION defaulted() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN NEW.b = 1; RETURN NEW; END $$;
         CREATE TRIGGER written BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION defaulted()",
    )
    .await;
    let record = open(
        &test.target,
        &DOCUMENT.replace("where: 'true'", "where: b = 0"),
    )
    .await;
    let events = Events::holding(|e| matches!(e, EventKind::Progress { .. }));
    let (_sender, receiver) = control();
    let options = options(3);
    let (outcome, ()) = tokio::join!(
        run_phase(
            &test.target,
            &record.id,
            1,
            "tester",
            &options,
            &events,
            receiver
        ),
        async {
            events
                .seen(|e| matches!(e, EventKind::Progress { .. }))
                .await;
            test.sql("INSERT INTO t SELECT i * 10 + 1, 1 FROM generate_series(1, 6500) i")
                .await;
            for _ in 0..10_000 {
                events.go_on();
            }
        }
    );
    assert_eq!(outcome.unwrap(), Outcome::Completed);
    assert_eq!(test.number("SELECT count(*) FROM t WHERE b <> 1").await, 0);
}

/// A run of several sessions that is dropped again and again, as a process is that is killed.
#[tokio::test]
async fn several_sessions_survive_an_end_at_any_moment() {
    let test = table("id bigint PRIMARY KEY", "i").await;
    let record = open(&test.target, DOCUMENT).await;
    let mut ends = 0;
    loop {
        let events = Events::holding(|e| matches!(e, EventKind::Progress { .. }));
        let (_sender, receiver) = control();
        let options = options(3);
        let over = tokio::select! {
            outcome = run_phase(&test.target, &record.id, 1, "tester", &options, &events, receiver) => {
                matches!(outcome.unwrap(), Outcome::Completed)
            }
            () = async {
                events.seen(|e| matches!(e, EventKind::Progress { .. })).await;
                events.go_on();
                // In the middle of the next turn, as far as the machine lets it.
                tokio::time::sleep(std::time::Duration::from_millis(30)).await;
                let seen = events.count(|e| matches!(e, EventKind::Progress { .. }));
                for _ in 0..seen { events.go_on(); }
            } => false,
        };
        if over {
            break;
        }
        ends += 1;
        if ends > 5 {
            let last = Events::default();
            assert_eq!(run(&test, 3, &last).await, Outcome::Completed);
            break;
        }
    }
    right(&test).await;
}

/// The server ends sessions of the walk while they work; what they did is known by the target.
#[tokio::test]
async fn sessions_that_are_ended_lose_and_repeat_nothing() {
    let test = table("id bigint PRIMARY KEY", "i").await;
    let mut admin = test.client().await;
    let events = Events::default();
    let kill = async {
        loop {
            admin
                .run(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name = 'bellows'
                       AND query LIKE '%UPDATE%' ORDER BY random() LIMIT 1",
                )
                .await;
            tokio::time::sleep(std::time::Duration::from_millis(120)).await;
        }
    };
    let outcome = tokio::select! {
        outcome = run(&test, 4, &events) => outcome,
        () = kill => unreachable!(),
    };
    if outcome != Outcome::Completed {
        // It may have had enough of being cut off; it goes on from there.
        assert!(matches!(outcome, Outcome::Stopped { .. }), "{outcome:?}");
        let more = Events::default();
        assert_eq!(run(&test, 4, &more).await, Outcome::Completed);
    }
    right(&test).await;
}

#[tokio::test]
async fn another_number_of_sessions_is_at_work_after_the_batches_in_hand() {
    let test = table("id bigint PRIMARY KEY", "i").await;
    let slow = DOCUMENT.replace("batchSize: 50", "batchSize: 20, pauseMs: 20");
    let record = open(&test.target, &slow).await;
    let events = Events::holding(|e| matches!(e, EventKind::Progress { .. }));
    let (sender, receiver) = control();
    let options = options(1);
    let (outcome, ()) = tokio::join!(
        run_phase(
            &test.target,
            &record.id,
            1,
            "tester",
            &options,
            &events,
            receiver
        ),
        async {
            let progress = |n: usize| {
                let events = &events;
                async move {
                    // The run waits for its sink: what is set now counts from its next batch on.
                    events
                        .seen(|_| events.count(|e| matches!(e, EventKind::Progress { .. })) >= n)
                        .await;
                }
            };
            progress(1).await;
            assert_eq!(workers(&events), [1]);
            sender.set_workers(3);
            events.go_on();
            progress(2).await;
            assert_eq!(workers(&events), [1, 3]);
            sender.set_workers(1);
            events.go_on();
            progress(3).await;
            assert_eq!(workers(&events), [1, 3, 1]);
            sender.set_workers(8);
            for _ in 0..10_000 {
                events.go_on();
            }
        }
    );
    assert_eq!(outcome.unwrap(), Outcome::Completed);
    right(&test).await;
}

/// The work of a batch is along the key, on a table of which the planner knows nothing, even where
/// an index of the column that is filled would look as good to it.
#[tokio::test]
async fn a_table_that_nobody_analysed_is_walked_along_its_key_alone() {
    for (key, values) in [
        ("id bigint PRIMARY KEY", "i"),
        ("k1 int, k2 int, PRIMARY KEY (k1, k2)", "i / 50, i"),
        ("id uuid PRIMARY KEY", "gen_random_uuid()"),
        ("id text PRIMARY KEY", "md5(i::text)"),
    ] {
        let test = TestTarget::postgres().await;
        test.sql(&format!(
            "CREATE TABLE t ({key}, a int, b int) WITH (autovacuum_enabled = off);
             INSERT INTO t SELECT {values}, i, NULL FROM generate_series(1, 20000) i;
             CREATE INDEX t_b ON t (b); CREATE INDEX t_b_null ON t (a) WHERE b IS NULL"
        ))
        .await;
        let yaml = DOCUMENT
            .replace(
                "b = b + 1, where: 'true', batchSize: 50",
                "b = a, where: b IS NULL",
            )
            .replace("b <> 1", "b IS DISTINCT FROM a");
        let record = open(&test.target, &yaml).await;
        let (_sender, receiver) = control();
        let (events, options) = (Events::default(), RunOptions::new("test"));
        let run = run_phase(
            &test.target,
            &record.id,
            1,
            "tester",
            &options,
            &events,
            receiver,
        );
        assert_eq!(run.await.unwrap(), Outcome::Completed);
        let mut client = test.client().await;
        // Sessions tell what they did when they end, or a little later.
        let mut read = 0;
        for _ in 0..100 {
            client.run("SELECT pg_stat_clear_snapshot()").await;
            read = client
                .number(
                    "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 't_pkey'",
                )
                .await;
            if read >= 40_000 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        // Once to find where each batch ends, and once to change its rows.
        assert!((40_000..100_000).contains(&read), "{key}: {read}");
        assert_eq!(
            client
                .number(
                    "SELECT coalesce(sum(idx_scan), 0)::bigint FROM pg_stat_user_indexes
                     WHERE indexrelname IN ('t_b', 't_b_null')"
                )
                .await,
            0,
            "{key}"
        );
        // The count at the beginning, the check at the end, and reading the schema's values; of
        // one in parallel every worker counts.
        let scans = client
            .number("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 't'")
            .await;
        assert!(scans <= 12, "{key}: {scans} scans of the whole table");
    }
}

/// Gaps cost nothing: batches are so many rows, not so many numbers.
#[tokio::test]
async fn a_key_full_of_gaps_makes_no_empty_batches() {
    let test = TestTarget::new(Engine::PostgreSql).await;
    test.sql(
        "CREATE TABLE t (id bigint PRIMARY KEY, b int NOT NULL);
         INSERT INTO t SELECT i * 228571 + (i % 70) * 7000000, 0 FROM generate_series(1, 7000) i;
         CREATE TABLE statements (n bigint);
         CREATE FUNCTION count_rows() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN INSERT INTO statements SELECT count(*) FROM changed; RETURN NULL; END $$;
         CREATE TRIGGER counting AFTER UPDATE ON t REFERENCING NEW TABLE AS changed
         FOR EACH STATEMENT EXECUTE FUNCTION count_rows()",
    )
    .await;
    let events = Events::default();
    assert_eq!(run(&test, 1, &events).await, Outcome::Completed);
    let all = test.number("SELECT count(*) FROM statements").await;
    let empty = test
        .number("SELECT count(*) FROM statements WHERE n = 0")
        .await;
    assert!(all >= 7000 / 50, "{all}");
    assert!(empty * 100 <= all, "{empty} of {all} found nothing");
}
