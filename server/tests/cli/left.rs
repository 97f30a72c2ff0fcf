//! What runs left behind, and the document that takes it away.

use crate::support::{Database, Place, apply, write};

const HALF: &str = "
migration:
  name: rename-last-name
  database: ENGINE
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: customers, column: surname, dataType: VARCHAR(60)}
        - {type: enable_dual_write, table: customers, oldColumn: last_name, newColumn: surname}
    - phase: 2
      gate: {deploy: App v2}
      operations:
        - {type: drop_column, table: customers, column: last_name}
";

#[test]
fn what_is_left_is_listed_and_a_document_takes_it_away() {
    let database = Database::postgres();
    let place = Place::new();
    let url = database.url();
    let leftovers = |more: &[&str]| {
        let arguments = [&["leftovers", "--target", &url, "--format", "json"], more].concat();
        place.bellows(&arguments).exits(0).json()
    };
    let nothing = leftovers(&[]);
    assert_eq!(nothing["found"].as_array().unwrap().len(), 0, "{nothing}");
    assert!(nothing["document"].is_null());

    database.run(
        "CREATE TABLE odd (x integer); INSERT INTO odd VALUES (1), (1);
         ALTER TABLE odd ADD CONSTRAINT \"small x\" CHECK (x < 9) NOT VALID",
    );
    // Duplicates fail the build, which leaves its index behind.
    let Database::Postgres { url: own, .. } = &database else {
        unreachable!()
    };
    let failed = std::process::Command::new("psql")
        .args([
            own.as_str(),
            "-c",
            "CREATE UNIQUE INDEX CONCURRENTLY odd_x ON odd (x)",
        ])
        .output()
        .unwrap();
    assert!(!failed.status.success());
    let file = write(&place, "half.yaml", HALF, &database);
    place.bellows(&apply(&file, &url, &["-y"])).exits(3);

    let left = leftovers(&["--output", "clean.yaml"]);
    let executions = left["executions"].as_array().unwrap();
    assert_eq!(executions.len(), 1, "{left}");
    assert_eq!(executions[0]["migration"], "rename-last-name");
    assert_eq!(
        (&executions[0]["by"], &executions[0]["nextPhase"]),
        (&"ada".into(), &2.into())
    );
    let found: Vec<(&str, &str, bool)> = left["found"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| {
            (
                found["kind"].as_str().unwrap(),
                found["table"].as_str().unwrap(),
                found["unfinished"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("dual_write", "customers", true),
            ("invalid_index", "odd", false),
            ("not_valid", "odd", false),
        ]
    );

    // The dual write belongs to somebody who may go on; the others go.
    place
        .bellows(&apply("clean.yaml", &url, &["-y", "--skip-backup"]))
        .exits(0);
    let after = leftovers(&[]);
    let kinds: Vec<&str> = after["found"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["dual_write"]);
    assert!(after["document"].is_null());
    assert_eq!(
        database.number(
            "SELECT count(*) FROM pg_constraint WHERE conname = 'small x' AND convalidated"
        ),
        1
    );
}

#[test]
fn on_sqlite_and_mariadb_an_unfinished_execution_is_listed() {
    for database in [Database::sqlite(), Database::mariadb()] {
        let place = Place::new();
        let url = database.url();
        let file = write(
            &place,
            "half.yaml",
            &HALF.replace("last_name", "phone"),
            &database,
        );
        place.bellows(&apply(&file, &url, &["-y"])).exits(3);
        let left = place.bellows(&["leftovers", "--target", &url]).exits(0).out;
        assert!(
            left.contains("unfinished: rename-last-name is waiting"),
            "{left}"
        );
        assert!(left.contains("columns kept in step"), "{left}");
    }
}
