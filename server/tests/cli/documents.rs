//! Reading documents: mistakes, plans, verdicts, the schema.

use serde_json::json;

use crate::support::{Database, Place, example};

const MISTAKEN: &str = "\
migration:
  name: add-bio
  database: postgresql
  phases:
    - phase: 1
      operations:
        - type: add_column
          table: users
          column: bio
          datatype: TEXT
        - type: add_colum
          table: users
";

#[test]
fn a_mistake_is_named_with_its_place_and_the_nearest_known_key() {
    let place = Place::new();
    place.write("bio.yaml", MISTAKEN);
    let ran = place.bellows(&["migrate", "plan", "bio.yaml"]).exits(2);
    assert_eq!(ran.out, "");
    let lines: Vec<&str> = ran.err.lines().collect();
    let key = lines
        .iter()
        .find(|line| line.starts_with("bio.yaml:10:11: "))
        .expect(&ran.err);
    assert!(
        key.contains("datatype") && key.contains("dataType"),
        "{key}"
    );
    let word = lines
        .iter()
        .find(|line| line.starts_with("bio.yaml:11:"))
        .expect(&ran.err);
    assert!(
        word.contains("add_colum") && word.contains("add_column"),
        "{word}"
    );
}

#[test]
fn a_file_that_is_not_there_is_wrong_input() {
    let place = Place::new();
    let ran = place.bellows(&["migrate", "plan", "nowhere.yaml"]).exits(2);
    assert!(ran.err.contains("nowhere.yaml"), "{}", ran.err);
}

#[test]
fn what_clap_refuses_is_wrong_input_too() {
    let place = Place::new();
    place.bellows(&["migrate", "plan"]).exits(2);
    place
        .bellows(&["migrate", "plan", "x", "--format", "xml"])
        .exits(2);
    place.bellows(&["frobnicate"]).exits(2);
    place.bellows(&["--help"]).exits(0);
}

#[test]
fn the_json_of_a_plan_has_its_promised_keys() {
    let place = Place::new();
    let file = example("add-required-column.yaml");
    let ran = place
        .bellows(&[
            "migrate",
            "plan",
            file.to_str().unwrap(),
            "--format",
            "json",
        ])
        .exits(0);
    let plan = ran.json();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    let mut all = keys(&plan);
    all.sort();
    assert_eq!(
        all,
        [
            "database",
            "estimatedMs",
            "estimatedMsHigh",
            "estimatedMsLow",
            "factsReadAt",
            "findings",
            "hash",
            "migration",
            "phases",
            "safe"
        ]
    );
    assert_eq!(plan["migration"], "add-loyalty-points");
    assert_eq!(plan["database"], "postgresql");
    assert!(plan["hash"].as_str().unwrap().starts_with("sha256:"));
    let phases = plan["phases"].as_array().unwrap();
    assert_eq!(phases.len(), 3);
    let mut all = keys(&phases[0]);
    all.sort();
    assert_eq!(
        all,
        [
            "description",
            "estimatedMs",
            "estimatedMsHigh",
            "estimatedMsLow",
            "gate",
            "kind",
            "phase",
            "reversible",
            "rollback",
            "rollbackMethod",
            "rollbackRisk",
            "statements",
            "validation"
        ]
    );
    let statement = &phases[0]["statements"][0];
    let mut all = keys(statement);
    all.sort();
    // It may break applications or lock more, and says so only where it does.
    all.retain(|key| !matches!(key.as_str(), "breaks" | "otherLocks"));
    assert_eq!(
        all,
        [
            "blocksReads",
            "blocksWrites",
            "estimateRestsOn",
            "estimatedMs",
            "estimatedMsHigh",
            "estimatedMsLow",
            "inTransaction",
            "lock",
            "operation",
            "rewritesTable",
            "scansTable",
            "sql"
        ]
    );
    assert_eq!(statement["lock"], "ACCESS EXCLUSIVE");
    assert_eq!(statement["blocksReads"], true);
    assert_eq!(phases[0]["validation"][0]["check"], "column_exists");
    assert_eq!(phases[0]["rollbackMethod"], "inverse");
    assert_eq!(keys(&phases[0]["rollback"][0]), ["sql"]);
}

#[test]
fn the_text_of_a_plan_has_the_headings_that_people_know() {
    let place = Place::new();
    let file = example("add-required-column.yaml");
    let ran = place
        .bellows(&["migrate", "plan", file.to_str().unwrap()])
        .exits(0);
    for heading in [
        "Migration: add-loyalty-points",
        "Database: postgresql",
        "Phases: 3",
        "Estimated Duration: ",
        "Execution Plan:",
        "Phase 1: Add the column; new customers start with 0",
        "ACCESS EXCLUSIVE, blocks reads and writes, ",
    ] {
        assert!(ran.out.contains(heading), "{heading} in {}", ran.out);
    }
    assert!(!ran.out.contains('\x1b'), "a pipe has no colours");
}

fn unsafe_document(engine: &str) -> String {
    format!(
        "migration:\n  name: careless\n  database: {engine}\n  phases:\n    - phase: 1\n      \
         operations:\n        - type: custom_sql\n          sql: UPDATE customers SET spent_cents = 0\n"
    )
}

#[test]
fn plan_shows_what_verify_judges() {
    let place = Place::new();
    place.write("careless.yaml", &unsafe_document("postgresql"));
    place
        .bellows(&["migrate", "plan", "careless.yaml"])
        .exits(0);
    let ran = place
        .bellows(&["migrate", "verify", "careless.yaml"])
        .exits(1);
    assert!(
        ran.out.contains("Verifying migration: careless"),
        "{}",
        ran.out
    );

    let safe = example("add-required-column.yaml");
    let ran = place
        .bellows(&["migrate", "verify", safe.to_str().unwrap()])
        .exits(0);
    assert!(ran.out.contains("✓ Migration appears safe"), "{}", ran.out);
}

#[test]
fn a_project_sets_what_rules_weigh_and_a_document_what_it_accepts() {
    let place = Place::new();
    let careless = unsafe_document("postgresql").replace(
        "UPDATE customers SET spent_cents = 0",
        "DO $$ BEGIN PERFORM 1; END $$",
    );
    place.write("careless.yaml", &careless);
    let verify = ["migrate", "verify", "careless.yaml"];
    place.bellows(&verify).exits(1);

    let waived =
        format!("{careless}      waivers: [{{rule: unknown-sql, reason: tried on a copy}}]\n");
    place.write("waived.yaml", &waived);
    let ran = place
        .bellows(&["migrate", "verify", "waived.yaml"])
        .exits(0);
    assert!(ran.out.contains("waived: tried on a copy"), "{}", ran.out);

    place.write("bellows.yaml", "rules:\n  unknown-sql: warning\n");
    place.bellows(&verify).exits(0);
    place.write("bellows.yaml", "rules:\n  unknown_sql: warning\n");
    let ran = place.bellows(&verify).exits(2);
    assert!(
        ran.err.contains("bellows.yaml") && ran.err.contains("did you mean `unknown-sql`?"),
        "{}",
        ran.err
    );
}

#[test]
fn verify_judges_every_file_and_reports_what_cannot_be_read() {
    let place = Place::new();
    place.write("careless.yaml", &unsafe_document("postgresql"));
    place.write("bio.yaml", MISTAKEN);
    let safe = example("add-required-column.yaml");
    let safe = safe.to_str().unwrap();
    let json = ["--format", "json"];

    let ran = place
        .bellows(&[&["migrate", "verify", safe][..], &json].concat())
        .exits(0);
    assert_eq!(ran.json()["safe"], true);
    assert_eq!(ran.json()["files"][0]["safe"], true);

    let all = ["migrate", "verify", safe, "careless.yaml", "bio.yaml"];
    let ran = place.bellows(&[&all[..], &json].concat()).exits(2);
    let verdict = ran.json();
    assert_eq!(verdict["safe"], false);
    let files = verdict["files"].as_array().unwrap();
    let safe: Vec<_> = files.iter().map(|file| file["safe"].clone()).collect();
    assert_eq!(safe, [json!(true), json!(false), json!(false)]);
    let findings = files[1]["findings"].as_array().unwrap();
    assert!(
        findings
            .iter()
            .any(|finding| finding["severity"] == "error"),
        "{findings:?}"
    );
    assert_eq!(files[2]["findings"][0]["rule"], "syntax-error");
    assert!(
        files[2]["findings"][0]["message"]
            .as_str()
            .unwrap()
            .contains("dataType")
    );
}

#[test]
fn a_document_for_another_engine_is_refused() {
    let place = Place::new();
    let database = Database::sqlite();
    let file = example("add-required-column.yaml");
    let ran = place
        .bellows(&[
            "migrate",
            "plan",
            file.to_str().unwrap(),
            "--target",
            &database.url(),
        ])
        .exits(2);
    assert!(
        ran.err.contains("postgresql") && ran.err.contains("sqlite"),
        "{}",
        ran.err
    );
}

#[test]
fn an_address_that_cannot_be_read_is_not_repeated() {
    let place = Place::new();
    let file = example("add-required-column.yaml");
    let target = "postgress://ada:s3cret@localhost/shop";
    let ran = place
        .bellows(&[
            "migrate",
            "plan",
            file.to_str().unwrap(),
            "--target",
            target,
        ])
        .exits(2);
    assert!(!ran.err.contains("s3cret"), "{}", ran.err);
}

#[test]
fn the_json_schema_is_printed() {
    let ran = Place::new().bellows(&["schema"]).exits(0);
    assert!(
        ran.json()["$schema"]
            .as_str()
            .unwrap()
            .contains("json-schema.org")
    );
}

/// With a target the times rest on what it holds, and who holds locks is looked at.
#[test]
fn a_plan_for_a_target_has_its_facts_and_a_forecast() {
    let place = Place::new();
    let database = Database::sqlite();
    place.write(
        "age.yaml",
        "migration:\n  name: age\n  database: sqlite\n  phases:\n    - phase: 1\n      \
         operations:\n        - { type: add_index, table: customers, indexName: by_id, columns: [id] }\n",
    );
    let url = database.url();
    let plan = |arguments: &[&str]| {
        let all = [&["migrate", "plan", "age.yaml"], arguments].concat();
        place.bellows(&all).exits(0)
    };
    let text = plan(&["--target", &url]).out;
    assert!(
        text.contains("Forecast, from the sessions open now:"),
        "{text}"
    );
    assert!(
        text.contains("Phase 1: every lock would be had at once"),
        "{text}"
    );
    assert!(!text.contains("assumed"), "{text}");
    let json = plan(&["--target", &url, "--format", "json"]).json();
    assert!(
        json["factsReadAt"]
            .as_i64()
            .is_some_and(|at| at > 1_700_000_000_000)
    );
    assert_eq!(
        json["forecast"]["phases"][0]["steps"][0]["prospect"],
        "free"
    );
    let without = plan(&[]).out;
    assert!(
        without.contains("1,000,000 rows assumed, no target"),
        "{without}"
    );
    assert!(!without.contains("Forecast"), "{without}");
}
