//! The facts that the guard judges by, as the server gathers them: each makes a start impossible
//! by itself. How the core judges them is tested with the core.

use bellows::access::{BackupRule, Grant, Policy, Role};
use bellows::lint::Severity;
use bellows::run::{ExecutionState, View};
use bellows_app::backend::{
    BackupBackend, Decision, ErrorCode, ExecutionBackend, MigrationBackend, PeopleBackend,
    SaveRequest, StartRequest, TargetBackend,
};

use crate::app::TestApp;
use crate::flow::a_target;

pub(crate) fn document(phases: &str) -> String {
    format!(
        "migration:\n  name: m\n  database: sqlite\n  phases:\n    - phase: 1\n      operations:\n{phases}"
    )
}

const ADD: &str =
    "        - {type: add_column, table: users, column: email, dataType: TEXT, nullable: true}\n";

pub(crate) struct Ready {
    pub(crate) app: TestApp,
    pub(crate) id: String,
    pub(crate) plan_hash: String,
}

/// A migration in review, its phase 1 approved.
pub(crate) async fn ready(policy: Policy, text: &str) -> Ready {
    let app = TestApp::start().await;
    let target = a_target(&app, "dev").await;
    let admin = app.backend("admin").await;
    admin.set_policy("dev".to_owned(), policy).await.unwrap();
    let engineer = app.backend("engineer").await;
    let request = SaveRequest {
        id: None,
        target_id: target.id,
        text: text.to_owned(),
        base_version: 0,
    };
    let saved = engineer.save_migration(request).await.unwrap();
    engineer.request_review(saved.id.clone(), 1).await.unwrap();
    let plan = engineer
        .migration(saved.id.clone())
        .await
        .unwrap()
        .plan
        .unwrap();
    let ready = Ready {
        app,
        id: saved.id,
        plan_hash: plan.plan_hash,
    };
    ready.approve("approver").await;
    ready
}

impl Ready {
    async fn approve(&self, who: &str) {
        let phases = vec![1];
        let words = "fine".to_owned();
        self.app
            .backend(who)
            .await
            .decide(
                self.id.clone(),
                self.plan_hash.clone(),
                phases,
                Decision::Approved,
                words,
            )
            .await
            .unwrap();
    }

    pub(crate) async fn start(&self, who: &str, without_backup: bool) -> Result<(), Vec<String>> {
        let request = StartRequest {
            migration_id: self.id.clone(),
            plan_hash: self.plan_hash.clone(),
            phase: 1,
            without_backup,
            despite_use: None,
            hold: false,
        };
        match self.app.backend(who).await.start_phase(request).await {
            Ok(_) => Ok(()),
            Err(error) => {
                assert_eq!(error.code, ErrorCode::Blocked, "{error:?}");
                Err(error.details)
            }
        }
    }
}

fn reason(text: &str) -> Result<(), Vec<String>> {
    Err(vec![text.to_owned()])
}

#[tokio::test]
async fn distinct_approvals_are_counted() {
    let policy = Policy {
        approvals: 2,
        ..Policy::default()
    };
    let ready = ready(policy, &document(ADD)).await;
    ready.approve("approver").await;
    let one = reason("It needs 2 approvals, and has 1.");
    assert_eq!(
        ready.start("engineer", false).await,
        one,
        "twice by one is once"
    );
    ready.app.register("second", &[Role::Approver]).await;
    ready.approve("second").await;
    assert_eq!(ready.start("engineer", false).await, Ok(()));
}

#[tokio::test]
async fn who_approved_does_not_start_it() {
    let ready = ready(Policy::default(), &document(ADD)).await;
    let both = [Role::Approver, Role::Engineer];
    ready.app.register("both", &both).await;
    ready.approve("both").await;
    let barred = reason("You approved it: here, somebody else has to start it.");
    assert_eq!(ready.start("both", false).await, barred);
    let policy = Policy {
        approver_may_execute: true,
        ..Policy::default()
    };
    let admin = ready.app.backend("admin").await;
    admin.set_policy("dev".to_owned(), policy).await.unwrap();
    assert_eq!(ready.start("both", false).await, Ok(()));
}

#[tokio::test]
async fn an_approver_who_changes_their_mind_stops_it() {
    let ready = ready(Policy::default(), &document(ADD)).await;
    let no = "on second thoughts".to_owned();
    ready
        .app
        .backend("approver")
        .await
        .decide(
            ready.id.clone(),
            ready.plan_hash.clone(),
            vec![1],
            Decision::Rejected,
            no,
        )
        .await
        .unwrap();
    let reasons = ready.start("engineer", false).await.unwrap_err();
    assert_eq!(reasons[0], "An approver rejected this version: edit it.");
}

#[tokio::test]
async fn findings_block_by_the_policy() {
    let drop = "        - {type: custom_sql, sql: \"UPDATE users SET name = 'x'\", rollbackSql: \"SELECT 1\"}\n";
    let policy = Policy {
        blocking: Severity::Info,
        ..Policy::default()
    };
    let ready = ready(policy, &document(drop)).await;
    let reasons = ready.start("engineer", true).await.unwrap_err();
    assert!(
        reasons
            .iter()
            .any(|reason| reason.starts_with("A finding is in the way")),
        "{reasons:?}"
    );
}

#[tokio::test]
async fn values_are_destroyed_only_when_somebody_said_so() {
    let drop = "        - {type: drop_column, table: users, column: name}\n";
    let ready = ready(Policy::default(), &document(drop)).await;
    // Where backups are to be kept there is a file.
    std::fs::write(&ready.app.state.backups, "").unwrap();
    let refused = ready.start("engineer", false).await.unwrap_err();
    assert!(
        refused
            .iter()
            .any(|reason| reason.starts_with("It needs a backup, and none can be taken")),
        "{refused:?}"
    );
    assert_eq!(ready.start("engineer", true).await, Ok(()));
}

#[tokio::test]
async fn what_is_still_used_goes_only_for_a_reason_that_is_recorded() {
    let drop = "        - {type: drop_column, table: users, column: name}\n";
    let ready = ready(Policy::default(), &document(drop)).await;
    // It came after the review, on another table: the plan knows nothing of it.
    crate::runs::on_target(
        &ready.app,
        "CREATE TABLE visits (id INTEGER PRIMARY KEY, who TEXT)",
    )
    .await;
    crate::runs::on_target(
        &ready.app,
        "CREATE TRIGGER visitors AFTER INSERT ON visits
         BEGIN UPDATE users SET name = NEW.who WHERE id = NEW.id; END",
    )
    .await;
    assert_eq!(
        ready.start("engineer", true).await,
        reason(
            "What it takes away is still used: these stand on users.name: trigger visitors. Have \
             that end, or start it all the same with a reason."
        )
    );
    let request = |why: &str| StartRequest {
        migration_id: ready.id.clone(),
        plan_hash: ready.plan_hash.clone(),
        phase: 1,
        without_backup: true,
        despite_use: Some(why.to_owned()),
        hold: false,
    };
    let engineer = ready.app.backend("engineer").await;
    let error = engineer.start_phase(request(" ")).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Invalid, "no reason is none");
    engineer
        .start_phase(request("nobody visits any more"))
        .await
        .unwrap();
    let audit = ready.app.backend("auditor").await;
    let filter = bellows_app::backend::AuditFilter::default();
    let page = bellows_app::backend::AuditBackend::audit(&audit, filter)
        .await
        .unwrap();
    let started = page
        .entries
        .iter()
        .find(|entry| entry.action == "phase.started")
        .unwrap();
    let detail = started.detail.to_string();
    assert!(detail.contains("nobody visits any more"), "{detail}");
    assert!(detail.contains("trigger visitors"), "{detail}");
}

#[tokio::test]
async fn a_backup_is_not_waived_where_the_policy_asks_for_it() {
    let policy = Policy {
        backup: BackupRule::Required,
        ..Policy::default()
    };
    let ready = ready(policy, &document(ADD)).await;
    assert_eq!(
        ready.start("engineer", true).await,
        reason("The environment's policy asks for a backup: it cannot start without one.")
    );
    assert_eq!(ready.start("engineer", false).await, Ok(()));
    let engineer = ready.app.backend("engineer").await;
    let id = engineer.executions().await.unwrap()[0].id.clone();
    crate::runs::until_state(&ready.app, &id, ExecutionState::Completed).await;
    assert!(ready.app.state.runs.settled(&id).await);
    let snapshot = engineer
        .execution(id.clone())
        .await
        .unwrap()
        .summary
        .snapshot;
    let target = engineer.targets().await.unwrap()[0].id.clone();
    let backups = engineer.backups(target.clone()).await.unwrap();
    assert_eq!(backups.len(), 1);
    assert_eq!(Some(&backups[0].id), snapshot.as_ref());
    assert!(backups[0].here);

    // It is restored by an admin alone, and the execution goes back with the rows.
    let error = engineer
        .restore_backup(target.clone(), backups[0].id.clone())
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    let admin = ready.app.backend("admin").await;
    let seen = admin
        .preview_restore(target.clone(), backups[0].id.clone())
        .await
        .unwrap();
    assert_eq!(seen.executions.len(), 1);
    assert!(seen.tables.iter().any(|table| table.table == "users"));
    let done = admin
        .restore_backup(target.clone(), backups[0].id.clone())
        .await
        .unwrap();
    assert!(done.as_then && done.saved.is_some(), "{done:?}");
    let detail = engineer.execution(id).await.unwrap();
    assert_eq!(detail.summary.state, ExecutionState::RolledBack);
    let told = View::fold(&detail.events);
    assert_eq!(told.state, Some(ExecutionState::RolledBack));
    assert_eq!(told.illegal, []);
    assert_eq!(admin.backups(target).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_soak_is_counted_from_the_phase_before() {
    let text = document(&format!(
        "{ADD}    - phase: 2\n      gate: {{soak: 1h}}\n      operations:\n        - {{type: drop_column, table: users, column: email}}\n"
    ));
    let ready = ready(Policy::default(), &text).await;
    ready.start("engineer", false).await.unwrap();
    let engineer = ready.app.backend("engineer").await;
    let detail = loop {
        let detail = engineer.migration(ready.id.clone()).await.unwrap();
        if detail.summary.done == 1 {
            break detail;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    ready
        .app
        .backend("approver")
        .await
        .decide(
            ready.id.clone(),
            ready.plan_hash.clone(),
            vec![2],
            Decision::Approved,
            String::new(),
        )
        .await
        .unwrap();
    let request = StartRequest {
        migration_id: ready.id.clone(),
        plan_hash: ready.plan_hash.clone(),
        phase: 2,
        without_backup: true,
        despite_use: None,
        hold: false,
    };
    let error = engineer.start_phase(request).await.unwrap_err();
    let soak = |lines: &[String]| {
        lines
            .iter()
            .any(|line| line.starts_with("The soak goes on for "))
    };
    assert!(soak(&error.details), "{error:?}");
    assert!(soak(&detail.phases[1].blocked.time), "the page says so too");
}

#[tokio::test]
async fn roles_hold_in_their_environment() {
    let ready = ready(Policy::default(), &document(ADD)).await;
    let admin = ready.app.backend("admin").await;
    ready.app.register("elsewhere", &[]).await;
    let id = admin
        .people()
        .await
        .unwrap()
        .into_iter()
        .find(|person| person.login == "elsewhere")
        .unwrap()
        .id;
    let grant = |role: Role, environment: &str| Grant {
        role,
        environment: Some(environment.to_owned()),
    };
    admin
        .set_grants(id.clone(), vec![grant(Role::Engineer, "production")])
        .await
        .unwrap();
    let elsewhere = ready.app.backend("elsewhere").await;
    assert_eq!(elsewhere.migrations().await.unwrap().len(), 0);
    assert_eq!(elsewhere.targets().await.unwrap().len(), 0);
    let error = elsewhere.migration(ready.id.clone()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    let request = StartRequest {
        migration_id: ready.id.clone(),
        plan_hash: ready.plan_hash.clone(),
        phase: 1,
        without_backup: false,
        despite_use: None,
        hold: false,
    };
    let error = elsewhere.start_phase(request).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);

    admin
        .set_grants(id, vec![grant(Role::Engineer, "dev")])
        .await
        .unwrap();
    let here = ready.app.backend("elsewhere").await;
    assert_eq!(here.migrations().await.unwrap().len(), 1);
    assert_eq!(ready.start("elsewhere", false).await, Ok(()));
}
