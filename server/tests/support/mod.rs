//! Real databases for tests: made fresh for each test, and dropped after it.

// Each test program uses the part of this room that it needs.
#![allow(dead_code, unused_imports, unused_macros)]

/// The tests of a module that are for both MariaDB and MySQL: functions that are given the engine.
/// Those of `on_mysql` are left out where no MySQL server can be had.
macro_rules! on_mariadb_and_mysql {
    ($($(#[$attribute:meta])* $test:ident),* $(,)?) => {
        mod on_mariadb {
            $($(#[$attribute])*
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(bellows::document::Engine::MariaDb).await;
            })*
        }
        mod on_mysql {
            $($(#[$attribute])*
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(bellows::document::Engine::MySql).await;
            })*
        }
    };
}

mod application;
mod client;
mod cluster;
mod dump;
mod proxy;
mod run;
mod sink;
mod writer;

use bellows::document::Engine;
use bellows_server::target::{Target, TargetUrl};
use sqlx::{Connection, Executor, MySqlConnection, PgConnection};

pub use application::{Application, Round, Rounds};
pub use client::{Client, without_sequences};
pub use cluster::Cluster;
pub use dump::{dump, unlike};
pub use proxy::{Fate, Proxy};
pub use run::{apply, back, for_engine, open, open_on, plan_for, run, run_on, run_with};
pub use sink::Events;
pub use writer::Writer;

/// Where the tests' PostgreSQL server is; they make and drop databases on it.
pub const SERVER: &str = "BELLOWS_TEST_POSTGRES";

/// Where the tests' MariaDB server is, likewise.
pub const MARIADB_SERVER: &str = "BELLOWS_TEST_MARIADB";

/// Where the tests' MySQL server is, likewise.
pub const MYSQL_SERVER: &str = "BELLOWS_TEST_MYSQL";

/// A database of a test's own.
pub struct TestTarget {
    /// Its address.
    pub url: TargetUrl,
    /// Ready to be changed.
    pub target: Target,
    made: Made,
}

enum Made {
    Postgres {
        server: String,
        name: String,
    },
    /// MariaDB or MySQL.
    MySql {
        server: String,
        name: String,
    },
    Sqlite {
        _dir: tempfile::TempDir,
    },
    /// Of somebody else, who drops it.
    Lent,
}

/// SQL of a test that is the same for all engines, as this one reads it: names in double quotes,
/// `||` between texts, and `text` as the type of a CAST.
pub fn spoken(engine: Engine, sql: &str) -> String {
    match engine {
        Engine::PostgreSql | Engine::Sqlite => sql.to_owned(),
        Engine::MySql | Engine::MariaDb => {
            format!("{STANDARD}; {}", sql.replace(" AS text)", " AS char)"))
        }
    }
}

/// What a session of MariaDB or MySQL is told for [`spoken`].
pub const STANDARD: &str = "SET SESSION sql_mode = concat(@@sql_mode, ',ANSI_QUOTES,PIPES_AS_CONCAT'), group_concat_max_len = 100000000";

/// The numbers from 1 to there, as `n(i)`, an item of FROM.
pub fn numbers(engine: Engine, last: u32) -> String {
    match engine {
        Engine::PostgreSql | Engine::Sqlite => format!(
            "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last})
              SELECT i FROM n) AS n"
        ),
        Engine::MySql | Engine::MariaDb => format!("(SELECT seq AS i FROM seq_1_to_{last}) AS n"),
    }
}

/// The address of the tests' server.
pub fn server() -> String {
    std::env::var(SERVER).unwrap_or_else(|_| {
        panic!(
            "{SERVER} is not set: these tests need a PostgreSQL server on which they may make and \
             drop databases. Run `make test`, or `scripts/postgres-throwaway run cargo test`, or \
             set {SERVER}=postgres://postgres@127.0.0.1:5432/postgres"
        )
    })
}

/// The address of the tests' MariaDB or MySQL server.
pub fn mysql_server(engine: Engine) -> String {
    let (variable, script) = match engine {
        Engine::MariaDb => (MARIADB_SERVER, "mariadb-throwaway"),
        Engine::MySql => (MYSQL_SERVER, "mysql-throwaway"),
        Engine::PostgreSql | Engine::Sqlite => panic!("no such server of {}", engine.title()),
    };
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: these tests need a {} server on which they may make and drop \
             databases. Run `make test`, or `scripts/{script} run cargo test`, or set \
             {variable}=mysql://root@127.0.0.1:3306/mysql",
            engine.title()
        )
    })
}

impl TestTarget {
    /// A database of that engine.
    pub async fn new(engine: Engine) -> Self {
        match engine {
            Engine::PostgreSql => Self::postgres().await,
            Engine::MySql | Engine::MariaDb => Self::mysql(engine).await,
            Engine::Sqlite => Self::sqlite().await,
        }
    }

    /// A PostgreSQL database.
    pub async fn postgres() -> Self {
        let server = server();
        let name = format!("bellows_test_{}", uuid::Uuid::now_v7().simple());
        let mut conn = PgConnection::connect(&server).await.unwrap();
        conn.execute(format!("CREATE DATABASE {name}").as_str())
            .await
            .unwrap();
        let url: TargetUrl = with_database(&server, &name).parse().unwrap();
        let target = Target::connect(&url).await.unwrap();
        Self {
            url,
            target,
            made: Made::Postgres { server, name },
        }
    }

    /// The one database of a cluster of the test's own.
    pub async fn on(cluster: &Cluster) -> Self {
        let url: TargetUrl = cluster.url().parse().unwrap();
        let target = Target::connect(&url).await.unwrap();
        Self {
            url,
            target,
            made: Made::Lent,
        }
    }

    /// A database of MariaDB or MySQL.
    async fn mysql(engine: Engine) -> Self {
        let server = mysql_server(engine);
        let name = format!("bellows_test_{}", uuid::Uuid::now_v7().simple());
        let mut conn = MySqlConnection::connect(&server).await.unwrap();
        conn.execute(format!("CREATE DATABASE {name}").as_str())
            .await
            .unwrap();
        let url: TargetUrl = with_database(&server, &name).parse().unwrap();
        let target = Target::connect(&url).await.unwrap();
        Self {
            url,
            target,
            made: Made::MySql { server, name },
        }
    }

    /// A SQLite file, in WAL mode as applications that care for their readers have it.
    pub async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal);
        sqlx::SqliteConnection::connect_with(&options)
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
        let url: TargetUrl = format!("sqlite:{}", path.display()).parse().unwrap();
        let target = Target::connect(&url).await.unwrap();
        Self {
            url,
            target,
            made: Made::Sqlite { _dir: dir },
        }
    }

    /// The host and port of its server.
    pub fn server_address(&self) -> String {
        let address = self.url.address();
        let (_, rest) = address.split_once("://").unwrap();
        rest.split_once('/').unwrap().0.to_owned()
    }

    /// The same database, reached through what listens on that port of this machine.
    pub async fn through(&self, port: u16) -> Target {
        let there = format!("127.0.0.1:{port}");
        let url = self.url.secret().replace(&self.server_address(), &there);
        assert!(url.contains(&there), "the address has no port");
        Target::connect(&url.parse().unwrap()).await.unwrap()
    }

    /// A connection as an application would have it.
    pub async fn client(&self) -> Client {
        Client::connect(&self.url).await
    }

    /// Runs SQL, several statements too.
    pub async fn sql(&self, sql: &str) {
        self.client().await.run(sql).await;
    }

    /// SQL that is the same for all engines, as this one reads it.
    pub fn spoken(&self, sql: &str) -> String {
        spoken(self.target.engine(), sql)
    }

    /// The one number that a query gives.
    pub async fn number(&self, sql: &str) -> i64 {
        self.client().await.number(sql).await
    }

    /// The one text that a query gives.
    pub async fn text(&self, sql: &str) -> Option<String> {
        self.client().await.text(sql).await
    }

    /// Counts every row that an UPDATE of the table writes from now on, whoever sends it.
    pub async fn count_updates(&self, table: &str) {
        self.sql(&match self.target.engine() {
            Engine::PostgreSql => format!(
                "CREATE TABLE counted (n int);
                 CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS
                 $$ BEGIN INSERT INTO counted VALUES (1); RETURN NULL; END $$;
                 CREATE TRIGGER counting AFTER UPDATE ON {table}
                 FOR EACH ROW EXECUTE FUNCTION count_it()"
            ),
            Engine::MySql | Engine::MariaDb => format!(
                "CREATE TABLE counted (n int);
                 CREATE TRIGGER counting AFTER UPDATE ON {table}
                 FOR EACH ROW INSERT INTO counted VALUES (1)"
            ),
            Engine::Sqlite => format!(
                "CREATE TABLE counted (n int);
                 CREATE TRIGGER counting AFTER UPDATE ON {table}
                 BEGIN INSERT INTO counted VALUES (1); END"
            ),
        })
        .await;
    }

    /// Rows that were written since [`TestTarget::count_updates`].
    pub async fn counted(&self) -> i64 {
        self.number("SELECT count(*) FROM counted").await
    }

    /// The live schema.
    pub async fn schema(&self) -> bellows::schema::Schema {
        self.target.inspect().await.unwrap()
    }

    /// Where Bellows' tables are: `bellows.` or `_bellows_`.
    pub fn prefix(&self) -> &'static str {
        match self.made {
            Made::Postgres { .. } | Made::Lent => "bellows.",
            Made::MySql { .. } | Made::Sqlite { .. } => "_bellows_",
        }
    }
}

/// The same server, another database.
fn with_database(server: &str, name: &str) -> String {
    let (base, query) = match server.split_once('?') {
        Some((base, query)) => (base, format!("?{query}")),
        None => (server, String::new()),
    };
    let base = base.rsplit_once('/').map_or(base, |(base, _)| base);
    format!("{base}/{name}{query}")
}

impl Drop for TestTarget {
    fn drop(&mut self) {
        let (mysql, server, name) = match &self.made {
            Made::Postgres { server, name } => (false, server.clone(), name.clone()),
            Made::MySql { server, name } => (true, server.clone(), name.clone()),
            Made::Sqlite { .. } | Made::Lent => return,
        };
        // The test's runtime may be ending, and cannot be waited on from within.
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                if mysql {
                    // Not for ever behind a test's connection that is just being closed.
                    let sql = format!("SET lock_wait_timeout = 10; DROP DATABASE IF EXISTS {name}");
                    let mut conn = MySqlConnection::connect(&server).await.unwrap();
                    conn.execute(sql.as_str()).await.unwrap();
                    return;
                }
                let mut conn = PgConnection::connect(&server).await.unwrap();
                // FORCE came with PostgreSQL 13.
                let ended = format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
                );
                conn.execute(ended.as_str()).await.unwrap();
                conn.execute(format!("DROP DATABASE IF EXISTS {name}").as_str())
                    .await
                    .unwrap();
            });
        });
        if dropped.join().is_err() {
            eprintln!("a test's database was not dropped");
        }
    }
}
