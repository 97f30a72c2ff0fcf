//! `bellows migrate verify` of SQL: verdicts, formats, exit statuses, fixes.

use serde_json::Value;

use crate::support::{Database, Place};

const SAFE: &str = "ALTER TABLE users ADD COLUMN nickname text;\n";
const UNSAFE: &str = "-- an index\nCREATE INDEX users_email ON users (email);\n";
const BROKEN: &str = "ALTER TABLE users ADD COLUMN (;\n";

fn rules(file: &Value) -> Vec<&str> {
    let findings = file["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|f| f["rule"].as_str().unwrap())
        .collect()
}

#[test]
fn the_exit_status_is_the_worst_of_all_files() {
    let place = Place::new();
    place.write("safe.sql", SAFE);
    place.write("unsafe.sql", UNSAFE);
    place.write("broken.sql", BROKEN);
    let verify = |files: &[&str]| place.bellows(&[&["migrate", "verify"], files].concat());
    let ran = verify(&["safe.sql"]).exits(0);
    assert!(ran.out.contains("✓ Migration appears safe"), "{}", ran.out);
    let ran = verify(&["safe.sql", "unsafe.sql"]).exits(1);
    assert!(
        ran.out.contains("Line 2: ") && ran.out.contains("[non-concurrent-index]"),
        "{}",
        ran.out
    );
    verify(&["safe.sql", "broken.sql", "unsafe.sql"]).exits(2);
    verify(&["nowhere.sql"]).exits(2);
    std::fs::write(place.path("latin.sql"), b"SELECT '\xe9';").unwrap();
    verify(&["latin.sql"]).exits(2);
}

#[test]
fn the_json_names_line_statement_and_what_to_do() {
    let place = Place::new();
    place.write("a.sql", &format!("{SAFE}{UNSAFE}"));
    place.write("broken.SQL", BROKEN);
    let ran = place
        .bellows(&[
            "migrate",
            "verify",
            "a.sql",
            "broken.SQL",
            "--format",
            "json",
        ])
        .exits(2);
    let json = ran.json();
    assert_eq!(json["safe"], false);
    let index = json["files"][0]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|f| f["rule"] == "non-concurrent-index")
        .unwrap()
        .clone();
    assert_eq!(
        (&index["line"], &index["statement"]),
        (&3.into(), &2.into())
    );
    assert_eq!(index["severity"], "error");
    assert!(
        index["recommendation"]
            .as_str()
            .unwrap()
            .contains("CONCURRENTLY")
    );
    assert_eq!(index["fix"][0]["operations"][0]["type"], "add_index");
    assert!(rules(&json["files"][1]).contains(&"syntax-error"));
}

#[test]
fn a_file_is_judged_for_its_engine_its_version_and_its_runner() {
    let place = Place::new();
    place.write(
        "a.sql",
        "ALTER TABLE users ADD COLUMN plan text NOT NULL DEFAULT 'x';",
    );
    let verify = |more: &[&str]| place.bellows(&[&["migrate", "verify", "a.sql"], more].concat());
    verify(&[]).exits(0);
    verify(&["--server-version", "10"]).exits(1);
    verify(&["--server-version", "ten"]).exits(2);
    place.write("a.sql", "CREATE INDEX CONCURRENTLY i ON users (email);");
    verify(&[]).exits(0);
    verify(&["--in-transaction"]).exits(1);
}

#[test]
fn what_is_there_can_be_told_by_sql() {
    let place = Place::new();
    place.write("a.sql", "ALTER TABLE users ALTER COLUMN name TYPE text;");
    place.write(
        "schema.sql",
        "CREATE TABLE users (id bigint PRIMARY KEY, name varchar(20));",
    );
    let verify = ["migrate", "verify", "a.sql"];
    place.bellows(&verify).exits(1);
    place
        .bellows(&[&verify[..], &["--schema", "schema.sql"]].concat())
        .exits(0);
}

#[test]
fn a_target_tells_what_is_there() {
    let place = Place::new();
    let database = Database::sqlite();
    database.run("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)");
    place.write("a.sql", "DROP TABLE users;");
    place
        .bellows(&["migrate", "verify", "a.sql", "--target", &database.url()])
        .exits(1);
    place
        .bellows(&[
            "migrate",
            "verify",
            "a.sql",
            "--target",
            &database.url(),
            "--database",
            "postgresql",
        ])
        .exits(2);
}

#[test]
fn sarif_has_a_line_for_sql_and_for_documents() {
    let place = Place::new();
    place.write("a.sql", UNSAFE);
    place.write("broken.sql", BROKEN);
    place.write(
        "a.yaml",
        "migration:\n  name: x\n  database: postgresql\n  phases:\n    - phase: 1\n      operations:\n        - { type: add_column, table: users, column: a, dataType: text }\n        - { type: rename_column, table: users, oldColumn: b, newColumn: c }\n",
    );
    place.write(
        "b.yaml",
        "migration:\n  name: x\n  databas: postgresql\n  phases: []\n",
    );
    let ran = place
        .bellows(&[
            "migrate",
            "verify",
            "a.sql",
            "broken.sql",
            "a.yaml",
            "b.yaml",
            "--format",
            "sarif",
        ])
        .exits(2);
    let report = ran.json();
    assert_eq!(report["version"], "2.1.0");
    let results = report["runs"][0]["results"].as_array().unwrap();
    let line = |rule: &str, file: &str| -> u64 {
        let result = results
            .iter()
            .find(|r| {
                let place = &r["locations"][0]["physicalLocation"];
                r["ruleId"] == rule && place["artifactLocation"]["uri"] == file
            })
            .unwrap_or_else(|| panic!("no {rule} in {file}: {results:#?}"));
        result["locations"][0]["physicalLocation"]["region"]["startLine"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(line("non-concurrent-index", "a.sql"), 2);
    assert_eq!(line("syntax-error", "broken.sql"), 1);
    assert_eq!(line("rename-breaks", "a.yaml"), 8);
    assert_eq!(line("syntax-error", "b.yaml"), 3);
}

#[test]
fn fixes_are_written_beside_sql_and_into_documents() {
    let place = Place::new();
    place.write("V2__email.sql", UNSAFE);
    let ran = place
        .bellows(&[
            "migrate",
            "verify",
            "V2__email.sql",
            "--fix",
            "--output",
            "-",
        ])
        .exits(0);
    assert!(ran.out.contains("type: add_index"), "{}", ran.out);
    assert!(!place.path("V2__email.yaml").exists());
    place
        .bellows(&["migrate", "verify", "V2__email.sql", "--fix"])
        .exits(0);
    place
        .bellows(&["migrate", "verify", "V2__email.yaml"])
        .exits(0);
    let ran = place
        .bellows(&["migrate", "verify", "V2__email.sql", "--fix"])
        .exits(2);
    assert!(ran.err.contains("V2__email.yaml"), "{}", ran.err);

    place.write(
        "rename.yaml",
        "migration:\n  name: x\n  database: postgresql\n  phases:\n    - phase: 1\n      operations:\n        - { type: rename_column, table: users, oldColumn: b, newColumn: c, dataType: text }\n",
    );
    place
        .bellows(&["migrate", "verify", "rename.yaml"])
        .exits(1);
    place
        .bellows(&["migrate", "verify", "rename.yaml", "--fix"])
        .exits(0);
    place
        .bellows(&["migrate", "verify", "rename.yaml"])
        .exits(0);
}
