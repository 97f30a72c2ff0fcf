//! Changes that ALTER TABLE makes on MariaDB only by a copy under a lock: made beside the writers,
//! and taken back with what was written since.

use bellows::document::Engine;
use bellows_server::executor::Outcome;

use super::mysql_shadow::{
    back, differences, fingerprint, orders, ours, phase_done, stop, writers,
};
use crate::support::{Events, TestTarget, Writer, for_engine, open, run};

on_mariadb_and_mysql! {
    a_type_changes,
    a_check_comes,
    a_stored_column_comes,
    a_row_that_does_not_fit_stops_it,
    a_table_without_a_primary_key_changes,
}

fn document(operation: &str) -> String {
    format!(
        "migration:\n  name: change\n  database: mariadb\n  phases:\n    - phase: 1\n      operations:\n        - {operation}\n    - phase: 2\n      operations:\n        - {{type: drop_table, table: orders__old}}\n"
    )
}

/// There with writers at work, back with what they wrote, there again, and the old table dropped.
async fn there_and_back(engine: Engine, operation: &str, shows: &str) {
    let rows = 3000;
    let test = orders(engine, rows).await;
    let before = fingerprint(&test).await;
    assert_eq!(test.number(shows).await, 0, "{operation}");
    let record = open(&test.target, &document(operation)).await;
    let at_work = writers(&test, rows);
    phase_done(&test, &record.id, 1).await;
    stop(at_work).await;
    assert_eq!(test.number(shows).await, 1, "{operation}");
    assert_eq!(differences(&test, "orders", "orders__old").await, 0);

    let at_work = writers(&test, rows);
    let outcome = back(&test, &record.id, None).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    stop(at_work).await;
    assert_eq!(fingerprint(&test).await, before, "{operation}");
    assert_eq!(ours(&test).await, 0, "{operation}");

    let record = open(&test.target, &document(operation)).await;
    phase_done(&test, &record.id, 1).await;
    phase_done(&test, &record.id, 2).await;
    assert_eq!(test.number(shows).await, 1, "{operation}");
    assert_eq!(ours(&test).await, 0, "{operation}");
    test.sql("INSERT INTO orders (number, total) VALUES (uuid_short(), 1)")
        .await;
}

fn column(column: &str, condition: &str) -> String {
    format!(
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = database()
         AND table_name = 'orders' AND column_name = '{column}' AND {condition}"
    )
}

async fn a_type_changes(engine: Engine) {
    there_and_back(
        engine,
        "{type: change_column_type, table: orders, column: note, newType: text}",
        &column(
            "note",
            "column_type = 'text' AND collation_name = 'utf8mb4_bin'",
        ),
    )
    .await;
    there_and_back(
        engine,
        "{type: change_column_type, table: orders, column: total, newType: 'decimal(14,2)'}",
        &column("total", "column_type = 'decimal(14,2)'"),
    )
    .await;
}

async fn a_check_comes(engine: Engine) {
    there_and_back(engine,
        "{type: add_check, table: orders, constraintName: not_much, sql: total < 100000}",
        "SELECT count(*) FROM information_schema.table_constraints WHERE constraint_schema = database()
         AND table_name = 'orders' AND constraint_name = 'not_much' AND constraint_type = 'CHECK'",
    )
    .await;
}

async fn a_stored_column_comes(engine: Engine) {
    there_and_back(engine,
        "{type: add_column, table: orders, column: gross, dataType: 'decimal(12,2) AS (total * 1.2) STORED'}",
        &column("gross", "extra = 'STORED GENERATED'"),
    )
    .await;
}

/// Rows that only a unique index tells apart are copied, too; with nothing to tell them apart,
/// they are not.
async fn a_table_without_a_primary_key_changes(engine: Engine) {
    let test = TestTarget::new(engine).await;
    test.sql(
        "CREATE TABLE orders (number int NOT NULL, part varchar(9) NOT NULL, total decimal(10,2),
             UNIQUE KEY by_number (number, part));
         INSERT INTO orders SELECT seq, concat('p', seq % 3), seq FROM seq_1_to_3000",
    )
    .await;
    let before = fingerprint(&test).await;
    let change = document(
        "{type: change_column_type, table: orders, column: total, newType: 'decimal(14,2)'}",
    );
    let rows = "SELECT count(*) FROM orders";
    let writer = || {
        Writer::start(
            &test.url,
            &[
                "UPDATE orders SET total = total + 1 WHERE number = 1 + ({n} * 7919) % 3000",
                "DELETE FROM orders WHERE number = 1 + ({n} * 104729) % 3000",
                "INSERT INTO orders VALUES (10000 + {n}, uuid_short() % 1000, 1) ON DUPLICATE KEY UPDATE total = 2",
                "UPDATE orders SET number = number + 50000 WHERE number = 5 + {n} * 3",
            ],
        )
    };
    let record = open(&test.target, &change).await;
    let at_work = writer();
    phase_done(&test, &record.id, 1).await;
    stop(vec![at_work]).await;
    let both = "SELECT count(*) FROM orders a JOIN orders__old b ON (a.number, a.part, a.total) = (b.number, b.part, b.total)";
    assert_eq!(test.number(both).await, test.number(rows).await);
    let at_work = writer();
    let outcome = back(&test, &record.id, None).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    stop(vec![at_work]).await;
    assert_eq!(fingerprint(&test).await, before);
    assert_eq!(ours(&test).await, 0);

    test.sql("ALTER TABLE orders DROP INDEX by_number, ADD KEY maybe (total)")
        .await;
    let document = bellows::document::parse(&for_engine(&test.target, &change)).unwrap();
    let problems = bellows::plan::plan(&document, Some(&test.schema().await)).unwrap_err();
    assert!(
        problems[0].message.contains("nor a unique index"),
        "{problems:#?}"
    );
}

/// A row that the new form cannot hold fails the phase, and nothing has changed.
async fn a_row_that_does_not_fit_stops_it(engine: Engine) {
    for (operation, word) in [
        (
            "{type: add_check, table: orders, constraintName: little, sql: total < 99}",
            "little",
        ),
        (
            "{type: change_column_type, table: orders, column: note, newType: int}",
            "note",
        ),
        (
            "{type: change_column_type, table: orders, column: total, newType: tinyint}",
            "total",
        ),
    ] {
        let test: TestTarget = orders(engine, 200).await;
        test.sql("UPDATE orders SET total = 500.25 WHERE id = 150")
            .await;
        let before = fingerprint(&test).await;
        let record = open(&test.target, &document(operation)).await;
        let outcome = run(&test.target, &record.id, 1, &Events::default()).await;
        let Outcome::RolledBack { message } = outcome else {
            panic!("{operation}: {outcome:?}");
        };
        assert!(message.contains(word), "{operation}: {message}");
        assert_eq!(fingerprint(&test).await, before, "{operation}");
        assert_eq!(ours(&test).await, 0, "{operation}");
    }
}
