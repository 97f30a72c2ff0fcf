//! Ctrl-C, and two command lines that want the same database.

use std::io::{BufRead, BufReader};

use serde_json::Value;

use crate::support::{Database, Place, apply, kinds, wait, write};

/// A backfill that takes long enough to be met in the middle.
const SLOW: &str = "\
migration:
  name: slow
  database: ENGINE
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: customers, column: points, dataType: INTEGER}
        - {type: backfill, table: customers, sql: points = 1, where: points IS NULL, batchSize: 20, pauseMs: 100}
";

/// Calls for the slow migration and returns once its backfill moves, with what was said so far.
fn in_the_middle(place: &Place, url: &str) -> (std::process::Child, Vec<Value>) {
    let mut child = place
        .command(&apply("slow.yaml", url, &["-y"]))
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut events: Vec<Value> = Vec::new();
    while !kinds(&events).contains(&"progress") {
        let mut line = String::new();
        assert!(
            out.read_line(&mut line).unwrap() > 0,
            "it ended early: {events:?}"
        );
        events.push(serde_json::from_str(&line).unwrap());
    }
    // The rest is read too, so that the pipe never fills.
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    (child, events)
}

fn interrupt(child: &std::process::Child) {
    let pid = child.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
}

fn one_runs_the_other_is_told_and_a_pause_goes_on(database: &Database) {
    let place = Place::new();
    write(&place, "slow.yaml", SLOW, database);
    let url = database.url();
    let (first, _) = in_the_middle(&place, &url);

    let second = place.bellows(&apply("slow.yaml", &url, &["-y"])).exits(3);
    assert_eq!(second.last()["reason"], "busy");

    interrupt(&first);
    wait(first).exits(3);
    let done = "SELECT count(*) FROM customers WHERE points = 1";
    let so_far = database.number(done);
    assert!((1..3000).contains(&so_far), "{so_far}");

    let status = place.bellows(&["migrate", "status", "--target", &url, "--format", "json"]);
    assert_eq!(status.exits(0).json()["last"]["status"], "paused");
    let (again, events) = in_the_middle(&place, &url);
    let started = events
        .iter()
        .find(|e| e["event"] == "phase_started")
        .expect("a phase");
    assert_eq!(started["resumed"], true, "{started}");
    interrupt(&again);
    wait(again).exits(3);
    assert!(database.number(done) > so_far, "it went on where it was");

    let fast = SLOW
        .replace("pauseMs: 100", "pauseMs: 0")
        .replace("batchSize: 20", "batchSize: 500");
    write(&place, "fast.yaml", &fast, database);
    // A phase that was begun may not read differently now.
    place.bellows(&apply("fast.yaml", &url, &["-y"])).exits(2);
    let id = second.last()["executionId"].as_str().unwrap().to_owned();
    place
        .bellows(&["migrate", "rollback", &id, "--target", &url, "-y"])
        .exits(0);
    assert!(!database.has_column("points"));
    place.bellows(&apply("fast.yaml", &url, &["-y"])).exits(0);
    assert_eq!(database.number(done), 3000);
}

#[test]
fn one_runs_the_other_is_told_and_a_pause_goes_on_on_sqlite() {
    one_runs_the_other_is_told_and_a_pause_goes_on(&Database::sqlite());
}

#[test]
fn one_runs_the_other_is_told_and_a_pause_goes_on_on_postgresql() {
    one_runs_the_other_is_told_and_a_pause_goes_on(&Database::postgres());
}
