//! From the draft to the run: versions, reviews, approvals, and the guard at the start.

use bellows::access::Role;
use bellows::document::Engine;
use bellows_app::backend::{
    Decision, ErrorCode, ExecutionBackend, MigrationBackend, MigrationDetail, NewTarget,
    ReviewState, SaveRequest, Saved, StartRequest, TargetBackend, TargetSummary,
};
use bellows_server::usecase::RequestBackend;
use sqlx::Connection;

use crate::app::TestApp;

/// Two phases on the table that [`a_target`] has.
pub const DOCUMENT: &str = "\
migration:
  name: add-nickname
  database: sqlite
  description: Nicknames
  phases:
    - phase: 1
      description: Add
      operations:
        - type: add_column
          table: users
          column: nickname
          dataType: TEXT
          nullable: true
    - phase: 2
      description: Index
      gate:
        deploy: App v2 writes nicknames
      operations:
        - type: add_index
          table: users
          indexName: users_nickname
          columns: [nickname]
";

/// A SQLite database with a table, registered.
pub async fn a_target(app: &TestApp, environment: &str) -> TargetSummary {
    let path = app.dir().join(format!("{environment}.db"));
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut connection = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    sqlx::raw_sql("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL); INSERT INTO users (name) VALUES ('Ada'), ('Ben')")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    let target = NewTarget {
        name: format!("{environment} database"),
        environment: environment.to_owned(),
        url: format!("sqlite:{}", path.display()),
    };
    app.backend("admin").await.add_target(target).await.unwrap()
}

/// Changes the target behind Bellows' back.
async fn meddle(app: &TestApp, environment: &str, sql: &str) {
    let path = app.dir().join(format!("{environment}.db"));
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut connection = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn save(engineer: &RequestBackend, target: &TargetSummary, text: &str) -> Saved {
    let request = SaveRequest {
        id: None,
        target_id: target.id.clone(),
        text: text.to_owned(),
        base_version: 0,
    };
    engineer.save_migration(request).await.unwrap()
}

async fn edit(
    engineer: &RequestBackend,
    target: &TargetSummary,
    saved: &Saved,
    text: &str,
) -> Result<Saved, ErrorCode> {
    let request = SaveRequest {
        id: Some(saved.id.clone()),
        target_id: target.id.clone(),
        text: text.to_owned(),
        base_version: saved.version,
    };
    engineer
        .save_migration(request)
        .await
        .map_err(|error| error.code)
}

fn plan_hash(detail: &MigrationDetail) -> String {
    detail.plan.as_ref().expect("a plan").plan_hash.clone()
}

/// A migration that waits for approval.
async fn in_review(app: &TestApp) -> (Saved, TargetSummary, String) {
    let target = a_target(app, "dev").await;
    let engineer = app.backend("engineer").await;
    let saved = save(&engineer, &target, DOCUMENT).await;
    engineer
        .request_review(saved.id.clone(), saved.version)
        .await
        .unwrap();
    let detail = engineer.migration(saved.id.clone()).await.unwrap();
    let hash = plan_hash(&detail);
    (saved, target, hash)
}

async fn approve(
    app: &TestApp,
    who: &str,
    saved: &Saved,
    hash: &str,
    phases: &[u32],
) -> Result<(), ErrorCode> {
    app.backend(who)
        .await
        .decide(
            saved.id.clone(),
            hash.to_owned(),
            phases.to_vec(),
            Decision::Approved,
            "fine".to_owned(),
        )
        .await
        .map_err(|error| error.code)
}

/// What is approved does not change while the tables grow; how long it takes does.
#[tokio::test]
async fn a_reviewed_plan_states_the_times_of_now() {
    let app = TestApp::start().await;
    let (saved, _, hash) = in_review(&app).await;
    meddle(
        &app,
        "dev",
        "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 5000)
         INSERT INTO users (name) SELECT 'Cy' FROM s",
    )
    .await;
    let engineer = app.backend("engineer").await;
    let detail = engineer.migration(saved.id.clone()).await.unwrap();
    assert_eq!(plan_hash(&detail), hash);
    let plan = detail.plan.unwrap();
    let rows: Vec<u64> = plan
        .phases
        .iter()
        .flat_map(|phase| &phase.steps)
        .flat_map(|step| step.action.statements())
        .map(|statement| statement.estimate.basis.rows)
        .collect();
    assert_eq!(rows.last(), Some(&5_002), "{rows:?}");
}

fn start(saved: &Saved, hash: &str, phase: u32) -> StartRequest {
    StartRequest {
        migration_id: saved.id.clone(),
        plan_hash: hash.to_owned(),
        phase,
        without_backup: false,
        despite_use: None,
        hold: false,
    }
}

/// Why the engineer cannot start the phase.
async fn refused(app: &TestApp, saved: &Saved, hash: &str, phase: u32) -> Vec<String> {
    let engineer = app.backend("engineer").await;
    let error = engineer
        .start_phase(start(saved, hash, phase))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::Blocked, "{error:?}");
    error.details
}

#[tokio::test]
async fn a_version_is_made_by_a_change_only() {
    let app = TestApp::start().await;
    let target = a_target(&app, "dev").await;
    let engineer = app.backend("engineer").await;
    let first = save(&engineer, &target, DOCUMENT).await;
    assert_eq!(first.version, 1);
    let same = edit(&engineer, &target, &first, DOCUMENT).await.unwrap();
    assert_eq!(same, first);
    let commented = edit(&engineer, &target, &first, &format!("# why\n{DOCUMENT}"))
        .await
        .unwrap();
    assert_eq!((commented.version, &commented.hash), (2, &first.hash));
    // The text is kept as it was written, comments and all.
    let kept = engineer.migration(first.id.clone()).await.unwrap();
    assert_eq!(kept.text, format!("# why\n{DOCUMENT}"));
    let changed = DOCUMENT.replace("users_nickname", "users_by_nickname");
    let third = edit(&engineer, &target, &commented, &changed)
        .await
        .unwrap();
    assert_eq!(third.version, 3);
    assert_ne!(third.hash, first.hash);
    let stale = edit(&engineer, &target, &commented, DOCUMENT).await;
    assert_eq!(stale, Err(ErrorCode::Conflict));
    let detail = engineer.migration(first.id).await.unwrap();
    assert_eq!(detail.text, changed);
    let numbers: Vec<u32> = detail
        .versions
        .iter()
        .map(|version| version.number)
        .collect();
    assert_eq!(numbers, [3, 2, 1]);
}

#[tokio::test]
async fn names_are_unique_and_mistakes_are_told() {
    let app = TestApp::start().await;
    let target = a_target(&app, "dev").await;
    let engineer = app.backend("engineer").await;
    save(&engineer, &target, DOCUMENT).await;
    let request = |text: &str| SaveRequest {
        id: None,
        target_id: target.id.clone(),
        text: text.to_owned(),
        base_version: 0,
    };
    let twice = engineer
        .save_migration(request(DOCUMENT))
        .await
        .unwrap_err();
    assert_eq!(twice.code, ErrorCode::Conflict);
    let typo = DOCUMENT.replace("dataType", "datatype");
    let error = engineer.save_migration(request(&typo)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Invalid);
    assert!(
        error.details.iter().any(|line| line.starts_with("line ")),
        "{error:?}"
    );
    let other = DOCUMENT
        .replace("sqlite", "postgresql")
        .replace("add-nickname", "other");
    let error = engineer.save_migration(request(&other)).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Invalid);
}

#[tokio::test]
async fn nobody_approves_what_they_wrote_or_edited() {
    let app = TestApp::start().await;
    app.register("both", &[Role::Engineer, Role::Approver, Role::Admin])
        .await;
    let (saved, target, hash) = in_review(&app).await;
    assert_eq!(
        approve(&app, "engineer", &saved, &hash, &[1]).await,
        Err(ErrorCode::Forbidden)
    );
    assert_eq!(
        approve(&app, "auditor", &saved, &hash, &[1]).await,
        Err(ErrorCode::Forbidden)
    );
    let both = app.backend("both").await;
    let text = DOCUMENT.replace("Nicknames", "Nicknames for all");
    let edited = edit(&both, &target, &saved, &text).await.unwrap();
    both.request_review(edited.id.clone(), edited.version)
        .await
        .unwrap();
    let hash = plan_hash(&both.migration(edited.id.clone()).await.unwrap());
    assert_eq!(
        approve(&app, "both", &edited, &hash, &[1]).await,
        Err(ErrorCode::Forbidden)
    );

    // Edited by the first author again: who edited in between stays barred.
    let engineer = app.backend("engineer").await;
    let last = edit(&engineer, &target, &edited, DOCUMENT).await.unwrap();
    engineer
        .request_review(last.id.clone(), last.version)
        .await
        .unwrap();
    let hash = plan_hash(&engineer.migration(last.id.clone()).await.unwrap());
    assert_eq!(
        approve(&app, "both", &last, &hash, &[1]).await,
        Err(ErrorCode::Forbidden)
    );
    assert_eq!(approve(&app, "approver", &last, &hash, &[1]).await, Ok(()));
}

#[tokio::test]
async fn an_edit_makes_approvals_stale() {
    let app = TestApp::start().await;
    let (saved, target, hash) = in_review(&app).await;
    approve(&app, "approver", &saved, &hash, &[1, 2])
        .await
        .unwrap();
    let engineer = app.backend("engineer").await;
    let detail = engineer.migration(saved.id.clone()).await.unwrap();
    assert_eq!(detail.summary.approved, 2);
    let edited = edit(&engineer, &target, &saved, &format!("# a word\n{DOCUMENT}"))
        .await
        .unwrap();
    engineer
        .request_review(edited.id.clone(), edited.version)
        .await
        .unwrap();
    let detail = engineer.migration(saved.id.clone()).await.unwrap();
    assert_eq!(detail.summary.approved, 0);
    assert!(detail.approvals.iter().all(|approval| approval.stale));
    assert_eq!(
        refused(&app, &edited, &plan_hash(&detail), 1).await,
        ["It needs 1 approval, and has 0."]
    );
}

#[tokio::test]
async fn a_rejection_needs_words_and_ends_the_version() {
    let app = TestApp::start().await;
    let (saved, target, hash) = in_review(&app).await;
    let approver = app.backend("approver").await;
    let reject = async |comment: &str| {
        approver
            .decide(
                saved.id.clone(),
                hash.clone(),
                vec![1],
                Decision::Rejected,
                comment.to_owned(),
            )
            .await
            .map_err(|error| error.code)
    };
    assert_eq!(reject(" ").await, Err(ErrorCode::Invalid));
    assert_eq!(reject("not so").await, Ok(()));
    let engineer = app.backend("engineer").await;
    let detail = engineer.migration(saved.id.clone()).await.unwrap();
    assert_eq!(detail.summary.review, ReviewState::Rejected);
    assert_eq!(
        approve(&app, "approver", &saved, &hash, &[1]).await,
        Err(ErrorCode::Conflict)
    );
    let again = engineer
        .request_review(saved.id.clone(), saved.version)
        .await
        .unwrap_err();
    assert_eq!(again.code, ErrorCode::Conflict);
    let text = DOCUMENT.replace("Nicknames", "Better nicknames");
    let edited = edit(&engineer, &target, &saved, &text).await.unwrap();
    engineer
        .request_review(edited.id, edited.version)
        .await
        .unwrap();
}

#[tokio::test]
async fn approvals_are_for_the_plan_that_was_seen() {
    let app = TestApp::start().await;
    let (saved, _, _) = in_review(&app).await;
    let other = approve(&app, "approver", &saved, "sha256:other", &[1]).await;
    assert_eq!(other, Err(ErrorCode::Conflict));
}

#[tokio::test]
async fn the_guard_says_what_is_missing_before_a_start() {
    let app = TestApp::start().await;
    let target = a_target(&app, "dev").await;
    let engineer = app.backend("engineer").await;
    let saved = save(&engineer, &target, DOCUMENT).await;
    let draft = refused(&app, &saved, "", 1).await;
    assert_eq!(
        draft,
        [
            "Review has not been asked for.",
            "It needs 1 approval, and has 0."
        ]
    );
    engineer
        .request_review(saved.id.clone(), saved.version)
        .await
        .unwrap();
    let detail = engineer.migration(saved.id.clone()).await.unwrap();
    let hash = plan_hash(&detail);
    assert_eq!(
        refused(&app, &saved, &hash, 1).await,
        ["It needs 1 approval, and has 0."]
    );
    assert_eq!(
        refused(&app, &saved, &hash, 2).await,
        [
            "It needs 1 approval, and has 0.",
            "Somebody has to confirm the deploy: App v2 writes nicknames.",
            "Phase 1 comes first, and is not done."
        ]
    );
    let shown = &detail.phases[1].blocked;
    assert_eq!(shown.person.len(), 3, "the page says the same: {shown:?}");
    let error = app
        .backend("approver")
        .await
        .start_phase(start(&saved, &hash, 1))
        .await;
    assert_eq!(error.unwrap_err().code, ErrorCode::Forbidden);
}

#[tokio::test]
async fn drift_stops_a_start_and_is_shown() {
    let app = TestApp::start().await;
    let (saved, _, hash) = in_review(&app).await;
    approve(&app, "approver", &saved, &hash, &[1])
        .await
        .unwrap();
    meddle(&app, "dev", "ALTER TABLE users ADD COLUMN email TEXT").await;
    let reasons = refused(&app, &saved, &hash, 1).await;
    assert_eq!(
        reasons,
        ["The tables are not as the approved plan expects: users: column email was added"]
    );
}

#[tokio::test]
async fn credentials_reach_no_browser_and_no_log() {
    let app = TestApp::start().await;
    let admin = app.backend("admin").await;
    let target = NewTarget {
        name: "secret".to_owned(),
        environment: "dev".to_owned(),
        url: "postgres://user:hunter-two@127.0.0.1:1/nothing".to_owned(),
    };
    let error = admin.add_target(target).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Target);
    assert!(!format!("{error:?}").contains("hunter-two"), "{error:?}");
    let log = bellows_server::audit::after(&app.state.store, 0)
        .await
        .unwrap();
    assert!(!format!("{log:?}").contains("hunter-two"));
}

#[tokio::test]
async fn a_mysql_address_is_tried_and_the_server_says_what_it_is() {
    let app = TestApp::start().await;
    let admin = app.backend("admin").await;
    let url = std::env::var("BELLOWS_TEST_MARIADB")
        .expect("BELLOWS_TEST_MARIADB: call scripts/mariadb-throwaway run cargo test");
    let target = |url: &str| NewTarget {
        name: "shop".to_owned(),
        environment: "dev".to_owned(),
        url: url.to_owned(),
    };
    let error = admin
        .add_target(target(url.rsplit_once('/').unwrap().0))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::Invalid);
    assert!(error.message.contains("/database"), "{error:?}");
    let added = admin.add_target(target(&url)).await.unwrap();
    assert_eq!(added.engine, Engine::MariaDb);
    assert!(!added.address.contains("root@"), "{}", added.address);
}
