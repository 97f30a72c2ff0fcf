//! Estimates: what a target holds is read from its catalogue, and what statements took there
//! narrows the ranges of the next ones, which hold what they say.

use std::collections::BTreeMap;

use bellows::document::{Engine, parse};
use bellows::estimate::{Kind, TargetFacts};
use bellows::plan::plan_with;
use bellows::schema::TableName;
use bellows_server::executor::{self, Held, NewExecution, Outcome, facts, held, planning_schema};

use crate::support::{Events, TestTarget, run};

on_mariadb_and_mysql! {
    nine_of_ten_statements_take_what_was_stated,
    the_facts_of_a_target,
}

/// Rows of the tables: small ones and middling ones, as far as a test has time for.
const SIZES: [u32; 6] = [500, 2_000, 8_000, 20_000, 40_000, 80_000];

/// How often each kind of work is done on each table, first to learn and then to be judged.
const ROUNDS: usize = 2;

fn name(rows: u32) -> String {
    format!("t{rows}")
}

/// The tables: a number and a text to index, columns to be made NOT NULL, and a key to look up.
async fn tables(test: &TestTarget) {
    let columns = "n integer NOT NULL, t varchar(60) NOT NULL, ref integer,
                   m0 integer, m1 integer, m2 integer, m3 integer";
    let values =
        "(i * 7919) % 100003, concat('a text of ', i % 1009, ' or so'), 1 + i % 1000, i, i, i, i";
    let mut sql = match test.target.engine() {
        Engine::PostgreSql => "CREATE TABLE refs (id integer PRIMARY KEY);
             INSERT INTO refs SELECT generate_series(1, 1000);"
            .to_owned(),
        Engine::MySql | Engine::MariaDb | Engine::Sqlite => String::new(),
    };
    for rows in SIZES {
        let table = name(rows);
        sql += &match test.target.engine() {
            Engine::PostgreSql => format!(
                "CREATE TABLE {table} (id integer PRIMARY KEY, {columns});
                 INSERT INTO {table} SELECT i, {values} FROM generate_series(1, {rows}) i;
                 ANALYZE {table};"
            ),
            Engine::MySql | Engine::MariaDb => format!(
                "CREATE TABLE {table} (id integer PRIMARY KEY, {columns});
                 INSERT INTO {table} SELECT i, {values} FROM (SELECT seq AS i FROM seq_1_to_{rows}) s;
                 ANALYZE TABLE {table};"
            ),
            Engine::Sqlite => format!(
                "CREATE TABLE {table} (id integer PRIMARY KEY, {columns});
                 INSERT INTO {table} WITH RECURSIVE s(i) AS
                     (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {rows})
                     SELECT i, {} FROM s;",
                values.replace("concat('a text of ', i % 1009, ' or so')", "'a text of ' || i % 1009 || ' or so'")
            ),
        };
    }
    test.sql(&sql).await;
}

/// The operations of a kind of work on a table.
fn work(engine: Engine, kind: Kind, table: &str, round: usize) -> String {
    match kind {
        Kind::Index => {
            let columns = ["n", "t, n", "n, m0", "t"][round % 4];
            format!("- {{ type: add_index, table: {table}, indexName: ix_{table}_{round}, columns: [{columns}] }}")
        }
        Kind::Fill => format!(
            "- {{ type: add_column, table: {table}, column: c{round}, dataType: int, nullable: true }}
        - {{ type: backfill, table: {table}, sql: c{round} = n + {round} }}"
        ),
        Kind::Scan => format!(
            "- {{ type: add_check, table: {table}, constraintName: ck_{table}_{round}, sql: n >= -{round} }}"
        ),
        Kind::LookUp => format!(
            "- {{ type: add_foreign_key, table: {table}, constraintName: fk_{table}_{round}, columns: [ref], refTable: refs, refColumns: [id] }}"
        ),
        Kind::Rewrite => format!("- {{ type: set_not_null, table: {table}, column: m{round} }}"),
        Kind::Brief | Kind::Copy | Kind::Compare => panic!("{kind:?} of {engine:?} is not tried"),
    }
}

/// Plans with the facts of the moment, and runs it to its end. The execution's id.
async fn done(test: &TestTarget, migration: &str, operations: &str) -> String {
    let engine = test.target.engine().word();
    let yaml = format!(
        "migration:
  name: {migration}
  database: {engine}
  phases:
    - phase: 1
      operations:
        {operations}
"
    );
    let document = parse(&yaml).unwrap_or_else(|e| panic!("{e:#?}"));
    let schema = planning_schema(&test.target, &document).await.unwrap();
    let now = facts(&test.target).await.unwrap();
    let plan = plan_with(&document, Some(&schema), Some(&now)).unwrap_or_else(|e| panic!("{e:#?}"));
    let new = NewExecution {
        id: uuid::Uuid::now_v7().to_string(),
        migration: migration.to_owned(),
        document: yaml,
        plan,
        planned_on: Some(schema),
        by: "tester".into(),
    };
    let record = executor::open(&test.target, new).await.unwrap().record;
    let events = Events::default();
    let outcome = run(&test.target, &record.id, 1, &events).await;
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    record.id
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Ten statements of each kind and more to learn, as many again to be judged: nine of ten are in
/// the range that was stated before. The one test that looks at time, and at nothing else of it.
async fn nine_of_ten(engine: Engine, kinds: &[Kind]) {
    let test = TestTarget::new(engine).await;
    tables(&test).await;
    let mut judged: Vec<String> = Vec::new();
    for round in 0..2 * ROUNDS {
        for (place, rows) in SIZES.into_iter().enumerate() {
            let migration = format!("work-{place}-{round}");
            let operations: Vec<String> = kinds
                .iter()
                .map(|kind| work(engine, *kind, &name(rows), round))
                .collect();
            let id = done(&test, &migration, &operations.join("\n        ")).await;
            if round >= ROUNDS {
                judged.push(id);
            }
        }
    }
    let mut by_kind: BTreeMap<Kind, Vec<Held>> = BTreeMap::new();
    for held in held(&test.target).await.unwrap() {
        if judged.contains(&held.execution) && held.stated_ms.is_some() {
            by_kind.entry(held.measure.kind).or_default().push(held);
        }
    }
    let (mut all, mut within) = (0, 0);
    for (kind, helds) in &by_kind {
        let inside = |held: &&Held| {
            let (low, high) = held.stated_ms.unwrap();
            let took = held.measure.took_ms;
            low as f64 <= took && took <= high as f64
        };
        let good = helds.iter().filter(inside).count();
        let width = median(
            helds
                .iter()
                .filter_map(|held| held.stated_ms)
                .map(|(low, high)| high as f64 / (low as f64).max(1.0))
                .collect(),
        );
        println!(
            "{engine:?} {kind:?}: {good} of {} in the range, whose median ratio is {width:.1}",
            helds.len()
        );
        for held in helds {
            let (low, high) = held.stated_ms.unwrap();
            println!(
                "    {} rows, {:.1} MB, {} indexes: {low}..{high} ms stated, {:.1} ms taken",
                held.measure.shape.rows,
                held.measure.shape.bytes as f64 / 1e6,
                held.measure.shape.indexes,
                held.measure.took_ms
            );
        }
        all += helds.len();
        within += good;
    }
    for kind in kinds {
        assert!(
            by_kind.get(kind).is_some_and(|h| h.len() >= 10),
            "{kind:?} was measured"
        );
    }
    println!("{engine:?}: {within} of {all}");
    assert!(within * 10 >= all * 9, "{within} of {all}");
}

#[tokio::test]
async fn on_postgresql_nine_of_ten_statements_take_what_was_stated() {
    let kinds = [Kind::Index, Kind::Fill, Kind::Scan, Kind::LookUp];
    nine_of_ten(Engine::PostgreSql, &kinds).await;
}

async fn nine_of_ten_statements_take_what_was_stated(engine: Engine) {
    nine_of_ten(engine, &[Kind::Index, Kind::Fill, Kind::Rewrite]).await;
}

#[tokio::test]
async fn on_sqlite_nine_of_ten_statements_take_what_was_stated() {
    nine_of_ten(Engine::Sqlite, &[Kind::Index, Kind::Fill, Kind::Rewrite]).await;
}

fn near(found: Option<u64>, wanted: u64) -> bool {
    found.is_some_and(|found| found.abs_diff(wanted) * 5 <= wanted)
}

fn table<'f>(facts: &'f TargetFacts, name: &str) -> &'f bellows::estimate::TableFacts {
    &facts.tables[&TableName::parse(name)]
}

#[tokio::test]
async fn the_facts_of_a_postgresql_target() {
    let test = TestTarget::postgres().await;
    test.sql(
        "CREATE TABLE users (id int PRIMARY KEY, name text);
         INSERT INTO users SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i;
         CREATE INDEX users_name ON users (name);
         ALTER TABLE users ADD CONSTRAINT named CHECK (name <> '') NOT VALID;
         CREATE TABLE logs (id int, at int) PARTITION BY RANGE (at);
         CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (10);
         CREATE TABLE logs_rest PARTITION OF logs DEFAULT;
         INSERT INTO logs SELECT i, i % 20 FROM generate_series(1, 1000) i;
         ANALYZE;
         DELETE FROM users WHERE id > 10000",
    )
    .await;
    test.sql("VACUUM ANALYZE users").await;
    let mut holder = test.client().await;
    holder
        .run("BEGIN; SELECT count(*) FROM users /* the holder */")
        .await;
    let facts = facts(&test.target).await.unwrap();
    assert!(facts.read_at > 1_700_000_000_000_000);
    assert!(facts.server.starts_with("PostgreSQL 1"), "{}", facts.server);
    assert_eq!(facts.replicas, Some(0));
    let users = table(&facts, "users");
    assert!(near(users.rows, 10_000), "{users:?}");
    assert!(users.bytes.is_some_and(|b| b > 1_000_000), "{users:?}");
    assert_eq!(
        users.indexes.keys().collect::<Vec<_>>(),
        ["users_name", "users_pkey"]
    );
    assert!(
        users
            .indexes
            .values()
            .all(|size| size.is_some_and(|b| b > 8_000))
    );
    assert_eq!(users.unvalidated, ["named"]);
    assert!(users.analyzed_at.is_some() && users.partitions.is_none());
    let logs = table(&facts, "logs");
    assert_eq!((logs.rows, logs.partitions), (Some(1000), Some(2)));
    assert_eq!(logs.default_partition, Some(TableName::parse("logs_rest")));
    let open = facts.transactions.unwrap();
    assert!(
        open.iter()
            .any(|t| t.query.contains("the holder") && t.idle && t.pid > 0),
        "{open:?}"
    );
    holder.run("COMMIT").await;
}

/// Nobody waits for facts: a table that is locked against everybody has those of its last vacuum.
#[tokio::test]
async fn a_locked_table_has_facts_too() {
    let test = TestTarget::postgres().await;
    test.sql(
        "CREATE TABLE users (id int PRIMARY KEY);
         INSERT INTO users SELECT generate_series(1, 5000)",
    )
    .await;
    test.sql("VACUUM ANALYZE users").await;
    let mut holder = test.client().await;
    holder.run("BEGIN; LOCK TABLE users").await;
    let seen = facts(&test.target).await.unwrap();
    assert_eq!(table(&seen, "users").rows, Some(5000));
    holder.run("COMMIT").await;
}

#[tokio::test]
async fn the_facts_of_a_sqlite_target() {
    the_facts_of_a_target(Engine::Sqlite).await;
}

async fn the_facts_of_a_target(engine: Engine) {
    let test = TestTarget::new(engine).await;
    tables(&test).await;
    test.sql("CREATE INDEX t20000_n ON t20000 (n)").await;
    let facts = facts(&test.target).await.unwrap();
    assert!(facts.server.starts_with(engine.title()), "{}", facts.server);
    let found = table(&facts, "t20000");
    assert!(near(found.rows, 20_000), "{engine:?} {found:?}");
    assert!(
        found.bytes.is_some_and(|b| b > 300_000),
        "{engine:?} {found:?}"
    );
    assert!(
        found.indexes.contains_key("t20000_n"),
        "{engine:?} {found:?}"
    );
    assert!(
        !facts
            .tables
            .keys()
            .any(|name| name.name.starts_with("_bellows"))
    );
}
