//! A cut-over or a contract phase that is held until a person says go.

use bellows::document::Engine;
use bellows::run::{EventKind, ExecutionState, PhaseState, StopReason};
use bellows_server::executor::{self, ExecuteError, Outcome, RunOptions, control};

use crate::support::{Events, TestTarget, open, run};

/// A copy takes its table's place, and then the old table goes.
fn swap(engine: Engine) -> String {
    format!(
        "
migration:
  name: swap
  database: {}
  phases:
    - phase: 1
      kind: migrate
      operations:
        - type: create_table
          table: items_new
          columns:
            - {{name: id, dataType: int, nullable: false, primaryKey: true}}
            - {{name: what, dataType: varchar(40), nullable: true}}
    - phase: 2
      kind: migrate
      operations:
        - {{type: copy_table, table: items, shadow: items_new}}
        - {{type: swap_tables, table: items, shadow: items_new, oldName: items_old}}
    - phase: 3
      kind: contract
      operations:
        - {{type: drop_table, table: items_old}}
",
        engine.word()
    )
}

async fn run_held(test: &TestTarget, id: &str, phase: u32, events: &Events) -> Outcome {
    let (_sender, receiver) = control();
    let options = RunOptions {
        hold: true,
        ..RunOptions::new("test")
    };
    executor::run_phase(&test.target, id, phase, "ada", &options, events, receiver)
        .await
        .unwrap()
}

#[track_caller]
fn is_held(outcome: &Outcome) {
    match outcome {
        Outcome::Stopped { reason, message } => {
            assert_eq!(*reason, StopReason::Held, "{message}");
            assert!(message.contains("as ada asked"), "{message}");
        }
        Outcome::PhaseCompleted
        | Outcome::Completed
        | Outcome::RolledBack { .. }
        | Outcome::Failed { .. }
        | Outcome::Cancelled => panic!("{outcome:?}"),
    }
}

async fn standing(test: &TestTarget, id: &str, phase: u32) -> (ExecutionState, PhaseState) {
    let record = executor::execution(&test.target, id)
        .await
        .unwrap()
        .unwrap();
    (record.state, record.phase(phase).unwrap().state)
}

/// While it is held the copy stays in step, whoever tries to go on, until somebody says go.
async fn a_cut_over_is_held(engine: Engine) {
    let test = TestTarget::new(engine).await;
    test.sql(
        "CREATE TABLE items (id int NOT NULL PRIMARY KEY, what varchar(40));
         INSERT INTO items VALUES (1, 'one'), (2, 'two'), (3, 'three')",
    )
    .await;
    let id = open(&test.target, &swap(engine)).await.id;
    let events = Events::default();
    let outcome = run_held(&test, &id, 1, &events).await;
    assert_eq!(
        outcome,
        Outcome::PhaseCompleted,
        "nothing is cut over there"
    );
    is_held(&run_held(&test, &id, 2, &events).await);
    assert_eq!(
        standing(&test, &id, 2).await,
        (ExecutionState::Paused, PhaseState::Paused)
    );
    assert_eq!(test.number("SELECT count(*) FROM items_new").await, 3);
    test.sql(
        "INSERT INTO items VALUES (4, 'four'); UPDATE items SET what = '2' WHERE id = 2;
         DELETE FROM items WHERE id = 1",
    )
    .await;
    // The hold is the target's: who asked for it is gone, and who goes on knows nothing of it.
    is_held(&run(&test.target, &id, 2, &events).await);
    let same = "SELECT count(*) FROM items a JOIN items_new b ON a.id = b.id AND a.what = b.what";
    assert_eq!(test.number(same).await, 3, "it stays in step");

    let said = executor::say_go(&test.target, &id, "eve").await.unwrap();
    assert_eq!(said, 2);
    let again = executor::say_go(&test.target, &id, "eve").await;
    assert!(matches!(again, Err(ExecuteError::NotHeld(_))), "{again:?}");
    assert_eq!(
        run(&test.target, &id, 2, &events).await,
        Outcome::PhaseCompleted
    );
    assert_eq!(test.number("SELECT count(*) FROM items").await, 3);
    assert_eq!(test.number("SELECT count(*) FROM items_old").await, 3);
    let stops = |event: &EventKind| matches!(event, EventKind::Stopped { phase: 2, .. });
    assert_eq!(events.all().iter().filter(|e| stops(e)).count(), 2);

    // Nothing of a contract phase has begun while it is held.
    is_held(&run_held(&test, &id, 3, &events).await);
    assert_eq!(
        standing(&test, &id, 3).await,
        (ExecutionState::Waiting, PhaseState::Pending)
    );
    assert_eq!(test.number("SELECT count(*) FROM items_old").await, 3);
    executor::say_go(&test.target, &id, "eve").await.unwrap();
    assert_eq!(run_held(&test, &id, 3, &events).await, Outcome::Completed);
}

#[tokio::test]
async fn a_cut_over_is_held_on_postgresql() {
    a_cut_over_is_held(Engine::PostgreSql).await;
}

#[tokio::test]
async fn a_cut_over_is_held_on_mariadb() {
    a_cut_over_is_held(Engine::MariaDb).await;
}

#[tokio::test]
async fn a_cut_over_is_held_on_sqlite() {
    a_cut_over_is_held(Engine::Sqlite).await;
}
