//! Waiting for locks: never with traffic queued behind, and never giving up too early.

use std::time::{Duration, Instant};

use bellows::run::{EventKind, StopReason};
use bellows_server::executor::{Evicted, Outcome, RunOptions, control, run_phase};

use crate::support::{Client, Events, TestTarget, Writer, open, run};

const ADD: &str = "
migration:
  name: add
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: busy, column: extra, dataType: int, nullable: true}
";

async fn busy(rows: u32) -> TestTarget {
    let test = TestTarget::postgres().await;
    test.sql(&format!(
        "CREATE TABLE busy (id int PRIMARY KEY, n int);
         INSERT INTO busy SELECT i, 0 FROM generate_series(1, {rows}) i"
    ))
    .await;
    test
}

/// A client that reads and writes the table all the time.
fn traffic(test: &TestTarget) -> Writer {
    Writer::start(
        &test.url,
        &[
            "SELECT n FROM busy WHERE id = 1 + {n} % 10",
            "UPDATE busy SET n = n + 1 WHERE id = 1 + {n} % 10",
        ],
    )
}

fn lock_waits(events: &Events) -> Vec<(u32, Vec<bellows::run::Blocker>)> {
    events
        .all()
        .into_iter()
        .filter_map(|event| {
            if let EventKind::LockWaiting {
                tries, blockers, ..
            } = event
            {
                Some((tries, blockers))
            } else {
                None
            }
        })
        .collect()
}

#[tokio::test]
async fn a_long_transaction_is_outwaited_and_traffic_hardly_notices() {
    let test = busy(10).await;
    let record = open(&test.target, ADD).await;
    let mut holder = test.client().await;
    holder
        .run("BEGIN; SELECT count(*) FROM busy /* the holder */")
        .await;
    let held = Instant::now();
    let writer = traffic(&test);
    let events = Events::default();
    let (outcome, held) = tokio::join!(run(&test.target, &record.id, 1, &events), async {
        // It gives way only after it has been in the way for some tries.
        while lock_waits(&events).len() < 6 {
            events
                .seen(|e| matches!(e, EventKind::LockWaiting { .. }))
                .await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        holder.run("COMMIT").await;
        held.elapsed()
    });
    let work = writer.stop().await;
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    let waits = lock_waits(&events);
    assert!(waits.len() >= 6, "it was refused its lock and tried again");
    assert!(
        waits.iter().any(|(_, blockers)| blockers
            .iter()
            .any(|b| b.query.contains("the holder") && !b.autovacuum && b.pid > 0)),
        "who stands in the way is shown: {waits:?}"
    );
    assert_eq!(work.errors, Vec::<String>::new());
    assert!(work.rounds > 0);
    let share = work.held_up.as_secs_f64() / held.as_secs_f64();
    assert!(
        share < 0.4,
        "traffic was held up for {share:.2} of the holder's time"
    );
}

/// Whoever holds the table gives way only once the statement was refused its lock: without the
/// retry the phase cannot be done, however long its budget.
#[tokio::test]
async fn the_retry_of_a_lock_brings_the_statement_through() {
    let test = busy(10).await;
    let record = open(&test.target, ADD).await;
    let mut holder = test.client().await;
    holder.run("BEGIN; SELECT count(*) FROM busy").await;
    let events = Events::default();
    let (outcome, ()) = tokio::join!(run(&test.target, &record.id, 1, &events), async {
        events
            .seen(|e| matches!(e, EventKind::LockWaiting { tries: 2, .. }))
            .await;
        holder.run("COMMIT").await;
    });
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    let tries: Vec<u32> = lock_waits(&events).into_iter().map(|(n, _)| n).collect();
    assert_eq!(tries[..2], [1, 2], "each refusal is one more try");
    assert_eq!(
        test.number("SELECT count(*) FROM information_schema.columns WHERE column_name = 'extra'")
            .await,
        1,
        "and the statement was sent again"
    );
}

#[tokio::test]
async fn a_lock_that_is_never_had_stops_the_phase_where_it_can_go_on() {
    let test = busy(10).await;
    let record = open(&test.target, ADD).await;
    let mut holder = test.client().await;
    holder.run("BEGIN; SELECT count(*) FROM busy").await;
    let events = Events::default();
    let options = RunOptions {
        budget_ms: Some(400),
        ..RunOptions::new("test")
    };
    let (_sender, receiver) = control();
    let outcome = run_phase(
        &test.target,
        &record.id,
        1,
        "tester",
        &options,
        &events,
        receiver,
    )
    .await
    .unwrap();
    let Outcome::Stopped {
        reason: StopReason::Lock,
        message,
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("in the way"), "{message}");
    holder.run("COMMIT").await;
    assert_eq!(
        run(&test.target, &record.id, 1, &events).await,
        Outcome::Completed
    );
}

#[tokio::test]
async fn a_pause_is_heard_while_a_lock_is_waited_for() {
    let test = busy(10).await;
    let record = open(&test.target, ADD).await;
    let mut holder = test.client().await;
    holder.run("BEGIN; SELECT count(*) FROM busy").await;
    let events = Events::default();
    let (sender, receiver) = control();
    let (outcome, ()) = tokio::join!(
        crate::support::run_with(&test.target, &record.id, 1, &events, receiver),
        async {
            events
                .seen(|e| matches!(e, EventKind::LockWaiting { .. }))
                .await;
            sender.pause();
        }
    );
    assert!(
        matches!(
            outcome,
            Outcome::Stopped {
                reason: StopReason::Paused,
                ..
            }
        ),
        "{outcome:?}"
    );
}

/// A session that stands in the way is ended when a person says so, asleep in its transaction or at
/// work; one that does not stand in it is let be, however much it holds elsewhere.
#[tokio::test]
async fn who_stands_in_the_way_is_ended_when_a_person_says_so_and_nobody_else() {
    for (work, then) in [
        ("BEGIN; SELECT count(*) FROM busy", "SELECT 1"),
        ("BEGIN; SELECT count(*) FROM busy", "SELECT pg_sleep(60)"),
    ] {
        let test = busy(10).await;
        test.sql("CREATE TABLE elsewhere (id int)").await;
        let record = open(&test.target, ADD).await;
        let mut holder = test.client().await;
        let mut neighbour = test.client().await;
        holder.run(work).await;
        neighbour
            .run("BEGIN; LOCK TABLE elsewhere IN SHARE MODE")
            .await;
        let pid = i32::try_from(holder.number("SELECT pg_backend_pid()").await).unwrap();
        let other = i32::try_from(neighbour.number("SELECT pg_backend_pid()").await).unwrap();
        let events = Events::default();
        let (sender, receiver) = control();
        let asleep = tokio::spawn(async move {
            let result = holder.try_run(then).await;
            (holder, result)
        });
        let (outcome, ()) = tokio::join!(
            crate::support::run_with(&test.target, &record.id, 1, &events, receiver),
            async {
                events
                    .seen(|e| matches!(e, EventKind::LockWaiting { blockers, .. } if !blockers.is_empty()))
                    .await;
                let evicted = sender.end_blocker(other, "erin").await;
                assert_eq!(evicted, Some(Evicted::Elsewhere));
                let evicted = sender.end_blocker(pid, "erin").await;
                assert_eq!(evicted, Some(Evicted::Ended), "{then}");
            }
        );
        assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
        let told = events.all().into_iter().find_map(|event| {
            let EventKind::BlockerEnded { by, blocker, .. } = event else {
                return None;
            };
            Some((by, blocker.pid))
        });
        assert_eq!(told, Some(("erin".to_owned(), pid)));
        let (mut holder, result) = asleep.await.unwrap();
        let over = holder.try_run("SELECT 1").await;
        assert!(result.is_err() || over.is_err(), "its application is told");
        neighbour.run("COMMIT").await;
    }
}

/// Whether an autovacuum worker is at work on the table.
const VACUUMED: &str = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.relation = 'busy'::regclass AND a.backend_type = 'autovacuum worker' AND l.granted";

/// Makes an autovacuum that takes minutes, and waits until it holds its lock.
async fn slow_vacuum(test: &TestTarget, admin: &mut Client) {
    test.sql(
        "ALTER TABLE busy SET (autovacuum_vacuum_cost_delay = 100,
             autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 1,
             autovacuum_vacuum_scale_factor = 0, autovacuum_analyze_threshold = 2000000000);
         UPDATE busy SET n = n + 1",
    )
    .await;
    admin
        .run("ALTER SYSTEM SET autovacuum_naptime = '1s'")
        .await;
    admin.run("SELECT pg_reload_conf()").await;
    let mut watch = test.client().await;
    // The statistics that wake it are written when the session that changed the rows ends.
    let started = Instant::now();
    while watch.number(VACUUMED).await == 0 {
        assert!(
            started.elapsed() < Duration::from_secs(90),
            "no autovacuum came to the table"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn an_autovacuum_in_the_way_is_made_to_give_way() {
    let test = busy(100_000).await;
    let record = open(&test.target, ADD).await;
    let mut admin = test.client().await;
    slow_vacuum(&test, &mut admin).await;
    let writer = traffic(&test);
    let events = Events::default();
    let started = Instant::now();
    let outcome = run(&test.target, &record.id, 1, &events).await;
    let took = started.elapsed();
    let work = writer.stop().await;
    admin.run("ALTER SYSTEM RESET autovacuum_naptime").await;
    admin.run("SELECT pg_reload_conf()").await;
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    let waits = lock_waits(&events);
    assert!(
        waits
            .iter()
            .any(|(_, blockers)| blockers.iter().any(|b| b.autovacuum)),
        "it was recognised: {waits:?}"
    );
    assert_eq!(work.errors, Vec::<String>::new());
    let share = work.held_up.as_secs_f64() / took.as_secs_f64();
    assert!(
        share < 0.4,
        "traffic was held up for {share:.2} of the time"
    );
}

#[tokio::test]
async fn sqlites_other_writer_is_outwaited() {
    let test = TestTarget::sqlite().await;
    test.sql("CREATE TABLE busy (id INTEGER PRIMARY KEY, n int)")
        .await;
    let record = open(&test.target, &ADD.replace("postgresql", "sqlite")).await;
    let mut holder = test.client().await;
    let events = Events::holding(|e| matches!(e, EventKind::StepStarted { .. }));
    let (outcome, ()) = tokio::join!(run(&test.target, &record.id, 1, &events), async {
        events
            .seen(|e| matches!(e, EventKind::StepStarted { .. }))
            .await;
        holder.run("BEGIN IMMEDIATE").await;
        events.go_on();
        events
            .seen(|e| matches!(e, EventKind::LockWaiting { .. }))
            .await;
        holder.run("COMMIT").await;
    });
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
}

#[tokio::test]
async fn without_wal_a_long_reader_of_a_sqlite_file_is_outwaited() {
    let test = TestTarget::sqlite().await;
    test.sql(
        "PRAGMA journal_mode = DELETE;
         CREATE TABLE busy (id INTEGER PRIMARY KEY, n int);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO busy SELECT i, 0 FROM n",
    )
    .await;
    let yaml = ADD.replace("postgresql", "sqlite")
        + "        - {type: backfill, table: busy, sql: n = n + 1, where: 'true'}\n";
    let record = open(&test.target, &yaml).await;
    let mut reader = test.client().await;
    let events = Events::holding(|e| matches!(e, EventKind::StepStarted { .. }));
    let (outcome, ()) = tokio::join!(run(&test.target, &record.id, 1, &events), async {
        for _ in 0..2 {
            let steps = events.count(|e| matches!(e, EventKind::StepCompleted { .. }));
            reader.run("BEGIN; SELECT count(*) FROM busy").await;
            events.go_on();
            tokio::time::sleep(Duration::from_millis(1500)).await;
            let now = events.count(|e| matches!(e, EventKind::StepCompleted { .. }));
            assert_eq!(now, steps, "nothing is written under a reader");
            // New readers still get in between the tries.
            test.client().await.run("SELECT count(*) FROM busy").await;
            reader.run("COMMIT").await;
            let since = Instant::now();
            while events.count(|e| matches!(e, EventKind::StepCompleted { .. })) == steps {
                assert!(
                    since.elapsed() < Duration::from_secs(120),
                    "it does not go on: {:#?}",
                    events.all()
                );
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    });
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    assert_eq!(
        test.number("SELECT count(*) FROM busy WHERE n = 1").await,
        3000
    );
}
