//! Whole migrations, on both engines.

use bellows::document::Engine;
use bellows::run::{EventKind, ExecutionState, FinalStatus, PhaseState, StopReason};
use bellows_server::executor::{
    self, ExecuteError, Outcome, RunOptions, cancel, confirm_gate, control, execution, executions,
    roll_back, soak_left_ms,
};

use crate::support::{Events, TestTarget, apply, open, open_on, run};

const REQUIRED: &str = "
migration:
  name: add-city
  database: {engine}
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: users, column: city, dataType: text, nullable: true}
      validation:
        - {check: column_exists, table: users, column: city}
    - phase: 2
      operations:
        - {type: backfill, table: users, sql: \"city = 'city of ' || name\"}
      validation:
        - {check: backfill_complete, table: users, column: city}
    - phase: 3
      gate: {deploy: the application writes city, soak: 7d}
      operations:
        - {type: set_not_null, table: users, column: city}
        - {type: add_index, table: users, columns: [city], indexName: users_city}
      validation:
        - {check: index_exists, table: users}
";

fn document(engine: Engine) -> String {
    REQUIRED.replace("{engine}", engine.word())
}

async fn users(engine: Engine, rows: u32) -> TestTarget {
    let test = TestTarget::new(engine).await;
    let key = match engine {
        Engine::PostgreSql => "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        Engine::MySql | Engine::MariaDb => "bigint AUTO_INCREMENT PRIMARY KEY",
        Engine::Sqlite => "INTEGER PRIMARY KEY",
    };
    test.sql(&format!(
        "CREATE TABLE users (id {key}, name text NOT NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
         INSERT INTO users (name) SELECT 'user ' || i FROM n"
    ))
    .await;
    test
}

fn options() -> RunOptions {
    RunOptions::new("test")
}

async fn goes_through(engine: Engine) {
    let test = users(engine, 3000).await;
    let (record, events) = apply(&test.target, &document(engine)).await;
    assert_eq!(
        test.number("SELECT count(*) FROM users WHERE city = 'city of ' || name")
            .await,
        3000
    );
    let schema = test.schema().await;
    let table = schema.table(&"users".to_owned().into()).unwrap();
    assert!(!table.column("city").unwrap().nullable);
    assert!(
        table
            .indexes
            .iter()
            .any(|i| i.name == "users_city" && i.valid)
    );
    let after = execution(&test.target, &record.id).await.unwrap().unwrap();
    assert_eq!(after.state, ExecutionState::Completed);
    assert!(after.completed_at.is_some());
    assert!(
        after
            .phases
            .iter()
            .all(|p| p.state == PhaseState::Completed)
    );
    assert_eq!(
        events.all().last(),
        Some(&EventKind::Finished {
            status: FinalStatus::Completed,
            message: None
        })
    );
    // Once more is a success that does nothing.
    let again = open_on(&test.target, &document(engine)).await.unwrap();
    assert!(!again.created);
    assert_eq!(again.record.id, record.id);
    let events = Events::default();
    assert_eq!(
        run(&test.target, &record.id, 2, &events).await,
        Outcome::Completed
    );
    assert!(events.all().is_empty());

    // And all of it back.
    let (_sender, receiver) = control();
    let outcome = roll_back(
        &test.target,
        &record.id,
        None,
        "tester",
        &options(),
        &events,
        receiver,
    )
    .await
    .unwrap();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    let schema = test.schema().await;
    let table = schema.table(&"users".to_owned().into()).unwrap();
    assert!(table.column("city").is_none());
    assert!(table.indexes.is_empty());
    assert_eq!(test.number("SELECT count(*) FROM users").await, 3000);
    let all = executions(&test.target).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].state, ExecutionState::RolledBack);
}

#[tokio::test]
async fn postgres_goes_through_and_back() {
    goes_through(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_goes_through_and_back() {
    goes_through(Engine::Sqlite).await;
}

async fn order_is_kept(engine: Engine) {
    let test = users(engine, 10).await;
    let record = open(&test.target, &document(engine)).await;
    let (_sender, receiver) = control();
    let events = Events::default();
    let early = executor::run_phase(
        &test.target,
        &record.id,
        2,
        "tester",
        &options(),
        &events,
        receiver,
    )
    .await;
    assert!(matches!(
        early,
        Err(ExecuteError::Predecessor {
            phase: 2,
            missing: 1
        })
    ));
    assert_eq!(
        run(&test.target, &record.id, 1, &events).await,
        Outcome::PhaseCompleted
    );
    assert_eq!(
        run(&test.target, &record.id, 2, &events).await,
        Outcome::PhaseCompleted
    );
    confirm_gate(&test.target, &record.id, 3, "v1.1", "ada")
        .await
        .unwrap();
    let record = execution(&test.target, &record.id).await.unwrap().unwrap();
    assert_eq!(record.state, ExecutionState::Waiting);
    assert_eq!(record.gates[0].version, "v1.1");
    let week_ms = 7 * 86_400_000;
    let left = soak_left_ms(&test.target, &record, 3).await.unwrap();
    assert!(left > week_ms - 600_000 && left <= week_ms, "{left}");
    assert_eq!(soak_left_ms(&test.target, &record, 2).await.unwrap(), 0);
}

#[tokio::test]
async fn postgres_keeps_the_order() {
    order_is_kept(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_keeps_the_order() {
    order_is_kept(Engine::Sqlite).await;
}

const FAILING: &str = "
migration:
  name: failing
  database: {engine}
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: users, column: a, dataType: text, nullable: true}
    - phase: 2
      operations:
        - {type: add_column, table: users, column: b, dataType: text, nullable: true}
        - {type: add_index, table: users, columns: [b], indexName: users_b}
      validation:
        - check: custom
          sql: SELECT count(*) FROM users WHERE {condition}
          errorMessage: some have no b
";

async fn a_failed_check_takes_its_phase_back(engine: Engine) {
    let test = users(engine, 10).await;
    let yaml = FAILING.replace("{engine}", engine.word());
    let bad = yaml.replace("{condition}", "b IS NULL");
    let record = open(&test.target, &bad).await;
    let events = Events::default();
    run(&test.target, &record.id, 1, &events).await;
    let outcome = run(&test.target, &record.id, 2, &events).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        message.contains("some have no b") && message.contains("10"),
        "{message}"
    );
    assert!(events.all().iter().any(|e| matches!(
        e,
        EventKind::CheckFailed { found, .. } if found == "10"
    )));
    let schema = test.schema().await;
    let table = schema.table(&"users".to_owned().into()).unwrap();
    assert!(table.column("a").is_some(), "an earlier phase stays");
    assert!(table.column("b").is_none(), "the failed one does not");
    let record = execution(&test.target, &record.id).await.unwrap().unwrap();
    assert_eq!(record.state, ExecutionState::RolledBack);
    assert_eq!(record.phases[0].state, PhaseState::Completed);
    assert_eq!(record.phases[1].state, PhaseState::RolledBack);
    assert!(record.error.unwrap().contains("some have no b"));

    // The corrected document goes on after the phase that is done.
    let good = yaml.replace("{condition}", "b IS NOT NULL");
    let opened = open_on(&test.target, &good).await.unwrap();
    assert!(opened.created);
    assert_ne!(opened.record.id, record.id);
    assert_eq!(opened.record.phases[0].state, PhaseState::Completed);
    assert_eq!(
        run(&test.target, &opened.record.id, 2, &events).await,
        Outcome::Completed
    );
    // What the old execution did is the new one's to take back.
    let (_sender, receiver) = control();
    let superseded = roll_back(
        &test.target,
        &record.id,
        None,
        "tester",
        &options(),
        &events,
        receiver.clone(),
    )
    .await;
    assert!(matches!(superseded, Err(ExecuteError::Superseded { .. })));
    roll_back(
        &test.target,
        &opened.record.id,
        None,
        "tester",
        &options(),
        &events,
        receiver,
    )
    .await
    .unwrap();
    let schema = test.schema().await;
    assert!(
        schema
            .table(&"users".to_owned().into())
            .unwrap()
            .column("a")
            .is_none(),
        "the inherited phase was taken back too"
    );
}

#[tokio::test]
async fn postgres_takes_a_failed_phase_back() {
    a_failed_check_takes_its_phase_back(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_takes_a_failed_phase_back() {
    a_failed_check_takes_its_phase_back(Engine::Sqlite).await;
}

const LISTED: &str = "
migration:
  name: listed
  database: {engine}
  phases:
    - phase: 1
      operations: []
      validation:
        - check: custom
          sql: SELECT count(*) FROM users WHERE id > 3
          list: SELECT id, name FROM users WHERE id > 3 ORDER BY id
          errorMessage: some are too new
";

async fn a_failed_check_lists_the_first_rows(engine: Engine) {
    let test = users(engine, 10).await;
    let yaml = LISTED.replace("{engine}", engine.word());
    let record = open(&test.target, &yaml).await;
    let events = Events::default();
    let outcome = run(&test.target, &record.id, 1, &events).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(
        message.contains("7: (4, user 4), (5, user 5), (6, user 6), (7, user 7), (8, user 8))"),
        "{message}"
    );
    // A check of ours that counts rows lists their keys by itself.
    test.sql("ALTER TABLE users ADD COLUMN city text; UPDATE users SET city = '' WHERE id < 9")
        .await;
    let yaml = yaml
        .replace("name: listed", "name: filled")
        .split("        - check")
        .next()
        .unwrap()
        .to_owned()
        + "        - {check: backfill_complete, table: users, column: city}\n";
    let record = open(&test.target, &yaml).await;
    let outcome = run(&test.target, &record.id, 1, &events).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("2: 9, 10"), "{message}");
}

#[tokio::test]
async fn postgres_lists_what_is_wrong() {
    a_failed_check_lists_the_first_rows(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_lists_what_is_wrong() {
    a_failed_check_lists_the_first_rows(Engine::Sqlite).await;
}

async fn an_edit_is_taken_where_nothing_begun_changes(engine: Engine) {
    let test = users(engine, 10).await;
    let yaml = FAILING
        .replace("{engine}", engine.word())
        .replace("{condition}", "b IS NOT NULL");
    let record = open(&test.target, &yaml).await;
    let events = Events::default();
    run(&test.target, &record.id, 1, &events).await;
    let edited = open_on(
        &test.target,
        &yaml
            .replace("column: b,", "column: c,")
            .replace("[b]", "[c]")
            .replace("b IS NOT", "c IS NOT"),
    )
    .await
    .unwrap();
    assert!(!edited.created);
    assert_eq!(
        run(&test.target, &record.id, 2, &events).await,
        Outcome::Completed
    );
    let schema = test.schema().await;
    let table = schema.table(&"users".to_owned().into()).unwrap();
    assert!(table.column("c").is_some());

    let other = TestTarget::new(engine).await;
    other
        .sql("CREATE TABLE users (id bigint PRIMARY KEY, name text)")
        .await;
    let record = open(&other.target, &yaml).await;
    run(&other.target, &record.id, 1, &events).await;
    let changed = open_on(&other.target, &yaml.replace("column: a,", "column: z,")).await;
    assert!(matches!(
        changed,
        Err(ExecuteError::DocumentChanged { phase: 1, .. })
    ));
}

#[tokio::test]
async fn postgres_takes_an_edit_of_what_was_not_begun() {
    an_edit_is_taken_where_nothing_begun_changes(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_takes_an_edit_of_what_was_not_begun() {
    an_edit_is_taken_where_nothing_begun_changes(Engine::Sqlite).await;
}

async fn drift_stops_a_phase(engine: Engine) {
    let test = users(engine, 10).await;
    let record = open(&test.target, &document(engine)).await;
    let events = Events::default();
    run(&test.target, &record.id, 1, &events).await;
    test.sql("ALTER TABLE users ADD COLUMN surprise text").await;
    let (_sender, receiver) = control();
    let drifted = executor::run_phase(
        &test.target,
        &record.id,
        2,
        "tester",
        &options(),
        &events,
        receiver,
    )
    .await;
    let Err(ExecuteError::Drift {
        phase: 2,
        difference,
    }) = drifted
    else {
        panic!("{drifted:?}");
    };
    assert!(difference.contains("users.surprise is new"), "{difference}");
    assert_eq!(
        executor::drift(&test.target, &record, 2).await.unwrap(),
        Some(difference)
    );
    test.sql("ALTER TABLE users DROP COLUMN surprise").await;
    assert_eq!(
        run(&test.target, &record.id, 2, &events).await,
        Outcome::PhaseCompleted
    );
}

#[tokio::test]
async fn postgres_stops_at_drift() {
    drift_stops_a_phase(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_stops_at_drift() {
    drift_stops_a_phase(Engine::Sqlite).await;
}

async fn one_phase_back_and_again(engine: Engine) {
    let test = users(engine, 10).await;
    let record = open(&test.target, &document(engine)).await;
    let events = Events::default();
    run(&test.target, &record.id, 1, &events).await;
    run(&test.target, &record.id, 2, &events).await;
    let (_sender, receiver) = control();
    let back = |phase| {
        roll_back(
            &test.target,
            &record.id,
            phase,
            "tester",
            Box::leak(Box::new(options())),
            &events,
            receiver.clone(),
        )
    };
    assert!(matches!(
        back(Some(1)).await,
        Err(ExecuteError::Successor { phase: 1, later: 2 })
    ));
    assert!(matches!(
        back(Some(2)).await,
        Ok(Outcome::RolledBack { .. })
    ));
    let after = execution(&test.target, &record.id).await.unwrap().unwrap();
    assert_eq!(after.state, ExecutionState::Waiting);
    assert_eq!(after.phases[1].state, PhaseState::Pending);
    assert_eq!(
        run(&test.target, &record.id, 2, &events).await,
        Outcome::PhaseCompleted
    );
    assert_eq!(
        test.number("SELECT count(*) FROM users WHERE city IS NULL")
            .await,
        0
    );
    // Ended by a person between phases: what is done stays.
    let outcome = cancel(&test.target, &record.id, "tester", &options(), &events)
        .await
        .unwrap();
    assert_eq!(outcome, Outcome::Cancelled);
    assert_eq!(
        test.number("SELECT count(*) FROM users WHERE city IS NULL")
            .await,
        0
    );
}

#[tokio::test]
async fn postgres_takes_one_phase_back_and_runs_it_again() {
    one_phase_back_and_again(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_takes_one_phase_back_and_runs_it_again() {
    one_phase_back_and_again(Engine::Sqlite).await;
}

const OUTSIDE: &str = "
migration:
  name: outside
  database: postgresql
  phases:
    - phase: 1
      operations:
        - type: custom_sql
          sql: |
            DO $$ BEGIN INSERT INTO users (name) VALUES ('by the block'); COMMIT; END $$
";

#[tokio::test]
async fn a_statement_of_which_nobody_knows_is_asked_about() {
    let test = users(Engine::PostgreSql, 1).await;
    let record = open(&test.target, OUTSIDE).await;
    // As a run leaves it that died while the block ran.
    test.sql(&format!(
        "INSERT INTO bellows.step (execution, id, phase, state, started_at)
         VALUES ('{}', '{}', 1, 'intent', 0)",
        record.id, record.plan.phases[0].steps[0].id
    ))
    .await;
    let events = Events::default();
    let outcome = run(&test.target, &record.id, 1, &events).await;
    assert!(
        matches!(
            outcome,
            Outcome::Stopped {
                reason: StopReason::Unknown,
                ..
            }
        ),
        "{outcome:?}"
    );
    let (_sender, receiver) = control();
    let options = RunOptions {
        unknown: executor::Unknown::Rerun,
        ..options()
    };
    let outcome = executor::run_phase(
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
    assert_eq!(outcome, Outcome::Completed);
    assert_eq!(test.number("SELECT count(*) FROM users").await, 2);
}
