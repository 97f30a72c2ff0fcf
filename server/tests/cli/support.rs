//! Calls the binary with records of its own, against databases of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use sqlx::{Connection, Executor};
use tempfile::TempDir;

/// A folder to call `bellows` in, with a data directory that nobody else uses.
pub struct Place {
    dir: TempDir,
}

/// What a call came to.
#[derive(Debug)]
pub struct Ran {
    /// The exit status.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// The output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The output as JSON, one value a line.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let line = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {self:?}"));
        self.out.lines().map(line).collect()
    }

    /// The last of the events.
    #[track_caller]
    pub fn last(&self) -> Value {
        self.events()
            .pop()
            .unwrap_or_else(|| panic!("no event: {self:?}"))
    }

    /// Fails unless the exit status is this one.
    #[track_caller]
    pub fn exits(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }
}

impl Place {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file in it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A call, not yet made.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bellows"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("BELLOWS_DATA_DIR", self.path("data"))
            .env("USER", "ada")
            .env_remove("BELLOWS_TARGET")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Calls it and waits.
    pub fn bellows(&self, arguments: &[&str]) -> Ran {
        wait(self.command(arguments).spawn().unwrap())
    }

    /// Calls it and answers its question.
    pub fn answering(&self, answer: &str, arguments: &[&str]) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(answer.as_bytes()).unwrap();
        drop(stdin);
        wait(child)
    }
}

/// Waits for a call.
pub fn wait(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A document of `examples/`.
pub fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(name)
}

/// A small shop, on either engine.
const SHOP: &str = "
    CREATE TABLE customers (
        id INTEGER PRIMARY KEY,
        email VARCHAR(120) NOT NULL,
        last_name VARCHAR(60) NOT NULL,
        phone VARCHAR(40),
        orders_count INTEGER NOT NULL DEFAULT 0,
        spent_cents BIGINT NOT NULL DEFAULT 0
    );
    INSERT INTO customers (id, email, last_name, orders_count, spent_cents)
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
    SELECT i, 'c' || i || '@example.com', 'Name ' || i, i % 5, i % 5 * 20000 FROM n;
";

/// A database with the shop in it.
pub enum Database {
    /// A file.
    Sqlite(TempDir),
    /// A database of the test server, dropped at the end.
    Postgres {
        /// Where it is.
        url: String,
        /// Where the server's own database is.
        server: String,
        /// Its name.
        name: String,
    },
    /// A database of the MariaDB or MySQL test server, dropped at the end.
    MySql {
        /// The document's word for the engine.
        engine: &'static str,
        /// Where it is.
        url: String,
        /// Where the server's own database is.
        server: String,
        /// Its name.
        name: String,
    },
}

impl Database {
    /// On SQLite.
    pub fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(dir);
        database.run(SHOP);
        database
    }

    /// On PostgreSQL.
    pub fn postgres() -> Self {
        let server = std::env::var("BELLOWS_TEST_POSTGRES")
            .expect("BELLOWS_TEST_POSTGRES: call scripts/postgres-throwaway run cargo test");
        let name = format!("cli_{}", uuid::Uuid::now_v7().simple());
        on_postgres(&server, &format!("CREATE DATABASE {name}"));
        let (base, _) = server.rsplit_once('/').unwrap();
        let database = Database::Postgres {
            url: format!("{base}/{name}"),
            server,
            name,
        };
        database.run(SHOP);
        database
    }

    /// On MariaDB.
    pub fn mariadb() -> Self {
        // There a recursion ends at a thousand rows unless more are asked for.
        Self::of_mysqls("mariadb", "max_recursive_iterations")
    }

    /// On MySQL, likewise.
    pub fn mysql() -> Self {
        Self::of_mysqls("mysql", "cte_max_recursion_depth")
    }

    fn of_mysqls(engine: &'static str, recursion: &str) -> Self {
        let variable = format!("BELLOWS_TEST_{}", engine.to_uppercase());
        let server = std::env::var(&variable).unwrap_or_else(|_| {
            panic!("{variable}: call scripts/{engine}-throwaway run cargo test")
        });
        let name = format!("cli_{}", uuid::Uuid::now_v7().simple());
        on_mysql(&server, &format!("CREATE DATABASE {name}"));
        let (base, _) = server.rsplit_once('/').unwrap();
        let database = Database::MySql {
            engine,
            url: format!("{base}/{name}"),
            server,
            name,
        };
        database.run(&format!("SET {recursion} = 10000; {SHOP}"));
        database
    }

    /// What `--target` takes.
    pub fn url(&self) -> String {
        match self {
            Database::Sqlite(dir) => format!("sqlite:{}", dir.path().join("shop.db").display()),
            Database::Postgres { url, .. } | Database::MySql { url, .. } => url.clone(),
        }
    }

    /// The document's word for its engine.
    pub fn engine(&self) -> &'static str {
        match self {
            Database::Sqlite(_) => "sqlite",
            Database::Postgres { .. } => "postgresql",
            Database::MySql { engine, .. } => engine,
        }
    }

    /// Runs statements.
    pub fn run(&self, sql: &str) {
        match self {
            Database::Sqlite(_) => block_on(async {
                self.sqlite_connection().await.execute(sql).await.unwrap();
            }),
            Database::Postgres { url, .. } => on_postgres(url, sql),
            Database::MySql { url, .. } => on_mysql(url, sql),
        }
    }

    /// Asks for one number.
    pub fn number(&self, sql: &str) -> i64 {
        match self {
            Database::Sqlite(_) => block_on(async {
                let mut connection = self.sqlite_connection().await;
                sqlx::query_scalar(sql)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap()
            }),
            Database::Postgres { url, .. } => block_on(async {
                let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
                sqlx::query_scalar(sql)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap()
            }),
            Database::MySql { url, .. } => block_on(async {
                let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
                sqlx::query_scalar(sql)
                    .fetch_one(&mut connection)
                    .await
                    .unwrap()
            }),
        }
    }

    /// Whether the table has the column.
    pub fn has_column(&self, column: &str) -> bool {
        let sql = match self {
            Database::Sqlite(_) => format!(
                "SELECT count(*) FROM pragma_table_info('customers') WHERE name = '{column}'"
            ),
            Database::Postgres { .. } => format!(
                "SELECT count(*) FROM information_schema.columns \
                 WHERE table_name = 'customers' AND column_name = '{column}'"
            ),
            Database::MySql { .. } => format!(
                "SELECT count(*) FROM information_schema.columns WHERE table_schema = database() \
                 AND table_name = 'customers' AND column_name = '{column}'"
            ),
        };
        self.number(&sql) == 1
    }

    async fn sqlite_connection(&self) -> sqlx::SqliteConnection {
        let url = format!("{}?mode=rwc", self.url());
        sqlx::SqliteConnection::connect(&url).await.unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        match self {
            Database::Sqlite(_) => {}
            Database::Postgres { server, name, .. } => {
                on_postgres(server, &format!("DROP DATABASE {name} WITH (FORCE)"));
            }
            Database::MySql { server, name, .. } => {
                on_mysql(server, &format!("DROP DATABASE {name}"));
            }
        }
    }
}

fn on_postgres(url: &str, sql: &str) {
    block_on(async {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        connection.execute(sql).await.unwrap();
    });
}

fn on_mysql(url: &str, sql: &str) {
    block_on(async {
        let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
        connection.execute(sql).await.unwrap();
    });
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

/// Writes a document for the database's engine.
pub fn write(place: &Place, name: &str, text: &str, database: &Database) -> String {
    place.write(name, &text.replace("ENGINE", database.engine()));
    name.to_owned()
}

/// The arguments of `apply` with events as JSON.
pub fn apply<'a>(file: &'a str, url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [
        &[
            "migrate", "apply", file, "--target", url, "--format", "json",
        ],
        more,
    ]
    .concat()
}

/// What the events are.
pub fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().filter_map(|e| e["event"].as_str()).collect()
}
