//! Backfills beside dual writes, and the rebuild of a SQLite table.

use bellows::document::Engine;

use crate::support::{TestTarget, apply};

/// A backfill of the new column must not come back through the triggers and rewrite the old one:
/// a live '007' would become '7'.
async fn batches_run_past_the_triggers(engine: Engine) {
    let test = TestTarget::new(engine).await;
    test.sql(
        "CREATE TABLE t (id int PRIMARY KEY, old text);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
         INSERT INTO t SELECT i, '00' || i FROM n",
    )
    .await;
    let yaml = format!(
        "
migration:
  name: to-number
  database: {}
  phases:
    - phase: 1
      operations:
        - {{type: add_column, table: t, column: new, dataType: bigint, nullable: true}}
        - {{type: enable_dual_write, table: t, oldColumn: old, newColumn: new,
            forward: 'CAST(old AS bigint)', backward: 'CAST(new AS text)'}}
    - phase: 2
      operations:
        - {{type: backfill, table: t, sql: new = CAST(old AS bigint)}}
      validation:
        - {{check: columns_match, table: t, oldColumn: old, newColumn: new,
            forward: CAST(old AS bigint)}}
",
        engine.word()
    );
    apply(&test.target, &yaml).await;
    assert_eq!(
        test.number("SELECT count(*) FROM t WHERE old = '00' || id AND new = id")
            .await,
        2500
    );
    // The triggers stand as before for everybody else.
    test.sql(
        "INSERT INTO t (id, new) VALUES (9001, 5); INSERT INTO t (id, old) VALUES (9002, '06')",
    )
    .await;
    assert_eq!(
        test.text("SELECT old FROM t WHERE id = 9001")
            .await
            .as_deref(),
        Some("5")
    );
    assert_eq!(test.number("SELECT new FROM t WHERE id = 9002").await, 6);
    // They are found again by whoever looks.
    let schema = test.schema().await;
    let table = schema.table(&"t".to_owned().into()).unwrap();
    assert_eq!(table.dual_writes.len(), 1);
    assert_eq!(table.dual_writes[0].old[0].column, "old");
    assert!(table.triggers.is_empty(), "{:?}", table.triggers);
}

#[tokio::test]
async fn postgres_batches_run_past_the_triggers() {
    batches_run_past_the_triggers(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_batches_run_past_the_triggers() {
    batches_run_past_the_triggers(Engine::Sqlite).await;
}

#[tokio::test]
async fn no_trigger_goes_in_where_new_sessions_cannot_run_it() {
    let test = TestTarget::postgres().await;
    test.sql("CREATE TABLE t (id int PRIMARY KEY, old text); DROP EXTENSION plpgsql")
        .await;
    let yaml = "
migration:
  name: broken-server
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: t, column: new, dataType: text, nullable: true}
        - {type: enable_dual_write, table: t, oldColumn: old, newColumn: new}
";
    let record = crate::support::open(&test.target, yaml).await;
    let events = crate::support::Events::default();
    let outcome = crate::support::run(&test.target, &record.id, 1, &events).await;
    let bellows_server::executor::Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("new sessions of this server"), "{message}");
    test.sql("INSERT INTO t VALUES (1, 'writes go on')").await;
}

const NOT_NULL: &str = "
migration:
  name: strict
  database: sqlite
  phases:
    - phase: 1
      operations:
        - {type: set_not_null, table: parent, column: name}
";

#[tokio::test]
async fn a_rebuilt_table_keeps_what_hung_on_it() {
    let test = TestTarget::sqlite().await;
    test.sql(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY AUTOINCREMENT, name text);
         CREATE TABLE child (id INTEGER PRIMARY KEY,
                             parent int REFERENCES parent (id) ON DELETE CASCADE);
         CREATE INDEX named ON parent (name);
         CREATE VIEW names AS SELECT name FROM parent;
         CREATE TABLE log (n int);
         CREATE TRIGGER logged AFTER INSERT ON parent BEGIN INSERT INTO log VALUES (NEW.id); END;
         INSERT INTO parent (name) VALUES ('a'), ('b');
         INSERT INTO child (parent) VALUES (1), (2), (2)",
    )
    .await;
    apply(&test.target, NOT_NULL).await;
    assert_eq!(test.number("SELECT count(*) FROM child").await, 3);
    let mut client = test.client().await;
    client
        .try_run("INSERT INTO parent (name) VALUES (NULL)")
        .await
        .unwrap_err();
    client.run("INSERT INTO parent (name) VALUES ('c')").await;
    assert_eq!(test.number("SELECT count(*) FROM log").await, 3);
    assert_eq!(test.number("SELECT count(*) FROM names").await, 3);
    assert_eq!(test.number("SELECT max(id) FROM parent").await, 3);
    client
        .run("PRAGMA foreign_keys = ON; DELETE FROM parent WHERE id = 2")
        .await;
    assert_eq!(test.number("SELECT count(*) FROM child").await, 1);
    let schema = test.schema().await;
    let parent = schema.table(&"parent".to_owned().into()).unwrap();
    assert!(parent.indexes.iter().any(|i| i.name == "named"));
}

#[tokio::test]
async fn rows_that_break_the_new_definition_stop_a_rebuild_and_nothing_changed() {
    let test = TestTarget::sqlite().await;
    test.sql(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, name text);
         INSERT INTO parent (name) VALUES ('a'), (NULL)",
    )
    .await;
    let before = test.schema().await;
    let record = crate::support::open(&test.target, NOT_NULL).await;
    let events = crate::support::Events::default();
    let outcome = crate::support::run(&test.target, &record.id, 1, &events).await;
    assert!(
        matches!(
            outcome,
            bellows_server::executor::Outcome::RolledBack { .. }
        ),
        "{outcome:?}"
    );
    assert_eq!(test.schema().await.tables, before.tables);
}
