//! Checks without a verdict, and rollbacks that are not possible.

use bellows::document::Engine;
use bellows::run::ExecutionState;
use bellows_server::executor::{Outcome, execution};

use crate::faults::table;
use crate::support::{Events, open, run};

const IRREVERSIBLE: &str = "
migration:
  name: stuck
  database: {engine}
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: t, column: c, dataType: int, nullable: true}
        - {type: custom_sql, sql: 'UPDATE t SET b = 5', rollbackSql: 'UPDATE nowhere SET b = 0'}
      validation:
        - {check: custom, sql: 'SELECT count(*) FROM t'}
";

async fn a_rollback_that_fails_says_what_is_left(engine: Engine) {
    let test = table(engine).await;
    let record = open(
        &test.target,
        &IRREVERSIBLE.replace("{engine}", engine.word()),
    )
    .await;
    let events = Events::default();
    let outcome = run(&test.target, &record.id, 1, &events).await;
    let Outcome::Failed { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("nowhere"), "{message}");
    assert!(message.contains("Left to be done by hand"), "{message}");
    assert!(
        message.contains("3000"),
        "the first reason is told too: {message}"
    );
    let record = execution(&test.target, &record.id).await.unwrap().unwrap();
    assert_eq!(record.state, ExecutionState::Failed);
    assert_eq!(events.words().last().map(String::as_str), Some("finished"));
}

#[tokio::test]
async fn postgres_says_what_a_failed_rollback_left() {
    a_rollback_that_fails_says_what_is_left(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_says_what_a_failed_rollback_left() {
    a_rollback_that_fails_says_what_is_left(Engine::Sqlite).await;
}

async fn a_check_without_a_verdict_fails(engine: Engine) {
    for (sql, found) in [
        ("SELECT NULL", "NULL"),
        ("SELECT 1 WHERE 1 = 2", "no row"),
        ("SELECT 0, 0", "2 columns"),
        ("SELECT 0 UNION ALL SELECT 0", "2 rows"),
        ("SELECT ''yes''", "yes"),
        ("SELECT count(*) FROM nowhere", "nowhere"),
        ("SELECT 1 / (SELECT count(*) FROM t WHERE id < 0)", ""),
    ] {
        let test = table(engine).await;
        let yaml = format!(
            "
migration:
  name: verdict
  database: {}
  phases:
    - phase: 1
      operations:
        - {{type: add_column, table: t, column: c, dataType: int, nullable: true}}
      validation:
        - {{check: custom, sql: '{sql}', expect: zero}}
",
            engine.word()
        );
        let record = open(&test.target, &yaml).await;
        let outcome = run(&test.target, &record.id, 1, &Events::default()).await;
        let Outcome::RolledBack { message } = outcome else {
            panic!("{sql}: {outcome:?}");
        };
        assert!(message.contains(found), "{sql}: {message}");
    }
}

#[tokio::test]
async fn postgres_fails_a_check_without_a_verdict() {
    a_check_without_a_verdict_fails(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_fails_a_check_without_a_verdict() {
    a_check_without_a_verdict_fails(Engine::Sqlite).await;
}
