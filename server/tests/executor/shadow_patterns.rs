//! Partitioning a table and extracting one, from the pattern to its last phase, with writers at
//! work.

use std::collections::BTreeMap;
use std::time::Duration;

use bellows::document::{Engine, Migration, emit};
use bellows::pattern::expand;
use bellows_server::executor::{Outcome, RunOptions, confirm_gate, control, roll_back};

use crate::support::{Events, TestTarget, Writer, open, run};

async fn pattern(test: &TestTarget, word: &str, fields: &[(&str, &str)]) -> Migration {
    let fields: BTreeMap<String, String> = fields
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let schema = test.schema().await;
    expand(word, &fields, Engine::PostgreSql, Some(&schema)).unwrap_or_else(|e| panic!("{e:#?}"))
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

async fn back(test: &TestTarget, id: &str, phase: Option<u32>) {
    let (_sender, receiver) = control();
    let options = RunOptions::new("test");
    let events = Events::default();
    let outcome = roll_back(
        &test.target,
        id,
        phase,
        "tester",
        &options,
        &events,
        receiver,
    )
    .await
    .unwrap_or_else(|e| panic!("{e}: {:#?}", events.all()));
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
}

async fn stop(writer: Writer) {
    let work = writer.stop().await;
    assert_eq!(work.errors, Vec::<String>::new(), "no statement failed");
    assert!(work.rounds > 0, "somebody wrote");
}

async fn orders() -> TestTarget {
    let test = TestTarget::new(Engine::PostgreSql).await;
    test.sql(
        "CREATE TABLE customers (id int PRIMARY KEY);
         INSERT INTO customers SELECT generate_series(1, 50);
         CREATE TABLE orders (
             id bigserial PRIMARY KEY,
             customer int NOT NULL REFERENCES customers ON DELETE CASCADE,
             created_at timestamptz NOT NULL DEFAULT '2024-06-01',
             note text,
             CHECK (note <> ''),
             CONSTRAINT orders_when UNIQUE (customer, created_at, id));
         CREATE INDEX orders_note ON orders (lower(note)) WHERE note IS NOT NULL;
         CREATE UNIQUE INDEX orders_code ON orders (md5(note));
         COMMENT ON COLUMN orders.note IS 'a note';
         CREATE VIEW recent AS SELECT * FROM orders WHERE created_at >= '2024-01-01';
         INSERT INTO orders (customer, created_at, note)
         SELECT 1 + i % 50, timestamptz '2023-02-01' + i * interval '30 minutes', 'note ' || i
         FROM generate_series(1, 20000) i",
    )
    .await;
    test
}

const ORDERS_WORK: &[&str] = &[
    "INSERT INTO orders (customer, note) VALUES (1 + {n} % 50, 'new {n}')",
    "UPDATE orders SET note = 'changed {n} ' || id WHERE id = 1 + (random() * 20000)::int",
    "UPDATE orders SET created_at = created_at + interval '40 days' WHERE id = 1 + (random() * 10000)::int",
    "DELETE FROM orders WHERE id = 1 + (random() * 20000)::int",
    "SELECT count(*) FROM recent WHERE id < 100",
];

async fn differences(test: &TestTarget, a: &str, b: &str) -> i64 {
    test.number(&format!(
        "SELECT count(*) FROM ((SELECT * FROM {a} EXCEPT SELECT * FROM {b})
             UNION ALL (SELECT * FROM {b} EXCEPT SELECT * FROM {a})) d"
    ))
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_partitioned_back_and_again() {
    let test = orders().await;
    let migration = pattern(
        &test,
        "partition-table",
        &[
            ("table", "orders"),
            ("column", "created_at"),
            ("from", "2023-01-01"),
            ("to", "2025-01-01"),
            ("interval", "quarter"),
            ("unique", "index"),
        ],
    )
    .await;
    let record = open(&test.target, &emit(&migration)).await;
    let writer = Writer::start(&test.url, ORDERS_WORK);
    for phase in 1..=3 {
        phase_done(&test, &record.id, phase).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    back(&test, &record.id, Some(3)).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(
        test.number("SELECT (relkind = 'r')::int FROM pg_class WHERE oid = 'orders'::regclass")
            .await,
        1
    );
    phase_done(&test, &record.id, 3).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop(writer).await;
    assert_eq!(differences(&test, "orders", "orders_old").await, 0);
    phase_done(&test, &record.id, 4).await;
    for (what, sql, wanted) in [
        (
            "it is partitioned",
            "SELECT (relkind = 'p')::int FROM pg_class WHERE oid = 'orders'::regclass",
            1,
        ),
        (
            "every row has a partition of its own",
            "SELECT count(*) FROM orders_default",
            0,
        ),
        (
            "the old table, its triggers and functions are gone",
            "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'bellows%')
                  + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'bellows'::regnamespace)
                  + (SELECT count(*) FROM pg_class WHERE relname = 'orders_old')",
            0,
        ),
        (
            "indexes and keys have their names",
            "SELECT count(*) FROM pg_class WHERE relkind = 'I'
             AND relname IN ('orders_pkey', 'orders_note', 'orders_code', 'orders_when')",
            4,
        ),
        (
            "the foreign key is there",
            "SELECT count(*) FROM pg_constraint WHERE conrelid = 'orders'::regclass
             AND confrelid = 'customers'::regclass AND conparentid = 0",
            1,
        ),
        (
            "the sequence stayed",
            "SELECT (pg_get_serial_sequence('orders', 'id') = 'public.orders_id_seq')::int",
            1,
        ),
    ] {
        assert_eq!(test.number(sql).await, wanted, "{what}");
    }
    let next = test
        .number("INSERT INTO orders (customer) VALUES (1) RETURNING id")
        .await;
    assert!(next > 20_000);
    // Outside of every range there is still a place.
    test.sql("INSERT INTO orders (customer, created_at) VALUES (1, '1999-01-01')")
        .await;
    let rows = test.number("SELECT count(*) FROM orders").await;
    assert!(rows > 10_000);

    // The old table is gone with its rows: nothing that is made in its place may become the table.
    let (_sender, receiver) = control();
    let options = RunOptions::new("test");
    let events = Events::default();
    let outcome = roll_back(
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
    let Outcome::Failed { message } = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("not kept in step"), "{message}");
    assert_eq!(test.number("SELECT count(*) FROM orders").await, rows);
}

#[tokio::test]
async fn rows_outside_of_the_ranges_are_told_before_anything_is_copied() {
    let test = orders().await;
    let migration = pattern(
        &test,
        "partition-table",
        &[
            ("table", "orders"),
            ("column", "created_at"),
            ("from", "2023-04-01"),
            ("to", "2025-01-01"),
            ("unique", "index"),
        ],
    )
    .await;
    let record = open(&test.target, &emit(&migration)).await;
    let outcome = run(&test.target, &record.id, 1, &Events::default()).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("widen the range"), "{message}");
    assert_eq!(
        test.number("SELECT count(*) FROM pg_class WHERE relname = 'orders_partitioned'")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_extracted_out_of_json() {
    let test = TestTarget::new(Engine::PostgreSql).await;
    test.sql(
        "CREATE TABLE users (id bigserial PRIMARY KEY, name text, addresses jsonb);
         INSERT INTO users (name, addresses)
         SELECT 'user ' || i, CASE i % 6
             WHEN 0 THEN NULL WHEN 1 THEN 'null'::jsonb WHEN 2 THEN '[]'::jsonb
             WHEN 3 THEN jsonb_build_object('street', 'Main ' || i, 'floor', i)
             ELSE jsonb_build_array(jsonb_build_object('street', 'A'), jsonb_build_object('floor', null, 'more', '[1]'::jsonb))
             END
         FROM generate_series(1, 12000) i",
    )
    .await;
    let migration = pattern(
        &test,
        "extract-table",
        &[
            ("table", "users"),
            ("columns", "addresses"),
            ("newTable", "addresses"),
            ("fields", "street text, floor numeric, more jsonb"),
            ("soak", "0"),
        ],
    )
    .await;
    let record = open(&test.target, &emit(&migration)).await;
    let writer = Writer::start(
        &test.url,
        &[
            "INSERT INTO users (name, addresses) VALUES ('new {n}', '[{\"street\": \"New\"}, {\"floor\": {n}}]')",
            "UPDATE users SET addresses = '{\"street\": \"Moved\"}' WHERE id = (random() * 12000)::int",
            "UPDATE users SET addresses = NULL WHERE id = (random() * 12000)::int",
            "DELETE FROM users WHERE id = (random() * 12000)::int",
        ],
    );
    for phase in 1..=3 {
        phase_done(&test, &record.id, phase).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop(writer).await;
    let wrong = "WITH said AS (
            SELECT u.id, position, value ->> 'street' AS street, (value ->> 'floor')::numeric AS floor,
                   value -> 'more' AS more
            FROM users u, jsonb_array_elements(CASE jsonb_typeof(addresses) WHEN 'object'
                THEN jsonb_build_array(addresses) WHEN 'array' THEN addresses ELSE '[]' END)
                WITH ORDINALITY AS a(value, position)),
        kept AS (SELECT users_id, position, street, floor, more FROM addresses)
        SELECT count(*) FROM ((SELECT * FROM said EXCEPT SELECT * FROM kept)
            UNION ALL (SELECT * FROM kept EXCEPT SELECT * FROM said)) d";
    assert_eq!(test.number(wrong).await, 0);
    assert!(test.number("SELECT count(*) FROM addresses").await > 8000);
    phase_done(&test, &record.id, 4).await;
    // Applications write the new table now; a change of another column leaves it alone.
    test.sql(
        "UPDATE addresses SET street = 'by hand' WHERE users_id IN (SELECT min(id) FROM users);
         UPDATE users SET name = 'x' WHERE id IN (SELECT min(id) FROM users)",
    )
    .await;
    phase_done(&test, &record.id, 5).await;
    // Nothing fails for want of what is gone.
    test.sql("INSERT INTO users (name) VALUES ('last'); DELETE FROM users WHERE id % 2 = 0; UPDATE users SET name = 'y'")
        .await;
    assert_eq!(
        test.number(
            "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'bellows%')
                  + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'bellows'::regnamespace)"
        )
        .await,
        0
    );
    assert_eq!(
        test.number("SELECT count(*) FROM addresses WHERE users_id % 2 = 0")
            .await,
        0,
        "the foreign key takes them along"
    );
}

#[tokio::test]
async fn values_that_do_not_fit_stop_it_before_anything_is_copied() {
    let test = TestTarget::new(Engine::PostgreSql).await;
    test.sql(
        "CREATE TABLE users (id int PRIMARY KEY, addresses jsonb);
         INSERT INTO users VALUES (1, '{\"floor\": 1}'), (2, '\"a text\"'), (3, '[{\"floor\": \"third\"}]')",
    )
    .await;
    let fields = [
        ("table", "users"),
        ("columns", "addresses"),
        ("newTable", "addresses"),
        ("fields", "floor numeric"),
    ];
    let migration = pattern(&test, "extract-table", &fields).await;
    let record = open(&test.target, &emit(&migration)).await;
    let outcome = run(&test.target, &record.id, 1, &Events::default()).await;
    let Outcome::RolledBack { message } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains('2'), "both are counted: {message}");
    // Left out where that is chosen.
    let mut fields = fields.to_vec();
    fields.push(("misfits", "skip"));
    let mut migration = pattern(&test, "extract-table", &fields).await;
    migration.name = "skipping".to_owned();
    let record = open(&test.target, &emit(&migration)).await;
    for phase in 1..=3 {
        phase_done(&test, &record.id, phase).await;
    }
    assert_eq!(
        test.number("SELECT count(*) * 10 + count(floor) FROM addresses")
            .await,
        21
    );
    back(&test, &record.id, None).await;
    assert_eq!(
        test.number("SELECT count(*) FROM pg_class WHERE relname = 'addresses'")
            .await,
        0
    );
}

#[tokio::test]
async fn repeated_columns_become_rows() {
    let test = TestTarget::new(Engine::PostgreSql).await;
    test.sql(
        "CREATE TABLE people (a int, b int, phone1 text, phone2 text, PRIMARY KEY (a, b));
         INSERT INTO people VALUES (1, 1, 'one', NULL), (1, 2, NULL, 'two'), (2, 1, 'three', 'four')",
    )
    .await;
    let migration = pattern(
        &test,
        "extract-table",
        &[
            ("table", "people"),
            ("columns", "phone1, phone2"),
            ("newTable", "phones"),
            ("valueColumn", "phone"),
            ("soak", "0"),
        ],
    )
    .await;
    let record = open(&test.target, &emit(&migration)).await;
    for phase in 1..=4 {
        phase_done(&test, &record.id, phase).await;
    }
    test.sql("UPDATE people SET phone1 = NULL, phone2 = 'five' WHERE a = 2")
        .await;
    assert_eq!(
        test.text("SELECT string_agg(concat_ws('/', people_a, people_b, position, phone), ' ' ORDER BY 1) FROM phones")
            .await
            .as_deref(),
        Some("1/1/1/one 1/2/2/two 2/1/2/five")
    );
    phase_done(&test, &record.id, 5).await;
    test.sql("UPDATE people SET b = 9 WHERE a = 3; INSERT INTO people VALUES (7, 7)")
        .await;
}
