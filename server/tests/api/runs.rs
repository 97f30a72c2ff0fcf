//! Runs that a person starts: to their end, paused, cancelled, rolled back, and over a restart.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use bellows::run::{EventKind, ExecutionState, PhaseState, View};
use bellows_app::backend::{
    AuditFilter, Control, Decision, ErrorCode, ExecutionBackend, ExecutionDetail, MigrationBackend,
    SaveRequest, StartRequest, TargetBackend, TargetSummary,
};
use bellows_server::audit::{page, verify};
use bellows_server::usecase::RequestBackend;
use sqlx::Connection;
use tokio::time::{sleep, timeout};

use crate::app::{Body, Browser, PASSWORD, TestApp};
use crate::flow::{DOCUMENT, a_target};
use crate::store::Database;

/// A backfill that takes a while, and a check after it.
const SLOW: &str = "\
migration:
  name: fill-shouts
  database: sqlite
  phases:
    - phase: 1
      operations:
        - type: add_column
          table: users
          column: shout
          dataType: TEXT
          nullable: true
    - phase: 2
      operations:
        - type: backfill
          table: users
          sql: shout = upper(name)
          where: shout IS NULL
          batchSize: 20
          pauseMs: 20
      validation:
        - check: backfill_complete
          table: users
          column: shout
";

pub(crate) struct Migration {
    pub(crate) id: String,
    pub(crate) plan_hash: String,
}

/// Runs SQL on the target as an application would; gives the last number.
pub(crate) async fn on_target(app: &TestApp, sql: &str) -> i64 {
    number(&app.dir().join("dev.db"), sql).await
}

async fn number(path: &Path, sql: &str) -> i64 {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(10));
    let mut connection = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    let number = sqlx::query_scalar(sql)
        .fetch_optional(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    number.unwrap_or(0)
}

/// The target with a thousand more rows.
async fn a_full_target(app: &TestApp) -> TargetSummary {
    let target = a_target(app, "dev").await;
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
                INSERT INTO users (name) SELECT 'user ' || i FROM n";
    on_target(app, rows).await;
    target
}

/// The document, reviewed, with every phase approved.
pub(crate) async fn approved(app: &TestApp, target: &TargetSummary, text: &str) -> Migration {
    let engineer = app.backend("engineer").await;
    let request = SaveRequest {
        id: None,
        target_id: target.id.clone(),
        text: text.to_owned(),
        base_version: 0,
    };
    let saved = engineer.save_migration(request).await.unwrap();
    engineer
        .request_review(saved.id.clone(), saved.version)
        .await
        .unwrap();
    let detail = engineer.migration(saved.id.clone()).await.unwrap();
    let plan = detail.plan.unwrap();
    app.backend("approver")
        .await
        .decide(
            saved.id.clone(),
            plan.plan_hash.clone(),
            plan.phases.iter().map(|phase| phase.phase).collect(),
            Decision::Approved,
            String::new(),
        )
        .await
        .unwrap();
    Migration {
        id: saved.id,
        plan_hash: plan.plan_hash,
    }
}

pub(crate) async fn start(app: &TestApp, migration: &Migration, phase: u32) -> String {
    let request = StartRequest {
        migration_id: migration.id.clone(),
        plan_hash: migration.plan_hash.clone(),
        phase,
        without_backup: false,
        despite_use: None,
        hold: false,
    };
    app.backend("engineer")
        .await
        .start_phase(request)
        .await
        .unwrap()
}

/// The execution once it is as wanted.
async fn until(
    backend: &RequestBackend,
    id: &str,
    wanted: impl Fn(&ExecutionDetail) -> bool,
) -> ExecutionDetail {
    let found = timeout(Duration::from_secs(60), async {
        loop {
            let detail = backend.execution(id.to_owned()).await.unwrap();
            if wanted(&detail) {
                return detail;
            }
            sleep(Duration::from_millis(20)).await;
        }
    });
    match found.await {
        Ok(detail) => detail,
        Err(_) => {
            let detail = backend.execution(id.to_owned()).await.unwrap();
            panic!("{:#?} {:#?}", detail.summary, detail.events)
        }
    }
}

pub(crate) async fn until_state(app: &TestApp, id: &str, state: ExecutionState) -> ExecutionDetail {
    let backend = app.backend("engineer").await;
    until(&backend, id, |detail| detail.summary.state == state).await
}

/// What the page makes of the events is what the summary says.
pub(crate) fn told_as_it_is(detail: &ExecutionDetail) {
    let view = View::fold(&detail.events);
    assert_eq!(view.illegal, [], "{:#?}", detail.events);
    assert_eq!(view.state, Some(detail.summary.state));
    let states: Vec<PhaseState> = view.phases.iter().map(|phase| phase.state).collect();
    assert_eq!(states, detail.phases);
}

pub(crate) async fn audited(app: &TestApp) -> Vec<String> {
    let entries = page(&app.state.store, &AuditFilter::default())
        .await
        .unwrap()
        .entries;
    assert_eq!(verify(&app.state.store).await.unwrap().broken, None);
    entries
        .into_iter()
        .rev()
        .map(|entry| entry.action)
        .collect()
}

#[tokio::test]
async fn a_migration_goes_all_the_way() {
    let app = TestApp::start().await;
    let target = a_target(&app, "dev").await;
    let migration = approved(&app, &target, DOCUMENT).await;
    let id = start(&app, &migration, 1).await;
    let detail = until_state(&app, &id, ExecutionState::Waiting).await;
    assert_eq!(detail.phases, [PhaseState::Completed, PhaseState::Pending]);
    told_as_it_is(&detail);

    let engineer = app.backend("engineer").await;
    let request = StartRequest {
        migration_id: migration.id.clone(),
        plan_hash: migration.plan_hash.clone(),
        phase: 2,
        without_backup: false,
        despite_use: None,
        hold: false,
    };
    let error = engineer.start_phase(request.clone()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Blocked);
    assert_eq!(
        error.details,
        ["Somebody has to confirm the deploy: App v2 writes nicknames."]
    );
    engineer
        .confirm_gate(migration.id.clone(), 2, "v2.0".to_owned())
        .await
        .unwrap();
    assert_eq!(engineer.start_phase(request).await.unwrap(), id);
    let detail = until_state(&app, &id, ExecutionState::Completed).await;
    assert_eq!(detail.phases, [PhaseState::Completed; 2]);
    told_as_it_is(&detail);
    let indexes = on_target(
        &app,
        "SELECT COUNT(*) FROM sqlite_master WHERE name = 'users_nickname'",
    );
    assert_eq!(indexes.await, 1);

    // The run's last entry follows its last event.
    assert!(app.state.runs.settled(&id).await);
    let actions = audited(&app).await;
    let story = [
        "version.saved",
        "review.requested",
        "approval.given",
        "phase.started",
        "phase.completed",
        "phase.refused",
        "gate.confirmed",
        "phase.started",
        "execution.completed",
    ];
    assert!(actions.ends_with(&story.map(str::to_owned)), "{actions:?}");
    let summary = engineer.migration(migration.id).await.unwrap().summary;
    assert_eq!((summary.done, summary.phases), (2, 2));
}

#[tokio::test]
async fn a_failed_check_takes_the_phase_back_and_says_why() {
    let app = TestApp::start().await;
    let target = a_target(&app, "dev").await;
    let text = "\
migration:
  name: no-short-names
  database: sqlite
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: users, column: initial, dataType: TEXT, nullable: true}
      validation:
        - check: custom
          sql: SELECT COUNT(*) FROM users WHERE length(name) < 4
          expect: zero
          errorMessage: Some names are short
";
    let migration = approved(&app, &target, text).await;
    let id = start(&app, &migration, 1).await;
    let detail = until_state(&app, &id, ExecutionState::RolledBack).await;
    told_as_it_is(&detail);
    let error = detail.summary.error.unwrap();
    assert!(error.contains("Some names are short"), "{error}");
    let columns = "SELECT COUNT(*) FROM pragma_table_info('users') WHERE name = 'initial'";
    assert_eq!(on_target(&app, columns).await, 0);

    // The way is free for another try.
    on_target(&app, "UPDATE users SET name = name || ' the first'").await;
    let again = start(&app, &migration, 1).await;
    assert_ne!(again, id);
    until_state(&app, &again, ExecutionState::Completed).await;
}

#[tokio::test]
async fn a_run_is_paused_resumed_and_loses_nothing() {
    let app = TestApp::start().await;
    let target = a_full_target(&app).await;
    let migration = approved(&app, &target, SLOW).await;
    let id = start(&app, &migration, 1).await;
    until_state(&app, &id, ExecutionState::Waiting).await;
    start(&app, &migration, 2).await;
    let engineer = app.backend("engineer").await;
    let begun = |detail: &ExecutionDetail| {
        detail
            .events
            .iter()
            .any(|event| matches!(event.event, EventKind::Progress { .. }))
    };
    until(&engineer, &id, begun).await;
    for control in [Control::Faster, Control::Slower, Control::Slower] {
        engineer.control(id.clone(), control).await.unwrap();
    }
    let slowest = engineer
        .control(id.clone(), Control::Slower)
        .await
        .unwrap_err();
    assert_eq!(slowest.code, ErrorCode::Conflict);
    engineer.control(id.clone(), Control::Pause).await.unwrap();
    let paused = until_state(&app, &id, ExecutionState::Paused).await;
    told_as_it_is(&paused);
    let actions = audited(&app).await;
    for action in ["execution.faster", "execution.slower"] {
        assert!(actions.contains(&action.to_owned()), "{actions:?}");
    }
    let filled = "SELECT COUNT(*) FROM users WHERE shout IS NOT NULL";
    let before = on_target(&app, filled).await;
    assert!((1..1002).contains(&before), "{before}");
    let twice = engineer
        .control(id.clone(), Control::Pause)
        .await
        .unwrap_err();
    assert_eq!(twice.code, ErrorCode::Conflict);

    engineer.control(id.clone(), Control::Resume).await.unwrap();
    let done = until_state(&app, &id, ExecutionState::Completed).await;
    told_as_it_is(&done);
    assert_eq!(on_target(&app, filled).await, 1002);
}

#[tokio::test]
async fn a_cancelled_run_takes_its_phase_back() {
    let app = TestApp::start().await;
    let target = a_full_target(&app).await;
    let migration = approved(&app, &target, SLOW).await;
    let id = start(&app, &migration, 1).await;
    until_state(&app, &id, ExecutionState::Waiting).await;
    start(&app, &migration, 2).await;
    let engineer = app.backend("engineer").await;
    engineer.control(id.clone(), Control::Cancel).await.unwrap();
    let detail = until_state(&app, &id, ExecutionState::Cancelled).await;
    told_as_it_is(&detail);
    let actions = audited(&app).await;
    assert!(
        actions.contains(&"execution.cancel".to_owned()),
        "{actions:?}"
    );
}

#[tokio::test]
async fn what_waits_is_rolled_back_when_asked() {
    let app = TestApp::start().await;
    let target = a_target(&app, "dev").await;
    let migration = approved(&app, &target, DOCUMENT).await;
    let id = start(&app, &migration, 1).await;
    until_state(&app, &id, ExecutionState::Waiting).await;
    let engineer = app.backend("engineer").await;
    engineer
        .control(id.clone(), Control::RollBack)
        .await
        .unwrap();
    let detail = until_state(&app, &id, ExecutionState::RolledBack).await;
    told_as_it_is(&detail);
    let columns = "SELECT COUNT(*) FROM pragma_table_info('users') WHERE name = 'nickname'";
    assert_eq!(on_target(&app, columns).await, 0);
}

#[tokio::test]
async fn a_stopped_server_goes_on_at_its_next_start() {
    let app = TestApp::start().await;
    let target = a_full_target(&app).await;
    let migration = approved(&app, &target, SLOW).await;
    let id = start(&app, &migration, 1).await;
    until_state(&app, &id, ExecutionState::Waiting).await;
    start(&app, &migration, 2).await;
    let engineer = app.backend("engineer").await;
    let begun = |detail: &ExecutionDetail| {
        detail
            .events
            .iter()
            .any(|event| matches!(event.event, EventKind::Progress { .. }))
    };
    until(&engineer, &id, begun).await;
    drop(engineer);
    let dir = app.stop().await;

    let app = TestApp::with(dir, |_| {}).await;
    let filled = "SELECT COUNT(*) FROM users WHERE shout IS NOT NULL";
    assert!(
        on_target(&app, filled).await < 1002,
        "it was stopped in the middle"
    );
    let detail = until_state(&app, &id, ExecutionState::Completed).await;
    told_as_it_is(&detail);
    assert_eq!(on_target(&app, filled).await, 1002);
    assert!(app.state.runs.settled(&id).await);
    let actions = audited(&app).await;
    assert!(actions.contains(&"phase.stopped".to_owned()), "{actions:?}");
    assert_eq!(
        actions.last().map(String::as_str),
        Some("execution.completed")
    );
}

#[tokio::test]
async fn a_pause_by_a_person_outlives_a_restart() {
    let app = TestApp::start().await;
    let target = a_full_target(&app).await;
    let migration = approved(&app, &target, SLOW).await;
    let id = start(&app, &migration, 1).await;
    until_state(&app, &id, ExecutionState::Waiting).await;
    start(&app, &migration, 2).await;
    let engineer = app.backend("engineer").await;
    engineer.control(id.clone(), Control::Pause).await.unwrap();
    until_state(&app, &id, ExecutionState::Paused).await;
    drop(engineer);
    let dir = app.stop().await;

    let app = TestApp::with(dir, |_| {}).await;
    let live = timeout(Duration::from_secs(1), async {
        while !app.state.runs.is_live(&id) {
            sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(live.await.is_err(), "nobody asked it to go on");
    let engineer = app.backend("engineer").await;
    engineer.control(id.clone(), Control::Resume).await.unwrap();
    until_state(&app, &id, ExecutionState::Completed).await;
}

#[tokio::test]
async fn two_runs_do_not_share_a_target() {
    let app = TestApp::start().await;
    let target = a_full_target(&app).await;
    let slow = approved(&app, &target, SLOW).await;
    let id = start(&app, &slow, 1).await;
    until_state(&app, &id, ExecutionState::Waiting).await;
    let text = "\
migration:
  name: other
  database: sqlite
  phases:
    - phase: 1
      operations:
        - {type: custom_sql, sql: CREATE TABLE other (id INTEGER PRIMARY KEY), rollbackSql: DROP TABLE other}
";
    let other = approved(&app, &target, text).await;
    start(&app, &slow, 2).await;
    let engineer = app.backend("engineer").await;
    let request = StartRequest {
        migration_id: other.id.clone(),
        plan_hash: other.plan_hash.clone(),
        phase: 1,
        without_backup: true,
        despite_use: None,
        hold: false,
    };
    let error = engineer.start_phase(request).await.unwrap_err();
    assert_eq!(
        error.details,
        ["Another run holds the target: fill-shouts."]
    );
    assert_eq!(engineer.targets().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_killed_server_goes_on_at_its_next_start() {
    let app = TestApp::start().await;
    let target = a_full_target(&app).await;
    let migration = approved(&app, &target, SLOW).await;
    let id = start(&app, &migration, 1).await;
    until_state(&app, &id, ExecutionState::Waiting).await;
    let dir = app.stop().await;

    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_bellows"))
        .args(["serve", "--addr", "127.0.0.1:0", "--data-dir"])
        .arg(dir.path().join("data"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let base = loop {
        let line = lines.next().expect("it listens").unwrap();
        if let Some(base) = line.strip_prefix("listening on ") {
            break base.to_owned();
        }
    };
    let mut browser = Browser::at(base);
    let (status, text) = browser.sign_in("engineer", PASSWORD).await;
    assert_eq!(status, 200, "{text}");
    let request = serde_json::json!({"request": {
        "migrationId": migration.id, "planHash": migration.plan_hash, "phase": 2,
        "withoutBackup": false,
    }});
    let (status, answer) = browser
        .call("/api/executions/start", Body::Json(request))
        .await;
    assert_eq!(status, 200, "{answer}");
    let path = dir.path().join("dev.db");
    let filled = "SELECT COUNT(*) FROM users WHERE shout IS NOT NULL";
    while number(&path, filled).await == 0 {
        sleep(Duration::from_millis(10)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(
        number(&path, filled).await < 1002,
        "it was killed in the middle"
    );

    let app = TestApp::with(dir, |_| {}).await;
    let detail = until_state(&app, &id, ExecutionState::Completed).await;
    told_as_it_is(&detail);
    assert_eq!(on_target(&app, filled).await, 1002);
}

#[tokio::test]
async fn it_goes_all_the_way_on_a_postgresql_store_too() {
    let database = Database::new().await;
    let app = TestApp::with(tempfile::tempdir().unwrap(), |options| {
        options.store = Some(database.url.clone());
    })
    .await;
    app.people().await;
    let target = a_target(&app, "dev").await;
    let migration = approved(&app, &target, SLOW).await;
    let id = start(&app, &migration, 1).await;
    until_state(&app, &id, ExecutionState::Waiting).await;
    start(&app, &migration, 2).await;
    let detail = until_state(&app, &id, ExecutionState::Completed).await;
    told_as_it_is(&detail);
    assert!(app.state.runs.settled(&id).await);
    audited(&app).await;
    let browser = app.signed_in("auditor").await;
    let (status, list) = browser
        .call("/api/executions/list", Body::Form(String::new()))
        .await;
    assert_eq!((status.as_u16(), list[0]["id"].as_str()), (200, Some(&*id)));
    app.stop().await;
    database.drop().await;
}
