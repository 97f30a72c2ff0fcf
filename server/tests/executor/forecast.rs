//! Forecasts: who stands in the way is named before anything is run, and nobody where nobody does.

use bellows::document::Engine;
use bellows::run::{Hold, Prospect, StepForecast};
use bellows_server::executor::{RunOptions, forecast};

use crate::support::{TestTarget, plan_for};

on_mariadb_and_mysql! {
    a_metadata_lock,
}

/// The forecast of each step of a document of one phase.
async fn steps(test: &TestTarget, operations: &str) -> Vec<StepForecast> {
    let yaml = format!(
        "migration:
  name: forecast
  database: {}
  phases:
    - phase: 1
      timeout: 7000
      operations:
        {operations}
",
        test.target.engine().word()
    );
    let plan = plan_for(&test.target, &yaml).await;
    let seen = forecast(&test.target, &plan, &RunOptions::new("test"))
        .await
        .unwrap();
    assert_eq!(seen.phases.len(), 1);
    assert!(seen.read_at > 1_700_000_000_000_000);
    seen.phases[0].steps.clone()
}

const ADD: &str =
    "- { type: add_column, table: busy, column: extra, dataType: int, nullable: true }";
const INDEX: &str = "- { type: add_index, table: busy, columns: [n] }";

async fn busy(test: &TestTarget) {
    test.sql(
        "CREATE TABLE busy (id integer PRIMARY KEY, n integer NOT NULL);
         INSERT INTO busy VALUES (1, 0);
         CREATE TABLE other (id integer PRIMARY KEY)",
    )
    .await;
}

#[tokio::test]
async fn a_lock_on_postgresql_and_who_has_it() {
    let test = TestTarget::postgres().await;
    busy(&test).await;
    let free = steps(&test, ADD).await;
    assert!(!free.is_empty());
    assert!(
        free.iter()
            .all(|s| s.prospect == Prospect::Free && s.in_the_way.is_empty())
    );

    let mut holder = test.client().await;
    holder
        .run("BEGIN; UPDATE busy SET n = 1 /* the holder */")
        .await;
    let pid = holder
        .number("SELECT pg_backend_pid()::bigint /* still the holder */")
        .await;
    let held = steps(&test, ADD).await;
    assert_eq!(held[0].prospect, Prospect::Blocked);
    assert_eq!((held[0].try_ms, held[0].budget_ms), (50, 7_000));
    let [obstacle] = &held[0].in_the_way[..] else {
        panic!("{:?}", held[0].in_the_way);
    };
    assert_eq!(
        (i64::from(obstacle.blocker.pid), obstacle.has),
        (pid, Hold::Lock)
    );
    assert!(
        obstacle.blocker.query.contains("the holder"),
        "{obstacle:?}"
    );
    assert!(!obstacle.blocker.user.is_empty());
    // A writer of the table is outwaited by a concurrent build, which holds nobody up.
    let index = steps(&test, INDEX).await;
    assert_eq!(index[0].prospect, Prospect::Waits, "{index:?}");
    assert_eq!(i64::from(index[0].in_the_way[0].blocker.pid), pid);
    holder.run("ROLLBACK").await;
    assert!(
        steps(&test, ADD)
            .await
            .iter()
            .all(|s| s.prospect == Prospect::Free)
    );
}

/// An old snapshot of another table keeps a concurrent build waiting, and nothing else.
#[tokio::test]
async fn a_snapshot_on_postgresql() {
    let test = TestTarget::postgres().await;
    busy(&test).await;
    let mut holder = test.client().await;
    holder
        .run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM other /* the reader */")
        .await;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert!(
        steps(&test, ADD)
            .await
            .iter()
            .all(|s| s.prospect == Prospect::Free)
    );
    let index = steps(&test, INDEX).await;
    assert_eq!(index[0].prospect, Prospect::Waits, "{index:?}");
    let obstacle = &index[0].in_the_way[0];
    assert_eq!(obstacle.has, Hold::Snapshot);
    assert!(
        obstacle
            .words()
            .contains("holds an old snapshot: BEGIN ISOLATION"),
        "{}",
        obstacle.words()
    );
    holder.run("COMMIT").await;
    assert_eq!(steps(&test, INDEX).await[0].prospect, Prospect::Free);
}

async fn a_metadata_lock(engine: Engine) {
    let test = TestTarget::new(engine).await;
    busy(&test).await;
    let free = steps(&test, ADD).await;
    assert!(
        free.iter().all(|s| s.prospect == Prospect::Free),
        "{free:?}"
    );
    let mut holder = test.client().await;
    holder.run("START TRANSACTION; UPDATE busy SET n = 1").await;
    let id = holder.number("SELECT connection_id()").await;
    // The server's list of transactions is up to a tenth of a second old.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let held = steps(&test, ADD).await;
    assert_eq!(held[0].prospect, Prospect::Blocked, "{held:?}");
    assert_eq!(i64::from(held[0].in_the_way[0].blocker.pid), id);
    holder.run("COMMIT").await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(
        steps(&test, ADD)
            .await
            .iter()
            .all(|s| s.prospect == Prospect::Free)
    );
}

#[tokio::test]
async fn a_busy_file_of_sqlite() {
    let test = TestTarget::sqlite().await;
    busy(&test).await;
    assert!(
        steps(&test, ADD)
            .await
            .iter()
            .all(|s| s.prospect == Prospect::Free)
    );
    let mut holder = test.client().await;
    holder.run("BEGIN IMMEDIATE; UPDATE busy SET n = 1").await;
    let held = steps(&test, ADD).await;
    assert_eq!(held[0].prospect, Prospect::Blocked);
    assert_eq!(held[0].in_the_way[0].has, Hold::File);
    holder.run("ROLLBACK").await;
    assert!(
        steps(&test, ADD)
            .await
            .iter()
            .all(|s| s.prospect == Prospect::Free)
    );
}
