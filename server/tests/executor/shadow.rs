//! Shadow tables on a real server: copied, kept in step, swapped and swapped back, with writers at
//! work and runs that end in the middle.

use std::time::Duration;

use bellows::document::Engine;
use bellows::run::EventKind;
use bellows_server::executor::{Outcome, RunOptions, control, roll_back};

use crate::support::{Events, TestTarget, Writer, apply, open, run, run_on, run_with};

/// Everything that can hang on a table.
const ORDERS: &str = "
CREATE TABLE people (id int PRIMARY KEY);
INSERT INTO people SELECT generate_series(1, 100);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    number bigserial,
    person int REFERENCES people ON DELETE CASCADE,
    total numeric(10,2) NOT NULL DEFAULT 0 CHECK (total >= 0),
    note text,
    data json,
    tax numeric GENERATED ALWAYS AS (total * 0.2) STORED,
    at timestamptz NOT NULL DEFAULT now(),
    parent bigint REFERENCES orders);
CREATE INDEX orders_person ON orders (person) WHERE note IS NOT NULL;
COMMENT ON TABLE orders IS 'what was ordered';
COMMENT ON COLUMN orders.note IS 'a back\\slash';
CREATE TABLE items (order_id bigint REFERENCES orders ON DELETE CASCADE, what text);
CREATE VIEW big WITH (security_barrier) AS SELECT id, total FROM orders WHERE total > 50;
CREATE VIEW biggest AS SELECT max(total) AS total FROM big;
CREATE TABLE audited (id bigint);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
  BEGIN INSERT INTO public.audited VALUES (NEW.id); RETURN NEW; END $$;
CREATE TRIGGER audit AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION audit();
CREATE TRIGGER never BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION audit();
ALTER TABLE orders DISABLE TRIGGER never;
CREATE ROLE {app};
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON orders TO {app};
GRANT SELECT ON big, biggest TO {app};
GRANT USAGE ON SEQUENCE orders_number_seq TO {app};
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY everybody ON orders TO {app} USING (total >= 0) WITH CHECK (total < 1000000);
INSERT INTO orders (person, total, note, data)
SELECT 1 + i % 100, i % 100, CASE WHEN i % 7 = 0 THEN 'note ' || i END, '{\"a\": 1}'
FROM generate_series(1, {rows}) i;
INSERT INTO items SELECT id, 'thing' FROM orders WHERE id % 100 = 0;
TRUNCATE audited;
";

/// What an application does, with no rights on any copy.
const WORK: &[&str] = &[
    "INSERT INTO orders (person, total, note) VALUES (1 + {n} % 100, {n} % 90, 'new {n}')",
    "UPDATE orders SET total = total + 1, note = 'changed {n}' WHERE id = 1 + (random() * 20000)::int",
    "DELETE FROM orders o WHERE id = 1 + (random() * 20000)::int
        AND NOT EXISTS (SELECT FROM orders c WHERE c.parent = o.id)",
    "UPDATE orders SET at = at + interval '1 day' WHERE id BETWEEN {n} * 7 AND {n} * 7 + 3",
    "BEGIN; UPDATE orders SET note = 'never' WHERE id = 5 + {n}; ROLLBACK",
    "SELECT count(*) FROM big WHERE id < 100",
];

const DOCUMENT: &str = "
migration:
  name: reshape-orders
  database: postgresql
  phases:
    - phase: 1
      operations:
        - type: custom_sql
          sql: CREATE TABLE orders_new (LIKE orders INCLUDING ALL)
          rollbackSql: DROP TABLE orders_new
    - phase: 2
      operations:
        - {type: copy_table, table: orders, shadow: orders_new{pace}}
    - phase: 3
      operations:
        - {type: swap_tables, table: orders, shadow: orders_new, oldName: orders_old}
";

fn document(pace: &str) -> String {
    DOCUMENT.replace("{pace}", pace)
}

async fn orders(rows: u32) -> (TestTarget, String) {
    let test = TestTarget::new(Engine::PostgreSql).await;
    let app = format!("app_{}", uuid::Uuid::now_v7().simple());
    test.sql(
        &ORDERS
            .replace("{app}", &app)
            .replace("{rows}", &rows.to_string()),
    )
    .await;
    (test, app)
}

fn writers(test: &TestTarget, app: &str) -> Vec<Writer> {
    let role = format!("SET ROLE {app}");
    let mut statements = vec![role.as_str()];
    statements.extend(WORK);
    (0..3)
        .map(|_| Writer::start(&test.url, &statements))
        .collect()
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
    test.number(&format!(
        "SELECT count(*) FROM (
            (SELECT to_jsonb({a})::text FROM {a} EXCEPT SELECT to_jsonb({b})::text FROM {b})
            UNION ALL
            (SELECT to_jsonb({b})::text FROM {b} EXCEPT SELECT to_jsonb({a})::text FROM {a})) d"
    ))
    .await
}

async fn ours(test: &TestTarget) -> i64 {
    test.number(
        "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'bellows%')
              + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'bellows'::regnamespace)",
    )
    .await
}

/// What applications see of the schema, as one text.
async fn fingerprint(test: &TestTarget) -> String {
    let schema = test.schema().await;
    let tables: Vec<_> = schema.tables.keys().cloned().collect();
    format!("{tables:?} {}", schema.fingerprint(&tables))
}

async fn back(test: &TestTarget, id: &str, phase: Option<u32>) -> Outcome {
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
async fn a_table_is_swapped_and_swapped_back_with_writers_at_work() {
    let (test, app) = orders(20_000).await;
    let before = fingerprint(&test).await;
    let original = test.number("SELECT 'orders'::regclass::oid::int8").await;
    let record = open(&test.target, &document(", batchSize: 500")).await;
    let at_work = writers(&test, &app);
    phase_done(&test, &record.id, 1).await;
    phase_done(&test, &record.id, 2).await;
    assert_eq!(differences(&test, "orders", "orders_new").await, 0);
    phase_done(&test, &record.id, 3).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop(at_work).await;

    assert_ne!(
        test.number("SELECT 'orders'::regclass::oid::int8").await,
        original
    );
    assert_eq!(differences(&test, "orders", "orders_old").await, 0);
    assert!(
        test.number("SELECT count(*) FROM orders WHERE note LIKE 'new %'")
            .await
            > 0
    );
    for (what, sql, wanted) in [
        (
            "the view reads the new table",
            "SELECT count(*) FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
             WHERE r.ev_class = 'big'::regclass AND d.refobjid = 'orders_old'::regclass",
            0,
        ),
        (
            "the view keeps its options",
            "SELECT count(*) FROM pg_class WHERE relname = 'big' AND reloptions = '{security_barrier=true}'",
            1,
        ),
        (
            "the foreign key points to the new table, and is checked",
            "SELECT count(*) FROM pg_constraint WHERE conrelid = 'items'::regclass
             AND confrelid = 'orders'::regclass AND convalidated",
            1,
        ),
        (
            "its own foreign keys followed, the one to itself too",
            "SELECT count(*) FROM pg_constraint WHERE conrelid = 'orders'::regclass
             AND confrelid IN ('people'::regclass, 'orders'::regclass) AND convalidated",
            2,
        ),
        (
            "the sequence belongs to the new table",
            "SELECT (pg_get_serial_sequence('orders', 'number') = 'public.orders_number_seq')::int",
            1,
        ),
        (
            "the trigger fires once for a row",
            "SELECT count(*) FROM (SELECT 1 FROM audited GROUP BY id HAVING count(*) > 1) twice",
            0,
        ),
        (
            "the disabled trigger is disabled",
            "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND tgname = 'never' AND tgenabled = 'D'",
            1,
        ),
        (
            "the policy followed",
            "SELECT count(*) FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
             WHERE c.relname = 'orders' AND c.relrowsecurity",
            1,
        ),
        (
            "the comments followed",
            "SELECT (obj_description('orders'::regclass) = 'what was ordered'
                 AND col_description('orders'::regclass, 5) = 'a back\\slash')::int",
            1,
        ),
    ] {
        assert_eq!(test.number(sql).await, wanted, "{what}");
    }

    // Back, with writers at work again: what they wrote since the swap stays.
    let at_work = writers(&test, &app);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let outcome = back(&test, &record.id, Some(3)).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop(at_work).await;
    assert_eq!(
        test.number("SELECT 'orders'::regclass::oid::int8").await,
        original
    );
    assert_eq!(differences(&test, "orders", "orders_new").await, 0);

    // And there again, since a swap that was taken back can be repeated.
    phase_done(&test, &record.id, 3).await;
    assert_eq!(differences(&test, "orders", "orders_old").await, 0);
    test.sql("INSERT INTO orders (person, note) VALUES (1, 'last')")
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
    // The identity goes on after what was given out in between.
    test.sql("INSERT INTO orders (person) VALUES (1)").await;
}

/// Everything in one phase, in batches so small that there is much to end in.
fn one_phase() -> String {
    let document = document(", batchSize: 100, pauseMs: 1");
    document
        .replace("    - phase: 2\n      operations:\n", "")
        .replace("    - phase: 3\n      operations:\n", "")
}

async fn right(test: &TestTarget) {
    assert_eq!(differences(test, "orders", "orders_old").await, 0);
    assert_eq!(
        test.number("SELECT count(*) - count(DISTINCT id) FROM orders")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_at_any_event_goes_on_and_doubles_nothing() {
    let (test, app) = orders(3000).await;
    let record = open(&test.target, &one_phase()).await;
    let at_work = writers(&test, &app);
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
    right(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_again_and_again_doubles_nothing() {
    let (test, app) = orders(20_000).await;
    let record = open(&test.target, &one_phase()).await;
    let at_work = writers(&test, &app);
    let events = Events::default();
    let mut admin = test.client().await;
    let cut = async {
        let mut cuts = 0;
        events
            .seen(|e| matches!(e, EventKind::StepStarted { .. }))
            .await;
        while cuts < 12 {
            tokio::time::sleep(Duration::from_millis(90)).await;
            cuts += admin
                .number(
                    "SELECT count(pg_terminate_backend(pid::int)) FROM bellows.lease
                     WHERE pid IN (SELECT pid FROM pg_stat_activity)",
                )
                .await;
        }
        std::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        outcome = run_on(&test.target, &record.id, 1, &events) => outcome,
        () = cut => unreachable!(),
    };
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    assert!(
        events.count(|e| matches!(e, EventKind::Recovered { .. })) >= 3,
        "it was cut"
    );
    stop(at_work).await;
    right(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_that_is_held_up_is_tried_again_and_holds_nobody_up() {
    let (test, app) = orders(1000).await;
    let record = open(&test.target, &document("")).await;
    phase_done(&test, &record.id, 1).await;
    phase_done(&test, &record.id, 2).await;
    let mut reader = test.client().await;
    reader.run("BEGIN; SELECT count(*) FROM orders").await;
    let at_work = writers(&test, &app);
    let events = Events::default();
    let (outcome, ()) = tokio::join!(run(&test.target, &record.id, 3, &events), async {
        events
            .seen(|e| matches!(e, EventKind::LockWaiting { tries: 4, .. }))
            .await;
        reader.run("COMMIT").await;
    });
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    stop(at_work).await;
    right(&test).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_copy_leaves_nothing_behind() {
    let (test, app) = orders(20_000).await;
    let record = open(&test.target, &document(", batchSize: 50, pauseMs: 5")).await;
    phase_done(&test, &record.id, 1).await;
    let at_work = writers(&test, &app);
    let events = Events::default();
    let (sender, receiver) = control();
    let (outcome, ()) = tokio::join!(
        run_with(&test.target, &record.id, 2, &events, receiver),
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

/// Runs phases 1 and 2 with something done to the shadow in between; the second must fail and
/// leave the table as usable as it was.
async fn copy_fails(between: &str, message: &str) {
    let (test, _) = orders(500).await;
    let record = open(&test.target, &document("")).await;
    phase_done(&test, &record.id, 1).await;
    let events = Events::default();
    if !between.is_empty() {
        test.sql(between).await;
    }
    let outcome = run(&test.target, &record.id, 2, &events).await;
    let Outcome::RolledBack { message: why } = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(why.contains(message), "{why}");
    assert_eq!(ours(&test).await, 0);
    test.sql("INSERT INTO orders (person) VALUES (1); DELETE FROM orders WHERE id = 1")
        .await;
}

#[tokio::test]
async fn a_copy_needs_an_empty_table() {
    // Not through its definition, or the drift would be noticed first.
    copy_fails(
        "INSERT INTO orders_new (person) VALUES (1)",
        "orders_new holds rows already",
    )
    .await;
}

#[tokio::test]
async fn a_copy_without_a_unique_key_is_refused_before_its_triggers_are_in_place() {
    let (test, _) = orders(500).await;
    let document = document("").replace(
        "CREATE TABLE orders_new (LIKE orders INCLUDING ALL)",
        "CREATE TABLE orders_new (LIKE orders INCLUDING DEFAULTS)",
    );
    let record = open(&test.target, &document).await;
    phase_done(&test, &record.id, 1).await;
    let outcome = run(&test.target, &record.id, 2, &Events::default()).await;
    let Outcome::RolledBack { message } = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("ON CONFLICT"), "{message}");
    assert_eq!(ours(&test).await, 0);
    test.sql("INSERT INTO orders (person) VALUES (1)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn triggers_that_were_missed_for_a_while_are_noticed() {
    let (test, _) = orders(5000).await;
    let record = open(&test.target, &document(", batchSize: 50, pauseMs: 5")).await;
    phase_done(&test, &record.id, 1).await;
    let events = Events::default();
    let (sender, receiver) = control();
    tokio::join!(
        run_with(&test.target, &record.id, 2, &events, receiver),
        async {
            events
                .seen(|e| matches!(e, EventKind::Progress { .. }))
                .await;
            sender.pause();
        }
    );
    test.sql("ALTER TABLE orders DISABLE TRIGGER ALL").await;
    let outcome = run(&test.target, &record.id, 2, &Events::default()).await;
    let Outcome::RolledBack { message } = &outcome else {
        panic!("{outcome:?}");
    };
    assert!(message.contains("in step"), "{message}");
}

/// A comparison before the swap finds what somebody did to the copy.
async fn compare_finds(damage: &str, words: &[&str]) {
    let (test, _) = orders(3000).await;
    let record = open(&test.target, &document("")).await;
    phase_done(&test, &record.id, 1).await;
    phase_done(&test, &record.id, 2).await;
    test.sql(damage).await;
    let original = test.number("SELECT 'orders'::regclass::oid::int8").await;
    let outcome = run(&test.target, &record.id, 3, &Events::default()).await;
    let Outcome::RolledBack { message } = &outcome else {
        panic!("{outcome:?}");
    };
    for word in words {
        assert!(message.contains(word), "{message}");
    }
    assert_eq!(
        test.number("SELECT 'orders'::regclass::oid::int8").await,
        original,
        "it was not swapped, and not swapped back either"
    );
}

#[tokio::test]
async fn a_row_that_is_missing_stops_the_swap() {
    compare_finds(
        "DELETE FROM orders_new WHERE id = 1234",
        &["(1234)", "missing"],
    )
    .await;
}

#[tokio::test]
async fn a_row_that_differs_stops_the_swap() {
    compare_finds(
        "UPDATE orders_new SET data = '{\"a\": 2}' WHERE id = 777",
        &["(777)"],
    )
    .await;
}

#[tokio::test]
async fn a_row_too_many_stops_the_swap() {
    compare_finds(
        "INSERT INTO orders_new (id, number) OVERRIDING SYSTEM VALUE VALUES (999999, 1)",
        &["(999999)", "holds what orders does not"],
    )
    .await;
}

#[tokio::test]
async fn what_cannot_follow_is_named() {
    let (test, _) = orders(10).await;
    test.sql(
        "CREATE RULE quiet AS ON UPDATE TO orders DO ALSO NOTHING;
         CREATE PUBLICATION feed FOR TABLE orders;
         CREATE MATERIALIZED VIEW sums AS SELECT person, sum(total) FROM orders GROUP BY person;
         CREATE FUNCTION recent() RETURNS SETOF orders LANGUAGE sql AS 'SELECT * FROM orders';
         CREATE TABLE history (was orders)",
    )
    .await;
    let document = bellows::document::parse(&document("")).unwrap();
    let schema = test.schema().await;
    let problems = bellows::plan::plan(&document, Some(&schema)).unwrap_err();
    let text = problems[0].message.clone();
    for word in [
        "the rule quiet",
        "the publication feed",
        "the materialized view sums",
        "the function recent()",
        "history.was",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

/// Names that need quotes, a key of two columns, values that change on the way, rows that stay out,
/// and changes of the key itself.
#[tokio::test(flavor = "multi_thread")]
async fn odd_names_conversions_filters_and_changed_keys() {
    let test = TestTarget::new(Engine::PostgreSql).await;
    test.sql(
        "CREATE SCHEMA \"Odd s\";
         CREATE TABLE \"Odd s\".\"My t\" (\"K 1\" int, k2 text, v text, n int, hidden bool NOT NULL DEFAULT false,
             PRIMARY KEY (\"K 1\", k2));
         INSERT INTO \"Odd s\".\"My t\" SELECT i / 10, 'k''' || i % 10, 'v' || i, i, i % 50 = 0
         FROM generate_series(1, 5000) i",
    )
    .await;
    let yaml = "
migration:
  name: odd
  database: postgresql
  phases:
    - phase: 1
      operations:
        - type: custom_sql
          sql: 'CREATE TABLE \"Odd s\".\"New t\" (k2 varchar(20), \"K 1\" bigint, \"V\" text, twice numeric(12,1), PRIMARY KEY (k2, \"K 1\"))'
          rollbackSql: 'DROP TABLE \"Odd s\".\"New t\"'
";
    let (_, _) = apply(&test.target, yaml).await;
    let yaml = "
migration:
  name: odd-copy
  database: postgresql
  phases:
    - phase: 1
      operations:
        - type: copy_table
          table: '\"Odd s\".\"My t\"'
          shadow: '\"Odd s\".\"New t\"'
          columns: {V: upper(v), twice: n * 2.0}
          where: NOT hidden
          batchSize: 200
";
    let record = open(&test.target, yaml).await;
    let writer = Writer::start(
        &test.url,
        &[
            "UPDATE \"Odd s\".\"My t\" SET k2 = k2 || 'x' WHERE \"K 1\" = (random() * 500)::int",
            "UPDATE \"Odd s\".\"My t\" SET \"K 1\" = \"K 1\" + 1000 WHERE \"K 1\" = (random() * 500)::int",
            "UPDATE \"Odd s\".\"My t\" SET hidden = NOT hidden WHERE \"K 1\" = (random() * 500)::int",
            "DELETE FROM \"Odd s\".\"My t\" WHERE \"K 1\" = (random() * 500)::int",
            "UPDATE \"Odd s\".\"My t\" SET n = n + 1 WHERE \"K 1\" = {n}",
        ],
    );
    tokio::time::sleep(Duration::from_millis(100)).await;
    phase_done(&test, &record.id, 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let work = writer.stop().await;
    assert!(work.rounds > 5);
    let wrong = "SELECT count(*) FROM (
        (SELECT k2, \"K 1\", upper(v), n * 2.0 FROM \"Odd s\".\"My t\" WHERE NOT hidden
         EXCEPT SELECT k2, \"K 1\", \"V\", twice FROM \"Odd s\".\"New t\")
        UNION ALL
        (SELECT k2, \"K 1\", \"V\", twice FROM \"Odd s\".\"New t\"
         EXCEPT SELECT k2, \"K 1\", upper(v), n * 2.0 FROM \"Odd s\".\"My t\" WHERE NOT hidden)) d";
    assert_eq!(test.number(wrong).await, 0);
    let mut client = test.client().await;
    for sql in [
        // Rows that take each other's keys, in one statement.
        "ALTER TABLE \"Odd s\".\"My t\" ADD COLUMN spare int",
        "UPDATE \"Odd s\".\"My t\" SET \"K 1\" = -\"K 1\" - 1",
        "TRUNCATE \"Odd s\".\"My t\"",
    ] {
        client.run(sql).await;
        assert_eq!(test.number(wrong).await, 0, "{sql}");
    }
}

/// One row becomes several, and fewer again.
#[tokio::test(flavor = "multi_thread")]
async fn one_row_becomes_several() {
    let test = TestTarget::new(Engine::PostgreSql).await;
    test.sql(
        "CREATE TABLE users (id int PRIMARY KEY, tags jsonb, seen int NOT NULL DEFAULT 0);
         INSERT INTO users SELECT i, CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN '[]'
             WHEN 2 THEN '[\"a\", null, 3]' ELSE '[\"b\", \"a\"]' END::jsonb
         FROM generate_series(1, 3000) i;
         CREATE TABLE tags (user_id int, place bigint, tag text, PRIMARY KEY (user_id, place))",
    )
    .await;
    let yaml = "
migration:
  name: tags
  database: postgresql
  phases:
    - phase: 1
      operations:
        - type: copy_table
          table: users
          shadow: tags
          each: jsonb_array_elements_text(users.tags) WITH ORDINALITY AS item(value, place)
          columns: {user_id: id, place: item.place, tag: item.value}
          key: [user_id, place]
          batchSize: 100
";
    let record = open(&test.target, yaml).await;
    let writer = Writer::start(
        &test.url,
        &[
            "UPDATE users SET tags = tags || '[\"more\"]' WHERE id = (random() * 3000)::int AND jsonb_typeof(tags) = 'array'",
            "UPDATE users SET tags = '[\"one\"]' WHERE id = (random() * 3000)::int",
            "UPDATE users SET tags = NULL WHERE id = (random() * 3000)::int",
            "DELETE FROM users WHERE id = (random() * 3000)::int",
            "UPDATE users SET seen = seen + 1 WHERE id = (random() * 3000)::int",
        ],
    );
    phase_done(&test, &record.id, 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let work = writer.stop().await;
    assert_eq!(work.errors, Vec::<String>::new());
    let said = "SELECT id, place, value FROM users, jsonb_array_elements_text(tags) WITH ORDINALITY AS i(value, place)";
    let kept = "SELECT user_id, place, tag FROM tags";
    let wrong =
        format!("SELECT count(*) FROM (({said} EXCEPT {kept}) UNION ALL ({kept} EXCEPT {said})) d");
    assert_eq!(test.number(&wrong).await, 0);
    // A change of another column leaves the rows alone, whoever has changed them since.
    test.sql(
        "UPDATE tags SET tag = 'by hand' WHERE user_id = 2; UPDATE users SET seen = 9 WHERE id = 2",
    )
    .await;
    assert_eq!(
        test.number("SELECT count(*) FROM tags WHERE user_id = 2 AND tag <> 'by hand'")
            .await,
        0
    );
    // A table whose rows became several cannot be swapped with them.
    let swap = "
migration:
  name: swap
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: swap_tables, table: users, shadow: tags, oldName: users_old}
";
    let document = bellows::document::parse(swap).unwrap();
    let problems = bellows::plan::plan(&document, Some(&test.schema().await)).unwrap_err();
    assert!(problems[0].message.contains("several"), "{problems:?}");
}
