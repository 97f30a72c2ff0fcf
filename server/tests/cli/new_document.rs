//! `create` and `generate`: documents that the reader takes back.

use crate::support::{Database, Place};

#[test]
fn a_generated_document_is_dated_named_and_plans() {
    let place = Place::new();
    let arguments = [
        "migrate",
        "generate",
        "add-required-column",
        "--table",
        "customers",
        "--column",
        "loyalty_points",
        "--data-type",
        "INTEGER",
        "--default",
        "0",
    ];
    place.bellows(&arguments).exits(0);
    let files: Vec<_> = std::fs::read_dir(place.path("migrations"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let (day, name) = files[0].split_once('_').unwrap();
    assert!(
        day.len() == 8 && day.bytes().all(|b| b.is_ascii_digit()),
        "{files:?}"
    );
    assert!(name.ends_with(".yaml") && !name.contains('-'), "{files:?}");
    let file = format!("migrations/{}", files[0]);
    place.bellows(&["migrate", "verify", &file]).exits(0);

    let again = place.bellows(&arguments).exits(2);
    assert!(again.err.contains("there already"), "{}", again.err);
}

#[test]
fn a_document_can_go_to_standard_output() {
    let place = Place::new();
    let ran = place
        .bellows(&[
            "migrate",
            "create",
            "try-it",
            "--database",
            "sqlite",
            "--output",
            "-",
        ])
        .exits(0);
    assert!(
        ran.out
            .starts_with("migration:\n  name: try-it\n  database: sqlite\n"),
        "{}",
        ran.out
    );
    place.write("try.yaml", &ran.out);
    place.bellows(&["migrate", "plan", "try.yaml"]).exits(0);
    assert!(!place.path("migrations").exists());
}

#[test]
fn patterns_in_a_row_make_one_document() {
    let place = Place::new();
    let ran = place
        .bellows(&[
            "migrate",
            "create",
            "two-things",
            "--type",
            "add-required-column",
            "--type",
            "rename-column",
            "--table",
            "customers",
            "--column",
            "points",
            "--data-type",
            "INTEGER",
            "--default",
            "0",
            "--old-column",
            "last_name",
            "--new-column",
            "family_name",
            "--output",
            "two.yaml",
        ])
        .exits(0);
    assert!(ran.out.contains("two.yaml"), "{}", ran.out);
    let plan = place
        .bellows(&["migrate", "plan", "two.yaml", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(plan["migration"], "two-things");
    let numbers: Vec<u64> = plan["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["phase"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert!(numbers.len() > 4, "{numbers:?}");
}

#[test]
fn wrong_fields_are_named_as_options() {
    let place = Place::new();
    let base = [
        "migrate",
        "generate",
        "add-required-column",
        "--output",
        "-",
    ];
    let ran = place
        .bellows(&[&base[..], &["--table", "customers"]].concat())
        .exits(2);
    assert!(ran.err.contains("--column"), "{}", ran.err);
    let other = ["--table", "customers", "--old-column", "a"];
    let ran = place.bellows(&[&base[..], &other].concat()).exits(2);
    assert!(ran.err.contains("--old-column"), "{}", ran.err);
    let ran = place
        .bellows(&["migrate", "generate", "add-requird-column"])
        .exits(2);
    assert!(ran.err.contains("add-required-column"), "{}", ran.err);
    let ran = place
        .bellows(&["migrate", "create", "Not A Name", "--output", "-"])
        .exits(2);
    assert!(ran.err.contains("name"), "{}", ran.err);
}

#[test]
fn with_a_target_the_engine_is_the_targets() {
    let place = Place::new();
    let database = Database::sqlite();
    let ran = place
        .bellows(&[
            "migrate",
            "generate",
            "rename-column",
            "--table",
            "customers",
            "--old-column",
            "phone",
            "--new-column",
            "telephone",
            "--target",
            &database.url(),
            "-o",
            "-",
        ])
        .exits(0);
    assert!(ran.out.contains("database: sqlite"), "{}", ran.out);
}

/// The fields of each pattern are options; what comes of them is safe to run.
#[test]
fn every_pattern_is_generated_from_its_options() {
    let place = Place::new();
    let patterns: &[(&str, &[&str])] = &[
        (
            "add-foreign-key",
            &[
                "--table=orders",
                "--column=user_id",
                "--ref-table=users",
                "--ref-column=id",
                "--orphans=null",
                "--on-delete=CASCADE",
            ],
        ),
        (
            "add-unique",
            &[
                "--table=users",
                "--columns=tenant,email",
                "--duplicates=fix",
                "--fix=email = email || '-' || id",
                "--keep=highest",
                "--key=id",
            ],
        ),
        (
            "add-json-column",
            &[
                "--table=users",
                "--column=preferences",
                "--default={}",
                "--inverted=all",
                "--paths=theme,address.city",
            ],
        ),
        (
            "soft-delete",
            &[
                "--table=users",
                "--columns=id,email",
                "--view-name=users_active",
                "--view-columns=id,email",
            ],
        ),
        (
            "change-type",
            &[
                "--table=users",
                "--column=age",
                "--old-type=VARCHAR(10)",
                "--new-type=INTEGER",
                "--unconvertible=null",
            ],
        ),
        (
            "split-column",
            &[
                "--table=users",
                "--column=full_name",
                "--parts=first_name VARCHAR(100) = split_part(full_name, ' ', 1); last_name VARCHAR(100) = split_part(full_name, ' ', 2)",
                "--backward=first_name || ' ' || last_name",
            ],
        ),
        (
            "merge-columns",
            &[
                "--table=users",
                "--columns=first_name,last_name",
                "--new-column=full_name",
                "--data-type=VARCHAR(200)",
                "--separator= ",
            ],
        ),
    ];
    for (pattern, options) in patterns {
        let file = format!("{pattern}.yaml");
        let arguments = ["migrate", "generate", pattern, "--output", &file];
        place.bellows(&[&arguments[..], options].concat()).exits(0);
        place.bellows(&["migrate", "verify", &file]).exits(0);
    }
    let stray = [
        "migrate",
        "generate",
        "soft-delete",
        "--table",
        "t",
        "--orphans",
        "null",
    ];
    let ran = place.bellows(&stray).exits(2);
    assert!(ran.err.contains("--orphans"), "{}", ran.err);
}
