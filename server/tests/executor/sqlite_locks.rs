//! Every row of `tests/locks/sqlite.yaml` on real files: what SQLite refuses, how much it reads and
//! writes, who waits for it, and whether a transaction can hold it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bellows::schema::Schema;
use bellows_server::target::Target;
use serde::Deserialize;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};
use sqlx::{Connection, Executor, Row as _, SqliteConnection};

const ROWS: u64 = 6_000;
const PAGE: u64 = 4096;
/// The header of a page in the write-ahead log.
const FRAME: u64 = 24;

/// `c` and `g` hang on nothing; every other column says by its name what does.
const TABLES: &[&str] = &[
    "CREATE TABLE ref (id INTEGER PRIMARY KEY)",
    "CREATE TABLE empty (id INTEGER PRIMARY KEY)",
    "CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b TEXT NOT NULL DEFAULT 'b', c TEXT, vc TEXT,
     tc TEXT, u INT UNIQUE, ck INT CHECK (ck IS NULL OR ck > 0), k INT,
     g INT GENERATED ALWAYS AS (id + 1) VIRTUAL, r INT REFERENCES ref (id), f INT, pad TEXT,
     CHECK (k IS NULL OR k > 0), FOREIGN KEY (f) REFERENCES ref (id))",
    "CREATE INDEX ia ON t (a)",
    "CREATE VIEW vw AS SELECT id, vc FROM t",
    "CREATE TRIGGER tg AFTER UPDATE OF tc ON t BEGIN SELECT new.tc; END",
    "INSERT INTO ref VALUES (1)",
    "INSERT INTO t (id, a, c, u, k, r, pad)
     WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
     SELECT i, i % 100, 'c', i, i, 1, printf('%0100d', i) FROM n",
    "CREATE TABLE plain AS SELECT id, pad FROM t",
];

/// A claim: what a statement does.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    sql: String,
    work: Option<String>,
    locks: Option<String>,
    #[serde(default = "allowed")]
    transaction: String,
    /// The first version that does not refuse it.
    needs: Option<u32>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Table {
    rows: Vec<Row>,
}

fn allowed() -> String {
    "allowed".to_owned()
}

/// A file of one try's own.
struct Room {
    _dir: tempfile::TempDir,
    path: PathBuf,
    mode: SqliteJournalMode,
}

impl Room {
    async fn new(template: &Path, mode: SqliteJournalMode) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db");
        std::fs::copy(template, &path).unwrap();
        let room = Self {
            _dir: dir,
            path,
            mode,
        };
        // Whoever opens it first changes the mode of the file.
        room.connect().await.close().await.unwrap();
        room
    }

    async fn connect(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .journal_mode(self.mode)
            .foreign_keys(true)
            .busy_timeout(Duration::ZERO)
            .pragma("wal_autocheckpoint", "0");
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    /// Pages in the write-ahead log.
    fn written(&self) -> u64 {
        let log = self.path.with_extension("db-wal");
        let bytes = std::fs::metadata(log).map_or(0, |file| file.len());
        bytes.saturating_sub(32) / (PAGE + FRAME)
    }
}

async fn pages(conn: &mut SqliteConnection, table: &str) -> u64 {
    let sql = format!("SELECT count(*) FROM dbstat WHERE name = '{table}'");
    let pages: i64 = conn.fetch_one(sql.as_str()).await.unwrap().get(0);
    u64::try_from(pages).unwrap()
}

fn words(error: &sqlx::Error) -> String {
    error
        .as_database_error()
        .unwrap_or_else(|| panic!("{error}"))
        .message()
        .to_owned()
}

/// What it does, run by itself.
async fn work(template: &Path, sql: &str) -> Result<&'static str, String> {
    let room = Room::new(template, SqliteJournalMode::Wal).await;
    let mut conn = room.connect().await;
    let whole = pages(&mut conn, "t").await;
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        .await
        .unwrap();
    let steps = Arc::new(AtomicU64::new(0));
    let counted = steps.clone();
    conn.lock_handle()
        .await
        .unwrap()
        .set_progress_handler(10, move || {
            counted.fetch_add(10, Ordering::Relaxed);
            true
        });
    conn.execute(sql).await.map_err(|error| words(&error))?;
    let written = room.written();
    // What leads to the leaves is not written anew.
    Ok(if written * 10 >= whole * 8 {
        "rewrite"
    } else if written > 8 {
        "index"
    } else if steps.load(Ordering::Relaxed) >= ROWS {
        "scan"
    } else {
        "brief"
    })
}

/// Whether it waits for that transaction of somebody else.
async fn waits(template: &Path, mode: SqliteJournalMode, sql: &str, held: &[&str]) -> bool {
    let room = Room::new(template, mode).await;
    let mut holder = room.connect().await;
    for sql in held {
        holder.execute(*sql).await.unwrap();
    }
    let mut conn = room.connect().await;
    match conn.execute(sql).await {
        Ok(_) => false,
        Err(error) if words(&error).contains("locked") => true,
        Err(error) => panic!("{error}: {sql}"),
    }
}

/// How it stands to a transaction, and what it says where it is refused there.
async fn transaction(template: &Path, sql: &str) -> (&'static str, Option<String>, bool, bool) {
    let room = Room::new(template, SqliteJournalMode::Wal).await;
    let mut conn = room.connect().await;
    let before = state(&mut conn, sql).await;
    conn.execute("BEGIN").await.unwrap();
    if let Err(error) = conn.execute(sql).await {
        return ("refused", Some(words(&error)), false, true);
    }
    let after = state(&mut conn, sql).await;
    let mut other = room.connect().await;
    let writer = other.execute("BEGIN IMMEDIATE").await.is_err();
    let reader = other.execute("SELECT count(*) FROM ref").await.is_ok();
    conn.execute("ROLLBACK").await.unwrap();
    // A transaction undoes whatever is in the file.
    if !sql.starts_with("PRAGMA") && !sql.starts_with("ATTACH") {
        assert_eq!(state(&mut conn, sql).await, before, "{sql}");
    }
    let alone = Room::new(template, SqliteJournalMode::Wal).await;
    let mut conn = alone.connect().await;
    let unchanged = state(&mut conn, sql).await;
    conn.execute(sql).await.unwrap();
    let ignored = before == after && state(&mut conn, sql).await != unchanged;
    let stands = if ignored { "ignored" } else { "allowed" };
    (stands, None, writer, reader)
}

/// The schema, and the pragma that is set.
async fn state(conn: &mut SqliteConnection, sql: &str) -> String {
    let mut out = String::new();
    let schema = "SELECT coalesce(group_concat(name || coalesce(sql, ''), ';'), '')
        FROM (SELECT * FROM sqlite_schema ORDER BY name)";
    out.push_str(&conn.fetch_one(schema).await.unwrap().get::<String, _>(0));
    if let Some(pragma) = sql.strip_prefix("PRAGMA ")
        && let Some((name, _)) = pragma.split_once(" =")
    {
        let row = conn
            .fetch_one(format!("PRAGMA {name}").as_str())
            .await
            .unwrap();
        out.push_str(&row.get_unchecked::<String, _>(0));
    }
    out
}

async fn seen(template: &Path, row: &Row) -> Row {
    let mut seen = row.clone();
    match work(template, &row.sql).await {
        Ok(work) => seen.work = Some(work.to_owned()),
        Err(error) => {
            seen.error = Some(error);
            return seen;
        }
    }
    let (stands, error, writer, reader) = transaction(template, &row.sql).await;
    assert!(reader, "{}: readers wait", row.sql);
    seen.transaction = stands.to_owned();
    seen.error = error;
    let wal = SqliteJournalMode::Wal;
    let alone = waits(template, wal, &row.sql, &["BEGIN IMMEDIATE"]).await;
    if stands != "refused" {
        assert_eq!(alone, writer, "{}: both ways", row.sql);
    }
    seen.locks = Some(if alone { "write" } else { "nothing" }.to_owned());
    // Without a write-ahead log whoever writes waits for readers, too: at the latest to commit.
    let read = ["BEGIN", "SELECT count(*) FROM ref"];
    let journal = waits(template, SqliteJournalMode::Delete, &row.sql, &read).await;
    let changes_mode = row.sql.contains("journal_mode");
    assert!(journal == alone || changes_mode, "{}: readers", row.sql);
    seen
}

async fn template(dir: &Path) -> PathBuf {
    let template = dir.join("template.db");
    let options = SqliteConnectOptions::new()
        .filename(&template)
        .create_if_missing(true);
    let mut conn = SqliteConnection::connect_with(&options).await.unwrap();
    for sql in TABLES {
        conn.execute(*sql).await.unwrap();
    }
    conn.close().await.unwrap();
    template
}

#[tokio::test]
async fn every_row_of_the_table_is_what_sqlite_does() {
    let dir = tempfile::tempdir().unwrap();
    let template = template(dir.path()).await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/locks/sqlite.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = serde_norway::from_str::<Table>(&text).unwrap().rows;
    assert!(rows.len() >= 40);
    let mut wrong = Vec::new();
    for row in &rows {
        let mut seen = seen(&template, row).await;
        if let (Some(says), Some(claimed)) = (&seen.error, &row.error)
            && says.contains(claimed.as_str())
        {
            seen.error.clone_from(&row.error);
        }
        if seen != *row {
            wrong.push(format!("claimed {row:?}\nseen    {seen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Why the old table is never renamed first: what points to it follows.
#[tokio::test]
async fn references_follow_a_table_that_is_renamed() {
    let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    for sql in [
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (t INT REFERENCES t (id))",
        "CREATE VIEW v AS SELECT id FROM t",
        "PRAGMA foreign_keys = OFF",
        "ALTER TABLE t RENAME TO t_old",
        "CREATE TABLE t (id INTEGER PRIMARY KEY)",
    ] {
        conn.execute(sql).await.unwrap();
    }
    let sql = "SELECT group_concat(sql, ';') FROM sqlite_schema WHERE name IN ('child', 'v')";
    let says: String = conn.fetch_one(sql).await.unwrap().get(0);
    assert_eq!(says.matches("t_old").count(), 2, "{says}");
}

/// What the reader is judged on without a file: these tables, as they are read from one.
#[tokio::test]
async fn the_tables_are_read_as_they_are_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let template = template(dir.path()).await;
    let url = format!("sqlite:{}", template.display()).parse().unwrap();
    let target = Target::connect(&url).await.unwrap();
    let mut schema = target.inspect().await.unwrap();
    schema.version = 3_046_000;
    for table in schema.tables.values_mut() {
        (table.rows, table.bytes) = (0, 0);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/locks/sqlite-schema.json");
    let read = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    if std::env::var("BELLOWS_WRITE_SCHEMA").is_ok() {
        std::fs::write(&path, &read).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    let schema = |text: &str| serde_json::from_str::<Schema>(text).unwrap();
    assert_eq!(schema(&written), schema(&read));
}
