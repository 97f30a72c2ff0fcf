//! Crashes, cuts and rivals: a run goes on from what the target says, and nothing is done twice.

use std::time::Duration;

use bellows::document::Engine;
use bellows::run::{EventKind, StopReason};
use bellows_server::executor::{Outcome, RunOptions, control, run_phase};
use bellows_server::target::{Target, TargetError};

use crate::support::{Events, Proxy, TestTarget, apply, numbers, open, run, run_on};

const FILL: &str = "
migration:
  name: fill
  database: {engine}
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: t, column: first, dataType: int, nullable: true}
        - {type: backfill, table: t, sql: b = b + 1, where: 'true', batchSize: 50, pauseMs: 2}
        - {type: add_index, table: t, columns: [b], indexName: t_b}
        - {type: add_column, table: t, column: last, dataType: int, nullable: true}
      validation:
        - {check: index_exists, table: t}
";

/// A table whose backfill adds one to every row: done twice, it shows.
pub async fn table(engine: Engine) -> TestTarget {
    let test = TestTarget::new(engine).await;
    test.sql(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, b int NOT NULL); INSERT INTO t SELECT i, 0 FROM {}",
        numbers(engine, 3000)
    ))
    .await;
    test
}

/// A document that fills it, and makes an index and a column more.
pub fn document(engine: Engine) -> String {
    FILL.replace("{engine}", engine.word())
}

/// Every row was filled once, and the rest is there.
pub async fn right(test: &TestTarget) {
    assert_eq!(
        test.number("SELECT count(*) FROM t WHERE b = 1").await,
        3000,
        "every row once"
    );
    let schema = test.schema().await;
    let table = schema.table(&"t".to_owned().into()).unwrap();
    assert!(table.column("first").is_some() && table.column("last").is_some());
    assert!(table.indexes.iter().any(|i| i.name == "t_b" && i.valid));
}

/// Runs a phase as a process would that has that owner.
async fn run_as(owner: &str, target: &Target, id: &str, events: &Events) -> Outcome {
    let (_sender, receiver) = control();
    let options = RunOptions::new(owner);
    run_phase(target, id, 1, "tester", &options, events, receiver)
        .await
        .unwrap()
}

/// A run that is dropped at every event in turn: what its process would do that is killed there.
async fn survives_an_end_at_every_event(engine: Engine) {
    let test = table(engine).await;
    let record = open(&test.target, &document(engine)).await;
    let mut ends = 0;
    loop {
        let events = Events::holding(|e| {
            matches!(
                e,
                EventKind::StepStarted { .. }
                    | EventKind::StepCompleted { .. }
                    | EventKind::CheckPassed { .. }
                    | EventKind::Progress { .. }
            )
        });
        // Let one event more pass each time, and end at the next one.
        events.go_on();
        let one_more = async {
            let counted = |e: &EventKind| {
                matches!(
                    e,
                    EventKind::StepStarted { .. }
                        | EventKind::StepCompleted { .. }
                        | EventKind::CheckPassed { .. }
                        | EventKind::Progress { .. }
                )
            };
            while events.count(counted) < 2 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::select! {
            outcome = run(&test.target, &record.id, 1, &events) => {
                assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
                break;
            }
            () = one_more => ends += 1,
        }
        assert!(ends < 500, "it gets on");
    }
    assert!(ends >= 4, "it was ended {ends} times");
    right(&test).await;
}

#[tokio::test]
async fn postgres_survives_an_end_at_every_event() {
    survives_an_end_at_every_event(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_survives_an_end_at_every_event() {
    survives_an_end_at_every_event(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_connection_cut_again_and_again_changes_nothing() {
    let test = table(Engine::PostgreSql).await;
    let record = open(&test.target, &document(Engine::PostgreSql)).await;
    let events = Events::default();
    let mut admin = test.client().await;
    let cut = async {
        let mut cuts = 0;
        events
            .seen(|e| matches!(e, EventKind::StepStarted { .. }))
            .await;
        while cuts < 15 {
            tokio::time::sleep(Duration::from_millis(60)).await;
            cuts += admin
                .number(
                    "SELECT count(pg_terminate_backend(pid::int)) FROM bellows.lease
                     WHERE pid IN (SELECT pid FROM pg_stat_activity)",
                )
                .await;
        }
        cuts
    };
    let outcome = {
        let running = run_on(&test.target, &record.id, 1, &events);
        tokio::pin!(running);
        tokio::select! {
            outcome = &mut running => outcome,
            _ = cut => running.await,
        }
    };
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    assert!(events.count(|e| matches!(e, EventKind::Recovered { .. })) > 0);
    right(&test).await;
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_is_looked_up_and_not_guessed() {
    let test = table(Engine::PostgreSql).await;
    let proxy = Proxy::swallowing(test.server_address(), 7).await;
    let target = test.through(proxy.port()).await;
    let record = open(&test.target, &document(Engine::PostgreSql)).await;
    let events = Events::default();
    let outcome = run_as("test", &target, &record.id, &events).await;
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    assert!(proxy.cuts() >= 3, "{}", proxy.cuts());
    right(&test).await;
}

async fn one_run_at_a_time(engine: Engine) {
    let test = table(engine).await;
    let record = open(&test.target, &document(engine)).await;
    let events = Events::holding(|e| matches!(e, EventKind::PhaseStarted { .. }));
    let (outcome, rivals) = tokio::join!(
        run_as("the server", &test.target, &record.id, &events),
        async {
            events
                .seen(|e| matches!(e, EventKind::PhaseStarted { .. }))
                .await;
            let mut rivals = Vec::new();
            // Another one, and the very same: a second task of one server is no orphan's heir.
            for owner in ["the command line", "the server"] {
                let quiet = Events::default();
                rivals.push(run_as(owner, &test.target, &record.id, &quiet).await);
                assert!(quiet.all().is_empty());
            }
            events.go_on();
            rivals
        }
    );
    for rival in rivals {
        let Outcome::Stopped {
            reason: StopReason::Busy,
            message,
        } = rival
        else {
            panic!("{rival:?}");
        };
        assert!(message.contains("the server"), "{message}");
    }
    assert_eq!(outcome, Outcome::Completed);
    right(&test).await;
}

#[tokio::test]
async fn postgres_runs_one_at_a_time() {
    one_run_at_a_time(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_runs_one_at_a_time() {
    one_run_at_a_time(Engine::Sqlite).await;
}

async fn a_run_that_lost_its_lease_writes_no_more(engine: Engine) {
    let test = table(engine).await;
    let record = open(&test.target, &document(engine)).await;
    let events = Events::holding(|e| matches!(e, EventKind::Progress { .. }));
    let (outcome, done) = tokio::join!(run(&test.target, &record.id, 1, &events), async {
        events
            .seen(|e| matches!(e, EventKind::Progress { .. }))
            .await;
        test.sql(&format!(
            "UPDATE {}lease SET token = 'another'",
            test.prefix()
        ))
        .await;
        let done = test.number("SELECT sum(b) FROM t").await;
        events.go_on();
        done
    });
    assert!(
        matches!(
            outcome,
            Outcome::Stopped {
                reason: StopReason::Busy,
                ..
            }
        ),
        "{outcome:?}"
    );
    assert!(done > 0 && done < 3000);
    assert_eq!(test.number("SELECT sum(b) FROM t").await, done);
    // Whoever took it over is not there, so the next run may have it.
    assert_eq!(
        run(&test.target, &record.id, 1, &Events::default()).await,
        Outcome::Completed
    );
    right(&test).await;
}

#[tokio::test]
async fn postgres_fences_a_run_that_lost_its_lease() {
    a_run_that_lost_its_lease_writes_no_more(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_fences_a_run_that_lost_its_lease() {
    a_run_that_lost_its_lease_writes_no_more(Engine::Sqlite).await;
}

#[tokio::test]
async fn an_orphan_of_the_same_owner_is_ended_and_one_of_another_is_not() {
    let test = table(Engine::PostgreSql).await;
    let record = open(&test.target, &document(Engine::PostgreSql)).await;
    // A backend that goes on after its process died: it holds the lock and works.
    let mut orphan = test.client().await;
    orphan
        .run(
            "SELECT pg_try_advisory_lock(x'42454c4c'::int, 1);
             INSERT INTO bellows.lease (token, one, owner, execution, host, process, pid,
                                        backend_start, heartbeat)
             SELECT 'old', 1, 'dead server', 'x', 'somewhere', '1:1', pid,
                    (extract(epoch from backend_start) * 1000000)::bigint,
                    (extract(epoch from clock_timestamp()) * 1000000)::bigint
             FROM pg_stat_activity WHERE pid = pg_backend_pid()",
        )
        .await;
    let working = tokio::spawn(async move { orphan.try_run("SELECT pg_sleep(600)").await });
    let events = Events::default();
    let stranger = run_as("another server", &test.target, &record.id, &events).await;
    let Outcome::Stopped {
        reason: StopReason::Busy,
        message,
    } = stranger
    else {
        panic!("{stranger:?}");
    };
    assert!(message.contains("dead server"), "{message}");
    let heir = run_as("dead server", &test.target, &record.id, &events).await;
    assert_eq!(heir, Outcome::Completed);
    let ended = working.await.unwrap().unwrap_err();
    assert_eq!(
        ended.as_database_error().unwrap().code().as_deref(),
        Some("57P01")
    );
    right(&test).await;
}

#[tokio::test]
async fn a_lease_without_a_sign_of_life_is_anybodys() {
    let test = table(Engine::PostgreSql).await;
    let record = open(&test.target, &document(Engine::PostgreSql)).await;
    let mut frozen = test.client().await;
    frozen
        .run(
            "SELECT pg_try_advisory_lock(x'42454c4c'::int, 1);
             INSERT INTO bellows.lease (token, one, owner, execution, host, process, pid,
                                        backend_start, heartbeat)
             SELECT 'old', 1, 'frozen server', 'x', 'somewhere', '1:1', pid,
                    (extract(epoch from backend_start) * 1000000)::bigint,
                    (extract(epoch from clock_timestamp() - interval '2 minutes')
                     * 1000000)::bigint
             FROM pg_stat_activity WHERE pid = pg_backend_pid()",
        )
        .await;
    let outcome = run_as(
        "another server",
        &test.target,
        &record.id,
        &Events::default(),
    )
    .await;
    assert_eq!(outcome, Outcome::Completed);
    assert!(frozen.try_run("SELECT 1").await.is_err());
}

/// The session of one that is gone belongs to a user that this one may not end: who it is and what
/// to do is said, and once it was ended the target is free.
#[tokio::test]
async fn an_orphan_that_is_not_ours_to_end_is_named() {
    let test = TestTarget::postgres().await;
    let role = format!("runner_{}", uuid::Uuid::now_v7().simple());
    test.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT pg_read_all_stats TO {role}; GRANT CREATE ON SCHEMA public TO {role};
         DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {role}', current_database()); END $$;
         SET ROLE {role}; CREATE TABLE t (id int PRIMARY KEY, b int NOT NULL);
         INSERT INTO t SELECT i, 0 FROM generate_series(1, 3000) i"
    ))
    .await;
    let (_, rest) = test.url.secret().rsplit_once('@').unwrap();
    let url = format!("postgres://{role}@{rest}").parse().unwrap();
    let target = Target::connect(&url).await.unwrap();
    let record = open(&target, &document(Engine::PostgreSql)).await;
    let mut orphan = test.client().await;
    orphan
        .run(
            "SELECT pg_try_advisory_lock(x'42454c4c'::int, 1);
             INSERT INTO bellows.lease (token, one, owner, execution, host, process, pid,
                                        backend_start, heartbeat)
             SELECT 'old', 1, 'dead server', 'x', 'somewhere', '1:1', pid,
                    (extract(epoch from backend_start) * 1000000)::bigint, 0
             FROM pg_stat_activity WHERE pid = pg_backend_pid()",
        )
        .await;
    let pid = orphan.number("SELECT pg_backend_pid()").await;
    let events = Events::default();
    let busy = run_as("another server", &target, &record.id, &events).await;
    let Outcome::Stopped {
        reason: StopReason::Busy,
        message,
    } = busy
    else {
        panic!("{busy:?}");
    };
    let session = format!("its session {pid} could not be ended");
    assert!(
        message.contains("dead server") && message.contains(&session),
        "{message}"
    );
    drop(orphan);
    let outcome = loop {
        let outcome = run_as("another server", &target, &record.id, &events).await;
        if !matches!(outcome, Outcome::Stopped { .. }) {
            break outcome;
        }
    };
    assert_eq!(outcome, Outcome::Completed);
    right(&test).await;
}

/// A machine that vanishes closes no connection: the server looks after the run's by itself.
#[tokio::test]
async fn a_run_s_session_does_not_outlive_its_machine() {
    let test = TestTarget::postgres().await;
    let yaml = "
migration:
  name: look
  database: postgresql
  phases:
    - phase: 1
      operations:
        - type: custom_sql
          sql: CREATE TABLE seen AS SELECT name, setting FROM pg_settings
          rollbackSql: DROP TABLE seen
";
    apply(&test.target, yaml).await;
    let waits = "SELECT sum(setting::int) FROM seen
                 WHERE name IN ('tcp_keepalives_idle', 'tcp_keepalives_interval')";
    assert_eq!(test.number(waits).await, 20);
}

#[tokio::test]
async fn a_copy_of_a_database_is_noticed_and_may_be_adopted() {
    let test = TestTarget::sqlite().await;
    let first = test.target.identity().await.unwrap();
    assert_eq!(test.target.identity().await.unwrap(), first);
    let path = test.url.sqlite_path().unwrap();
    test.sql("PRAGMA wal_checkpoint(TRUNCATE)").await;
    let copy = path.with_file_name("copy.db");
    std::fs::copy(path, &copy).unwrap();
    let copied = Target::connect(&format!("sqlite:{}", copy.display()).parse().unwrap())
        .await
        .unwrap();
    assert!(matches!(
        copied.identity().await,
        Err(TargetError::Cloned { .. })
    ));
    let own = copied.adopt().await.unwrap();
    assert_ne!(own, first);
    assert_eq!(copied.identity().await.unwrap(), own);
}
