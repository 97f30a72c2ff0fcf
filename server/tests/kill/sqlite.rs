//! SIGKILL of the command line at random moments of a rebuild, and of a copy and a swap, of a SQLite
//! file that another process writes meanwhile.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::Rng;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, Executor, Row, SqliteConnection};

/// Kills that find a run at work, which each of the tests deals out at least.
const KILLS: usize = 12;

/// A file, and what is done with it.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    async fn new(sql: &str, document: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let stage = Self { dir };
        std::fs::write(stage.path("document.yaml"), document).expect("a document");
        let options = stage.options().create_if_missing(true);
        let mut conn = SqliteConnection::connect_with(
            &options.journal_mode(sqlx::sqlite::SqliteJournalMode::Wal),
        )
        .await
        .expect("a file");
        conn.execute(sql).await.expect("tables");
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(self.path("app.db"))
            .busy_timeout(Duration::from_secs(30))
    }

    async fn client(&self) -> SqliteConnection {
        SqliteConnection::connect_with(&self.options())
            .await
            .expect("a connection")
    }

    async fn number(&self, sql: &str) -> i64 {
        sqlx::query(sql)
            .fetch_one(&mut self.client().await)
            .await
            .unwrap_or_else(|e| panic!("{e}: {sql}"))
            .get(0)
    }

    fn apply(&self, more: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_bellows"))
            .args(["migrate", "apply"])
            .arg(self.path("document.yaml"))
            .args([
                "--target",
                &format!("sqlite:{}", self.path("app.db").display()),
            ])
            .args(["-y", "--skip-backup", "--format", "json"])
            .args(more)
            .env("BELLOWS_DATA_DIR", self.path("data"))
            .env("USER", "ada")
            .env_remove("BELLOWS_TARGET")
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bellows starts")
    }

    /// Kills it until enough kills have found it at work, then lets it through. Gives how many did,
    /// and how many of them found it further than the one before.
    async fn through_kills(&self, holds: impl AsyncFn(&Self)) -> (usize, usize) {
        let (mut hits, mut further) = (0, 0);
        let mut far = self.far().await;
        for _ in 0..KILLS * 40 {
            let mut child = self.apply(&[]);
            let life = rand::rng().random_range(60..600);
            tokio::time::sleep(Duration::from_millis(life)).await;
            let ended = child.try_wait().expect("its status").is_some();
            // SIGKILL: no handler runs, nothing is flushed.
            let _ = child.kill();
            child.wait().expect("it is gone");
            holds(self).await;
            let now = self.far().await;
            if !ended && now > 0 {
                hits += 1;
                further += usize::from(now != far);
            }
            far = now;
            if ended || hits >= KILLS && further >= 3 {
                break;
            }
        }
        let output = self.apply(&[]).wait_with_output().expect("its output");
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        holds(self).await;
        (hits, further)
    }

    /// Everything that a run writes about itself, as a number that grows.
    async fn far(&self) -> i64 {
        let known = "SELECT count(*) FROM sqlite_schema WHERE name = '_bellows_checkpoint'";
        if self.number(known).await == 0 {
            return 0;
        }
        self.number(
            "SELECT (SELECT count(*) FROM _bellows_execution) + (SELECT count(*) FROM _bellows_step)
                  + (SELECT count(*) FROM _bellows_step WHERE state = 'done')
                  + (SELECT coalesce(sum(walked), 0) FROM _bellows_checkpoint)",
        )
        .await
    }
}

/// Somebody who writes from a process of their own; gives how often.
struct Writer {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<i64>,
}

impl Writer {
    fn start(path: &Path, statements: &'static [&'static str]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, options) = (
            stop.clone(),
            SqliteConnectOptions::new()
                .filename(path)
                .busy_timeout(Duration::from_secs(30)),
        );
        let task = tokio::spawn(async move {
            let mut conn = SqliteConnection::connect_with(&options)
                .await
                .expect("a connection");
            let mut rounds = 0;
            while !stopped.load(Ordering::Relaxed) {
                for sql in statements {
                    conn.execute(*sql)
                        .await
                        .unwrap_or_else(|e| panic!("{e}: {sql}"));
                }
                rounds += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            rounds
        });
        Self { stop, task }
    }

    async fn stop(self) -> i64 {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.expect("a writer")
    }
}

const LEFT_OVER: &str =
    "SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_bellows\\_new\\_%' ESCAPE '\\'";

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_midst_of_rebuilds_of_a_sqlite_table() {
    // Many phases, each of which makes the table anew.
    let mut document = "migration:\n  name: anew\n  database: sqlite\n  phases:\n".to_owned();
    for phase in 1..=30 {
        let operation = if phase % 2 == 1 {
            "{type: set_not_null, table: orders, column: total}"
        } else {
            "{type: drop_not_null, table: orders, column: total}"
        };
        document += &format!("    - phase: {phase}\n      operations:\n        - {operation}\n");
    }
    let stage = Stage::new(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, total int, note text DEFAULT 'x');
         CREATE TABLE items (id INTEGER PRIMARY KEY, \"order\" int REFERENCES orders (id) ON DELETE CASCADE);
         CREATE INDEX orders_total ON orders (total) WHERE total > 5;
         CREATE TABLE log (n int);
         CREATE TRIGGER logs AFTER INSERT ON orders BEGIN INSERT INTO log VALUES (NEW.id); END;
         CREATE VIEW big AS SELECT * FROM orders WHERE total > 50;
         INSERT INTO orders (total) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n;
         INSERT INTO items (\"order\") SELECT id FROM orders WHERE id % 100 = 0;
         DELETE FROM log",
        &document,
    )
    .await;
    let writer = Writer::start(
        &stage.path("app.db"),
        &["INSERT INTO orders (total) VALUES (7)"],
    );
    let (hits, further) = stage
        .through_kills(async |stage| {
            assert_eq!(stage.number(LEFT_OVER).await, 0, "a table is left over");
            let whole = "SELECT count(*) FROM sqlite_schema WHERE name IN ('orders', 'orders_total', 'logs', 'big')";
            assert_eq!(stage.number(whole).await, 4);
        })
        .await;
    let rounds = writer.stop().await;
    assert!(hits >= KILLS, "only {hits} kills found it at work");
    assert!(further >= 3, "only {further} found it further");
    assert!(rounds > 0);
    let rows = stage.number("SELECT count(*) FROM orders").await;
    assert_eq!(rows, 20_000 + rounds, "nothing is lost or doubled");
    assert_eq!(stage.number("SELECT count(*) FROM log").await, rounds);
    assert_eq!(stage.number("SELECT count(*) FROM items").await, 200);
    assert_eq!(
        stage
            .number("SELECT count(*) FROM pragma_foreign_key_check")
            .await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_midst_of_a_copy_and_a_swap_of_a_sqlite_table() {
    let stage = Stage::new(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, total int NOT NULL, note text);
         CREATE TABLE orders_new (id INTEGER PRIMARY KEY AUTOINCREMENT, total int NOT NULL CHECK (total >= 0), note text);
         INSERT INTO orders (total) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8000) SELECT i FROM n",
        "migration:
  name: swap
  database: sqlite
  phases:
    - phase: 1
      operations:
        - {type: copy_table, table: orders, shadow: orders_new, batchSize: 40, pauseMs: 8}
        - {type: swap_tables, table: orders, shadow: orders_new, oldName: orders_old}
    - phase: 2
      operations:
        - {type: drop_table, table: orders_old}
",
    )
    .await;
    let writer = Writer::start(
        &stage.path("app.db"),
        &[
            "INSERT INTO orders (total, note) VALUES (7, 'new')",
            "UPDATE orders SET total = total + 1 WHERE id = 1 + abs(random()) % 8000",
            "DELETE FROM orders WHERE note = 'going'",
            "INSERT INTO orders (total, note) VALUES (7, 'going')",
        ],
    );
    let (hits, further) = stage
        .through_kills(async |stage| {
            // In step as far as it goes, whenever it ends: every trigger is there, or none.
            let triggers = stage
                .number("SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'")
                .await;
            assert!(triggers == 0 || triggers == 3, "{triggers} triggers");
        })
        .await;
    let rounds = writer.stop().await;
    assert!(hits >= KILLS, "only {hits} kills found it at work");
    assert!(further >= 3, "only {further} found it further");
    let new = "SELECT count(*) FROM orders WHERE note = 'new'";
    assert_eq!(
        stage.number(new).await,
        rounds,
        "nothing is lost or doubled"
    );
    let old = "SELECT count(*) FROM orders WHERE note IS NULL";
    assert_eq!(stage.number(old).await, 8000);
    let left = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'bellows%' OR name LIKE 'orders\\__%' ESCAPE '\\'";
    assert_eq!(stage.number(left).await, 0, "no trigger, no other table");
}

/// Somebody keeps the file to themselves: it is waited for within bounds, and then said.
#[tokio::test(flavor = "multi_thread")]
async fn a_sqlite_file_that_stays_busy_pauses_the_run_and_says_so() {
    let stage = Stage::new(
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, total int)",
        "migration:
  name: busy
  database: sqlite
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: orders, column: a, dataType: text}
",
    )
    .await;
    // The first run has nothing in its way but this.
    let mut holder = stage.client().await;
    holder.execute("BEGIN IMMEDIATE").await.expect("the file");
    let output = stage
        .apply(&["--timeout", "1000"])
        .wait_with_output()
        .expect("its output");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("locked"), "{said}");
    holder.execute("COMMIT").await.expect("the file");
    let output = stage.apply(&[]).wait_with_output().expect("its output");
    assert_eq!(output.status.code(), Some(0));
}
