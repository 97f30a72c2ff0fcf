//! Runs on real MariaDB and MySQL servers beside writers, blockers, rivals and crashes.

use std::time::Duration;

use bellows::document::Engine;
use bellows::run::{EventKind, StopReason};
use bellows_server::executor::{Outcome, RunOptions, control, run_phase};
use bellows_server::target::Target;

use crate::support::{Events, TestTarget, Writer, apply, open, run, run_on, run_with};

on_mariadb_and_mysql! {
    a_metadata_lock_is_tried_for_and_holds_nobody_else_up,
    a_budget_that_is_spent_stops_where_it_can_go_on,
    no_row_is_filled_twice_beside_a_writer,
    keys_of_every_kind_are_walked_to_their_end,
    a_table_without_transactions_is_not_walked,
    a_backfill_pauses_goes_on_and_is_cancelled,
    a_long_statement_is_cancelled_on_the_server,
    a_run_survives_an_end_at_every_event,
    a_connection_killed_again_and_again_changes_nothing,
    after_a_crash_the_catalogue_says_whether_a_statement_took_effect,
    one_run_at_a_time_and_no_run_writes_that_lost_its_lease,
    a_sign_of_life_passes_a_transaction_that_holds_the_lease_and_a_takeover_waits,
    an_orphan_of_the_same_owner_is_ended_and_one_of_another_is_not,
    both_columns_are_kept_in_step_and_batches_run_past_the_triggers,
    drift_stops_a_phase,
}

const ADD: &str = "
migration:
  name: add
  database: mariadb
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: busy, column: extra, dataType: int, nullable: true}
";

async fn busy(engine: Engine, rows: u32) -> TestTarget {
    let test = TestTarget::new(engine).await;
    test.sql(&format!(
        "CREATE TABLE busy (id int PRIMARY KEY, n int NOT NULL);
         INSERT INTO busy SELECT seq, 0 FROM seq_1_to_{rows}"
    ))
    .await;
    test
}

fn lock_waits(events: &Events) -> usize {
    events.count(|e| matches!(e, EventKind::LockWaiting { .. }))
}

async fn run_as(owner: &str, target: &Target, id: &str, events: &Events) -> Outcome {
    let (_sender, receiver) = control();
    let options = RunOptions::new(owner);
    run_phase(target, id, 1, "tester", &options, events, receiver)
        .await
        .unwrap()
}

async fn a_metadata_lock_is_tried_for_and_holds_nobody_else_up(engine: Engine) {
    let test = busy(engine, 10).await;
    let record = open(&test.target, ADD).await;
    // A transaction that has only read the table keeps every ALTER of it out.
    let mut holder = test.client().await;
    holder
        .run("START TRANSACTION; SELECT count(*) FROM busy")
        .await;
    let held = holder.number("SELECT connection_id()").await;
    let traffic = Writer::start(
        &test.url,
        &[
            "SELECT n FROM busy WHERE id = 1 + {n} % 10",
            "UPDATE busy SET n = n + 1 WHERE id = 1 + {n} % 10",
        ],
    );
    let events = Events::default();
    let (outcome, ()) = tokio::join!(run(&test.target, &record.id, 1, &events), async {
        while lock_waits(&events) < 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        holder.run("COMMIT").await;
    });
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    let work = traffic.stop().await;
    assert!(work.errors.is_empty(), "{:?}", work.errors);
    assert!(work.rounds > 20, "{work:?}");
    // With the least that MySQL's own setting knows, a second, each try would hold it up that long.
    assert!(work.longest < Duration::from_millis(900), "{work:?}");
    let told = events
        .seen(|e| matches!(e, EventKind::LockWaiting { .. }))
        .await;
    let EventKind::LockWaiting { blockers, .. } = told else {
        panic!("{told:?}");
    };
    assert!(
        blockers.iter().any(|b| i64::from(b.pid) == held),
        "who stands in the way is named: {blockers:?}"
    );
}

async fn a_budget_that_is_spent_stops_where_it_can_go_on(engine: Engine) {
    let test = busy(engine, 10).await;
    let yaml = ADD.replace("phase: 1\n", "phase: 1\n      timeout: 700\n");
    let record = open(&test.target, &yaml).await;
    let mut holder = test.client().await;
    holder
        .run("START TRANSACTION; SELECT count(*) FROM busy")
        .await;
    let outcome = run(&test.target, &record.id, 1, &Events::default()).await;
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
        run(&test.target, &record.id, 1, &Events::default()).await,
        Outcome::Completed
    );
}

const FILL: &str = "
migration:
  name: fill
  database: mariadb
  phases:
    - phase: 1
      operations:
        - {type: backfill, table: busy, sql: n = n + 1, where: 'id > 0', batchSize: 500}
";

async fn no_row_is_filled_twice_beside_a_writer(engine: Engine) {
    let test = busy(engine, 20_000).await;
    test.count_updates("busy").await;
    let record = open(&test.target, FILL).await;
    let writer = Writer::start(&test.url, &["INSERT INTO busy VALUES (1000000 + {n}, 0)"]);
    let events = Events::default();
    assert_eq!(
        run(&test.target, &record.id, 1, &events).await,
        Outcome::Completed,
        "{:#?}",
        events.all()
    );
    let work = writer.stop().await;
    assert!(work.errors.is_empty(), "{:?}", work.errors);
    assert!(work.rounds > 5, "{work:?}");
    assert_eq!(
        test.number("SELECT count(*) FROM busy WHERE id <= 20000 AND n = 1")
            .await,
        20_000
    );
    // Rows that came since may have been met by the last batch, and none of all twice.
    assert_eq!(test.number("SELECT max(n) FROM busy").await, 1);
    assert_eq!(
        test.counted().await,
        test.number("SELECT count(*) FROM busy WHERE n = 1").await
    );
}

/// Makes 2,000 rows with keys of that kind, and fills them.
async fn fills(engine: Engine, definition: &str, values: &str) {
    let test = TestTarget::new(engine).await;
    test.sql(&format!(
        "CREATE TABLE busy ({definition}, a int, n int NOT NULL DEFAULT 0);
         INSERT INTO busy SELECT {values}, seq, 0 FROM seq_1_to_2000"
    ))
    .await;
    test.count_updates("busy").await;
    let yaml = FILL.replace("'id > 0', batchSize: 500", "'true', batchSize: 130");
    let (_, events) = apply(&test.target, &yaml).await;
    assert_eq!(
        test.number("SELECT count(*) FROM busy WHERE n = 1").await,
        2000,
        "{definition}"
    );
    assert_eq!(test.counted().await, 2000, "{definition}");
    let last = events
        .all()
        .into_iter()
        .rfind(|e| matches!(e, EventKind::Progress { .. }));
    assert!(
        matches!(
            last,
            Some(EventKind::Progress {
                rows: 2000,
                total: 2000,
                ..
            })
        ),
        "{last:?}"
    );
}

async fn keys_of_every_kind_are_walked_to_their_end(engine: Engine) {
    for (definition, values) in [
        (
            "id bigint unsigned PRIMARY KEY",
            "18446744073709551615 - seq * 1000003",
        ),
        (
            "`K 1` int, k2 datetime(6), PRIMARY KEY (`K 1`, k2)",
            "seq DIV 500, '2024-01-01' + INTERVAL seq * 1000003 MICROSECOND",
        ),
        (
            "id binary(16) PRIMARY KEY",
            "left(unhex(sha2(seq, 256)), 16)",
        ),
        (
            "id varchar(90) COLLATE utf8mb4_unicode_ci PRIMARY KEY",
            "concat(if(seq % 2, 'Ä''', 'a\"\\\\'), sha2(seq, 224))",
        ),
        (
            "e enum('z', 'y', 'x'), d decimal(12,3), PRIMARY KEY (e, d)",
            "seq % 3 + 1, seq / 1000",
        ),
        (
            "a1 int, a2 varchar(9), a3 int, PRIMARY KEY (a1, a2, a3)",
            "seq % 4, concat('k', seq % 7), seq",
        ),
        // Without a primary key, what tells the rows apart as well.
        ("id int NOT NULL, UNIQUE KEY one (id)", "seq"),
        (
            "a1 int NOT NULL, a2 varchar(9) NOT NULL, a3 int, UNIQUE KEY maybe (a3), UNIQUE KEY one (a1, a2)",
            "seq % 4, concat('k', seq DIV 4), NULL",
        ),
    ] {
        fills(engine, definition, values).await;
    }
    if engine == Engine::MariaDb {
        fills(engine, "id uuid PRIMARY KEY", "uuid()").await;
    }
}

async fn a_table_without_transactions_is_not_walked(engine: Engine) {
    let test = TestTarget::new(engine).await;
    test.sql("CREATE TABLE busy (id int PRIMARY KEY, n int) ENGINE=MyISAM; INSERT INTO busy VALUES (1, 0)")
        .await;
    let record = open(&test.target, FILL).await;
    let outcome = run(&test.target, &record.id, 1, &Events::default()).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("InnoDB"), "{message}");
    assert_eq!(test.number("SELECT n FROM busy").await, 0);
}

async fn a_backfill_pauses_goes_on_and_is_cancelled(engine: Engine) {
    let test = busy(engine, 4000).await;
    let yaml = FILL.replace("batchSize: 500", "batchSize: 20, pauseMs: 5");
    let record = open(&test.target, &yaml).await;
    let events = Events::default();
    let (sender, receiver) = control();
    let (outcome, ()) = tokio::join!(
        run_with(&test.target, &record.id, 1, &events, receiver),
        async {
            events
                .seen(|e| matches!(e, EventKind::Progress { .. }))
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
    let done = test.number("SELECT count(*) FROM busy WHERE n = 1").await;
    assert!(done > 0 && done < 4000, "{done}");
    let (sender, receiver) = control();
    let more = Events::default();
    let (outcome, ()) = tokio::join!(
        run_with(&test.target, &record.id, 1, &more, receiver),
        async {
            more.seen(|e| matches!(e, EventKind::Progress { .. })).await;
            sender.cancel();
        }
    );
    assert_eq!(outcome, Outcome::Cancelled);
    assert_eq!(test.number("SELECT max(n) FROM busy").await, 1);
}

async fn a_long_statement_is_cancelled_on_the_server(engine: Engine) {
    let test = busy(engine, 10).await;
    let yaml = ADD.replace(
        "{type: add_column, table: busy, column: extra, dataType: int, nullable: true}",
        "{type: custom_sql, sql: \"UPDATE busy SET n = sleep(30)\"}",
    );
    let record = open(&test.target, &yaml).await;
    let events = Events::default();
    let (sender, receiver) = control();
    let started = std::time::Instant::now();
    let (outcome, ()) = tokio::join!(
        run_with(&test.target, &record.id, 1, &events, receiver),
        async {
            events
                .seen(|e| matches!(e, EventKind::StepStarted { .. }))
                .await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            sender.cancel();
        }
    );
    assert_eq!(outcome, Outcome::Cancelled);
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(
        test.number("SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'UPDATE busy SET n = sleep%'")
            .await,
        0
    );
}

const STEPS: &str = "
migration:
  name: steps
  database: mariadb
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: busy, column: first, dataType: int, nullable: true}
        - {type: backfill, table: busy, sql: n = n + 1, where: 'true', batchSize: 50, pauseMs: 2}
        - {type: add_index, table: busy, columns: [n], indexName: by_n}
        - {type: add_column, table: busy, column: last, dataType: int, nullable: true}
      validation:
        - {check: index_exists, table: busy}
";

async fn right(test: &TestTarget) {
    assert_eq!(
        test.number("SELECT count(*) FROM busy WHERE n = 1").await,
        3000,
        "every row once"
    );
    let schema = test.schema().await;
    let table = schema.table(&"busy".to_owned().into()).unwrap();
    assert!(table.column("first").is_some() && table.column("last").is_some());
    assert!(table.indexes.iter().any(|i| i.name == "by_n"));
}

async fn a_run_survives_an_end_at_every_event(engine: Engine) {
    let test = busy(engine, 3000).await;
    let record = open(&test.target, STEPS).await;
    let counted = |e: &EventKind| {
        matches!(
            e,
            EventKind::StepStarted { .. }
                | EventKind::StepCompleted { .. }
                | EventKind::CheckPassed { .. }
                | EventKind::Progress { .. }
        )
    };
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
        events.go_on();
        let one_more = async {
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

async fn a_connection_killed_again_and_again_changes_nothing(engine: Engine) {
    let test = busy(engine, 3000).await;
    let record = open(&test.target, STEPS).await;
    let events = Events::default();
    let mut admin = test.client().await;
    let cut = async {
        events
            .seen(|e| matches!(e, EventKind::StepStarted { .. }))
            .await;
        for _ in 0..15 {
            tokio::time::sleep(Duration::from_millis(60)).await;
            let pid = admin
                .text("SELECT CAST(max(pid) AS char) FROM _bellows_lease")
                .await;
            if let Some(pid) = pid {
                // It may be between two connections.
                let _gone = admin.try_run(&format!("KILL CONNECTION {pid}")).await;
            }
        }
    };
    let outcome = {
        let running = run_on(&test.target, &record.id, 1, &events);
        tokio::pin!(running);
        tokio::select! {
            outcome = &mut running => outcome,
            () = cut => running.await,
        }
    };
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    assert!(events.count(|e| matches!(e, EventKind::Recovered { .. })) > 0);
    right(&test).await;
}

/// The ALTER took effect, and the run died before it could write so: the catalogue tells.
async fn after_a_crash_the_catalogue_says_whether_a_statement_took_effect(engine: Engine) {
    for done in [true, false] {
        let test = busy(engine, 10).await;
        let record = open(&test.target, ADD).await;
        test.sql(&format!(
            "INSERT INTO _bellows_step (execution, id, phase, state, started_at)
             VALUES ('{}', '{}', 1, 'intent', 0)",
            record.id, record.plan.phases[0].steps[0].id
        ))
        .await;
        test.sql("UPDATE _bellows_phase SET state = 'running'")
            .await;
        if done {
            test.sql("ALTER TABLE busy ADD COLUMN extra int").await;
        }
        let events = Events::default();
        assert_eq!(
            run(&test.target, &record.id, 1, &events).await,
            Outcome::Completed,
            "{:#?}",
            events.all()
        );
        let told = events.count(
            |e| matches!(e, EventKind::Notice { message } if message.contains("had taken effect")),
        );
        assert_eq!(told, usize::from(done));
        let schema = test.schema().await;
        let table = schema.table(&"busy".to_owned().into()).unwrap();
        assert!(table.column("extra").is_some());
    }
}

async fn one_run_at_a_time_and_no_run_writes_that_lost_its_lease(engine: Engine) {
    let test = busy(engine, 3000).await;
    let record = open(&test.target, STEPS).await;
    let events = Events::holding(|e| matches!(e, EventKind::Progress { .. }));
    let (outcome, done) = tokio::join!(
        run_as("the server", &test.target, &record.id, &events),
        async {
            events
                .seen(|e| matches!(e, EventKind::Progress { .. }))
                .await;
            for owner in ["the command line", "the server"] {
                let rival = run_as(owner, &test.target, &record.id, &Events::default()).await;
                let Outcome::Stopped {
                    reason: StopReason::Busy,
                    message,
                } = rival
                else {
                    panic!("{rival:?}");
                };
                assert!(message.contains("the server"), "{message}");
            }
            test.sql("UPDATE _bellows_lease SET token = 'another'")
                .await;
            let done = test.number("SELECT CAST(sum(n) AS signed) FROM busy").await;
            events.go_on();
            done
        }
    );
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
    assert_eq!(
        test.number("SELECT CAST(sum(n) AS signed) FROM busy").await,
        done
    );
    assert_eq!(
        run(&test.target, &record.id, 1, &Events::default()).await,
        Outcome::Completed
    );
    right(&test).await;
}

async fn a_sign_of_life_passes_a_transaction_that_holds_the_lease_and_a_takeover_waits(
    engine: Engine,
) {
    let test = busy(engine, 1).await;
    test.target.identity().await.unwrap();
    test.sql(
        "INSERT INTO _bellows_lease (token, one, owner, execution, host, process, heartbeat)
         VALUES ('mine', 1, 'o', 'e', 'h', 'p', 0)",
    )
    .await;
    let mut run = test.client().await;
    run.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN")
        .await;
    // What the fence of a run asks.
    run.run("SELECT token FROM _bellows_lease FORCE INDEX (one) WHERE one = 1 LOCK IN SHARE MODE")
        .await;
    let mut other = test.client().await;
    other.run("SET SESSION innodb_lock_wait_timeout = 1").await;
    other
        .run("UPDATE _bellows_lease SET heartbeat = 5 WHERE token = 'mine'")
        .await;
    let error = other
        .try_run("DELETE FROM _bellows_lease")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("1205"), "{error}");
    run.run("COMMIT").await;
    assert_eq!(other.run("DELETE FROM _bellows_lease").await, 1);
}

async fn an_orphan_of_the_same_owner_is_ended_and_one_of_another_is_not(engine: Engine) {
    let test = busy(engine, 3000).await;
    let record = open(&test.target, STEPS).await;
    let mut orphan = test.client().await;
    orphan
        .run(
            "DO GET_LOCK(concat('bellows-run-', left(sha2(lower(database()), 256), 40)), 0);
             INSERT INTO _bellows_lease (token, one, owner, execution, host, process, pid, heartbeat)
             VALUES ('old', 1, 'dead server', 'x', 'somewhere', '1:1', connection_id(),
                     timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)))",
        )
        .await;
    let working = tokio::spawn(async move { orphan.try_run("DO sleep(600)").await });
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
    assert_eq!(heir, Outcome::Completed, "{:#?}", events.all());
    assert!(working.await.unwrap().is_err(), "it was ended");
    right(&test).await;
}

const IN_STEP: &str = "
migration:
  name: in-step
  database: mariadb
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: t, column: new, dataType: bigint, nullable: true}
        - {type: enable_dual_write, table: t, oldColumn: old, newColumn: new,
            forward: 'CAST(old AS signed)', backward: 'CAST(new AS char)'}
    - phase: 2
      operations:
        - {type: backfill, table: t, sql: new = CAST(old AS signed)}
      validation:
        - {check: columns_match, table: t, oldColumn: old, newColumn: new,
            forward: CAST(old AS signed)}
";

/// A backfill of the new column must not come back through the triggers and rewrite the old one:
/// a live '007' would become '7'.
async fn both_columns_are_kept_in_step_and_batches_run_past_the_triggers(engine: Engine) {
    let test = TestTarget::new(engine).await;
    test.sql(
        "CREATE TABLE t (id int PRIMARY KEY, old varchar(30));
         INSERT INTO t SELECT seq, concat('00', seq) FROM seq_1_to_2500",
    )
    .await;
    let writer = Writer::start(
        &test.url,
        &[
            "INSERT INTO t (id, old) VALUES (100000 + {n}, '0{n}')",
            "UPDATE t SET old = concat('000', id) WHERE id = 1 + {n}",
        ],
    );
    apply(&test.target, IN_STEP).await;
    let work = writer.stop().await;
    assert!(work.errors.is_empty() && work.rounds > 3, "{work:?}");
    assert_eq!(
        test.number("SELECT count(*) FROM t WHERE CAST(old AS signed) <=> new")
            .await,
        test.number("SELECT count(*) FROM t").await
    );
    assert_eq!(
        test.number("SELECT count(*) FROM t WHERE id <= 2500 AND old LIKE '00%' AND new = id")
            .await,
        2500,
        "no batch came back through the triggers"
    );
    let mut client = test.client().await;
    client
        .run(
            "INSERT INTO t (id, new) VALUES (9001, 5); INSERT INTO t (id, old) VALUES (9002, '06')",
        )
        .await;
    assert_eq!(
        client
            .text("SELECT old FROM t WHERE id = 9001")
            .await
            .as_deref(),
        Some("5")
    );
    assert_eq!(client.number("SELECT new FROM t WHERE id = 9002").await, 6);
    client.run("UPDATE t SET new = 77 WHERE id = 9002").await;
    assert_eq!(
        client
            .text("SELECT old FROM t WHERE id = 9002")
            .await
            .as_deref(),
        Some("77")
    );
    client
        .run("UPDATE t SET new = 1, old = '0002' WHERE id = 9002")
        .await;
    assert_eq!(
        client
            .text("SELECT concat(old, '/', new) FROM t WHERE id = 9002")
            .await
            .as_deref(),
        Some("0002/1"),
        "what changes both is left as written"
    );
    let schema = test.schema().await;
    let table = schema.table(&"t".to_owned().into()).unwrap();
    assert_eq!(table.dual_writes.len(), 1, "they are found again");
    assert!(table.triggers.is_empty(), "{:?}", table.triggers);
}

async fn drift_stops_a_phase(engine: Engine) {
    let test = TestTarget::new(engine).await;
    test.sql("CREATE TABLE t (id int PRIMARY KEY, old varchar(30))")
        .await;
    let record = open(&test.target, IN_STEP).await;
    let events = Events::default();
    assert_eq!(
        run(&test.target, &record.id, 1, &events).await,
        Outcome::PhaseCompleted
    );
    test.sql("ALTER TABLE t ADD COLUMN surprise int").await;
    let difference = bellows_server::executor::drift(&test.target, &record, 2)
        .await
        .unwrap()
        .unwrap();
    assert!(difference.contains("t.surprise is new"), "{difference}");
    test.sql("ALTER TABLE t DROP COLUMN surprise").await;
    assert_eq!(
        run(&test.target, &record.id, 2, &events).await,
        Outcome::Completed
    );
}
