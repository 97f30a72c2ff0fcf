//! What patterns do on MariaDB and MySQL alone: there are no partial indexes and none on an
//! expression that is built beside writers, making a table ends a transaction, and texts that differ
//! in case may be the same.

use std::collections::BTreeMap;

use bellows::document::{Engine, Migration, emit};
use bellows::pattern::expand;
use bellows::run::EventKind;
use bellows_server::executor::Outcome;

use crate::support::{Events, TestTarget, apply, back, open, run};

on_mariadb_and_mysql! {
    a_deleted_rows_values_can_be_used_again,
    what_stands_at_a_path_is_found_by_an_index_whoever_writes_it,
    a_backfill_of_the_old_column_reaches_the_new_one,
    the_way_back_knows_letters_apart,
    a_table_that_was_there_first_is_neither_read_nor_dropped,
}

async fn notes(engine: Engine) -> TestTarget {
    let test = TestTarget::new(engine).await;
    test.sql(
        "CREATE TABLE notes (id int AUTO_INCREMENT PRIMARY KEY, slug varchar(40) NOT NULL,
           topic varchar(40), UNIQUE KEY one_slug (slug));
         INSERT INTO notes (slug, topic) VALUES ('a', 'x'), ('b', 'X'), ('c', NULL), ('d', 'y')",
    )
    .await;
    test
}

async fn document(test: &TestTarget, word: &str, pairs: &[(&str, &str)]) -> Migration {
    let values: BTreeMap<String, String> = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let schema = test.schema().await;
    expand(word, &values, test.target.engine(), Some(&schema)).unwrap_or_else(|e| panic!("{e:#?}"))
}

async fn a_deleted_rows_values_can_be_used_again(engine: Engine) {
    let test = notes(engine).await;
    let fields = [("table", "notes"), ("liveUnique", "all")];
    let migration = document(&test, "soft-delete", &fields).await;
    apply(&test.target, &emit(&migration)).await;
    let mut client = test.client().await;
    let again = "INSERT INTO notes (slug) VALUES ('a')";
    client.try_run(again).await.unwrap_err();
    client
        .run("UPDATE notes SET deleted_at = now() WHERE slug = 'a'")
        .await;
    client.run(again).await;
    client.try_run(again).await.unwrap_err();
    // And the deleted one cannot come back beside it.
    client
        .try_run("UPDATE notes SET deleted_at = NULL WHERE id = 1")
        .await
        .unwrap_err();
    client
        .run("DELETE FROM notes WHERE id <> 1 AND slug = 'a'")
        .await;
    client
        .run("UPDATE notes SET deleted_at = NULL WHERE id = 1")
        .await;
    assert_eq!(
        client.number("SELECT count(*) FROM notes_active").await,
        4,
        "the view has the live ones"
    );
    // What an indexed virtual column would no longer let through on MariaDB.
    client
        .run("ALTER TABLE notes ADD COLUMN later int, ALGORITHM=INSTANT")
        .await;
}

async fn what_stands_at_a_path_is_found_by_an_index_whoever_writes_it(engine: Engine) {
    let test = notes(engine).await;
    let fields = [
        ("table", "notes"),
        ("column", "prefs"),
        ("default", "{}"),
        ("backfill", "json_object('theme', topic)"),
        ("paths", "theme, a b.city"),
    ];
    let migration = document(&test, "add-json-column", &fields).await;
    apply(&test.target, &emit(&migration)).await;
    let mut client = test.client().await;
    client
        .run(
            "INSERT INTO notes (slug, prefs) VALUES
               ('e', '{\"theme\": \"dark\", \"a b\": {\"city\": \"Bern\"}}'),
               ('f', '{\"theme\": {\"no\": \"scalar\"}}'), ('g', NULL);
             INSERT INTO notes (slug) VALUES ('h')",
        )
        .await;
    let long = format!(
        "UPDATE notes SET prefs = json_object('theme', '{}') WHERE slug = 'h'",
        "l".repeat(400)
    );
    client.run(&long).await;
    let all = "SELECT group_concat(concat(slug, '=', coalesce(left(prefs_theme, 4), '-')) ORDER BY slug SEPARATOR ' ') FROM notes";
    assert_eq!(
        client.text(all).await.unwrap(),
        "a=x b=X c=- d=y e=dark f=- g=- h=llll"
    );
    let city = "SELECT slug FROM notes WHERE `prefs_a b_city` = 'Bern'";
    assert_eq!(client.text(city).await.as_deref(), Some("e"));
    let schema = test.schema().await;
    let table = schema.table(&"notes".to_owned().into()).unwrap();
    assert!(table.indexes.iter().any(|i| i.columns == ["prefs_theme"]));
    client
        .run("ALTER TABLE notes ADD COLUMN later int, ALGORITHM=INSTANT")
        .await;
}

/// Beside a dual write, a backfill of the old column is a write like any other.
async fn a_backfill_of_the_old_column_reaches_the_new_one(engine: Engine) {
    let test = notes(engine).await;
    let yaml = "
migration:
  name: both
  database: mariadb
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: notes, column: subject, dataType: varchar(40), nullable: true}
        - {type: enable_dual_write, table: notes, oldColumn: topic, newColumn: subject}
    - phase: 2
      operations:
        - {type: backfill, table: notes, sql: subject = topic}
    - phase: 3
      operations:
        - {type: backfill, table: notes, sql: \"topic = 'z'\", where: topic = 'y'}
      validation:
        - {check: columns_match, table: notes, oldColumn: topic, newColumn: subject}
";
    apply(&test.target, yaml).await;
    let subject = "SELECT subject FROM notes WHERE slug = 'd'";
    assert_eq!(test.text(subject).await.as_deref(), Some("z"));
}

/// What was changed since in its letters' case alone is newer work as well.
async fn the_way_back_knows_letters_apart(engine: Engine) {
    let test = notes(engine).await;
    let fields = [
        ("table", "notes"),
        ("columns", "topic"),
        ("duplicates", "fix"),
        ("fix", "topic = concat(topic, '-', id)"),
        ("setAside", "twice"),
    ];
    let migration = document(&test, "add-unique", &fields).await;
    let record = open(&test.target, &emit(&migration)).await;
    let outcome = run(&test.target, &record.id, 1, &Events::default()).await;
    assert_eq!(outcome, Outcome::PhaseCompleted);
    let topic = "SELECT topic FROM notes WHERE id = 2";
    assert_eq!(test.text(topic).await.as_deref(), Some("X-2"));
    test.sql("UPDATE notes SET topic = 'x-2' WHERE id = 2")
        .await;
    let outcome = back(&test.target, &record.id).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(test.text(topic).await.as_deref(), Some("x-2"));
}

/// Rows that somebody else keeps under the same name are none of a rollback's business.
async fn a_table_that_was_there_first_is_neither_read_nor_dropped(engine: Engine) {
    let test = notes(engine).await;
    let fields = [
        ("table", "notes"),
        ("columns", "topic"),
        ("duplicates", "delete"),
        ("setAside", "twice"),
    ];
    let migration = document(&test, "add-unique", &fields).await;
    let record = open(&test.target, &emit(&migration)).await;
    let events = Events::holding(|e| matches!(e, EventKind::StepStarted { .. }));
    let (outcome, ()) = tokio::join!(run(&test.target, &record.id, 1, &events), async {
        events
            .seen(|e| matches!(e, EventKind::StepStarted { .. }))
            .await;
        test.sql("CREATE TABLE twice (id int); INSERT INTO twice VALUES (7)")
            .await;
        events.go_on();
    });
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("twice"), "{message}");
    assert_eq!(test.number("SELECT id FROM twice").await, 7);
    assert_eq!(test.number("SELECT count(*) FROM notes").await, 4);
}
