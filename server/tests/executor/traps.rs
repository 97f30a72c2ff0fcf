//! Where a straightforward implementation loses rows or stops traffic, each by the number that the
//! trap has in the list of them. Numbers 9, 10, 13, 14 and 15 are with the patterns' rows, 12 with
//! the partitions (`shadow_patterns.rs`), 16 with the copies (`shadow.rs`).

use bellows::builder::MigrationPatterns;
use bellows::document::{Engine, emit};
use bellows::lint::Severity;
use bellows::schema::TableName;
use bellows_server::executor::Outcome;

use crate::support::{Events, TestTarget, Writer, apply, open, plan_for, run};

on_mariadb_and_mysql! {
    trap_4_no_insert_fails_once_the_column_is_gone,
    trap_5_a_default_is_no_write,
    trap_6_newer_values_stay_and_defaults_are_filled,
    trap_7_null_sources_and_gaps_end_no_backfill_and_keep_none_going,
}

fn key(engine: Engine) -> &'static str {
    match engine {
        Engine::PostgreSql | Engine::MySql | Engine::MariaDb => "bigint PRIMARY KEY",
        Engine::Sqlite => "INTEGER PRIMARY KEY",
    }
}

async fn phase(test: &TestTarget, id: &str, phase: u32) {
    let events = Events::default();
    let outcome = run(&test.target, id, phase, &events).await;
    assert!(
        matches!(outcome, Outcome::PhaseCompleted | Outcome::Completed),
        "phase {phase}: {outcome:?}\n{:#?}",
        events.all()
    );
}

/// Renaming by copy drops what hung on the column; a view with `SELECT *` blocks the drop.
#[tokio::test]
async fn trap_3_what_hung_on_a_column_arrives_on_its_copy() {
    let test = TestTarget::postgres().await;
    test.sql(
        "CREATE TABLE countries (code text PRIMARY KEY);
         INSERT INTO countries VALUES ('NL'), ('BE');
         CREATE TABLE people (id bigint PRIMARY KEY,
            country text NOT NULL DEFAULT 'NL' CONSTRAINT known REFERENCES countries,
            CONSTRAINT short CHECK (length(country) = 2), CONSTRAINT one UNIQUE (id, country));
         CREATE INDEX by_country ON people (country, id) WHERE country <> 'BE';
         ALTER TABLE people ALTER country SET STATISTICS 77;
         GRANT SELECT (country) ON people TO PUBLIC;
         COMMENT ON COLUMN people.country IS 'where';
         CREATE VIEW all_of_it AS SELECT * FROM people;
         INSERT INTO people SELECT i, CASE i % 2 WHEN 0 THEN 'NL' ELSE 'BE' END FROM generate_series(1, 500) i",
    )
    .await;
    let schema = test.schema().await;
    let migration = MigrationPatterns::safe_rename_column("people", "country", "land", "text")
        .with("soak", "0")
        .on(&schema)
        .build()
        .unwrap();
    apply(&test.target, &emit(&migration)).await;
    for (what, sql) in [
        (
            "its NOT NULL, default, comment and statistics target",
            "SELECT count(*) FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE attrelid = 'people'::regclass AND attname = 'land' AND attnotnull AND pg_get_expr(adbin, adrelid) LIKE '''NL''%' AND col_description(attrelid, attnum) = 'where' AND attstattarget = 77",
        ),
        (
            "its privileges",
            "SELECT count(*) FROM pg_attribute WHERE attrelid = 'people'::regclass AND attname = 'land' AND attacl::text LIKE '%=r/%'",
        ),
        (
            "its foreign key",
            "SELECT count(*) FROM pg_constraint WHERE conrelid = 'people'::regclass AND contype = 'f' AND convalidated AND pg_get_constraintdef(oid) LIKE '%(land)%'",
        ),
        (
            "its check",
            "SELECT count(*) FROM pg_constraint WHERE conrelid = 'people'::regclass AND contype = 'c' AND convalidated AND pg_get_constraintdef(oid) LIKE '%length(land)%'",
        ),
        (
            "its unique key",
            "SELECT count(*) FROM pg_constraint WHERE conrelid = 'people'::regclass AND contype = 'u' AND pg_get_constraintdef(oid) LIKE '%(id, land)%'",
        ),
        (
            "its partial index",
            "SELECT count(*) FROM pg_indexes WHERE tablename = 'people' AND indexdef LIKE '%(land, id) WHERE (land <> %'",
        ),
        (
            "the view",
            "SELECT (count(*) = 250)::int::int8 FROM all_of_it WHERE country = 'NL'",
        ),
    ] {
        assert_eq!(test.number(sql).await, 1, "{what} did not arrive");
    }
    assert!(
        test.schema()
            .await
            .table(&TableName::parse("people"))
            .unwrap()
            .column("country")
            .is_none()
    );
}

/// A dual-written column that is dropped while its trigger stays: every insert fails.
async fn trap_4_no_insert_fails_once_the_column_is_gone(engine: Engine) {
    let test = TestTarget::new(engine).await;
    let key = key(engine);
    test.sql(&format!(
        "CREATE TABLE t (id {key}, was varchar(20)); INSERT INTO t VALUES (1, 'one')"
    ))
    .await;
    let yaml = format!(
        "
migration:
  name: gone
  database: {}
  phases:
    - phase: 1
      operations:
        - {{type: add_column, table: t, column: now_is, dataType: varchar(20)}}
        - {{type: enable_dual_write, table: t, oldColumn: was, newColumn: now_is}}
    - phase: 2
      operations:
        - {{type: backfill, table: t, sql: now_is = was}}
    - phase: 3
      operations:
        - {{type: drop_column, table: t, column: was}}
",
        engine.word()
    );
    let record = open(&test.target, &yaml).await;
    phase(&test, &record.id, 1).await;
    phase(&test, &record.id, 2).await;
    // An application that has learned the new name writes all the while.
    let writer = Writer::start(
        &test.url,
        &[
            "INSERT INTO t (id, now_is) VALUES (10 + {n}, 'new')",
            "UPDATE t SET now_is = 'x' WHERE id = 10 + {n}",
        ],
    );
    phase(&test, &record.id, 3).await;
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let work = writer.stop().await;
    assert_eq!(work.errors, Vec::<String>::new());
    test.sql("INSERT INTO t (id, now_is) VALUES (2, 'two'); DELETE FROM t WHERE id = 1")
        .await;
    let table = test
        .schema()
        .await
        .table(&TableName::parse("t"))
        .unwrap()
        .clone();
    assert!(table.dual_writes.is_empty() && table.triggers.is_empty());
}

#[tokio::test]
async fn postgres_trap_4_no_insert_fails_once_the_column_is_gone() {
    trap_4_no_insert_fails_once_the_column_is_gone(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_trap_4_no_insert_fails_once_the_column_is_gone() {
    trap_4_no_insert_fails_once_the_column_is_gone(Engine::Sqlite).await;
}

/// BEFORE triggers cannot tell what was written from what the default filled in.
async fn trap_5_a_default_is_no_write(engine: Engine) {
    let test = TestTarget::new(engine).await;
    let key = key(engine);
    test.sql(&format!(
        "CREATE TABLE t (id {key}, was varchar(20) DEFAULT 'old default')"
    ))
    .await;
    let yaml = format!(
        "
migration:
  name: defaults
  database: {}
  phases:
    - phase: 1
      operations:
        - {{type: add_column, table: t, column: now_is, dataType: varchar(20), defaultValue: new default}}
        - {{type: enable_dual_write, table: t, oldColumn: was, newColumn: now_is}}
",
        engine.word()
    );
    if engine == Engine::Sqlite {
        // Its triggers run after the default: it says so, and what to do.
        let document = bellows::document::parse(&yaml).unwrap();
        let problems = bellows::plan::plan(&document, Some(&test.schema().await)).unwrap_err();
        let said = &problems[0].message;
        assert!(
            said.contains("cannot tell it from a value that was written"),
            "{said}"
        );
        assert!(said.contains("drop_default"), "{said}");
        return;
    }
    let record = open(&test.target, &yaml).await;
    phase(&test, &record.id, 1).await;
    test.sql(
        "INSERT INTO t (id, was) VALUES (1, 'by the old');
         INSERT INTO t (id, now_is) VALUES (2, 'by the new');
         INSERT INTO t (id, was) VALUES (3, 'old default');
         INSERT INTO t (id, now_is) VALUES (4, 'new default')",
    )
    .await;
    for (id, said) in [
        (1, "by the old"),
        (2, "by the new"),
        (3, "old default"),
        (4, "new default"),
    ] {
        let sql = format!(
            "SELECT count(*) FROM t WHERE id = {id} AND was = '{said}' AND now_is = '{said}'"
        );
        assert_eq!(test.number(&sql).await, 1, "row {id}: {said}");
    }
}

#[tokio::test]
async fn postgres_trap_5_a_default_is_no_write() {
    trap_5_a_default_is_no_write(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_trap_5_a_default_is_no_write() {
    trap_5_a_default_is_no_write(Engine::Sqlite).await;
}

/// A backfill puts nothing back that an application has changed since, and does its work where a
/// constant default already filled the column.
async fn trap_6_newer_values_stay_and_defaults_are_filled(engine: Engine) {
    let test = TestTarget::new(engine).await;
    let key = key(engine);
    test.sql(&format!(
        "CREATE TABLE t (id {key}, was varchar(20));
         INSERT INTO t
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         SELECT i, 'old' FROM n"
    ))
    .await;
    let yaml = format!(
        "
migration:
  name: newer
  database: {}
  phases:
    - phase: 1
      operations:
        - {{type: add_column, table: t, column: now_is, dataType: varchar(20){default}}}
        - {{type: enable_dual_write, table: t, oldColumn: was, newColumn: now_is}}
    - phase: 2
      operations:
        - {{type: backfill, table: t, sql: now_is = was, batchSize: 50}}
      validation:
        - {{check: columns_match, table: t, oldColumn: was, newColumn: now_is}}
",
        engine.word(),
        // SQLite refuses columns with defaults to be kept in step.
        default = if engine == Engine::Sqlite {
            ""
        } else {
            ", defaultValue: x"
        }
    );
    let record = open(&test.target, &yaml).await;
    phase(&test, &record.id, 1).await;
    test.sql(
        "UPDATE t SET now_is = 'newer' WHERE id = 400; UPDATE t SET was = 'later' WHERE id = 401",
    )
    .await;
    phase(&test, &record.id, 2).await;
    let wrong = "SELECT count(*) FROM t WHERE now_is <> CASE id WHEN 400 THEN 'newer' WHEN 401 THEN 'later' ELSE 'old' END";
    assert_eq!(test.number(wrong).await, 0);
}

#[tokio::test]
async fn postgres_trap_6_newer_values_stay_and_defaults_are_filled() {
    trap_6_newer_values_stay_and_defaults_are_filled(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_trap_6_newer_values_stay_and_defaults_are_filled() {
    trap_6_newer_values_stay_and_defaults_are_filled(Engine::Sqlite).await;
}

/// A NULL source is a row done, and a gap in the keys is no end.
async fn trap_7_null_sources_and_gaps_end_no_backfill_and_keep_none_going(engine: Engine) {
    let test = TestTarget::new(engine).await;
    let key = key(engine);
    test.sql(&format!(
        "CREATE TABLE t (id {key}, was varchar(20), now_is varchar(20));
         INSERT INTO t (id, was)
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)
         SELECT CASE WHEN i < 450 THEN i ELSE i * 100000 END,
                CASE WHEN i % 3 > 0 THEN 'old' END FROM n"
    ))
    .await;
    let yaml = format!(
        "
migration:
  name: gaps
  database: {}
  phases:
    - phase: 1
      operations:
        - {{type: backfill, table: t, sql: now_is = was, where: now_is IS NULL, batchSize: 20}}
",
        engine.word()
    );
    let record = open(&test.target, &yaml).await;
    tokio::time::timeout(
        std::time::Duration::from_secs(120),
        phase(&test, &record.id, 1),
    )
    .await
    .expect("it ends, though a third of the rows is never done by its condition");
    assert_eq!(
        test.number("SELECT count(*) FROM t WHERE now_is = was")
            .await,
        600
    );
}

#[tokio::test]
async fn postgres_trap_7_null_sources_and_gaps_end_no_backfill_and_keep_none_going() {
    trap_7_null_sources_and_gaps_end_no_backfill_and_keep_none_going(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_trap_7_null_sources_and_gaps_end_no_backfill_and_keep_none_going() {
    trap_7_null_sources_and_gaps_end_no_backfill_and_keep_none_going(Engine::Sqlite).await;
}

/// A DO loop without COMMIT is one transaction that holds every row's lock to its end.
#[tokio::test]
async fn trap_8_a_loop_that_never_commits_is_no_batch() {
    let test = TestTarget::postgres().await;
    test.sql("CREATE TABLE t (id bigint PRIMARY KEY, n int); INSERT INTO t SELECT i, NULL FROM generate_series(1, 1000) i")
        .await;
    let document = |commit: &str| {
        format!(
            "
migration:
  name: loop
  database: postgresql
  phases:
    - phase: 1
      operations:
        - type: custom_sql
          rollbackSql: SELECT 1
          sql: |
            DO $$
            DECLARE done integer;
            BEGIN
              LOOP
                UPDATE t SET n = 1 WHERE id IN (SELECT id FROM t WHERE n IS NULL LIMIT 100);
                GET DIAGNOSTICS done = ROW_COUNT;
                EXIT WHEN done = 0;
                {commit}
              END LOOP;
            END $$
"
        )
    };
    let plan = plan_for(&test.target, &document("NULL;")).await;
    let refused = |f: &&bellows::lint::Finding| f.severity == Severity::Error;
    assert!(
        plan.findings.iter().any(|f| refused(&f)),
        "{:#?}",
        plan.findings
    );
    assert!(!plan.safe);
    // It is run outside of a transaction, where it may commit.
    apply(&test.target, &document("COMMIT;")).await;
    assert_eq!(
        test.number("SELECT count(*) FROM t WHERE n = 1").await,
        1000
    );
}

/// UNIQUE USING INDEX renames the index: whoever looks for it later must know.
#[tokio::test]
async fn trap_11_the_index_of_a_constraint_is_found_under_its_name() {
    let test = TestTarget::postgres().await;
    test.sql("CREATE TABLE t (id bigint PRIMARY KEY, mail text); INSERT INTO t SELECT i, 'm' || i FROM generate_series(1, 100) i")
        .await;
    let yaml = "
migration:
  name: one-mail
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: add_unique, table: t, constraintName: one_mail, columns: [mail]}
      validation:
        - {check: index_exists, table: t}
        - {check: index_exists, table: t, indexName: one_mail}
        - {check: index_exists, table: t, columns: [mail]}
        - {check: constraint_valid, table: t, constraintName: one_mail}
    - phase: 2
      operations:
        - {type: add_column, table: t, column: more, dataType: text}
      validation:
        - {check: index_exists, table: t, indexName: one_mail}
";
    let (record, _) = apply(&test.target, yaml).await;
    // A run that died when the index was there and its constraint was not goes on with that.
    test.sql(&format!(
        "ALTER TABLE t DROP CONSTRAINT one_mail, DROP COLUMN more;
         CREATE UNIQUE INDEX one_mail ON t (mail);
         DELETE FROM bellows.step WHERE execution = '{0}' AND id <> '1.0.0';
         UPDATE bellows.step SET state = 'intent', completed_at = NULL WHERE execution = '{0}';
         UPDATE bellows.phase SET state = CASE phase WHEN 1 THEN 'running' ELSE 'pending' END WHERE execution = '{0}';
         UPDATE bellows.execution SET state = 'running', completed_at = NULL WHERE id = '{0}'",
        record.id
    ))
    .await;
    phase(&test, &record.id, 1).await;
    phase(&test, &record.id, 2).await;
    let indexes = "SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass AND indisvalid";
    assert_eq!(
        test.number(indexes).await,
        2,
        "the key's and the constraint's"
    );
    // DROP INDEX is no way to take it away, and the document is told so.
    let drop = "
migration:
  name: no-mail
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: drop_index, table: t, indexName: one_mail}
";
    let document = bellows::document::parse(drop).unwrap();
    let problems = bellows::plan::plan(&document, Some(&test.schema().await)).unwrap_err();
    assert!(
        problems[0].message.contains("drop_constraint"),
        "{problems:?}"
    );
}
