//! `apply` and `rollback`, on every engine that there is a server of.

use crate::support::{Database, Place, apply, example, kinds, write};

const POINTS: &str = "\
migration:
  name: add-points
  database: ENGINE
  description: Points for every customer
  phases:
    - phase: 1
      description: Add the column
      operations:
        - {type: add_column, table: customers, column: points, dataType: INTEGER}
      validation:
        - {check: column_exists, table: customers, column: points}
    - phase: 2
      description: Compute
      operations:
        - {type: backfill, table: customers, sql: points = orders_count * 10, where: points IS NULL}
      validation:
        - {check: backfill_complete, table: customers, column: points}
    - phase: 3
      description: Require
      operations:
        - {type: set_not_null, table: customers, column: points}
";

const GATED: &str = "\
migration:
  name: gated
  database: ENGINE
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: customers, column: points, dataType: INTEGER}
    - phase: 2
      gate: {deploy: Applications write points}
      operations:
        - {type: backfill, table: customers, sql: points = 1, where: points IS NULL}
    - phase: 3
      gate: {soak: 1h}
      operations:
        - {type: drop_column, table: customers, column: spent_cents}
";

fn runs_to_the_end_and_back(database: &Database) {
    let place = Place::new();
    let file = write(&place, "points.yaml", POINTS, database);
    let url = database.url();
    let ran = place.bellows(&apply(&file, &url, &["-y"])).exits(0);
    let events = ran.events();
    let kinds = kinds(&events);
    assert_eq!(
        kinds.iter().filter(|k| **k == "phase_completed").count(),
        3,
        "{kinds:?}"
    );
    assert!(kinds.contains(&"check_passed"), "{kinds:?}");
    let last = ran.last();
    let id = last["executionId"].as_str().unwrap().to_owned();
    assert_eq!(
        last,
        serde_json::json!({
            "event": "finished", "status": "completed", "executionId": id, "snapshotId": null
        })
    );
    let wrong =
        "SELECT count(*) FROM customers WHERE points IS NULL OR points <> orders_count * 10";
    assert_eq!(database.number(wrong), 0);

    // Again: it is done, and says so.
    let again = place
        .bellows(&["migrate", "apply", &file, "--target", &url])
        .exits(0);
    assert!(again.out.contains("nothing to do"), "{}", again.out);
    let again = place.bellows(&apply(&file, &url, &["-y"])).exits(0);
    assert_eq!(again.last()["executionId"], id.as_str());

    let ask = [
        "migrate",
        "verify",
        "--execution",
        &id,
        "--target",
        &url,
        "--format",
        "json",
    ];
    let asked = place.bellows(&ask).exits(0).json();
    assert_eq!(
        (&asked["safe"], &asked["checks"][0]["passed"]),
        (&true.into(), &true.into())
    );
    database.run("ALTER TABLE customers RENAME COLUMN points TO other");
    let asked = place.bellows(&ask).exits(1).json();
    assert_eq!(asked["checks"][0]["passed"], false, "{asked}");
    database.run("ALTER TABLE customers RENAME COLUMN other TO points");

    let back = place
        .bellows(&[
            "migrate", "rollback", &id, "--target", &url, "--format", "json", "-y",
        ])
        .exits(0);
    assert_eq!(back.last()["status"], "rolled_back");
    assert!(!database.has_column("points"));
    assert_eq!(database.number("SELECT count(*) FROM customers"), 3000);
    place.bellows(&["audit", "verify"]).exits(0);
}

#[test]
fn a_migration_runs_to_the_end_and_back_on_sqlite() {
    runs_to_the_end_and_back(&Database::sqlite());
}

#[test]
fn a_migration_runs_to_the_end_and_back_on_postgresql() {
    runs_to_the_end_and_back(&Database::postgres());
}

#[test]
fn a_migration_runs_to_the_end_and_back_on_mariadb() {
    runs_to_the_end_and_back(&Database::mariadb());
}

mod on_mysql {
    use super::Database;

    #[test]
    fn a_migration_runs_to_the_end_and_back() {
        super::runs_to_the_end_and_back(&Database::mysql());
    }

    #[test]
    fn every_command_takes_its_address() {
        super::every_command_takes_a_mysql_address(&Database::mysql(), "mariadb");
    }
}

#[test]
fn every_command_takes_the_address_of_a_mariadb() {
    every_command_takes_a_mysql_address(&Database::mariadb(), "mysql");
}

/// `other` is what the server is not.
fn every_command_takes_a_mysql_address(database: &Database, other: &str) {
    let place = Place::new();
    let file = write(&place, "points.yaml", POINTS, database);
    let url = database.url();
    assert!(url.starts_with("mysql://"));
    let plan = place
        .bellows(&[
            "migrate", "plan", &file, "--target", &url, "--format", "json",
        ])
        .exits(0)
        .json();
    let first = plan["phases"][0]["statements"][0]["sql"].as_str().unwrap();
    assert!(
        // MySQL takes no LOCK beside INSTANT.
        first.contains("ALGORITHM=INSTANT")
            && first.contains("LOCK=NONE") == (database.engine() == "mariadb"),
        "{first}"
    );
    place
        .bellows(&["migrate", "verify", &file, "--target", &url])
        .exits(0);
    let ran = place.bellows(&apply(&file, &url, &["-y"])).exits(0);
    let id = ran.last()["executionId"].as_str().unwrap().to_owned();
    for command in ["status", "history"] {
        let told = place
            .bellows(&["migrate", command, "--target", &url, "--format", "json"])
            .exits(0);
        assert!(told.out.contains(&id), "{command}: {}", told.out);
        assert!(!told.out.contains("root"), "{command}: {}", told.out);
    }
    // The server says what it is; a document for the other one is refused, by both their names.
    let other = POINTS.replace("ENGINE", other);
    place.write("other.yaml", &other);
    let refused = place.bellows(&apply("other.yaml", &url, &["-y"])).exits(2);
    assert!(
        refused.err.contains("mysql") && refused.err.contains("mariadb"),
        "{}",
        refused.err
    );
    let refused = place
        .bellows(&["migrate", "status", "--target", "mysql://root@127.0.0.1"])
        .exits(2);
    assert!(refused.err.contains("/database"), "{}", refused.err);
}

fn phases_run_alone(database: &Database) {
    let place = Place::new();
    let file = write(&place, "points.yaml", POINTS, database);
    let url = database.url();
    let early = place
        .bellows(&apply(&file, &url, &["-y", "--phase", "2"]))
        .exits(2);
    assert!(early.err.contains("phase 1"), "{}", early.err);
    let first = place
        .bellows(&apply(&file, &url, &["-y", "--phase", "1"]))
        .exits(0);
    let id = first.last()["executionId"].clone();
    assert_eq!(first.last()["event"], "phase_completed");
    assert!(database.has_column("points"));
    assert_eq!(
        database.number("SELECT count(*) FROM customers WHERE points IS NOT NULL"),
        0
    );
    place
        .bellows(&apply(&file, &url, &["-y", "--phase", "1"]))
        .exits(0);
    place
        .bellows(&apply(&file, &url, &["-y", "--phase", "7"]))
        .exits(2);
    let rest = place.bellows(&apply(&file, &url, &["-y"])).exits(0);
    assert_eq!(
        rest.last()["executionId"],
        id,
        "one execution from first to last"
    );
    let kinds = rest.events();
    let started: Vec<u64> = kinds
        .iter()
        .filter(|e| e["event"] == "phase_started")
        .map(|e| e["phase"].as_u64().unwrap())
        .collect();
    assert_eq!(started, [2, 3], "what is done is not repeated");
}

#[test]
fn phases_run_alone_on_sqlite() {
    phases_run_alone(&Database::sqlite());
}

#[test]
fn phases_run_alone_on_postgresql() {
    phases_run_alone(&Database::postgres());
}

#[test]
fn gates_soaks_and_what_cannot_be_undone_each_need_their_word() {
    let database = Database::sqlite();
    let place = Place::new();
    let file = write(&place, "gated.yaml", GATED, &database);
    let url = database.url();
    let ran = place.bellows(&apply(&file, &url, &["-y"])).exits(3);
    let last = ran.last();
    assert_eq!(last["event"], "stopped");
    assert_eq!(
        (&last["reason"], &last["phase"]),
        (&"gate".into(), &2.into())
    );
    let id = last["executionId"].clone();

    let ran = place
        .bellows(&apply(&file, &url, &["-y", "--confirm-gates", "v1.4"]))
        .exits(3);
    let last = ran.last();
    assert_eq!(
        (&last["reason"], &last["phase"]),
        (&"soak".into(), &3.into())
    );
    assert_eq!(last["executionId"], id);

    // Where backups are to be kept there is a file.
    place.write("data/backups", "");
    let ran = place
        .bellows(&apply(&file, &url, &["-y", "--skip-soak"]))
        .exits(1);
    assert_eq!(ran.last()["event"], "refused");
    assert_eq!(ran.last()["reason"], "backup");
    assert!(database.has_column("spent_cents"), "nothing was run");

    let ran = place
        .bellows(&apply(&file, &url, &["-y", "--skip-soak", "--skip-backup"]))
        .exits(0);
    assert_eq!(ran.last()["status"], "completed");
    assert!(!database.has_column("spent_cents"));

    let audit = place.bellows(&["audit", "export"]).exits(0);
    let actions: Vec<String> = audit
        .events()
        .iter()
        .map(|e| e["action"].as_str().unwrap().to_owned())
        .collect();
    for action in [
        "gate.confirmed",
        "soak.skipped",
        "backup.skipped",
        "phase.completed",
    ] {
        assert!(
            actions.iter().any(|a| a == action),
            "{action} in {actions:?}"
        );
    }
    assert!(
        audit
            .events()
            .iter()
            .all(|e| e["origin"] == "command line" && e["actor"] == "ada")
    );
    assert!(audit.out.contains("v1.4"));
}

#[test]
fn an_unsafe_plan_is_not_run() {
    let database = Database::sqlite();
    let place = Place::new();
    place.write(
        "careless.yaml",
        "migration:\n  name: careless\n  database: sqlite\n  phases:\n    - phase: 1\n      \
         operations:\n        - type: custom_sql\n          sql: UPDATE customers SET spent_cents = 0\n",
    );
    let ran = place
        .bellows(&apply("careless.yaml", &database.url(), &["-y"]))
        .exits(1);
    assert_eq!(ran.last()["event"], "refused");
    assert_eq!(ran.last()["findings"][0]["severity"], "error");
    assert!(database.number("SELECT CAST(sum(spent_cents) AS BIGINT) FROM customers") > 0);
}

fn a_failed_check_takes_its_phase_back(database: &Database) {
    let place = Place::new();
    let text = std::fs::read_to_string(example("failing-check.yaml")).unwrap();
    let text = text.replace(
        "database: sqlite",
        &format!("database: {}", database.engine()),
    );
    place.write("tier.yaml", &text);
    let ran = place
        .bellows(&apply("tier.yaml", &database.url(), &["-y"]))
        .exits(1);
    assert_eq!(ran.last()["status"], "rolled_back");
    let events = ran.events();
    let failed = events
        .iter()
        .find(|e| e["event"] == "check_failed")
        .expect("a failed check");
    assert!(
        failed["message"]
            .as_str()
            .unwrap()
            .contains("Every customer needs a tier")
    );
    assert!(
        failed["found"].as_str().unwrap().contains("600"),
        "{failed}"
    );
    assert!(!database.has_column("tier"));
}

#[test]
fn a_failed_check_takes_its_phase_back_on_sqlite() {
    a_failed_check_takes_its_phase_back(&Database::sqlite());
}

#[test]
fn a_failed_check_takes_its_phase_back_on_postgresql() {
    a_failed_check_takes_its_phase_back(&Database::postgres());
}

#[test]
fn nothing_runs_without_a_yes() {
    let database = Database::sqlite();
    let place = Place::new();
    let file = write(&place, "points.yaml", POINTS, &database);
    let url = database.url();
    let arguments = ["migrate", "apply", &file, "--target", &url];
    let ran = place.bellows(&arguments).exits(2);
    assert!(ran.err.contains("-y"), "{}", ran.err);
    place.answering("n\n", &arguments).exits(1);
    assert!(!database.has_column("points"));
    let ran = place.answering("y\n", &arguments).exits(0);
    assert!(ran.err.contains("[y/N]"), "{}", ran.err);
    assert!(database.has_column("points"));
}

#[test]
fn a_dry_run_shows_and_changes_nothing() {
    let database = Database::sqlite();
    let place = Place::new();
    let file = write(&place, "points.yaml", POINTS, &database);
    let ran = place
        .bellows(&apply(&file, &database.url(), &["--dry-run"]))
        .exits(0);
    assert_eq!(ran.json()["phases"].as_array().unwrap().len(), 3);
    assert!(!database.has_column("points"));
    let own = "SELECT count(*) FROM sqlite_master WHERE name LIKE '_bellows%'";
    assert_eq!(database.number(own), 0, "not even records of Bellows' own");
}

#[test]
fn the_examples_run() {
    let database = Database::postgres();
    let place = Place::new();
    let url = database.url();
    let points = example("add-required-column.yaml");
    place
        .bellows(&apply(points.to_str().unwrap(), &url, &["-y"]))
        .exits(0);
    let rename = example("rename-column.yaml");
    let rename = rename.to_str().unwrap();
    let ran = place.bellows(&apply(rename, &url, &["-y"])).exits(3);
    assert_eq!(ran.last()["reason"], "gate");
    database.run("UPDATE customers SET last_name = 'Old' WHERE id = 1");
    database.run("UPDATE customers SET family_name = 'New' WHERE id = 2");
    let kept = "SELECT count(*) FROM customers WHERE last_name = family_name";
    assert_eq!(database.number(kept), 3000);
    place
        .bellows(&apply(
            rename,
            &url,
            &[
                "-y",
                "--confirm-gates",
                "v2",
                "--skip-backup",
                "--despite-use",
                "the old version has just been switched off",
            ],
        ))
        .exits(0);
    assert!(!database.has_column("last_name"));
    assert_eq!(
        database.number("SELECT count(*) FROM customers WHERE family_name = 'Old'"),
        1
    );
}

const RENAMED: &str = "\
migration:
  name: rename-phone
  database: ENGINE
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: customers, column: telephone, dataType: VARCHAR(40)}
        - {type: enable_dual_write, table: customers, oldColumn: phone, newColumn: telephone}
    - phase: 2
      operations:
        - {type: backfill, table: customers, sql: telephone = phone, where: telephone IS NULL AND phone IS NOT NULL}
    - phase: 3
      gate: {soak: 1h}
      operations:
        - {type: drop_column, table: customers, column: phone}
";

#[test]
fn a_contract_phase_does_not_begin_while_the_old_column_is_written() {
    let database = Database::postgres();
    let place = Place::new();
    let file = write(&place, "rename.yaml", RENAMED, &database);
    let url = database.url();
    let stopped = place.bellows(&apply(&file, &url, &["-y"])).exits(3);
    assert_eq!(stopped.last()["reason"], "soak");
    let on = ["-y", "--skip-soak", "--skip-backup"];
    database.run("UPDATE customers SET phone = '555' WHERE id < 4");
    let stopped = place.bellows(&apply(&file, &url, &on)).exits(3);
    assert_eq!(stopped.last()["reason"], "in_use");
    let seen = stopped.events();
    let evidence = seen.iter().find(|e| e["event"] == "evidence").unwrap();
    let writes = &evidence["evidence"]["all"][0];
    assert_eq!(writes["source"], "writes", "{evidence}");
    assert_eq!(writes["usage"]["state"], "in_use", "{evidence}");
    assert!(database.has_column("phone"));
    // It is looked at anew every time; people are told in words.
    database.run("UPDATE customers SET phone = '666' WHERE id < 4");
    let said = place
        .bellows(&[
            "migrate",
            "apply",
            &file,
            "--target",
            &url,
            "-y",
            "--skip-soak",
            "--skip-backup",
        ])
        .exits(3);
    let words = "applications still write customers.phone: writes (1 times)";
    assert!(said.out.contains(words), "{}", said.out);
    database.run("UPDATE customers SET phone = '777' WHERE id < 4");
    let all = [&on[..], &["--despite-use", "the last one is switched off"]].concat();
    place.bellows(&apply(&file, &url, &all)).exits(0);
    assert!(!database.has_column("phone"));
    let audit = place.bellows(&["audit", "export"]).exits(0);
    let accepted = audit.events();
    let accepted = accepted
        .iter()
        .find(|e| e["action"] == "use.accepted")
        .unwrap();
    assert_eq!(accepted["detail"]["reason"], "the last one is switched off");
}

#[test]
fn what_is_held_goes_on_when_it_is_called_with_go() {
    let database = Database::sqlite();
    let place = Place::new();
    let text = GATED.replace("gate: {soak: 1h}", "kind: contract");
    let text = text.replace("gate: {deploy: Applications write points}", "kind: migrate");
    let file = write(&place, "held.yaml", &text, &database);
    let url = database.url();
    let on = ["-y", "--skip-backup"];
    let nothing = place.bellows(&apply(&file, &url, &["-y", "--phase", "1", "--go"]));
    assert!(nothing.exits(2).err.contains("is not held"));
    let held = [&on[..], &["--hold-cut-over"]].concat();
    let stopped = place.bellows(&apply(&file, &url, &held)).exits(3).last();
    assert_eq!(
        (&stopped["reason"], &stopped["phase"]),
        (&"held".into(), &3.into())
    );
    assert!(database.has_column("spent_cents"));
    // Whoever goes on heeds it, whether they know of it or not.
    let stopped = place.bellows(&apply(&file, &url, &on)).exits(3).last();
    assert_eq!(stopped["reason"], "held");
    let go = [&on[..], &["--go"]].concat();
    let done = place.bellows(&apply(&file, &url, &go)).exits(0);
    assert!(kinds(&done.events()).contains(&"go_said"), "{}", done.out);
    assert!(!database.has_column("spent_cents"));
    let audit = place.bellows(&["audit", "export"]).exits(0);
    assert!(audit.events().iter().any(|e| e["action"] == "execution.go"));
}
