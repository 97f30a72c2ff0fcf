//! Bellows' records on the target, made by an earlier version and found by this one in the midst of
//! an execution.

use bellows::document::Engine;
use bellows_server::executor::Outcome;

use crate::support::{Events, TestTarget, open, run};

/// The tables of the first version of the records.
const FIRST: &[&str] = &[
    "target",
    "lease",
    "execution",
    "phase",
    "step",
    "checkpoint",
    "gate",
    // Of SQLite, for its triggers.
    "bypass",
];

async fn an_execution_outlives_an_upgrade(engine: Engine) {
    let test = TestTarget::new(engine).await;
    let key = match engine {
        Engine::PostgreSql | Engine::MySql | Engine::MariaDb => "bigint",
        Engine::Sqlite => "INTEGER",
    };
    test.sql(&format!(
        "CREATE TABLE users (id {key} PRIMARY KEY, n integer); INSERT INTO users VALUES (1, 1), (2, 2)"
    ))
    .await;
    let yaml = format!(
        "migration:
  name: upgraded
  database: {}
  phases:
    - phase: 1
      operations:
        - {{type: add_column, table: users, column: m, dataType: integer, nullable: true}}
    - phase: 2
      operations:
        - {{type: backfill, table: users, sql: m = n + 1}}
      validation:
        - {{check: backfill_complete, table: users, column: m}}
",
        engine.word()
    );
    let record = open(&test.target, &yaml).await;
    let outcome = run(&test.target, &record.id, 1, &Events::default()).await;
    assert_eq!(outcome, Outcome::PhaseCompleted);

    let (list, prefix) = match engine {
        Engine::PostgreSql => (
            "SELECT string_agg(relname, ' ') FROM pg_class WHERE relkind = 'r' AND relnamespace = 'bellows'::regnamespace",
            "bellows.",
        ),
        Engine::MySql | Engine::MariaDb => (
            "SELECT group_concat(substring(table_name, 10) SEPARATOR ' ') FROM information_schema.tables
              WHERE table_schema = database() AND table_name LIKE '\\_bellows\\_%'",
            "_bellows_",
        ),
        Engine::Sqlite => (
            "SELECT group_concat(substr(name, 10), ' ') FROM sqlite_schema WHERE type = 'table' AND name LIKE '\\_bellows\\_%' ESCAPE '\\'",
            "_bellows_",
        ),
    };
    let there = test.text(list).await.unwrap();
    let later: Vec<&str> = there
        .split(' ')
        .filter(|name| !FIRST.contains(name))
        .collect();
    assert!(later.contains(&"measure"), "{there}");
    for name in &later {
        test.sql(&format!("DROP TABLE {prefix}{name}")).await;
    }
    let version = format!("SELECT version FROM {prefix}target");
    let now = test.number(&version).await;
    test.sql(&format!("UPDATE {prefix}target SET version = 1"))
        .await;

    let outcome = run(&test.target, &record.id, 2, &Events::default()).await;
    assert_eq!(outcome, Outcome::Completed);
    assert_eq!(test.number("SELECT sum(m) FROM users").await, 5);
    assert_eq!(test.number(&version).await, now, "the records are of now");
    let after = test.text(list).await.unwrap();
    for name in later {
        assert!(after.split(' ').any(|n| n == name), "{name} is there again");
    }
}

#[tokio::test]
async fn postgres_goes_on_after_an_upgrade() {
    an_execution_outlives_an_upgrade(Engine::PostgreSql).await;
}

#[tokio::test]
async fn mariadb_goes_on_after_an_upgrade() {
    an_execution_outlives_an_upgrade(Engine::MariaDb).await;
}

#[tokio::test]
async fn sqlite_goes_on_after_an_upgrade() {
    an_execution_outlives_an_upgrade(Engine::Sqlite).await;
}
