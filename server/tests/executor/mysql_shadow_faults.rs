//! Shadow tables on real MariaDB and MySQL servers, with runs that end in the middle: nothing is lost or
//! doubled, and nothing is left.

use std::time::Duration;

use bellows::document::Engine;
use bellows::plan::Action;
use bellows::run::{EventKind, StopReason};
use bellows_server::executor::Outcome;

use super::mysql_shadow::{
    back, differences, document, fingerprint, orders, ours, phase_done, stop, writers,
};
use crate::support::{Events, TestTarget, open, run};

on_mariadb_and_mysql! {
    a_run_that_ends_at_any_event_goes_on_and_doubles_nothing,
    after_a_crash_behind_any_statement_it_goes_on_and_back,
    a_connection_killed_again_and_again_changes_nothing,
}

/// Everything in one phase, in batches so small that there is much to end in.
fn one_phase() -> String {
    document(", batchSize: 100, pauseMs: 1")
        .replace("    - phase: 2\n      operations:\n", "")
        .replace("    - phase: 3\n      operations:\n", "")
}

async fn right(test: &TestTarget) {
    assert_eq!(differences(test, "orders", "orders_old").await, 0);
    assert_eq!(ours(test).await, 3, "the triggers back, and nothing else");
}

async fn a_run_that_ends_at_any_event_goes_on_and_doubles_nothing(engine: Engine) {
    let rows = 2000;
    let test = orders(engine, rows).await;
    let before = fingerprint(&test).await;
    let record = open(&test.target, &one_phase()).await;
    let at_work = writers(&test, rows);
    let counted = |e: &EventKind| {
        matches!(
            e,
            EventKind::StepStarted { .. }
                | EventKind::StepCompleted { .. }
                | EventKind::Progress { .. }
        )
    };
    let mut ends = 0;
    loop {
        let events = Events::holding(|e| {
            matches!(
                e,
                EventKind::StepStarted { .. }
                    | EventKind::StepCompleted { .. }
                    | EventKind::Progress { .. }
            )
        });
        events.go_on();
        let one_more = async {
            while events.count(counted) < 2 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::select! {
            outcome = run(&test.target, &record.id, 1, &events) => {
                assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
                break;
            }
            () = one_more => ends += 1,
        }
        assert!(ends < 500, "it gets on");
    }
    assert!(ends >= 10, "it was ended {ends} times");
    stop(at_work).await;
    right(&test).await;
    let outcome = back(&test, &record.id, None).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(fingerprint(&test).await, before);
    assert_eq!(ours(&test).await, 0);
}

/// A statement took effect and the run died before it could write so, at every step: going on
/// neither repeats it nor leaves it out, and going back from there leaves nothing.
async fn after_a_crash_behind_any_statement_it_goes_on_and_back(engine: Engine) {
    let steps = {
        let test = orders(engine, 20).await;
        open(&test.target, &document("")).await.plan.phases[2]
            .steps
            .len()
    };
    for at in 0..steps {
        for forward in [true, false] {
            crash_behind(engine, at, forward).await;
        }
    }
}

async fn crash_behind(engine: Engine, at: usize, forward: bool) {
    let test = orders(engine, 300).await;
    let before = fingerprint(&test).await;
    let record = open(&test.target, &document("")).await;
    phase_done(&test, &record.id, 1).await;
    phase_done(&test, &record.id, 2).await;
    let step = &record.plan.phases[2].steps[at];
    let Action::Ddl { statement, .. } = &step.action else {
        return;
    };
    // The run up to there, and its statement without its record.
    let wanted = step.id.clone();
    let reached =
        |e: &EventKind| matches!(e, EventKind::StepStarted { step, .. } if *step == wanted);
    let events = Events::holding(|e| matches!(e, EventKind::StepStarted { .. }));
    let up_to = async {
        while events.count(reached) == 0 {
            events.go_on();
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    };
    tokio::select! {
        outcome = run(&test.target, &record.id, 3, &events) => panic!("{outcome:?}"),
        () = up_to => {}
    }
    tokio::time::sleep(Duration::from_millis(30)).await;
    let known = test
        .number(&format!(
            "SELECT count(*) FROM _bellows_step WHERE id = '{}'",
            step.id
        ))
        .await;
    if known == 0 {
        test.sql(&format!(
            "INSERT INTO _bellows_step (execution, id, phase, state, started_at)
             VALUES ('{}', '{}', 3, 'intent', 0)",
            record.id, step.id
        ))
        .await;
        test.sql(&statement.sql).await;
    }
    // Whatever state that is, both tables take writes.
    test.sql(
        "INSERT INTO orders (number, note) VALUES (5000, 'between');
         UPDATE orders SET note = 'changed' WHERE id = 7; DELETE FROM orders WHERE id = 8;
         UPDATE orders SET id = 9000 WHERE id = 9",
    )
    .await;
    let title = &step.title;
    if forward {
        let more = Events::default();
        let outcome = run(&test.target, &record.id, 3, &more).await;
        assert_eq!(outcome, Outcome::Completed, "{title}: {:#?}", more.all());
        right(&test).await;
    }
    let outcome = back(&test, &record.id, None).await;
    assert!(
        matches!(outcome, Outcome::RolledBack { .. }),
        "{title}: {outcome:?}"
    );
    assert_eq!(ours(&test).await, 0, "{title}");
    assert_eq!(fingerprint(&test).await, before, "{title}");
    assert_eq!(
        test.number(
            "SELECT count(*) FROM orders WHERE (id = 7 AND note = 'changed')
             OR (number = 5000 AND note = 'between') OR id = 9000 OR id IN (8, 9)"
        )
        .await,
        3,
        "{title}: what was written meanwhile"
    );
}

async fn a_connection_killed_again_and_again_changes_nothing(engine: Engine) {
    let rows = 3000;
    let test = orders(engine, rows).await;
    let copied_at_once =
        document(", batchSize: 100, pauseMs: 1").replace("    - phase: 3\n      operations:\n", "");
    let record = open(&test.target, &copied_at_once).await;
    phase_done(&test, &record.id, 1).await;
    let at_work = writers(&test, rows);
    let events = Events::default();
    let mut admin = test.client().await;
    let cut = async {
        events
            .seen(|e| matches!(e, EventKind::StepStarted { .. }))
            .await;
        for _ in 0..25 {
            tokio::time::sleep(Duration::from_millis(60)).await;
            let pid = admin
                .text("SELECT CAST(max(pid) AS char) FROM _bellows_lease")
                .await;
            if let Some(pid) = pid {
                // It may be between two connections.
                let _gone = admin.try_run(&format!("KILL CONNECTION {pid}")).await;
            }
        }
    };
    let mut outcome = {
        let running = run(&test.target, &record.id, 2, &events);
        tokio::pin!(running);
        tokio::select! {
            outcome = &mut running => outcome,
            () = cut => running.await,
        }
    };
    // Cut too often in a row, it stops where it can go on.
    while let Outcome::Stopped {
        reason: StopReason::Connection,
        ..
    } = outcome
    {
        outcome = run(&test.target, &record.id, 2, &events).await;
    }
    stop(at_work).await;
    assert_eq!(outcome, Outcome::Completed, "{:#?}", events.all());
    assert!(events.count(|e| matches!(e, EventKind::Recovered { .. })) > 0);
    right(&test).await;
}
