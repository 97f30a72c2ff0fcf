//! Backfills along every kind of key.

use bellows::document::Engine;
use bellows::run::EventKind;
use bellows_server::executor::{Outcome, control};

use crate::support::{Events, TestTarget, apply, open, run, run_with};

fn document(engine: Engine) -> String {
    format!(
        "
migration:
  name: fill
  database: {}
  phases:
    - phase: 1
      operations:
        - {{type: backfill, table: \"Odd t\", sql: \"b = a * 2\", where: b IS NULL AND a IS NOT NULL, batchSize: 300}}
      validation:
        - {{check: custom, sql: 'SELECT count(*) FROM \"Odd t\" WHERE b <> a * 2 OR b IS NULL AND a IS NOT NULL'}}
",
        engine.word()
    )
}

/// Makes 2,000 rows with keys of that kind, every hundredth without a source, fills them, and
/// counts by a trigger how often rows were written.
async fn fills(engine: Engine, definition: &str, values: &str) {
    let test = TestTarget::new(engine).await;
    test.sql(&format!(
        "CREATE TABLE \"Odd t\" ({definition}, a int, b int);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
         INSERT INTO \"Odd t\" SELECT {values}, CASE WHEN i % 100 = 0 THEN NULL ELSE i END, NULL FROM n"
    ))
    .await;
    test.count_updates("\"Odd t\"").await;
    let (_, events) = apply(&test.target, &document(engine)).await;
    assert_eq!(
        test.number("SELECT count(*) FROM \"Odd t\" WHERE b = a * 2")
            .await,
        1980
    );
    // Twenty have no source: they stay as they are, however often they are met.
    assert_eq!(test.counted().await, 1980, "no row twice");
    let last = events
        .all()
        .into_iter()
        .rfind(|e| matches!(e, EventKind::Progress { .. }));
    let Some(EventKind::Progress { rows, total, .. }) = last else {
        panic!("no progress");
    };
    assert_eq!(rows, total, "it ends at all of it");
    assert_eq!(rows, 2000);
}

#[tokio::test]
async fn postgres_bigint() {
    fills(Engine::PostgreSql, "id bigint PRIMARY KEY", "i * 1000003").await;
}

#[tokio::test]
async fn postgres_composite() {
    fills(
        Engine::PostgreSql,
        "\"K 1\" int, k2 timestamptz, PRIMARY KEY (\"K 1\", k2)",
        "i / 500, now() + i * interval '1 minute'",
    )
    .await;
}

#[tokio::test]
async fn postgres_uuid() {
    fills(
        Engine::PostgreSql,
        "id uuid PRIMARY KEY",
        "gen_random_uuid()",
    )
    .await;
}

#[tokio::test]
async fn postgres_text_under_a_collation() {
    fills(
        Engine::PostgreSql,
        "id text COLLATE \"und-x-icu\" PRIMARY KEY",
        "CASE WHEN i % 2 = 0 THEN 'Ä''' ELSE 'a\"\\' END || md5(i::text)",
    )
    .await;
}

#[tokio::test]
async fn postgres_varchar_and_char() {
    fills(
        Engine::PostgreSql,
        "k varchar(40), c char(10), PRIMARY KEY (k, c)",
        "'k' || (i % 7), 'c' || i",
    )
    .await;
}

#[tokio::test]
async fn postgres_without_a_key() {
    fills(Engine::PostgreSql, "filler text", "repeat('x', 100)").await;
}

#[tokio::test]
async fn sqlite_rowid() {
    fills(Engine::Sqlite, "id INTEGER PRIMARY KEY", "i * 1003").await;
}

#[tokio::test]
async fn sqlite_without_a_key() {
    fills(Engine::Sqlite, "filler text", "'x'").await;
}

#[tokio::test]
async fn sqlite_without_rowid() {
    let test = TestTarget::sqlite().await;
    test.sql(
        "CREATE TABLE \"Odd t\" (k text COLLATE NOCASE, l, a int, b int, PRIMARY KEY (k, l))
            WITHOUT ROWID;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
         INSERT INTO \"Odd t\" (k, l, a)
         SELECT 'it''s ' || (i % 40),
                CASE i % 3 WHEN 0 THEN i WHEN 1 THEN 'text ' || i ELSE CAST('b' || i AS BLOB) END,
                i FROM n",
    )
    .await;
    apply(&test.target, &document(Engine::Sqlite)).await;
    assert_eq!(
        test.number("SELECT count(*) FROM \"Odd t\" WHERE b = a * 2")
            .await,
        2000
    );
}

#[tokio::test]
async fn an_empty_table_is_done_at_once() {
    for engine in [Engine::PostgreSql, Engine::Sqlite] {
        let test = TestTarget::new(engine).await;
        test.sql("CREATE TABLE \"Odd t\" (id int PRIMARY KEY, a int, b int)")
            .await;
        apply(&test.target, &document(engine)).await;
    }
}

/// A batch waits 5 ms, so that there is time to ask for something.
fn slow(engine: Engine) -> String {
    document(engine).replace("batchSize: 300", "batchSize: 20, pauseMs: 5")
}

async fn big(engine: Engine) -> TestTarget {
    let test = TestTarget::new(engine).await;
    test.sql(
        "CREATE TABLE \"Odd t\" (id int PRIMARY KEY, a int, b int);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
         INSERT INTO \"Odd t\" SELECT i, i, NULL FROM n",
    )
    .await;
    test
}

async fn pauses_and_goes_on(engine: Engine) {
    let test = big(engine).await;
    let record = open(&test.target, &slow(engine)).await;
    let events = Events::default();
    let (sender, receiver) = control();
    let (outcome, ()) = tokio::join!(
        run_with(&test.target, &record.id, 1, &events, receiver),
        async {
            events
                .seen(|e| matches!(e, EventKind::Progress { .. }))
                .await;
            sender.pause();
        }
    );
    assert!(
        matches!(
            outcome,
            Outcome::Stopped {
                reason: bellows::run::StopReason::Paused,
                ..
            }
        ),
        "{outcome:?}"
    );
    let filled = test.number("SELECT count(b) FROM \"Odd t\"").await;
    assert!(filled > 0 && filled < 4000, "{filled}");
    let paused = bellows_server::executor::execution(&test.target, &record.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(paused.state, bellows::run::ExecutionState::Paused);
    let more = Events::default();
    assert_eq!(
        run(&test.target, &record.id, 1, &more).await,
        Outcome::Completed
    );
    assert!(
        more.all()
            .iter()
            .any(|e| matches!(e, EventKind::PhaseStarted { resumed: true, .. }))
    );
    assert_eq!(test.number("SELECT count(b) FROM \"Odd t\"").await, 4000);
}

#[tokio::test]
async fn postgres_pauses_and_goes_on() {
    pauses_and_goes_on(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_pauses_and_goes_on() {
    pauses_and_goes_on(Engine::Sqlite).await;
}

async fn is_cancelled(engine: Engine) {
    let test = big(engine).await;
    let yaml = slow(engine).replace(
        "      operations:",
        "      operations:\n        - {type: add_column, table: \"Odd t\", column: c, dataType: int, nullable: true}",
    );
    let record = open(&test.target, &yaml).await;
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
    let schema = test.schema().await;
    let table = schema.table(&"\"Odd t\"".to_owned().into()).unwrap();
    assert!(table.column("c").is_none(), "its column is taken back");
    let words = events.words();
    assert_eq!(words.last().map(String::as_str), Some("finished"));
}

#[tokio::test]
async fn postgres_is_cancelled() {
    is_cancelled(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_is_cancelled() {
    is_cancelled(Engine::Sqlite).await;
}
