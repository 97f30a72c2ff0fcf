//! Documents brought onto a target as a caller would.

use bellows::document::Engine;
use bellows::plan::Plan;
use bellows::run::StopReason;
use bellows_server::executor::{
    self, ControlReceiver, ExecuteError, ExecutionRecord, NewExecution, Opened, Outcome,
    RunOptions, control, planning_schema, run_phase,
};
use bellows_server::target::Target;

use super::Events;

/// A document that is for MariaDB and MySQL alike, for the one that the target is.
pub fn for_engine(target: &Target, yaml: &str) -> String {
    match target.engine() {
        Engine::MySql => yaml.replace("database: mariadb", "database: mysql"),
        Engine::PostgreSql | Engine::MariaDb | Engine::Sqlite => yaml.to_owned(),
    }
}

/// The plan of a document for the target.
pub async fn plan_for(target: &Target, yaml: &str) -> Plan {
    let yaml = &for_engine(target, yaml);
    let document = bellows::document::parse(yaml).unwrap_or_else(|e| panic!("{e:#?}"));
    let schema = planning_schema(target, &document).await.unwrap();
    bellows::plan::plan(&document, Some(&schema)).unwrap_or_else(|e| panic!("{e:#?}"))
}

/// Makes or finds the document's execution, as [`executor::open`] gives it.
pub async fn open_on(target: &Target, yaml: &str) -> Result<Opened, ExecuteError> {
    let yaml = &for_engine(target, yaml);
    let plan = plan_for(target, yaml).await;
    let document = bellows::document::parse(yaml).unwrap();
    let new = NewExecution {
        id: uuid::Uuid::now_v7().to_string(),
        migration: document.name.clone(),
        document: yaml.to_owned(),
        plan,
        planned_on: None,
        by: "tester".into(),
    };
    executor::open(target, new).await
}

/// The document's execution.
pub async fn open(target: &Target, yaml: &str) -> ExecutionRecord {
    open_on(target, yaml).await.unwrap().record
}

/// Runs a phase to its end or stop.
pub async fn run(target: &Target, id: &str, phase: u32, events: &Events) -> Outcome {
    let (_sender, receiver) = control();
    run_with(target, id, phase, events, receiver).await
}

/// The same, under somebody's control.
pub async fn run_with(
    target: &Target,
    id: &str,
    phase: u32,
    events: &Events,
    control: ControlReceiver,
) -> Outcome {
    let options = RunOptions::new("test");
    run_phase(target, id, phase, "tester", &options, events, control)
        .await
        .unwrap()
}

/// Runs a phase, and goes on with it where its connection was lost too often with nothing done in
/// between: how often that is depends on how busy the machine is.
pub async fn run_on(target: &Target, id: &str, phase: u32, events: &Events) -> Outcome {
    loop {
        let outcome = run(target, id, phase, events).await;
        let cut_off = matches!(
            outcome,
            Outcome::Stopped {
                reason: StopReason::Connection,
                ..
            }
        );
        if !cut_off {
            return outcome;
        }
    }
}

/// Runs every phase of a document, which must go through.
pub async fn apply(target: &Target, yaml: &str) -> (ExecutionRecord, Events) {
    let record = open(target, yaml).await;
    let events = Events::default();
    for phase in &record.plan.phases {
        let outcome = run(target, &record.id, phase.phase, &events).await;
        assert!(
            matches!(outcome, Outcome::PhaseCompleted | Outcome::Completed),
            "phase {}: {outcome:?}\n{:#?}",
            phase.phase,
            events.all()
        );
    }
    (record, events)
}

/// Takes every phase back that was run.
pub async fn back(target: &Target, id: &str) -> Outcome {
    let (_sender, receiver) = control();
    let (options, events) = (RunOptions::new("test"), Events::default());
    executor::roll_back(target, id, None, "tester", &options, &events, receiver)
        .await
        .unwrap()
}
