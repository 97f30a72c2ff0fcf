//! Partitioning a table and extracting one on real MariaDB and MySQL servers, from the pattern to its last
//! phase, with writers at work.

use std::collections::BTreeMap;

use bellows::document::{Engine, Migration, emit};
use bellows::pattern::expand;
use bellows_server::executor::{Outcome, confirm_gate};

use super::mysql_shadow::{back, fingerprint, ours};
use crate::support::{Events, TestTarget, Writer, open, run};

on_mariadb_and_mysql! {
    a_table_is_partitioned_back_and_again,
    json_becomes_a_table,
    repeated_columns_become_rows_and_misfits_stop_it,
}

async fn pattern(
    test: &TestTarget,
    word: &str,
    fields: &[(&str, &str)],
) -> Result<Migration, String> {
    let fields: BTreeMap<String, String> = fields
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let schema = test.schema().await;
    expand(word, &fields, test.target.engine(), Some(&schema)).map_err(|e| format!("{e:#?}"))
}

async fn phase_done(test: &TestTarget, id: &str, phase: u32) {
    let events = Events::default();
    confirm_gate(&test.target, id, phase, "v2", "tester")
        .await
        .unwrap();
    let outcome = run(&test.target, id, phase, &events).await;
    assert!(
        matches!(outcome, Outcome::PhaseCompleted | Outcome::Completed),
        "phase {phase}: {outcome:?}\n{:#?}",
        events.all()
    );
}

async fn rolled_back(test: &TestTarget, id: &str, phase: Option<u32>) {
    let outcome = back(test, id, phase).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
}

async fn stop(writer: Writer) {
    let work = writer.stop().await;
    assert_eq!(work.errors, Vec::<String>::new(), "no statement failed");
    assert!(work.rounds > 0, "somebody wrote");
}

async fn differences(test: &TestTarget, a: &str, b: &str) -> i64 {
    test.number(&format!(
        "SELECT count(*) FROM ((SELECT * FROM {a} EXCEPT SELECT * FROM {b})
             UNION ALL (SELECT * FROM {b} EXCEPT SELECT * FROM {a})) d"
    ))
    .await
}

/// By a day, or by an instant.
async fn orders(engine: Engine, data_type: &str) -> TestTarget {
    let test = TestTarget::new(engine).await;
    test.sql(&format!(
        "CREATE TABLE customers (id int PRIMARY KEY);
         INSERT INTO customers SELECT seq FROM seq_1_to_50;
         CREATE TABLE orders (
             id bigint AUTO_INCREMENT PRIMARY KEY,
             customer int NOT NULL,
             created_at {data_type} NOT NULL DEFAULT '2024-06-01',
             note varchar(60) CHECK (note <> ''),
             UNIQUE KEY orders_when (customer, created_at, id),
             UNIQUE KEY orders_code (customer, note),
             CONSTRAINT orders_customer FOREIGN KEY (customer) REFERENCES customers (id));
         CREATE TABLE details (order_id bigint, what text,
             CONSTRAINT details_order FOREIGN KEY (order_id) REFERENCES orders (id));
         CREATE VIEW recent AS SELECT * FROM orders WHERE created_at >= '2024-01-01';
         INSERT INTO orders (customer, created_at, note)
         SELECT 1 + seq % 50, '2023-02-01' + INTERVAL seq * 30 MINUTE, concat('note ', seq)
         FROM seq_1_to_8000"
    ))
    .await;
    test
}

const ORDERS_WORK: &[&str] = &[
    "INSERT INTO orders (customer, note) VALUES (1 + {n} % 50, concat('new ', uuid_short()))",
    "UPDATE orders SET note = concat('changed {n} ', id) WHERE id = 1 + ({n} * 7919) % 8000",
    "UPDATE orders SET created_at = created_at + INTERVAL 40 DAY WHERE id = 1 + ({n} * 104729) % 4000",
    "DELETE FROM orders WHERE id = 1 + ({n} * 10473) % 8000",
    "SELECT count(*) FROM recent WHERE id < 100",
];

async fn a_table_is_partitioned_back_and_again(engine: Engine) {
    for data_type in ["datetime(3)", "timestamp", "date"] {
        partitioned(engine, data_type).await;
    }
}

async fn partitioned(engine: Engine, data_type: &str) {
    let test = orders(engine, data_type).await;
    let mut fields = vec![
        ("table", "orders"),
        ("column", "created_at"),
        ("from", "2023-01-01"),
        ("to", "2025-01-01"),
        ("interval", "quarter"),
    ];
    let refused = pattern(&test, "partition-table", &fields)
        .await
        .unwrap_err();
    for word in [
        "orders_code",
        "orders_customer of orders",
        "details_order of details",
    ] {
        assert!(refused.contains(word), "{word}: {refused}");
    }
    fields.extend([("unique", "index"), ("references", "drop"), ("soak", "0")]);
    let migration = pattern(&test, "partition-table", &fields).await.unwrap();
    let record = open(&test.target, &emit(&migration)).await;
    let writer = Writer::start(&test.url, ORDERS_WORK);
    for phase in 1..=3 {
        phase_done(&test, &record.id, phase).await;
    }
    stop(writer).await;
    let partitions = "SELECT count(*) FROM information_schema.partitions
         WHERE table_schema = database() AND table_name = 'orders' AND partition_name IS NOT NULL";
    assert_eq!(test.number(partitions).await, 10, "eight, before and rest");
    assert_eq!(differences(&test, "orders", "orders_old").await, 0);
    assert_eq!(
        test.number("SELECT count(*) FROM orders PARTITION (p_before, p_rest)")
            .await,
        0
    );

    let writer = Writer::start(&test.url, ORDERS_WORK);
    rolled_back(&test, &record.id, Some(3)).await;
    stop(writer).await;
    assert_eq!(test.number(partitions).await, 0);
    assert_eq!(differences(&test, "orders", "orders_partitioned").await, 0);

    for phase in 3..=4 {
        phase_done(&test, &record.id, phase).await;
    }
    assert_eq!(test.number(partitions).await, 10);
    assert_eq!(ours(&test).await, 0);
    test.sql(&ORDERS_WORK[0].replace("{n}", "1")).await;

    // Once more, and all the way back.
    let test = orders(engine, data_type).await;
    // The view's text has the database's name in it.
    let before = fingerprint(&test).await;
    let record = open(&test.target, &emit(&migration)).await;
    for phase in 1..=3 {
        phase_done(&test, &record.id, phase).await;
    }
    rolled_back(&test, &record.id, None).await;
    assert_eq!(fingerprint(&test).await, before);
    assert_eq!(ours(&test).await, 0);
}

async fn json_becomes_a_table(engine: Engine) {
    let test = TestTarget::new(engine).await;
    test.sql(
        "CREATE TABLE users (id bigint AUTO_INCREMENT PRIMARY KEY, name text, addresses json);
         INSERT INTO users (name, addresses)
         SELECT concat('user ', seq), CASE seq % 6
             WHEN 0 THEN NULL WHEN 1 THEN 'null' WHEN 2 THEN '[]'
             WHEN 3 THEN json_object('street', concat('Main ', seq), 'floor', seq)
             ELSE '[{\"street\": \"A\"}, {\"floor\": null, \"more\": [1], \"own\": true}]' END
         FROM seq_1_to_6000",
    )
    .await;
    let fields = [
        ("table", "users"),
        ("columns", "addresses"),
        ("newTable", "addresses"),
        (
            "fields",
            "street text, floor numeric, more json, own boolean",
        ),
        ("soak", "0"),
    ];
    let before = fingerprint(&test).await;
    let migration = pattern(&test, "extract-table", &fields).await.unwrap();
    let record = open(&test.target, &emit(&migration)).await;
    let writer = Writer::start(
        &test.url,
        &[
            "INSERT INTO users (name, addresses) VALUES ('new {n}', '[{\"street\": \"New\"}, {\"floor\": {n}}]')",
            "UPDATE users SET addresses = '{\"street\": \"Moved\"}' WHERE id = 1 + ({n} * 7919) % 6000",
            "UPDATE users SET addresses = NULL WHERE id = 1 + ({n} * 104729) % 6000",
            "DELETE FROM users WHERE id = 1 + ({n} * 10473) % 6000",
            "UPDATE users SET id = id + 100000 WHERE id = 3 + 6 * {n}",
        ],
    );
    for phase in 1..=3 {
        phase_done(&test, &record.id, phase).await;
    }
    stop(writer).await;
    let wrong = "SELECT count(*) FROM (
            SELECT u.id, a.position, json_value(a.value, '$.street') street, json_value(a.value, '$.floor') + 0e0 floor,
                   json_extract(a.value, '$.more') more, json_value(a.value, '$.own') IN ('1', 'true') own
            FROM users u, JSON_TABLE(if(json_type(u.addresses) = 'OBJECT', json_array(json_extract(u.addresses, '$')), u.addresses),
                 '$[*]' COLUMNS (position FOR ORDINALITY, value JSON PATH '$')) a
            EXCEPT SELECT users_id, position, street, floor, more, own FROM addresses) d";
    assert_eq!(test.number(wrong).await, 0);
    let rows = "SELECT CAST(sum(CASE json_type(addresses) WHEN 'OBJECT' THEN 1 WHEN 'ARRAY' THEN json_length(addresses) ELSE 0 END) AS signed) FROM users";
    assert_eq!(
        test.number("SELECT count(*) FROM addresses").await,
        test.number(rows).await
    );
    assert!(test.number("SELECT count(*) FROM addresses").await > 3000);
    phase_done(&test, &record.id, 4).await;
    // Applications write the new table now; a change of another column leaves it alone.
    test.sql(
        "UPDATE addresses SET street = 'by hand' WHERE users_id = 4;
         UPDATE users SET name = 'x' WHERE id = 4",
    )
    .await;
    assert!(
        test.number("SELECT count(*) FROM addresses WHERE street = 'by hand'")
            .await
            > 0
    );
    phase_done(&test, &record.id, 5).await;
    assert_eq!(ours(&test).await, 0);
    // Nothing fails for want of what is gone, and the foreign key takes rows along.
    test.sql("INSERT INTO users (name) VALUES ('last'); DELETE FROM users WHERE id % 2 = 0; UPDATE users SET name = 'y'")
        .await;
    assert_eq!(
        test.number("SELECT count(*) FROM addresses WHERE users_id % 2 = 0")
            .await,
        0
    );

    // And all the way back, from before the columns go.
    let test = TestTarget::new(engine).await;
    test.sql(
        "CREATE TABLE users (id bigint AUTO_INCREMENT PRIMARY KEY, name text, addresses json);
         INSERT INTO users (addresses) VALUES ('{\"street\": \"A\"}')",
    )
    .await;
    let record = open(&test.target, &emit(&migration)).await;
    for phase in 1..=4 {
        phase_done(&test, &record.id, phase).await;
    }
    rolled_back(&test, &record.id, None).await;
    assert_eq!(fingerprint(&test).await, before);
    assert_eq!(ours(&test).await, 0);
}

async fn repeated_columns_become_rows_and_misfits_stop_it(engine: Engine) {
    let test = TestTarget::new(engine).await;
    test.sql(
        "CREATE TABLE people (a int, b int, phone1 varchar(20), phone2 varchar(20), PRIMARY KEY (a, b));
         INSERT INTO people VALUES (1, 1, 'one', NULL), (1, 2, NULL, 'two'), (2, 1, 'three', 'four');
         CREATE TABLE users (id int PRIMARY KEY, addresses json);
         INSERT INTO users VALUES (1, '{\"floor\": 1}'), (2, '\"a text\"'), (3, '[{\"floor\": \"third\"}]')",
    )
    .await;
    let fields = [
        ("table", "people"),
        ("columns", "phone1, phone2"),
        ("newTable", "phones"),
        ("valueColumn", "phone"),
        ("soak", "0"),
    ];
    let migration = pattern(&test, "extract-table", &fields).await.unwrap();
    let record = open(&test.target, &emit(&migration)).await;
    for phase in 1..=4 {
        phase_done(&test, &record.id, phase).await;
    }
    test.sql("UPDATE people SET phone1 = NULL, phone2 = 'five' WHERE a = 2")
        .await;
    assert_eq!(
        test.text("SELECT group_concat(concat_ws('/', people_a, people_b, position, phone) ORDER BY 1 SEPARATOR ' ') FROM phones")
            .await
            .as_deref(),
        Some("1/1/1/one 1/2/2/two 2/1/2/five")
    );
    phase_done(&test, &record.id, 5).await;
    test.sql("UPDATE people SET b = 9 WHERE a = 2; INSERT INTO people VALUES (7, 7)")
        .await;

    let fields = [
        ("table", "users"),
        ("columns", "addresses"),
        ("newTable", "addresses"),
        ("fields", "floor numeric"),
    ];
    let migration = pattern(&test, "extract-table", &fields).await.unwrap();
    let record = open(&test.target, &emit(&migration)).await;
    let outcome = run(&test.target, &record.id, 1, &Events::default()).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains('2'), "both are counted: {message}");
}
