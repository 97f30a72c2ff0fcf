//! `status`, `history` and `list`: from the target, and from the command line's own records.

use serde_json::{Value, json};

use crate::support::{Database, Place};

const ADD: &str = "\
migration:
  name: NAME
  database: sqlite
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: customers, column: COLUMN, dataType: TEXT}
";

fn add(place: &Place, database: &Database, name: &str, column: &str) {
    let text = ADD.replace("NAME", name).replace("COLUMN", column);
    std::fs::create_dir_all(place.path("migrations")).unwrap();
    let file = format!("migrations/{name}.yaml");
    place.write(&file, &text);
    place
        .bellows(&["migrate", "apply", &file, "--target", &database.url(), "-y"])
        .exits(0);
}

#[test]
fn before_the_first_run_there_is_nothing() {
    let place = Place::new();
    let database = Database::sqlite();
    let url = database.url();
    for target in [&[][..], &["--target", &url][..]] {
        let call = |words: &[&str]| place.bellows(&[words, target].concat()).exits(0);
        assert_eq!(
            call(&["migrate", "history", "--format", "json"]).json(),
            json!([])
        );
        assert_eq!(
            call(&["migrate", "status", "--format", "json"]).json(),
            json!({"last": null, "summary": {
                "total": 0, "completed": 0, "failed": 0, "rolledBack": 0, "running": 0
            }})
        );
    }
    assert!(!place.path("data").exists(), "looking leaves no records");
}

#[test]
fn history_and_status_have_their_promised_shapes() {
    let place = Place::new();
    let database = Database::sqlite();
    let url = database.url();
    add(&place, &database, "one", "a");
    add(&place, &database, "two", "b");
    let of_target = place
        .bellows(&["migrate", "history", "--target", &url, "--format", "json"])
        .exits(0);
    let own = place
        .bellows(&["migrate", "history", "--format", "json"])
        .exits(0);
    assert_eq!(
        own.json(),
        of_target.json(),
        "the records are a copy of the target's"
    );
    let all = own.json();
    let newest: &Value = &all[0];
    let mut keys: Vec<&str> = newest
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "completedAt",
            "durationMs",
            "error",
            "executionId",
            "hash",
            "migration",
            "phase",
            "phases",
            "snapshotId",
            "startedAt",
            "status",
            "target"
        ]
    );
    assert_eq!(newest["migration"], "two");
    assert_eq!(all[1]["migration"], "one");
    assert_eq!(
        (&newest["phase"], &newest["phases"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(newest["status"], "completed");
    let (start, end) = (newest["startedAt"].as_i64(), newest["completedAt"].as_i64());
    assert!(
        start.unwrap() > 1_700_000_000_000 && start <= end,
        "milliseconds: {newest}"
    );

    let one = place.bellows(&["migrate", "history", "--limit", "1", "--format", "json"]);
    assert_eq!(one.exits(0).json().as_array().unwrap().len(), 1);

    let status = place
        .bellows(&["migrate", "status", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(status["last"], *newest);
    assert_eq!(status["summary"]["completed"], 2);

    let text = place.bellows(&["migrate", "status"]).exits(0).out;
    for heading in [
        "Migration Status",
        "Last Migration:",
        "  Name: two",
        "  Phase: 1/1",
        "Summary:",
    ] {
        assert!(text.contains(heading), "{heading} in {text}");
    }
}

#[test]
fn list_shows_the_documents_and_with_all_what_was_applied() {
    let place = Place::new();
    let database = Database::sqlite();
    add(&place, &database, "one", "a");
    add(&place, &database, "gone", "b");
    std::fs::remove_file(place.path("migrations/gone.yaml")).unwrap();
    place.write(
        "migrations/new.yaml",
        &ADD.replace("NAME", "new").replace("COLUMN", "c"),
    );
    place.write("migrations/broken.yaml", "migration: {");

    let listed = place
        .bellows(&["migrate", "list", "--format", "json"])
        .exits(0)
        .json();
    let brief = |listed: &Value| -> Vec<(Value, Value)> {
        let entries = listed.as_array().unwrap();
        entries
            .iter()
            .map(|e| (e["migration"].clone(), e["status"].clone()))
            .collect()
    };
    assert_eq!(
        brief(&listed),
        [
            (Value::Null, Value::Null),
            ("new".into(), Value::Null),
            ("one".into(), "completed".into()),
        ]
    );
    assert!(listed[0]["error"].is_string());

    let all = place
        .bellows(&["migrate", "list", "--all", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(
        brief(&all),
        [
            ("gone".into(), "completed".into()),
            ("one".into(), "completed".into())
        ]
    );
    assert_eq!(all[0]["file"], Value::Null);
}
