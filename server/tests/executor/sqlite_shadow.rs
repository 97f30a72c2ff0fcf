//! Shadow tables on SQLite, where one writes at a time: copied in batches between which writers get
//! in, kept in step by triggers, swapped and swapped back.

use std::time::Duration;

use bellows::document::Engine;
use bellows::run::EventKind;
use bellows::schema::TableName;
use bellows_server::executor::{Outcome, RunOptions, control, roll_back};

use super::operations::whole;
use crate::support::{Events, TestTarget, Writer, open, run, run_with};

const ORDERS: &str = "
CREATE TABLE people (id INTEGER PRIMARY KEY, name text);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number text UNIQUE COLLATE NOCASE,
    person int REFERENCES people (id) ON DELETE CASCADE,
    total text NOT NULL DEFAULT '0',
    \"The Note\" text,
    slot int,
    twice int GENERATED ALWAYS AS (slot * 2),
    parent int REFERENCES orders (id) ON DELETE SET NULL ON UPDATE CASCADE);
CREATE UNIQUE INDEX one_a_slot ON orders (slot) WHERE slot > 0;
CREATE INDEX orders_person ON orders (person) WHERE \"The Note\" IS NOT NULL;
CREATE INDEX orders_parent ON orders (parent);
CREATE TABLE items (id INTEGER PRIMARY KEY, \"order\" int REFERENCES orders (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE INDEX items_order ON items (\"order\");
CREATE VIEW big AS SELECT id, total FROM orders WHERE CAST(total AS int) > 50;
CREATE TABLE audited (id int);
CREATE TRIGGER audit AFTER INSERT ON orders BEGIN INSERT INTO audited VALUES (NEW.id); END;
CREATE TRIGGER tidy AFTER UPDATE OF person ON orders WHEN NEW.\"The Note\" IS NULL BEGIN
    UPDATE orders SET \"The Note\" = 'moved' WHERE id = NEW.id; END;
INSERT INTO people (id) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT i FROM n;
INSERT INTO orders (number, person, total, \"The Note\", slot)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
    SELECT 'N' || i, 1 + i % 100, i % 100, CASE WHEN i % 7 = 0 THEN 'note ' || i END,
           CASE WHEN i % 3 = 0 THEN i ELSE -1 END FROM n;
INSERT INTO items (\"order\") SELECT id FROM orders WHERE id % 50 = 0;
DELETE FROM audited;
";

/// What an application does, with every way in which SQLite resolves a conflict.
const WORK: &[&str] = &[
    "INSERT INTO orders (number, person, total, slot) VALUES ('new ' || hex(randomblob(8)), 1 + {n} % 90, {n} % 90, -1)",
    "UPDATE orders SET total = total + 1, \"The Note\" = 'changed {n}' WHERE id = 1 + abs(random()) % 4000",
    "DELETE FROM orders WHERE id = 1 + abs(random()) % 4000",
    "INSERT OR REPLACE INTO orders (id, number, person, total, slot) VALUES (1 + abs(random()) % 4000, 'n' || (1 + abs(random()) % 4000), 5, 'replaced', 1 + abs(random()) % 4000)",
    "INSERT OR REPLACE INTO orders (number, person, total) VALUES ('N' || (1 + abs(random()) % 4000), 6, 'again')",
    "INSERT OR IGNORE INTO orders (id, number, total) VALUES (1 + abs(random()) % 4000, 'ignored ' || hex(randomblob(8)), 7)",
    "UPDATE OR REPLACE orders SET slot = 1 + abs(random()) % 4000 WHERE id = 1 + abs(random()) % 4000",
    "UPDATE OR REPLACE orders SET id = 1 + abs(random()) % 4000 WHERE id = 1 + abs(random()) % 4000",
    "INSERT INTO orders (number, total) VALUES ('N' || (1 + abs(random()) % 4000), 8) ON CONFLICT (number) DO UPDATE SET total = 'upserted', parent = 1 + 0 * id WHERE EXISTS (SELECT 1 FROM orders WHERE id = 1)",
    "UPDATE orders SET person = 1 + {n} % 90 WHERE id BETWEEN {n} * 3 AND {n} * 3 + 2",
    "BEGIN IMMEDIATE; UPDATE orders SET total = 'never' WHERE id < 20; DELETE FROM orders WHERE id > 3000; ROLLBACK",
    "INSERT INTO items (\"order\") SELECT id FROM orders WHERE id = 1 + abs(random()) % 4000",
    "SELECT count(*) FROM big WHERE id < 100",
];

const NEW: &str = "CREATE TABLE orders_new (id INTEGER PRIMARY KEY AUTOINCREMENT, number text UNIQUE COLLATE NOCASE, person int REFERENCES people (id) ON DELETE CASCADE, total text NOT NULL DEFAULT '0' CHECK (total <> ''), \"The Note\" text, slot int, parent int REFERENCES orders (id) ON DELETE SET NULL ON UPDATE CASCADE, twice int GENERATED ALWAYS AS (slot + slot)); CREATE UNIQUE INDEX new_slot ON orders_new (slot) WHERE slot > 0; CREATE INDEX new_person ON orders_new (person); CREATE INDEX new_parent ON orders_new (parent)";

const DOCUMENT: &str = "
migration:
  name: reshape-orders
  database: sqlite
  phases:
    - phase: 1
      operations:
        - {type: copy_table, table: orders, shadow: orders_new{pace}}
    - phase: 2
      operations:
        - {type: swap_tables, table: orders, shadow: orders_new, oldName: orders_old}
";

fn document(pace: &str) -> String {
    DOCUMENT.replace("{pace}", pace)
}

/// Everything in one phase, in batches so small that there is much to end in.
fn one_phase(pace: &str) -> String {
    document(pace).replace("    - phase: 2\n      operations:\n", "")
}

async fn orders(rows: u32) -> TestTarget {
    let test = TestTarget::new(Engine::Sqlite).await;
    test.sql(&ORDERS.replace("{rows}", &rows.to_string())).await;
    test.sql(NEW).await;
    test
}

fn writers(test: &TestTarget) -> Vec<Writer> {
    (0..2).map(|_| Writer::start(&test.url, WORK)).collect()
}

async fn stop(writers: Vec<Writer>) {
    for writer in writers {
        let work = writer.stop().await;
        assert_eq!(work.errors, Vec::<String>::new(), "no statement failed");
        assert!(work.rounds > 0, "somebody wrote");
    }
}

/// Rows that one table has and the other has not.
async fn differences(test: &TestTarget, a: &str, b: &str) -> i64 {
    let columns = "id, number, person, total, \"The Note\", slot, parent";
    let one = |a: &str, b: &str| {
        format!("SELECT * FROM (SELECT {columns} FROM {a} EXCEPT SELECT {columns} FROM {b})")
    };
    test.number(&format!(
        "SELECT count(*) FROM ({} UNION ALL {})",
        one(a, b),
        one(b, a)
    ))
    .await
}

async fn ours(test: &TestTarget) -> i64 {
    test.number(
        "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'bellows%' OR name LIKE '%bellows\\_new%' ESCAPE '\\'",
    )
    .await
}

async fn back(test: &TestTarget, id: &str, phase: Option<u32>) -> Outcome {
    let (_sender, receiver) = control();
    let (options, events) = (RunOptions::new("test"), Events::default());
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

async fn phase_done(test: &TestTarget, id: &str, phase: u32) {
    let events = Events::default();
    let outcome = run(&test.target, id, phase, &events).await;
    assert!(
        matches!(outcome, Outcome::PhaseCompleted | Outcome::Completed),
        "{outcome:?}\n{:#?}",
        events.all()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_table_is_swapped_and_swapped_back_with_writers_at_work() {
    let test = orders(4000).await;
    let before = whole(&test.schema().await);
    let record = open(&test.target, &document(", batchSize: 100")).await;
    let at_work = writers(&test);
    phase_done(&test, &record.id, 1).await;
    assert_eq!(differences(&test, "orders", "orders_new").await, 0);
    phase_done(&test, &record.id, 2).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop(at_work).await;

    assert_eq!(differences(&test, "orders", "orders_old").await, 0);
    for (what, sql, wanted) in [
        (
            "the new table has the name",
            "SELECT sql LIKE '%slot + slot%' FROM sqlite_schema WHERE name = 'orders'",
            1,
        ),
        (
            "foreign keys point to the name, the one to itself too",
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%REFERENCES orders (id)%'",
            3,
        ),
        (
            "no row points nowhere",
            "SELECT count(*) FROM pragma_foreign_key_check",
            0,
        ),
        (
            "its triggers are the new one's, and fired once for a row",
            "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'orders' AND name IN ('audit', 'tidy')",
            2,
        ),
        (
            "keys go on after the greatest",
            "SELECT seq >= (SELECT max(seq) FROM sqlite_sequence WHERE name = 'orders_old') FROM sqlite_sequence WHERE name = 'orders'",
            1,
        ),
    ] {
        assert_eq!(test.number(sql).await, wanted, "{what}");
    }
    let after = test.schema().await;
    let found = after.table(&TableName::parse("orders")).unwrap();
    assert_eq!(found.triggers, ["audit", "tidy"]);
    assert_eq!(found.shadows.len(), 1);

    // Back, with writers at work again: what they wrote since the swap stays.
    let at_work = writers(&test);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let outcome = back(&test, &record.id, Some(2)).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop(at_work).await;
    assert_eq!(differences(&test, "orders", "orders_new").await, 0);

    // And there again, since a swap that was taken back can be repeated.
    phase_done(&test, &record.id, 2).await;
    test.sql("INSERT INTO orders (number, \"The Note\") VALUES ('last one', 'last')")
        .await;
    let outcome = back(&test, &record.id, None).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    let last = "SELECT count(*) FROM orders WHERE \"The Note\" = 'last'";
    assert_eq!(test.number(last).await, 1);
    assert_eq!(ours(&test).await, 0);
    assert_eq!(whole(&test.schema().await), before, "nothing is left of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_run_that_ends_at_any_event_goes_on_and_doubles_nothing() {
    let test = orders(1500).await;
    let record = open(&test.target, &one_phase(", batchSize: 100, pauseMs: 1")).await;
    let at_work = writers(&test);
    let counted = |e: &EventKind| {
        matches!(
            e,
            EventKind::StepStarted { .. }
                | EventKind::StepCompleted { .. }
                | EventKind::Progress { .. }
        )
    };
    let mut ends = 0;
    loop {
        let events = Events::holding(|e| {
            matches!(
                e,
                EventKind::StepStarted { .. }
                    | EventKind::StepCompleted { .. }
                    | EventKind::Progress { .. }
            )
        });
        events.go_on();
        let one_more = async {
            while events.count(counted) < 2 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::select! {
            outcome = run(&test.target, &record.id, 1, &events) => {
                assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
                break;
            }
            () = one_more => ends += 1,
        }
        assert!(ends < 500, "it gets on");
    }
    assert!(ends >= 8, "it was ended {ends} times");
    stop(at_work).await;
    assert_eq!(differences(&test, "orders", "orders_old").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_a_cancelled_copy_leaves_nothing_behind() {
    let test = orders(4000).await;
    let record = open(&test.target, &document(", batchSize: 20, pauseMs: 5")).await;
    let at_work = writers(&test);
    let events = Events::default();
    let (sender, receiver) = control();
    let (outcome, ()) = tokio::join!(
        run_with(&test.target, &record.id, 1, &events, receiver),
        async {
            events
                .seen(|e| matches!(e, EventKind::Progress { .. }))
                .await;
            sender.cancel();
        }
    );
    assert_eq!(outcome, Outcome::Cancelled);
    stop(at_work).await;
    assert_eq!(ours(&test).await, 0);
    assert_eq!(test.number("SELECT count(*) FROM orders_new").await, 0);
}

/// Runs the phases with something done in between; the last one must fail and leave the table as
/// usable as it was.
async fn fails(phases: u32, between: &str, message: &str) -> TestTarget {
    let test = orders(200).await;
    let record = open(&test.target, &document("")).await;
    for phase in 1..phases {
        phase_done(&test, &record.id, phase).await;
    }
    test.sql(between).await;
    let outcome = run(&test.target, &record.id, phases, &Events::default()).await;
    let Outcome::RolledBack { message: why } = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(why.contains(message), "{why}");
    test.sql("INSERT INTO orders (person) VALUES (1); DELETE FROM orders WHERE id = 1")
        .await;
    test
}

#[tokio::test]
async fn sqlite_a_copy_needs_an_empty_table() {
    let between = "INSERT INTO orders_new (person) VALUES (1)";
    let test = fails(1, between, "orders_new holds rows already").await;
    assert_eq!(ours(&test).await, 0);
}

#[tokio::test]
async fn sqlite_a_copy_that_is_other_does_not_take_the_tables_place() {
    fails(
        2,
        "UPDATE orders_new SET total = 'other' WHERE id = 150",
        "the row whose key there is (150)",
    )
    .await;
    fails(
        2,
        "INSERT INTO orders_new (id) VALUES (100000)",
        "the row with the key (100000)",
    )
    .await;
}

/// A stricter copy must not lose in silence what OR IGNORE lets an application write.
#[tokio::test]
async fn sqlite_what_the_copy_does_not_take_fails_and_is_in_neither() {
    let test = orders(200).await;
    let record = open(&test.target, &document("")).await;
    phase_done(&test, &record.id, 1).await;
    for sql in [
        "INSERT OR IGNORE INTO orders (number, total) VALUES ('x', '')",
        "UPDATE OR IGNORE orders SET total = '' WHERE id = 7",
        "INSERT OR REPLACE INTO orders (number, total) VALUES ('N8', '')",
    ] {
        let error = test
            .client()
            .await
            .try_run(sql)
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("does not take what orders does") || error.contains("CHECK"),
            "{error}"
        );
    }
    assert_eq!(differences(&test, "orders", "orders_new").await, 0);
    assert_eq!(test.number("SELECT count(*) FROM orders").await, 200);
}

#[tokio::test]
async fn sqlite_tables_between_which_a_row_could_be_lost_are_refused() {
    let test = orders(10).await;
    test.sql("DROP TABLE orders_new").await;
    let made = |new: &str| match new {
        "no unique number" => NEW.replace("text UNIQUE COLLATE", "text COLLATE"),
        "a further one" => NEW.replace("parent int", "parent int UNIQUE"),
        "its own name" => NEW.replace("REFERENCES orders (id)", "REFERENCES orders_new (id)"),
        "its own column" => NEW.replace("CHECK (total", "CHECK (orders_new.total"),
        "a trigger" => {
            NEW.to_owned() + "; CREATE TRIGGER own AFTER INSERT ON orders_new BEGIN SELECT 1; END"
        }
        other => panic!("{other}"),
    };
    for (new, message) in [
        ("no unique number", "is not unique by the same columns"),
        (
            "a further one",
            "the copy of another row would go without a word",
        ),
        ("its own name", "let a foreign key say orders"),
        ("its own column", "is to take another name"),
        ("a trigger", "has a trigger of its own"),
    ] {
        test.sql(&made(new)).await;
        let migration = bellows::document::parse(&document("")).unwrap();
        let schema = test.schema().await;
        let problems = bellows::plan::plan(&migration, Some(&schema)).unwrap_err();
        assert!(
            problems.iter().any(|p| p.message.contains(message)),
            "{new}: {problems:#?}"
        );
        test.sql("DROP TABLE orders_new").await;
    }
}

/// The document of extract-table for the form's fields.
async fn extraction(test: &TestTarget, fields: &[(&str, &str)]) -> String {
    let values = fields
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let schema = test.schema().await;
    let migration =
        bellows::pattern::expand("extract-table", &values, Engine::Sqlite, Some(&schema)).unwrap();
    bellows::document::emit(&migration)
}

const TAGGED: &str = "
CREATE TABLE \"Tagged\" (id INTEGER PRIMARY KEY, name text UNIQUE, tags text, phone1 text, phone2 text);
INSERT INTO Tagged (id, tags, phone1, phone2)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
    SELECT i, CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '[]' WHEN 2 THEN '[\"a' || i || '\", null, 5, true]'
        WHEN 3 THEN '{\"k\": ' || i || '}' ELSE '\"alone\"' END,
        CASE WHEN i % 2 = 0 THEN '0' || i END, CASE WHEN i % 3 = 0 THEN '+' || i END FROM n;
";

const TAGGING: &[&str] = &[
    "INSERT INTO Tagged (tags, phone2) VALUES ('[\"w\", {n}, {\"x\": [1]}]', '0{n}')",
    "UPDATE Tagged SET tags = '[1, 2, 3, 4, 5]', phone1 = NULL WHERE id = 1 + abs(random()) % 3000",
    "UPDATE Tagged SET tags = '[\"one\"]', phone1 = '{n}', phone2 = phone1 WHERE id = 1 + abs(random()) % 3000",
    "UPDATE Tagged SET tags = NULL WHERE id = 1 + abs(random()) % 3000",
    "DELETE FROM Tagged WHERE id = 1 + abs(random()) % 3000",
    "INSERT OR REPLACE INTO Tagged (id, name, tags) VALUES (1 + abs(random()) % 3000, 'n' || abs(random()) % 50, '[\"r\"]')",
    "UPDATE OR REPLACE Tagged SET id = 1 + abs(random()) % 3000 WHERE id = 1 + abs(random()) % 3000",
];

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_values_become_rows_with_writers_at_work() {
    for (columns, values) in [
        (
            "tags",
            "SELECT t.id, e.key + 1, CASE WHEN e.type IN ('true', 'false') THEN e.type ELSE CAST(e.value AS text) END
             FROM Tagged t, json_each(CASE WHEN json_type(t.tags) = 'array' THEN t.tags WHEN t.tags IS NULL THEN '[]' ELSE '[' || t.tags || ']' END) e WHERE e.type <> 'null'",
        ),
        (
            "phone1, phone2",
            "SELECT id, 1, phone1 FROM Tagged WHERE phone1 IS NOT NULL UNION ALL SELECT id, 2, phone2 FROM Tagged WHERE phone2 IS NOT NULL",
        ),
    ] {
        let test = TestTarget::new(Engine::Sqlite).await;
        test.sql(TAGGED).await;
        let before = whole(&test.schema().await);
        let fields = [
            ("table", "Tagged"),
            ("columns", columns),
            ("newTable", "the values"),
            ("soak", "0"),
        ];
        let yaml = extraction(&test, &fields).await;
        let record = open(&test.target, &yaml).await;
        let at_work: Vec<Writer> = (0..2).map(|_| Writer::start(&test.url, TAGGING)).collect();
        for phase in 1..=3 {
            phase_done(&test, &record.id, phase).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        stop(at_work).await;
        let kept = "SELECT Tagged_id, position, value FROM \"the values\"";
        for (a, b) in [(values, kept), (kept, values)] {
            let other = format!("SELECT count(*) FROM (SELECT * FROM ({a}) EXCEPT SELECT * FROM ({b}))");
            assert_eq!(test.number(&other).await, 0, "{columns}");
        }
        assert!(test.number("SELECT count(*) FROM \"the values\"").await > 1000);
        if columns == "tags" {
            let error = test.client().await.try_run("UPDATE Tagged SET tags = 'no json' WHERE id = 1").await;
            assert!(error.is_ok(), "{error:?}: no write fails for what it brings");
        }
        phase_done(&test, &record.id, 4).await;
        let rows = test.number("SELECT count(*) FROM \"the values\"").await;
        test.sql("INSERT INTO Tagged (name) VALUES ('after')").await;
        assert_eq!(test.number("SELECT count(*) FROM \"the values\"").await, rows);
        assert_eq!(ours(&test).await, 0);

        // And another one back from before its last phase.
        let test = TestTarget::new(Engine::Sqlite).await;
        test.sql(TAGGED).await;
        let record = open(&test.target, &yaml).await;
        for phase in 1..=3 {
            phase_done(&test, &record.id, phase).await;
        }
        let outcome = back(&test, &record.id, None).await;
        assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
        assert_eq!(whole(&test.schema().await), before, "{columns}");
    }
}
