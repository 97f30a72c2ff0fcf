//! SIGKILL in the midst of a backfill on MariaDB and MySQL, with triggers that keep two columns in step and a
//! writer at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{ConnectOptions, Connection, Executor};

use super::apply::Applied;

const ROWS: i64 = 60_000;

const DOCUMENT: &str = "
migration:
  name: full-names
  database: ENGINE
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: customers, column: full_name, dataType: varchar(100)}
        - {type: enable_dual_write, table: customers, oldColumn: name, newColumn: full_name}
    - phase: 2
      operations:
        - {type: backfill, table: customers, sql: full_name = name, batchSize: 300, pauseMs: 10}
      validation:
        - {check: columns_match, table: customers, oldColumn: name, newColumn: full_name}
    - phase: 3
      operations:
        - {type: disable_dual_write, table: customers, oldColumn: name, newColumn: full_name}
";

struct Database {
    server: MySqlConnectOptions,
    name: String,
    url: String,
}

impl Database {
    async fn fresh(engine: &str) -> Self {
        let variable = format!("BELLOWS_TEST_{}", engine.to_uppercase());
        let server = std::env::var(&variable).unwrap_or_else(|_| {
            panic!(
                "{variable} is not set: `make test` starts a server and sets it, or use \
                 scripts/{engine}-throwaway run cargo test"
            )
        });
        let name = format!("kill_{}", uuid::Uuid::now_v7().simple());
        let (base, _) = server.rsplit_once('/').expect("a URL with a database");
        let url = format!("{base}/{name}");
        let options: MySqlConnectOptions = server.parse().expect("a URL of a server");
        let mut conn = options.connect().await.expect("the server");
        let sql = format!("CREATE DATABASE {name}");
        conn.execute(sql.as_str()).await.expect("a database");
        Self {
            server: options,
            name,
            url,
        }
    }

    async fn connect(&self) -> MySqlConnection {
        let options = self.server.clone().database(&self.name);
        options.connect().await.expect("the database")
    }

    async fn run(&self, sql: &str) {
        let mut conn = self.connect().await;
        conn.execute(sql)
            .await
            .unwrap_or_else(|e| panic!("{sql}: {e}"));
        conn.close().await.expect("it closes");
    }

    async fn count(&self, sql: &str) -> i64 {
        let mut conn = self.connect().await;
        let count = sqlx::query_scalar(sql)
            .fetch_one(&mut conn)
            .await
            .unwrap_or_else(|e| panic!("{sql}: {e}"));
        conn.close().await.expect("it closes");
        count
    }
}

mod on_mariadb {
    #[tokio::test(flavor = "multi_thread")]
    async fn killed_in_the_midst_of_a_backfill_between_columns_in_step() {
        super::killed_in_the_midst_of_a_backfill_between_columns_in_step("mariadb").await;
    }
}

mod on_mysql {
    #[tokio::test(flavor = "multi_thread")]
    async fn killed_in_the_midst_of_a_backfill_between_columns_in_step() {
        super::killed_in_the_midst_of_a_backfill_between_columns_in_step("mysql").await;
    }
}

async fn killed_in_the_midst_of_a_backfill_between_columns_in_step(engine: &str) {
    let database = Database::fresh(engine).await;
    database
        .run(
            "CREATE TABLE customers (
                 id bigint PRIMARY KEY AUTO_INCREMENT, name varchar(100), note varchar(100))",
        )
        .await;
    // Each server has its own way to count, and both know digits.
    database
        .run(&format!(
            "CREATE TABLE digits (d int); INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
             INSERT INTO customers (name)
             SELECT CASE WHEN seq % 10 > 0 THEN concat('Customer ', seq) END
             FROM (SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d AS seq
                   FROM digits a, digits b, digits c, digits e, digits f) AS n
             WHERE seq <= {ROWS} ORDER BY seq"
        ))
        .await;
    let applied = Applied::new(&DOCUMENT.replace("ENGINE", engine), &database.url);
    applied.through(1).await;

    let stop = Arc::new(AtomicBool::new(false));
    let (told, mut conn) = (stop.clone(), database.connect().await);
    let writer = tokio::spawn(async move {
        let mut rounds = 0_i64;
        while !told.load(Ordering::Relaxed) {
            for sql in [
                "UPDATE customers SET name = concat('Renamed ', id) WHERE id = 1 + floor(rand() * 60000)",
                "UPDATE customers SET full_name = concat('New ', id) WHERE id = 1 + floor(rand() * 60000)",
                "INSERT INTO customers (name) VALUES ('by the old application')",
                "INSERT INTO customers (full_name) VALUES ('by the new application')",
            ] {
                // One statement against another is InnoDB's matter, and to be tried again.
                while let Err(error) = conn.execute(sql).await {
                    assert!(error.to_string().contains("Deadlock"), "{sql}: {error}");
                }
            }
            rounds += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        rounds
    });

    let filling = || async {
        let told = database
            .count(
                "SELECT CAST(coalesce((SELECT sum(walked) FROM _bellows_checkpoint WHERE phase = 2), 0)
                           - coalesce((SELECT 1000000000 FROM _bellows_phase
                                       WHERE phase = 2 AND state = 'completed'), 0) AS signed)",
            )
            .await;
        (told >= 0).then_some(told)
    };
    let kills = applied.through_kills(2, 8, filling).await;
    assert!(kills >= 8, "only {kills} kills hit the backfill");
    stop.store(true, Ordering::Relaxed);
    let rounds = writer.await.expect("the writer ran without an error");
    assert!(rounds > 0, "nobody wrote meanwhile");

    let apart = "SELECT count(*) FROM customers WHERE NOT (name <=> full_name)";
    assert_eq!(database.count(apart).await, 0, "both columns say the same");
    let rows = database.count("SELECT count(*) FROM customers").await;
    assert_eq!(rows, ROWS + 2 * rounds, "each insert is there, and once");
    let untouched = "SELECT count(*) FROM customers WHERE id <= 60000 AND NOT (
        name <=> CASE WHEN id % 10 > 0 THEN concat('Customer ', id) END
        OR name <=> concat('Renamed ', id) OR name <=> concat('New ', id))";
    assert_eq!(
        database.count(untouched).await,
        0,
        "no value is anybody else's"
    );

    applied.through(3).await;
    let triggers =
        "SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = database()";
    assert_eq!(database.count(triggers).await, 0, "no trigger is left");
    let mut conn = database.server.connect().await.expect("the server");
    let sql = format!("DROP DATABASE {}", database.name);
    conn.execute(sql.as_str()).await.expect("the database goes");
}
