//! SIGKILL of the server at random points of a backfill and at every record of every step of a
//! rename, and of the command line in the midst of a copy, a swap, a backfill on MariaDB and every
//! phase of four patterns, with writers at work: afterwards every row is right, no row was done twice, and the run is completed.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod apply;
mod checkpoint;
mod database;
mod mariadb;
mod patterns;
mod server;
mod shadow;
mod sqlite;

use std::time::Duration;

use database::Database;
use rand::Rng;
use serde_json::{Value, json};
use server::{Person, Server};

const ROWS: i64 = 200_000;

/// Kills that each of the two tests deals out at least. Together more than forty.
const RANDOM_KILLS: usize = 20;
const STEP_KILLS: usize = 20;

/// A server, its people and a migration that was reviewed and approved.
struct Stage {
    server: Server,
    engineer: Person,
    approver: Person,
    migration: String,
    _data: tempfile::TempDir,
}

impl Stage {
    async fn set(database: &Database, document: &str) -> Self {
        let data = tempfile::tempdir().expect("a data directory");
        let (server, token) = Server::first(data.path());
        let admin = Person::set_up(&server, &token).await;
        let engineer = admin.register(&server, "erin", "engineer").await;
        let approver = admin.register(&server, "april", "approver").await;
        let target = admin
            .json(
                "targets/add",
                json!({"target": {"name": "shop", "environment": "staging", "url": database.url}}),
            )
            .await;
        let saved = engineer
            .json(
                "migrations/save",
                json!({"request": {"id": null, "targetId": target["id"], "text": document,
                       "baseVersion": 0}}),
            )
            .await;
        let migration = saved["id"].as_str().expect("an id").to_owned();
        engineer
            .json(
                "migrations/request-review",
                json!({"id": migration, "version": saved["version"]}),
            )
            .await;
        let stage = Self {
            server,
            engineer,
            approver,
            migration,
            _data: data,
        };
        let detail = stage.detail().await;
        let phases: Vec<_> = phases(&detail).collect();
        stage
            .approver
            .json(
                "approvals/decide",
                json!({"id": stage.migration, "plan_hash": detail["plan"]["planHash"],
                       "phases": phases,
                       "decision": "approved", "comment": "read it"}),
            )
            .await;
        stage
    }

    async fn detail(&self) -> Value {
        self.engineer
            .form("migrations/get", &[("id", &self.migration)])
            .await
    }

    /// Confirms the gate where there is one, and starts the phase; gives the execution's id.
    async fn start(&self, phase: u64) -> String {
        let detail = self.detail().await;
        let plan = &detail["plan"];
        let index = usize::try_from(phase - 1).expect("small");
        if plan["phases"][index]["gate"]["deploy"].is_string() {
            self.engineer
                .json(
                    "executions/confirm-gate",
                    json!({"migration_id": self.migration, "phase": phase, "version": "v2"}),
                )
                .await;
        }
        let id = self
            .engineer
            .json(
                "executions/start",
                json!({"request": {"migrationId": self.migration, "planHash": plan["planHash"],
                       "phase": phase, "withoutBackup": true,
                       "despiteUse": "its writer has just ended"}}),
            )
            .await;
        id.as_str().expect("an execution's id").to_owned()
    }

    async fn phase_state(&self, execution: &str, phase: u64) -> (String, Value) {
        let detail = self
            .engineer
            .form("executions/get", &[("id", execution)])
            .await;
        let index = usize::try_from(phase - 1).expect("small");
        let state = detail["phases"][index]
            .as_str()
            .expect("a state")
            .to_owned();
        (state, detail)
    }

    async fn wait_for_completion(&self, execution: &str, phase: u64) {
        for _ in 0..1200 {
            let (state, detail) = self.phase_state(execution, phase).await;
            match state.as_str() {
                "completed" => return,
                "pending" | "running" => tokio::time::sleep(Duration::from_millis(50)).await,
                _ => panic!("phase {phase} is {state}: {detail:#}"),
            }
        }
        panic!("phase {phase} does not come to an end");
    }
}

fn phases(detail: &Value) -> impl Iterator<Item = u64> + '_ {
    detail["plan"]["phases"]
        .as_array()
        .expect("a plan")
        .iter()
        .map(|phase| phase["phase"].as_u64().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_points_of_a_backfill() {
    let database = Database::fresh().await;
    database.customers(ROWS, "points").await;
    let mut stage = Stage::set(
        &database,
        "migration:
  name: add-points
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: customers, column: points, dataType: integer}
        - {type: set_default, table: customers, column: points, defaultValue: 0}
    - phase: 2
      operations:
        - type: backfill
          table: customers
          sql: points = orders_count * 10 + length(name)
          batchSize: 500
          pauseMs: 5
      validation:
        - {check: backfill_complete, table: customers, column: points}
",
    )
    .await;
    let execution = stage.start(1).await;
    stage.wait_for_completion(&execution, 1).await;
    let writer = database.writer("note");

    stage.start(2).await;
    let mut kills = 0;
    loop {
        let life = rand::rng().random_range(20..400);
        tokio::time::sleep(Duration::from_millis(life)).await;
        if kills < RANDOM_KILLS {
            stage.server.kill();
            // What was going on when it died decides whether the kill counts.
            if database.phase_state(&execution, 2).await == "running" {
                kills += 1;
            }
            stage.server.start();
        }
        let (state, detail) = stage.phase_state(&execution, 2).await;
        match state.as_str() {
            "completed" => break,
            "running" | "pending" => {}
            _ => panic!("phase 2 is {state}: {detail:#}"),
        }
    }
    let written = writer.stop().await;
    assert!(written > 0, "nobody wrote meanwhile");
    assert!(kills >= RANDOM_KILLS, "only {kills} kills hit the run");

    let wrong = database
        .count(&format!(
            "SELECT count(*) FROM customers
             WHERE id <= {ROWS} AND points IS DISTINCT FROM orders_count * 10 + length(name)"
        ))
        .await;
    assert_eq!(wrong, 0, "rows with a wrong value");
    let inserted = database
        .count(&format!(
            "SELECT count(*) FROM customers WHERE id > {ROWS} AND points IS NULL"
        ))
        .await;
    assert_eq!(inserted, 0, "new rows without the default");
    let (times, rows) = database.counted().await;
    assert_eq!(times, rows, "rows were done twice");
    assert_eq!(rows, ROWS, "and each of them once");
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_record_of_every_step_of_a_rename() {
    let database = Database::fresh().await;
    database.customers(5_000, "country_code").await;
    database.hang_things_on_the_country().await;
    let document = database.rename_document().await;
    let mut stage = Stage::set(&database, &document).await;
    let detail = stage.detail().await;
    let steps = database::steps(&detail["plan"]);
    let mut holds = database.hold_steps(&steps).await;
    let mut old_writer = Some(database.writer("country"));

    let mut kills = 0;
    let last = phases(&detail).max().expect("phases");
    let mut execution = String::new();
    for phase in phases(&detail) {
        if phase == last
            && let Some(writer) = old_writer.take()
        {
            // Nobody writes the old column any more: that is what the gate before it says.
            assert!(writer.stop().await > 0, "nobody wrote meanwhile");
        }
        execution = stage.start(phase).await;
        loop {
            if let Some(record) = holds.somebody_waits().await {
                stage.server.kill();
                kills += 1;
                holds.release(record).await;
                stage.server.start();
                continue;
            }
            let (state, detail) = stage.phase_state(&execution, phase).await;
            match state.as_str() {
                "completed" => break,
                "running" | "pending" => tokio::time::sleep(Duration::from_millis(10)).await,
                _ => panic!("phase {phase} is {state}: {detail:#}"),
            }
        }
    }
    assert!(kills >= STEP_KILLS, "only {kills} kills");
    assert_eq!(database.execution_state(&execution).await, "completed");
    let (times, rows) = database.counted().await;
    assert_eq!(times, rows, "rows were done twice");
    assert!(rows > 0, "the trigger that counts does not count");
    database.assert_the_rename_is_whole().await;
    database.drop().await;
}
