//! Concurrent builds: leftovers, strangers under the name, duplicates, and those who must be
//! outwaited.

use std::time::Duration;

use bellows::document::Engine;
use bellows::run::EventKind;
use bellows_server::executor::Outcome;

use crate::faults::table;
use crate::support::{Events, apply, back, open, run};

const INDEX: &str = "
migration:
  name: index
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: t, column: c, dataType: int, nullable: true}
        - {type: add_index, table: t, columns: [b], indexName: t_b, unique: true}
      validation:
        - {check: index_exists, table: t}
";

#[tokio::test]
async fn an_invalid_leftover_is_dropped_and_built_again() {
    let test = table(Engine::PostgreSql).await;
    let record = open(&test.target, INDEX).await;
    let mut client = test.client().await;
    client
        .try_run("CREATE UNIQUE INDEX CONCURRENTLY t_b ON t (b)")
        .await
        .unwrap_err();
    assert_eq!(
        test.number("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
            .await,
        1
    );
    // Where a run left it, the plan was made before it was there, so this is no drift.
    test.sql(&format!(
        "UPDATE bellows.phase SET state = 'running' WHERE execution = '{}'",
        record.id
    ))
    .await;
    test.sql("UPDATE t SET b = id").await;
    let events = Events::default();
    assert_eq!(
        run(&test.target, &record.id, 1, &events).await,
        Outcome::Completed
    );
    assert_eq!(
        test.number("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
            .await,
        0
    );
    assert!(events.all().iter().any(|e| matches!(
        e,
        EventKind::Notice { message } if message.contains("left invalid")
    )));
}

#[tokio::test]
async fn a_build_that_meets_duplicates_takes_its_phase_back_and_leaves_nothing() {
    let test = table(Engine::PostgreSql).await;
    let record = open(&test.target, INDEX).await;
    let outcome = run(&test.target, &record.id, 1, &Events::default()).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("(b)=(0) is duplicated"), "{message}");
    let schema = test.schema().await;
    let table = schema.table(&"t".to_owned().into()).unwrap();
    assert!(table.indexes.is_empty() && table.column("c").is_none());
}

#[tokio::test]
async fn another_index_under_the_name_is_not_taken_for_ours() {
    let test = table(Engine::PostgreSql).await;
    test.sql("UPDATE t SET b = id").await;
    let record = open(&test.target, INDEX).await;
    // It comes after the plan, past the drift check.
    test.sql(&format!(
        "CREATE INDEX t_b ON t (id);
         UPDATE bellows.phase SET state = 'running' WHERE execution = '{}'",
        record.id
    ))
    .await;
    let outcome = run(&test.target, &record.id, 1, &Events::default()).await;
    let message = match &outcome {
        Outcome::RolledBack { message } | Outcome::Failed { message } => message,
        Outcome::PhaseCompleted
        | Outcome::Completed
        | Outcome::Cancelled
        | Outcome::Stopped { .. } => panic!("{outcome:?}"),
    };
    assert!(
        message.contains("another index under the name t_b"),
        "{message}"
    );
    assert_eq!(
        test.text("SELECT pg_get_indexdef('t_b'::regclass)")
            .await
            .as_deref(),
        Some("CREATE INDEX t_b ON public.t USING btree (id)"),
        "somebody else's index is not ours to drop"
    );
}

#[tokio::test]
async fn a_build_waits_for_a_writer_without_a_lock_timeout() {
    let test = table(Engine::PostgreSql).await;
    test.sql("UPDATE t SET b = id").await;
    let record = open(&test.target, INDEX).await;
    let mut writer = test.client().await;
    let events = Events::default();
    writer.run("BEGIN; UPDATE t SET b = b WHERE id = 1").await;
    // The ALTER before it needs the table for itself: it goes first.
    let (outcome, ()) = tokio::join!(run(&test.target, &record.id, 1, &events), async {
        events
            .seen(|e| matches!(e, EventKind::LockWaiting { .. }))
            .await;
        writer.run("COMMIT").await;
        let mut reader = test.client().await;
        events
            .seen(|e| matches!(e, EventKind::StepCompleted { .. }))
            .await;
        reader
            .run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t")
            .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        reader.run("COMMIT").await;
    });
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
}

const WRITTEN: &str = "
migration:
  name: written
  database: postgresql
  phases:
    - phase: 1
      operations:
        - type: custom_sql
          sql: CREATE INDEX CONCURRENTLY \"T by b\" ON t (b) WHERE b > 0
          rollbackSql: DROP INDEX CONCURRENTLY \"T by b\"
";

/// A run that died while it dropped the index on the way back: before the server was done, or
/// after.
async fn a_drop_that_was_cut_off(server_was_done: bool) {
    let test = table(Engine::PostgreSql).await;
    let (record, _) = apply(&test.target, WRITTEN).await;
    test.sql(&format!(
        "INSERT INTO bellows.step (execution, id, phase, state, started_at)
         VALUES ('{}', '{}', 1, 'intent', 0)",
        record.id, record.plan.phases[0].rollback[0].id
    ))
    .await;
    if server_was_done {
        test.sql("DROP INDEX \"T by b\"").await;
    } else {
        test.sql(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = '\"T by b\"'::regclass",
        )
        .await;
    }
    let outcome = back(&test.target, &record.id).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    let left = "SELECT count(*) FROM pg_class WHERE relname = 'T by b'";
    assert_eq!(test.number(left).await, 0);
}

#[tokio::test]
async fn a_written_drop_that_was_cut_off_is_sent_again() {
    a_drop_that_was_cut_off(false).await;
}

#[tokio::test]
async fn a_written_drop_whose_end_was_not_seen_is_not_asked_about() {
    a_drop_that_was_cut_off(true).await;
}
