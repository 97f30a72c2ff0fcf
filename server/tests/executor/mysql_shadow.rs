//! Shadow tables on real MariaDB and MySQL servers: copied, kept in step, swapped and swapped back, with
//! writers at work.

use std::time::Duration;

use bellows::document::Engine;
use bellows::run::{EventKind, StopReason};
use bellows_server::executor::{Outcome, RunOptions, control, roll_back};

use crate::support::{Events, TestTarget, Writer, for_engine, open, plan_for, run};

on_mariadb_and_mysql! {
    a_table_is_swapped_and_swapped_back_with_writers_at_work,
    numbers_go_on_where_they_were,
    a_swap_waits_for_nobody_and_pauses,
    a_failed_write_lets_no_later_one_pass,
    a_row_takes_no_other_one_s_place,
    a_difference_fails_the_swap,
    a_copy_that_holds_rows_is_left_alone,
    what_cannot_follow_is_refused_by_name,
    why_a_cascade_and_a_trigger_are_refused,
}

/// Everything that can hang on a table there, foreign keys in both directions among it.
const ORDERS: &str = "
CREATE TABLE people (id int PRIMARY KEY);
INSERT INTO people SELECT seq FROM seq_1_to_100;
CREATE TABLE orders (
    id bigint AUTO_INCREMENT PRIMARY KEY,
    number bigint unsigned NOT NULL,
    person int,
    total decimal(10,2) NOT NULL DEFAULT 0 CHECK (total >= 0),
    note varchar(60) COLLATE utf8mb4_bin,
    `Data 1` json,
    tax decimal(12,4) GENERATED ALWAYS AS (total * 0.2) STORED,
    at timestamp(3) NOT NULL DEFAULT current_timestamp(3) ON UPDATE current_timestamp(3),
    parent bigint,
    UNIQUE KEY by_number (number),
    KEY by_note (note(10)),
    CONSTRAINT orders_person FOREIGN KEY (person) REFERENCES people (id),
    CONSTRAINT orders_parent FOREIGN KEY (parent) REFERENCES orders (id)) COMMENT 'what was ordered';
CREATE TABLE items (order_id bigint, what text,
    CONSTRAINT items_order FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE);
CREATE VIEW big AS SELECT id, total FROM orders WHERE total > 50;
INSERT INTO orders (number, person, total, note, `Data 1`)
SELECT seq, 1 + seq % 100, seq % 100, if(seq % 7, NULL, concat('Note ', seq)), '{\"a\": 1}'
FROM seq_1_to_{rows};
INSERT INTO items SELECT id, 'thing' FROM orders WHERE id % 100 = 0;
";

/// What applications do.
const WORK: &[&str] = &[
    "INSERT INTO orders (number, person, total, note) VALUES (uuid_short(), 1 + {n} % 100, {n} % 90, 'new {n}')",
    "UPDATE orders SET total = total + 1, note = 'changed {n}' WHERE id = 1 + ({n} * 7919) % {rows}",
    "DELETE FROM orders WHERE id = 1 + ({n} * 10473) % {rows}",
    "UPDATE orders SET note = upper(note) WHERE id BETWEEN {n} * 7 AND {n} * 7 + 3",
    "UPDATE orders SET id = id + 1000000 WHERE id = 3 + 100 * {n}",
    "INSERT INTO orders (id, number, total) VALUES (11 + {n} % 50, uuid_short(), 1) ON DUPLICATE KEY UPDATE total = total + 1",
    "BEGIN; UPDATE orders SET note = 'never' WHERE id = 5 + {n}; ROLLBACK",
    "SELECT count(*) FROM big WHERE id < 100",
];

const DOCUMENT: &str = "
migration:
  name: reshape-orders
  database: mariadb
  phases:
    - phase: 1
      operations:
        - type: custom_sql
          sql: CREATE TABLE orders_new LIKE orders; ALTER TABLE orders_new MODIFY note text COLLATE utf8mb4_bin, DROP KEY by_note
          rollbackSql: DROP TABLE orders_new
    - phase: 2
      operations:
        - {type: copy_table, table: orders, shadow: orders_new{pace}}
    - phase: 3
      operations:
        - {type: swap_tables, table: orders, shadow: orders_new, oldName: orders_old}
";

pub fn document(pace: &str) -> String {
    DOCUMENT.replace("{pace}", pace)
}

pub async fn orders(engine: Engine, rows: u32) -> TestTarget {
    let test = TestTarget::new(engine).await;
    test.sql(&ORDERS.replace("{rows}", &rows.to_string())).await;
    test
}

pub fn writers(test: &TestTarget, rows: u32) -> Vec<Writer> {
    let work: Vec<String> = WORK
        .iter()
        .map(|sql| sql.replace("{rows}", &rows.to_string()))
        .collect();
    let work: Vec<&str> = work.iter().map(String::as_str).collect();
    (0..3).map(|_| Writer::start(&test.url, &work)).collect()
}

pub async fn stop(writers: Vec<Writer>) {
    for writer in writers {
        let work = writer.stop().await;
        assert_eq!(work.errors, Vec::<String>::new(), "no statement failed");
        assert!(work.rounds > 0, "somebody wrote");
    }
}

/// Rows that one table has and the other has not.
pub async fn differences(test: &TestTarget, a: &str, b: &str) -> i64 {
    let columns = "id, number, person, total, hex(note), `Data 1`, tax, at, parent";
    test.number(&format!(
        "SELECT count(*) FROM (
            (SELECT {columns} FROM {a} EXCEPT SELECT {columns} FROM {b})
            UNION ALL
            (SELECT {columns} FROM {b} EXCEPT SELECT {columns} FROM {a})) d"
    ))
    .await
}

/// Triggers, views and foreign keys that Bellows made and that are still there.
pub async fn ours(test: &TestTarget) -> i64 {
    test.number(
        "SELECT (SELECT count(*) FROM information_schema.triggers
                 WHERE trigger_schema = database() AND trigger_name LIKE 'bellows%')
              + (SELECT count(*) FROM information_schema.tables
                 WHERE table_schema = database() AND table_name LIKE 'bellows%')
              + (SELECT count(*) FROM information_schema.table_constraints
                 WHERE table_schema = database() AND constraint_name LIKE 'bellows%')",
    )
    .await
}

/// What applications see of the schema, as one text.
pub async fn fingerprint(test: &TestTarget) -> String {
    let schema = test.schema().await;
    let tables: Vec<_> = schema.tables.keys().cloned().collect();
    let views: Vec<_> = schema.views.keys().cloned().collect();
    format!("{tables:?} {views:?} {}", schema.fingerprint(&tables))
}

pub async fn back(test: &TestTarget, id: &str, phase: Option<u32>) -> Outcome {
    let (_sender, receiver) = control();
    let options = RunOptions::new("test");
    let events = Events::default();
    roll_back(
        &test.target,
        id,
        phase,
        "tester",
        &options,
        &events,
        receiver,
    )
    .await
    .unwrap_or_else(|e| panic!("{e}: {:#?}", events.all()))
}

pub async fn phase_done(test: &TestTarget, id: &str, phase: u32) {
    let events = Events::default();
    let outcome = run(&test.target, id, phase, &events).await;
    assert!(
        matches!(outcome, Outcome::PhaseCompleted | Outcome::Completed),
        "{outcome:?}\n{:#?}",
        events.all()
    );
}

/// Which table is the original: the copy has no index on its note.
async fn is_original(test: &TestTarget, table: &str) -> i64 {
    test.number(&format!(
        "SELECT count(*) FROM information_schema.statistics WHERE table_schema = database()
         AND table_name = '{table}' AND index_name = 'by_note'"
    ))
    .await
}

/// The foreign keys, as `table.name->table`.
async fn keys(test: &TestTarget) -> String {
    test.text(
        "SELECT group_concat(concat(table_name, '.', constraint_name, '->', referenced_table_name)
                             ORDER BY 1 SEPARATOR ' ')
         FROM information_schema.referential_constraints WHERE constraint_schema = database()",
    )
    .await
    .unwrap_or_default()
}

const KEYS: &str =
    "items.items_order->orders orders.orders_parent->orders orders.orders_person->people";

async fn a_table_is_swapped_and_swapped_back_with_writers_at_work(engine: Engine) {
    let rows = 20_000;
    let test = orders(engine, rows).await;
    let before = fingerprint(&test).await;
    assert_eq!(keys(&test).await, KEYS);
    let record = open(&test.target, &document(", batchSize: 500")).await;
    let at_work = writers(&test, rows);
    phase_done(&test, &record.id, 1).await;
    phase_done(&test, &record.id, 2).await;
    assert_eq!(differences(&test, "orders", "orders_new").await, 0);
    phase_done(&test, &record.id, 3).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop(at_work).await;

    assert_eq!(is_original(&test, "orders").await, 0);
    assert_eq!(is_original(&test, "orders_old").await, 1);
    assert_eq!(differences(&test, "orders", "orders_old").await, 0);
    assert_eq!(keys(&test).await, KEYS, "under their names");
    assert_eq!(ours(&test).await, 3, "the triggers back, and nothing else");
    assert!(
        test.number("SELECT count(*) FROM orders WHERE note LIKE 'new %'")
            .await
            > 0
    );
    // A row that is deleted still takes its items along, in whichever table it was first.
    test.sql("DELETE FROM orders WHERE id = 100").await;
    assert_eq!(
        test.number("SELECT count(*) FROM items WHERE order_id = 100")
            .await,
        0
    );

    // Back, with writers at work again: what they wrote since the swap stays.
    let at_work = writers(&test, rows);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let outcome = back(&test, &record.id, Some(3)).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop(at_work).await;
    assert_eq!(is_original(&test, "orders").await, 1);
    assert_eq!(differences(&test, "orders", "orders_new").await, 0);
    assert_eq!(keys(&test).await, KEYS);

    // And there again, since a swap that was taken back can be repeated.
    phase_done(&test, &record.id, 3).await;
    assert_eq!(differences(&test, "orders", "orders_old").await, 0);
    test.sql("INSERT INTO orders (number, note) VALUES (uuid_short(), 'last')")
        .await;
    let outcome = back(&test, &record.id, None).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(
        test.number("SELECT count(*) FROM orders WHERE note = 'last'")
            .await,
        1
    );
    assert_eq!(ours(&test).await, 0);
    assert_eq!(fingerprint(&test).await, before, "nothing is left of it");
}

/// Rows that went have had their numbers: the new table gives none of them again.
async fn numbers_go_on_where_they_were(engine: Engine) {
    let test = orders(engine, 50).await;
    test.sql(
        "DELETE FROM orders WHERE id > 40;
         SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'; INSERT INTO orders (id, number) VALUES (0, 1000)",
    )
    .await;
    let had = test
        .number("SELECT auto_increment FROM information_schema.tables WHERE table_schema = database() AND table_name = 'orders'")
        .await;
    let record = open(&test.target, &document("")).await;
    for phase in 1..=3 {
        phase_done(&test, &record.id, phase).await;
    }
    assert!(had > 50, "{had}");
    assert_eq!(
        test.number("SELECT number FROM orders WHERE id = 0").await,
        1000
    );
    test.sql("INSERT INTO orders (number) VALUES (1001)").await;
    assert!(
        test.number("SELECT id FROM orders WHERE number = 1001")
            .await
            >= had
    );
    assert_eq!(differences(&test, "orders", "orders_old").await, 0);
}

/// A session in the way of the swap: it is tried again and again, nobody waits behind it, and when
/// the time is spent the run pauses, where it can go on.
async fn a_swap_waits_for_nobody_and_pauses(engine: Engine) {
    let test = orders(engine, 200).await;
    let yaml = document("").replace("phase: 3\n", "phase: 3\n      timeout: 1500\n");
    let record = open(&test.target, &yaml).await;
    phase_done(&test, &record.id, 1).await;
    phase_done(&test, &record.id, 2).await;
    let events = Events::holding(
        |e| matches!(e, EventKind::StepStarted { title, .. } if title.starts_with("Put ")),
    );
    let mut holder = test.client().await;
    let (outcome, ()) = tokio::join!(run(&test.target, &record.id, 3, &events), async {
        events
            .seen(
                |e| matches!(e, EventKind::StepStarted { title, .. } if title.starts_with("Put ")),
            )
            .await;
        holder
            .run("START TRANSACTION; SELECT count(*) FROM orders")
            .await;
        events.go_on();
        let traffic = Writer::start(
            &test.url,
            &[
                "SELECT total FROM orders WHERE id = 1 + {n} % 10",
                "UPDATE orders SET total = total + 1 WHERE id = 101 + {n} % 10",
            ],
        );
        while events.count(|e| matches!(e, EventKind::LockWaiting { .. })) < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let work = traffic.stop().await;
        assert!(work.errors.is_empty(), "{:?}", work.errors);
        assert!(work.longest < Duration::from_millis(900), "{work:?}");
    });
    let Outcome::Stopped {
        reason: StopReason::Lock,
        message,
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("in the way"), "{message}");
    assert_eq!(is_original(&test, "orders").await, 1);
    // Paused, both tables are written as before.
    test.sql("UPDATE orders SET note = 'meanwhile' WHERE id = 7")
        .await;
    assert_eq!(differences(&test, "orders", "orders_new").await, 0);
    holder.run("COMMIT").await;
    phase_done(&test, &record.id, 3).await;
    assert_eq!(is_original(&test, "orders").await, 0);
    assert_eq!(
        test.number("SELECT count(*) FROM orders WHERE note = 'meanwhile'")
            .await,
        1
    );
    assert_eq!(differences(&test, "orders", "orders_old").await, 0);
}

/// What an application's statement that was killed, or failed, leaves in its session makes none of
/// its later writes pass the triggers by.
async fn a_failed_write_lets_no_later_one_pass(engine: Engine) {
    let test = orders(engine, 200).await;
    let record = open(&test.target, &document("")).await;
    phase_done(&test, &record.id, 1).await;
    phase_done(&test, &record.id, 2).await;
    let mut client = test.client().await;
    client.run("SET @bellows_copying = now(6) + 0").await;
    test.sql("ALTER TABLE orders_new ADD CONSTRAINT no CHECK (total <> 999)")
        .await;
    let refused = client
        .try_run("UPDATE orders SET total = 999 WHERE id = 7")
        .await;
    assert!(refused.is_err(), "the copy could not hold it");
    assert_eq!(differences(&test, "orders", "orders_new").await, 0);
    client.run("UPDATE orders SET total = 5 WHERE id = 7").await;
    client.run("DELETE FROM orders WHERE id = 8").await;
    assert_eq!(differences(&test, "orders", "orders_new").await, 0);
}

/// Where the one table is unique by more than the other, no row takes another one's place: the
/// write fails that it cannot hold.
async fn a_row_takes_no_other_one_s_place(engine: Engine) {
    let test = orders(engine, 20).await;
    let record = open(
        &test.target,
        &document("").replace("DROP KEY by_note", "DROP KEY by_note, DROP KEY by_number"),
    )
    .await;
    for phase in 1..=3 {
        phase_done(&test, &record.id, phase).await;
    }
    let mut client = test.client().await;
    for write in [
        "INSERT INTO orders (number) VALUES (7)",
        "UPDATE orders SET number = 7 WHERE id = 8",
    ] {
        let refused = client.try_run(write).await;
        assert!(refused.is_err(), "{write}");
    }
    assert_eq!(differences(&test, "orders", "orders_old").await, 0);
    assert_eq!(test.number("SELECT count(*) FROM orders").await, 20);
    let outcome = back(&test, &record.id, None).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
}

/// The comparison finds what got into one table alone, and nothing of it is swapped.
async fn a_difference_fails_the_swap(engine: Engine) {
    for spoil in [
        "DELETE FROM orders_new WHERE id = 150",
        "UPDATE orders_new SET note = 'Note 7' WHERE id = 14",
        "UPDATE orders_new SET note = lower(note) WHERE id = 14",
        "INSERT INTO orders_new (id, number) VALUES (500, 500)",
    ] {
        let test = orders(engine, 200).await;
        let record = open(&test.target, &document("")).await;
        phase_done(&test, &record.id, 1).await;
        phase_done(&test, &record.id, 2).await;
        test.sql(spoil).await;
        let outcome = run(&test.target, &record.id, 3, &Events::default()).await;
        let Outcome::RolledBack { message } = outcome else {
            panic!("{spoil}: {outcome:?}");
        };
        assert!(message.contains("orders_new"), "{spoil}: {message}");
        assert_eq!(is_original(&test, "orders").await, 1, "{spoil}");
    }
}

async fn a_copy_that_holds_rows_is_left_alone(engine: Engine) {
    let test = orders(engine, 20).await;
    let record = open(&test.target, &document("")).await;
    phase_done(&test, &record.id, 1).await;
    test.sql("INSERT INTO orders_new (id, number) VALUES (7, 7)")
        .await;
    let outcome = run(&test.target, &record.id, 2, &Events::default()).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("Duplicate"), "{message}");
    assert_eq!(test.number("SELECT count(*) FROM orders_new").await, 1);
    assert_eq!(ours(&test).await, 0);
}

async fn what_cannot_follow_is_refused_by_name(engine: Engine) {
    let test = orders(engine, 20).await;
    test.sql(
        "CREATE TABLE tags (id int PRIMARY KEY, order_id bigint, tag varchar(20),
             CONSTRAINT tags_order FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE);
         CREATE TABLE tags_new LIKE tags;
         CREATE TABLE people_new (id int PRIMARY KEY);
         CREATE TRIGGER audit AFTER INSERT ON people FOR EACH ROW DO 0",
    )
    .await;
    let refused = async |table: &str, swap: bool| {
        let mut yaml = format!(
            "migration:\n  name: a\n  database: mariadb\n  phases:\n    - phase: 1\n      operations:\n        - {{type: copy_table, table: {table}, shadow: {table}_new}}\n"
        );
        if swap {
            yaml += &format!(
                "        - {{type: swap_tables, table: {table}, shadow: {table}_new, oldName: {table}_old}}\n"
            );
        }
        let document = bellows::document::parse(&for_engine(&test.target, &yaml)).unwrap();
        let schema = test.schema().await;
        let problems = bellows::plan::plan(&document, Some(&schema)).unwrap_err();
        problems[0].message.clone()
    };
    let message = refused("tags", false).await;
    assert!(message.contains("tags_order"), "{message}");
    let message = refused("people", true).await;
    assert!(message.contains("the trigger audit"), "{message}");
    // And what can, is not.
    plan_for(&test.target, &document("")).await;
}

/// Why a copy is refused under a foreign key that deletes by itself, and a swap of a table with a
/// trigger of its own: what the server does then reaches no trigger, and the trigger goes with the
/// old table.
async fn why_a_cascade_and_a_trigger_are_refused(engine: Engine) {
    let test = TestTarget::new(engine).await;
    test.sql(
        "CREATE TABLE parents (id int PRIMARY KEY);
         CREATE TABLE tags (id int PRIMARY KEY, parent int, CONSTRAINT tags_parent
             FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE ON UPDATE CASCADE);
         CREATE TABLE seen (what varchar(9));
         CREATE TRIGGER on_delete AFTER DELETE ON tags FOR EACH ROW INSERT INTO seen VALUES ('delete');
         CREATE TRIGGER on_update AFTER UPDATE ON tags FOR EACH ROW INSERT INTO seen VALUES ('update');
         INSERT INTO parents VALUES (1), (2);
         INSERT INTO tags VALUES (1, 1), (2, 2);
         UPDATE parents SET id = 3 WHERE id = 1;
         DELETE FROM parents WHERE id = 2",
    )
    .await;
    assert_eq!(test.number("SELECT sum(parent) FROM tags").await, 3);
    assert_eq!(test.number("SELECT count(*) FROM seen").await, 0);
    test.sql("CREATE TABLE tags_new (id int PRIMARY KEY, parent int)")
        .await;
    let copy = "migration:\n  name: a\n  database: mariadb\n  phases:\n    - phase: 1\n      operations:\n        - {type: copy_table, table: tags, shadow: tags_new}\n";
    let parsed = bellows::document::parse(&for_engine(&test.target, copy)).unwrap();
    let problems = bellows::plan::plan(&parsed, Some(&test.schema().await)).unwrap_err();
    assert!(
        problems
            .iter()
            .any(|p| p.message.contains("tags_parent") && p.message.contains("drop_constraint")),
        "{problems:#?}"
    );

    test.sql(
        "RENAME TABLE tags TO tags_old, tags_new TO tags; DELETE FROM tags_old; DELETE FROM tags",
    )
    .await;
    let on = "SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = database()
              AND event_object_table = 'tags'";
    assert_eq!(test.number(on).await, 0, "they went with the old table");
}
