//! What is held until a person says go: by whom, over a restart, and what is written about it.

use bellows::access::Policy;
use bellows::run::{EventKind, ExecutionState, StopReason, View};
use bellows_app::backend::{
    Control, ErrorCode, ExecutionBackend, ExecutionDetail, MigrationBackend, TargetBackend,
};

use crate::app::TestApp;
use crate::flow::a_target;
use crate::runs::{approved, audited, start, told_as_it_is, until_state};

const DOCUMENT: &str = "\
migration:
  name: drop-name
  database: sqlite
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: users, column: nick, dataType: TEXT}
    - phase: 2
      operations:
        - {type: drop_column, table: users, column: name}
";

async fn held(app: &TestApp, id: &str) -> ExecutionDetail {
    loop {
        // Its end is told before it is brought to the books.
        assert!(app.state.runs.settled(id).await);
        let detail = app
            .backend("engineer")
            .await
            .execution(id.to_owned())
            .await
            .unwrap();
        let told = View::fold(&detail.events);
        if told.stopped.is_some_and(|s| s.reason == StopReason::Held) {
            return detail;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_contract_phase_is_held_over_a_restart_until_a_person_says_go() {
    let app = TestApp::start().await;
    let target = a_target(&app, "dev").await;
    let policy = Policy {
        hold_cut_over: true,
        ..Policy::default()
    };
    let admin = app.backend("admin").await;
    admin.set_policy("dev".to_owned(), policy).await.unwrap();
    let migration = approved(&app, &target, DOCUMENT).await;
    let engineer = app.backend("engineer").await;
    let views = engineer
        .migration(migration.id.clone())
        .await
        .unwrap()
        .phases;
    assert_eq!(
        views
            .iter()
            .map(|v| (v.can_hold, v.is_held))
            .collect::<Vec<_>>(),
        [(false, true), (true, true)]
    );
    let id = start(&app, &migration, 1).await;
    until_state(&app, &id, ExecutionState::Waiting).await;
    let early = engineer.control(id.clone(), Control::Go).await.unwrap_err();
    assert_eq!(early.code, ErrorCode::Conflict, "nothing is held yet");
    start(&app, &migration, 2).await;
    let detail = held(&app, &id).await;
    assert_eq!(detail.summary.state, ExecutionState::Waiting);
    told_as_it_is(&detail);
    drop((admin, engineer));
    let dir = app.stop().await;

    let app = TestApp::with(dir, |_| {}).await;
    let detail = held(&app, &id).await;
    assert_eq!(detail.summary.state, ExecutionState::Waiting);
    let approver = app.backend("approver").await;
    let error = approver.control(id.clone(), Control::Go).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    let engineer = app.backend("engineer").await;
    engineer.control(id.clone(), Control::Go).await.unwrap();
    let detail = until_state(&app, &id, ExecutionState::Completed).await;
    told_as_it_is(&detail);
    let said = EventKind::GoSaid {
        phase: 2,
        by: "engineer".to_owned(),
    };
    let told = detail.events.iter().any(|told| told.event == said);
    assert!(told, "{:#?}", detail.events);
    assert!(app.state.runs.settled(&id).await);
    let actions = audited(&app).await;
    assert!(actions.contains(&"execution.go".to_owned()), "{actions:?}");
}
