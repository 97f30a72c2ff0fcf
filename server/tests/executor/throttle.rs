//! Backfills that are held back by what their target shows, and go on when it is over.

use std::time::Duration;

use bellows::document::Engine;
use bellows::run::{EventKind, HeldBy, Signal, StopReason, Throttle};
use bellows_server::executor::{ControlSender, Outcome, RunOptions, control, run_phase};

use crate::support::{Client, Cluster, Events, TestTarget, open};

/// Small batches with a rest after each, so that there is time for something to happen.
fn document(engine: Engine) -> String {
    format!(
        "
migration:
  name: fill
  database: {}
  phases:
    - phase: 1
      operations:
        - {{type: backfill, table: t, sql: b = b + 1, where: 'true', batchSize: 20, pauseMs: 25}}
      validation:
        - {{check: custom, sql: SELECT count(*) = 0 FROM t WHERE b <> 1, expect: true}}
",
        engine.word()
    )
}

const ROWS: i64 = 4000;

/// Four thousand rows, which take a few seconds.
async fn fill(test: &TestTarget) {
    let numbers = crate::support::numbers(test.target.engine(), 4000);
    test.sql(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, b int NOT NULL, filler char(200) NOT NULL);
         INSERT INTO t SELECT i, 0, 'x' FROM {numbers}"
    ))
    .await;
}

/// Only that signal, whatever else the machine is at.
fn only(signal: Signal, limit: u64) -> Throttle {
    Signal::ALL.into_iter().fold(Throttle::default(), |t, one| {
        t.with(one, (one == signal).then_some(limit))
    })
}

async fn run(test: &TestTarget, throttle: Throttle, events: &Events) -> Outcome {
    let (_sender, receiver) = control();
    let options = RunOptions {
        throttle,
        ..RunOptions::new("test")
    };
    run_under(test, &options, receiver, events).await
}

async fn run_under(
    test: &TestTarget,
    options: &RunOptions,
    receiver: bellows_server::executor::ControlReceiver,
    events: &Events,
) -> Outcome {
    let record = open(&test.target, &document(test.target.engine())).await;
    run_phase(
        &test.target,
        &record.id,
        1,
        "tester",
        options,
        events,
        receiver,
    )
    .await
    .unwrap()
}

fn filled(test: &TestTarget) -> impl Future<Output = i64> {
    test.number("SELECT count(*) FROM t WHERE b = 1")
}

/// Waits until that signal holds the run back, and gives what is told of it.
async fn held(events: &Events, signal: Signal) -> HeldBy {
    let told = events
        .seen(|event| {
            matches!(event, EventKind::Throttled { held, .. }
                if held.iter().any(|by| by.signal == signal))
        })
        .await;
    let EventKind::Throttled { held, .. } = told else {
        unreachable!()
    };
    held.into_iter().find(|by| by.signal == signal).unwrap()
}

/// Nothing more is done while it is held: the rows of now are the rows of some looks later.
async fn stands_still(test: &TestTarget) -> i64 {
    let before = filled(test).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(filled(test).await, before, "held back, and still at work");
    before
}

/// The run came to its end, was let go, and tells how long what held it.
async fn went_on(test: &TestTarget, outcome: &Outcome, events: &Events, signal: Signal) {
    assert_eq!(*outcome, Outcome::Completed, "{:#?}", events.all());
    assert_eq!(filled(test).await, ROWS, "every row once");
    assert!(events.count(|e| matches!(e, EventKind::Released { held_ms, .. } if *held_ms > 0)) > 0);
    let last = events
        .all()
        .into_iter()
        .rfind(|e| matches!(e, EventKind::Progress { .. }));
    let Some(EventKind::Progress { pace, .. }) = last else {
        panic!("no progress");
    };
    assert!(
        pace.held_ms.get(&signal).is_some_and(|ms| *ms > 0),
        "{pace:?}"
    );
    assert!(pace.signals.contains_key(&signal), "{pace:?}");
}

/// Progress is under way, so whatever comes now comes in the middle.
async fn under_way(events: &Events) {
    events
        .seen(|e| matches!(e, EventKind::Progress { rows, .. } if *rows > 0))
        .await;
}

#[tokio::test]
async fn a_lagging_standby_holds_it_back_until_it_has_caught_up() {
    let cluster = Cluster::start("max_wal_senders = 4");
    let standby = cluster.standby("lagging");
    let test = TestTarget::on(&cluster).await;
    fill(&test).await;
    let mut replica = Client::connect(&standby.url().parse().unwrap()).await;
    let events = Events::default();
    let (outcome, ()) = tokio::join!(run(&test, only(Signal::ReplicaLag, 500), &events), async {
        under_way(&events).await;
        replica.run("SELECT pg_wal_replay_pause()").await;
        let by = held(&events, Signal::ReplicaLag).await;
        assert!(by.value.unwrap() > 500 && by.limit == 500, "{by:?}");
        assert!(by.message.contains("the replica lagging is "), "{by:?}");
        assert!(stands_still(&test).await < ROWS);
        replica.run("SELECT pg_wal_replay_resume()").await;
    });
    went_on(&test, &outcome, &events, Signal::ReplicaLag).await;
}

#[tokio::test]
async fn a_replica_that_is_gone_holds_it_back_where_it_must_be_there() {
    let cluster = Cluster::start("max_wal_senders = 4");
    let standby = cluster.standby("gone");
    let test = TestTarget::on(&cluster).await;
    fill(&test).await;
    let events = Events::default();
    let (sender, receiver) = control();
    let options = RunOptions {
        throttle: only(Signal::Replicas, 1),
        ..RunOptions::new("test")
    };
    let (outcome, ()) = tokio::join!(run_under(&test, &options, receiver, &events), async {
        under_way(&events).await;
        standby.stop();
        let by = held(&events, Signal::Replicas).await;
        assert_eq!((by.value, by.limit), (Some(0), 1), "{by:?}");
        // A pause takes effect while it is held back, too.
        sender.pause();
    });
    assert!(
        matches!(
            &outcome,
            Outcome::Stopped {
                reason: StopReason::Paused,
                ..
            }
        ),
        "{outcome:?}"
    );
    // Where nobody asks for it, a replica that is gone holds nothing back.
    let usual = Events::default();
    let throttle = Signal::ALL.into_iter().fold(Throttle::default(), |t, one| {
        if one == Signal::ReplicaLag {
            t
        } else {
            t.with(one, None)
        }
    });
    assert_eq!(run(&test, throttle, &usual).await, Outcome::Completed);
    assert_eq!(filled(&test).await, ROWS);
}

#[tokio::test]
async fn an_archive_that_stalls_holds_it_back_before_the_disk_is_full() {
    let cluster = Cluster::start("archive_mode = on\narchive_command = 'false'");
    let test = TestTarget::on(&cluster).await;
    fill(&test).await;
    let mut admin = test.client().await;
    let events = Events::default();
    let (outcome, ()) = tokio::join!(run(&test, only(Signal::Archive, 2), &events), async {
        under_way(&events).await;
        for _ in 0..5 {
            admin
                .run("SELECT pg_logical_emit_message(true, '', 'x'), pg_switch_wal()")
                .await;
        }
        let by = held(&events, Signal::Archive).await;
        assert!(by.value.unwrap() > 2, "{by:?}");
        stands_still(&test).await;
        admin.run("ALTER SYSTEM SET archive_command = 'true'").await;
        admin.run("SELECT pg_reload_conf()").await;
    });
    went_on(&test, &outcome, &events, Signal::Archive).await;
}

/// More transactions than make a vacuum against wraparound necessary.
const AGE: &str = "DO $$ BEGIN FOR i IN 1..110000 LOOP
    PERFORM pg_current_xact_id(); COMMIT;
  END LOOP; END $$";

#[tokio::test]
async fn a_vacuum_against_wraparound_is_given_way() {
    let cluster = Cluster::start("autovacuum_naptime = 1s\nautovacuum_freeze_max_age = 100000");
    let test = TestTarget::on(&cluster).await;
    fill(&test).await;
    // It goes as slowly as it can, until it is told otherwise.
    test.sql(
        "ALTER TABLE t SET (autovacuum_enabled = off, autovacuum_vacuum_cost_delay = 100,
                            autovacuum_vacuum_cost_limit = 1)",
    )
    .await;
    test.sql(AGE).await;
    let mut admin = test.client().await;
    let events = Events::default();
    let (outcome, ()) = tokio::join!(run(&test, only(Signal::Vacuum, 0), &events), async {
        let by = held(&events, Signal::Vacuum).await;
        assert!(by.message.contains("wraparound"), "{by:?}");
        stands_still(&test).await;
        admin
            .run("ALTER TABLE t RESET (autovacuum_vacuum_cost_delay, autovacuum_vacuum_cost_limit)")
            .await;
        // One that runs does not hear of it; the next one does.
        admin
            .run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE backend_type = 'autovacuum worker'",
            )
            .await;
    });
    went_on(&test, &outcome, &events, Signal::Vacuum).await;
}

#[tokio::test]
async fn sessions_that_wait_for_locks_hold_it_back() {
    let test = TestTarget::postgres().await;
    fill(&test).await;
    test.sql("CREATE TABLE other (n int); INSERT INTO other VALUES (1)")
        .await;
    let mut holder = test.client().await;
    holder.run("BEGIN; UPDATE other SET n = 2").await;
    let (mut one, mut two) = (test.client().await, test.client().await);
    let events = Events::default();
    let (outcome, (), _, _) = tokio::join!(
        run(&test, only(Signal::LockWaits, 1), &events),
        async {
            let by = held(&events, Signal::LockWaits).await;
            assert_eq!(by.value, Some(2), "{by:?}");
            assert!(
                by.message.contains("2 sessions wait for locks, 0 of them"),
                "{by:?}"
            );
            stands_still(&test).await;
            holder.run("COMMIT").await;
        },
        one.run("UPDATE other SET n = 3"),
        two.run("UPDATE other SET n = 4"),
    );
    went_on(&test, &outcome, &events, Signal::LockWaits).await;
}

#[tokio::test]
async fn sessions_at_work_hold_it_back() {
    // In a cluster of its own: they are counted over a whole server.
    let cluster = Cluster::start("");
    let test = TestTarget::on(&cluster).await;
    fill(&test).await;
    let (mut one, mut two) = (test.client().await, test.client().await);
    let mut admin = test.client().await;
    let events = Events::default();
    let (outcome, (), _, _) = tokio::join!(
        run(&test, only(Signal::ActiveSessions, 1), &events),
        async {
            let by = held(&events, Signal::ActiveSessions).await;
            assert_eq!(by.value, Some(2), "Bellows' own are not counted: {by:?}");
            stands_still(&test).await;
            admin
                .run(
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                     WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()",
                )
                .await;
        },
        one.try_run("SELECT pg_sleep(600)"),
        two.try_run("SELECT pg_sleep(600)"),
    );
    went_on(&test, &outcome, &events, Signal::ActiveSessions).await;
}

#[tokio::test]
async fn a_small_read_that_takes_long_holds_it_back() {
    for engine in [Engine::PostgreSql, Engine::MariaDb] {
        let test = TestTarget::new(engine).await;
        fill(&test).await;
        let mut holder = test.client().await;
        let lock = match engine {
            Engine::PostgreSql => "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE",
            Engine::MySql | Engine::MariaDb | Engine::Sqlite => "LOCK TABLES t WRITE",
        };
        let free = match engine {
            Engine::PostgreSql => "COMMIT",
            Engine::MySql | Engine::MariaDb | Engine::Sqlite => "UNLOCK TABLES",
        };
        let events = Events::default();
        let (outcome, ()) = tokio::join!(
            run(&test, only(Signal::ProbeLatency, 400), &events),
            async {
                under_way(&events).await;
                // Whoever reads a row waits, and each read that is due meanwhile has waited, too.
                // In between, for as long as a batch waits for its rows, it comes free.
                loop {
                    holder.run(lock).await;
                    tokio::time::sleep(Duration::from_millis(700)).await;
                    holder.run(free).await;
                    let held = events.count(|e| matches!(e, EventKind::Throttled { .. }));
                    if held > 0 {
                        break;
                    }
                }
                let by = held(&events, Signal::ProbeLatency).await;
                assert!(by.value.unwrap() > 400, "{by:?}");
            }
        );
        went_on(&test, &outcome, &events, Signal::ProbeLatency).await;
    }
}

#[tokio::test]
async fn a_full_disk_is_seen_before_it_is_full_where_the_server_is_here() {
    for engine in [Engine::PostgreSql, Engine::MariaDb, Engine::Sqlite] {
        let test = TestTarget::new(engine).await;
        fill(&test).await;
        let events = Events::default();
        let (sender, receiver) = control();
        let options = RunOptions {
            // Nobody's disk is free to more than that.
            throttle: only(Signal::DiskFree, 101),
            ..RunOptions::new("test")
        };
        let (outcome, ()) = tokio::join!(run_under(&test, &options, receiver, &events), async {
            let by = held(&events, Signal::DiskFree).await;
            assert!(by.value.unwrap() <= 100, "{by:?}");
            assert!(by.message.contains("% of the disk"), "{by:?}");
            assert_eq!(filled(&test).await, 0, "before the first batch");
            ControlSender::cancel(&sender);
        });
        assert_eq!(outcome, Outcome::Cancelled);
    }
}

#[tokio::test]
async fn a_signal_that_a_person_wants_heeded_and_that_cannot_be_seen_holds_it_back() {
    let test = TestTarget::postgres().await;
    fill(&test).await;
    let name = format!("blind_{}", uuid::Uuid::now_v7().simple());
    test.sql(&format!(
        "CREATE ROLE {name} LOGIN; GRANT ALL ON t TO {name};
         DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {name}', current_database()); END $$;
         ALTER TABLE t OWNER TO {name}"
    ))
    .await;
    let url = test.url.secret().replace("postgres@", &format!("{name}@"));
    let blind = bellows_server::target::Target::connect(&url.parse().unwrap())
        .await
        .unwrap();
    let record = open(&blind, &document(Engine::PostgreSql)).await;
    let events = Events::default();
    let (sender, receiver) = control();
    let options = RunOptions {
        throttle: only(Signal::ActiveSessions, 1000),
        ..RunOptions::new("test")
    };
    let (outcome, ()) = tokio::join!(
        run_phase(&blind, &record.id, 1, "tester", &options, &events, receiver),
        async {
            let by = held(&events, Signal::ActiveSessions).await;
            assert_eq!(by.value, None);
            assert!(by.message.contains("pg_monitor"), "{by:?}");
            sender.pause();
        }
    );
    assert!(matches!(outcome.unwrap(), Outcome::Stopped { .. }));
    // Nobody set the usual limits: what cannot be seen is told, and not heeded.
    let usual = Events::default();
    let (_sender, receiver) = control();
    let options = RunOptions::new("test");
    let outcome = run_phase(&blind, &record.id, 1, "tester", &options, &usual, receiver).await;
    assert_eq!(outcome.unwrap(), Outcome::Completed);
    let told = usual.count(
        |e| matches!(e, EventKind::Notice { message } if message.starts_with("not heeded: ")),
    );
    assert!(told > 0, "{:#?}", usual.all());
    drop(blind);
    test.sql(&format!(
        "REASSIGN OWNED BY {name} TO postgres; DROP OWNED BY {name}; DROP ROLE {name}"
    ))
    .await;
}

#[tokio::test]
async fn what_holds_back_for_too_long_stops_the_run_where_it_can_go_on() {
    let test = TestTarget::sqlite().await;
    fill(&test).await;
    let events = Events::default();
    let (_sender, receiver) = control();
    let options = RunOptions {
        throttle: only(Signal::DiskFree, 101),
        throttle_ms: 100,
        ..RunOptions::new("test")
    };
    let outcome = run_under(&test, &options, receiver, &events).await;
    let Outcome::Stopped {
        reason: StopReason::Throttle,
        message,
    } = &outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("% of the disk"), "{message}");
    let usual = run(&test, only(Signal::DiskFree, 0), &Events::default()).await;
    assert_eq!(usual, Outcome::Completed);
    assert_eq!(filled(&test).await, ROWS);
}

#[tokio::test]
async fn more_log_than_a_server_may_write_holds_it_back() {
    let cluster = Cluster::start("");
    let test = TestTarget::on(&cluster).await;
    fill(&test).await;
    test.sql("CREATE TABLE noise (x text)").await;
    let mut writer = test.client().await;
    let events = Events::default();
    let (outcome, ()) = tokio::join!(run(&test, only(Signal::WalRate, 3), &events), async {
        while events.count(|e| matches!(e, EventKind::Throttled { .. })) == 0 {
            writer
                .run("INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
                .await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let by = held(&events, Signal::WalRate).await;
        assert!(by.value.unwrap() > 3, "{by:?}");
    });
    went_on(&test, &outcome, &events, Signal::WalRate).await;
}
