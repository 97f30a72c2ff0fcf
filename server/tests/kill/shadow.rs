//! SIGKILL in the midst of a copy and of a swap, with a writer at work: applied again, it is
//! complete, nothing is lost or there twice, and no trigger is left over.

use super::apply::Applied;
use super::database::Database;

const ROWS: i64 = 60_000;

const DOCUMENT: &str = "
migration:
  name: reshape-customers
  database: postgresql
  phases:
    - phase: 1
      operations:
        - type: custom_sql
          sql: CREATE TABLE customers_new (LIKE customers INCLUDING ALL)
          rollbackSql: DROP TABLE customers_new
    - phase: 2
      operations:
        - {type: copy_table, table: customers, shadow: customers_new, batchSize: 300, pauseMs: 10}
    - phase: 3
      operations:
        - {type: swap_tables, table: customers, shadow: customers_new, oldName: customers_old}
    - phase: 4
      operations:
        - {type: drop_table, table: customers_old}
";

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_midst_of_a_copy_and_of_its_swap() {
    let database = Database::fresh().await;
    database.customers(ROWS, "orders_count").await;
    let applied = Applied::new(DOCUMENT, &database.url);
    applied.through(1).await;
    let writer = database.writer("note");

    // How far a phase is: what was walked, and the records of its steps.
    let progress = |phase: i64| {
        let database = &database;
        move || async move {
            let told = database
                .count(&format!(
                    "SELECT coalesce((SELECT sum(walked) FROM bellows.checkpoint WHERE phase = {phase}), 0)::int8
                          + (SELECT count(*) + count(completed_at) FROM bellows.step WHERE phase = {phase})
                          - coalesce((SELECT 1000000000 FROM bellows.phase
                                      WHERE phase = {phase} AND state = 'completed'), 0)"
                ))
                .await;
            (told >= 0).then_some(told)
        }
    };
    let kills = applied.through_kills(2, 8, progress(2)).await;
    assert!(kills >= 8, "only {kills} kills hit the copy");
    let unlike = |a: &'static str, b: &'static str| {
        let database = &database;
        async move {
            // One statement sees both tables in one snapshot.
            let sql = format!(
                "SELECT count(*) FROM ((TABLE {a} EXCEPT TABLE {b}) UNION ALL (TABLE {b} EXCEPT TABLE {a})) d"
            );
            database.count(&sql).await
        }
    };
    assert_eq!(unlike("customers", "customers_new").await, 0);

    let kills = applied.through_kills(3, 4, progress(3)).await;
    assert!(kills > 0, "no kill hit the swap");
    assert_eq!(unlike("customers", "customers_old").await, 0);
    let written = writer.stop().await;
    assert!(written > 0, "nobody wrote meanwhile");
    let inserted = i64::try_from(written / 3 * 2).expect("small");
    let rows = database.count("SELECT count(*) FROM customers").await;
    assert_eq!(rows, ROWS + inserted, "each insert is there, and once");
    let keys = database
        .count("SELECT count(DISTINCT id) FROM customers")
        .await;
    assert_eq!(keys, rows);

    applied.through(4).await;
    for (what, sql) in [
        (
            "a trigger of ours",
            "SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%bellows%'",
        ),
        (
            "a function of ours",
            "SELECT count(*) FROM pg_proc WHERE pronamespace = 'bellows'::regnamespace",
        ),
        (
            "another customers",
            "SELECT count(*) - 1 FROM pg_class WHERE relname LIKE 'customers%' AND relkind = 'r'",
        ),
    ] {
        assert_eq!(database.count(sql).await, 0, "{what} is left");
    }
    assert_eq!(database.count("SELECT count(*) FROM customers").await, rows);
    database.drop().await;
}
