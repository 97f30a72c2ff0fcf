//! Changes that ALTER TABLE makes on MariaDB only by a copy under a lock: made beside the writers,
//! and taken back with what was written since.

use bellows::document::Engine;
use bellows_server::executor::Outcome;

use super::mysql_shadow::{
    back, differences, fingerprint, orders, ours, phase_done, stop, writers,
};
use crate::support::{Events, TestTarget, open, run};

on_mariadb_and_mysql! {
    a_type_changes,
    a_check_comes,
    a_stored_column_comes,
    a_row_that_does_not_fit_stops_it,
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
