//! Backfills beside dual writes, and the rebuild of a SQLite table.

use bellows::document::Engine;

use bellows_server::executor;

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

/// One column is split into two while clients of both kinds write; it goes back whole.
async fn a_split_leads_both_ways(engine: Engine) {
    let test = TestTarget::new(engine).await;
    let (first, last) = match engine {
        Engine::PostgreSql => (
            "split_part(name, ' ', 1)",
            "nullif(split_part(name, ' ', 2), '')",
        ),
        Engine::MySql | Engine::MariaDb => (
            "substring_index(name, ' ', 1)",
            "nullif(substring(name, char_length(substring_index(name, ' ', 1)) + 2), '')",
        ),
        Engine::Sqlite => (
            "substr(name, 1, instr(name || ' ', ' ') - 1)",
            "nullif(substr(name, instr(name || ' ', ' ') + 1), '')",
        ),
    };
    test.sql(
        "CREATE TABLE t (id int PRIMARY KEY, name text);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
         INSERT INTO t SELECT i, 'first' || i || ' last' || i FROM n",
    )
    .await;
    let before = test.schema().await;
    let yaml = format!(
        "
migration:
  name: split-name
  database: {}
  phases:
    - phase: 1
      operations:
        - {{type: add_column, table: t, column: first, dataType: text, nullable: true}}
        - {{type: add_column, table: t, column: last, dataType: text, nullable: true}}
        - type: enable_dual_write
          table: t
          oldColumn: name
          forward: {{first: \"{first}\", last: \"{last}\"}}
          backward: first || coalesce(' ' || last, '')
    - phase: 2
      operations:
        - {{type: backfill, table: t, sql: \"first = {first}, last = {last}\"}}
      validation:
        - {{check: columns_match, table: t, forward: {{first: \"{first}\", last: \"{last}\"}}}}
",
        engine.word()
    );
    let (record, events) = apply(&test.target, &yaml).await;
    test.sql(
        "INSERT INTO t (id, name) VALUES (9001, 'Ada Lovelace');
         INSERT INTO t (id, first, last) VALUES (9002, 'Grace', 'Hopper');
         INSERT INTO t (id, first) VALUES (9003, 'Plato');
         INSERT INTO t (id, name, first, last) VALUES (9004, 'as', 'it is', 'written');
         UPDATE t SET last = 'Byron' WHERE id = 9001;
         UPDATE t SET name = 'Both At', first = 'once' WHERE id = 1;
         UPDATE t SET name = 'New Name' WHERE id = 2",
    )
    .await;
    let row = async |id: u32| {
        test.text(&format!(
            "SELECT name || '|' || first || '|' || coalesce(last, '-') FROM t WHERE id = {id}"
        ))
        .await
        .unwrap()
    };
    assert_eq!(row(9001).await, "Ada Byron|Ada|Byron");
    assert_eq!(row(9002).await, "Grace Hopper|Grace|Hopper");
    assert_eq!(row(9003).await, "Plato|Plato|-");
    assert_eq!(row(9004).await, "as|it is|written");
    assert_eq!(row(1).await, "Both At|once|last1");
    assert_eq!(row(2).await, "New Name|New|Name");
    assert_eq!(row(2500).await, "first2500 last2500|first2500|last2500");
    let schema = test.schema().await;
    let found = &schema.table(&"t".to_owned().into()).unwrap().dual_writes;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].new.len(), 2);

    let (_sender, receiver) = executor::control();
    let options = executor::RunOptions::new("test");
    executor::roll_back(
        &test.target,
        &record.id,
        None,
        "tester",
        &options,
        &events,
        receiver,
    )
    .await
    .unwrap();
    let name = "t".to_owned().into();
    assert_eq!(
        test.schema().await.fingerprint(std::slice::from_ref(&name)),
        before.fingerprint(std::slice::from_ref(&name))
    );
}

#[tokio::test]
async fn postgres_splits_both_ways() {
    a_split_leads_both_ways(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_splits_both_ways() {
    a_split_leads_both_ways(Engine::Sqlite).await;
}

/// Two columns are merged to one; the defaults of the parts hold while both sides are there, and
/// dropping a part takes the triggers along.
#[tokio::test]
async fn a_merge_holds_the_defaults_of_its_parts() {
    let test = TestTarget::postgres().await;
    test.sql(
        "CREATE TABLE t (id int PRIMARY KEY, first text NOT NULL DEFAULT 'no', last text DEFAULT 'body');
         INSERT INTO t VALUES (1, 'Ada', 'Lovelace')",
    )
    .await;
    let yaml = "
migration:
  name: merge-name
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: t, column: name, dataType: text, nullable: true}
        - {type: enable_dual_write, table: t, forward: {name: \"concat_ws(' ', first, last)\"}}
    - phase: 2
      operations:
        - {type: backfill, table: t, sql: \"name = concat_ws(' ', first, last)\"}
      validation:
        - {check: columns_match, table: t, forward: {name: \"concat_ws(' ', first, last)\"}}
    - phase: 3
      operations:
        - {type: drop_column, table: t, column: first}
        - {type: drop_column, table: t, column: last}
";
    let record = crate::support::open(&test.target, yaml).await;
    let events = crate::support::Events::default();
    let done = async |phase| crate::support::run(&test.target, &record.id, phase, &events).await;
    assert_eq!(done(1).await, executor::Outcome::PhaseCompleted);
    test.sql("INSERT INTO t (id) VALUES (2); INSERT INTO t (id, first) VALUES (3, 'Some')")
        .await;
    assert_eq!(done(2).await, executor::Outcome::PhaseCompleted);
    // What new applications write does not lead back.
    test.sql(
        "INSERT INTO t (id, name) VALUES (4, 'One Word'); UPDATE t SET name = 'A L' WHERE id = 1",
    )
    .await;
    let all = test
        .text("SELECT string_agg(concat_ws('/', name, first, last), ', ' ORDER BY id) FROM t")
        .await
        .unwrap();
    assert_eq!(
        all,
        "A L/Ada/Lovelace, no body/no/body, Some body/Some/body, One Word/no/body"
    );
    assert_eq!(done(3).await, executor::Outcome::Completed);
    test.sql("INSERT INTO t (id) VALUES (5)").await;
    assert_eq!(
        test.text("SELECT name FROM t WHERE id = 5")
            .await
            .as_deref(),
        Some("no body")
    );
    let schema = test.schema().await;
    let table = schema.table(&"t".to_owned().into()).unwrap();
    assert!(table.dual_writes.is_empty() && table.triggers.is_empty());
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
