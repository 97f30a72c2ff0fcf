//! Backups at the command line: taken, listed and restored on every engine, before phases that destroy
//! values, and whatever happens in the middle.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;
use sqlx::{Connection, Executor};

use crate::support::{Database, Place, Ran, apply, write};

/// Two tables with odd names, tied together, with what hangs on tables.
const ODD: &str = "
    CREATE TABLE ~Odd Name~ (
        id SERIAL PRIMARY KEY,
        ~select~ VARCHAR(40) NOT NULL,
        note VARCHAR(200)
    );
    CREATE TABLE kept_log (id SERIAL PRIMARY KEY, what VARCHAR(200));
    INSERT INTO ~Odd Name~ (~select~, note) VALUES ('one', 'it''s (1); \\ x'), ('two', NULL), ('three', '');
    CREATE TABLE child (
        id INTEGER PRIMARY KEY,
        parent BIGINT_OR_INTEGER NOT NULL,
        CONSTRAINT child_parent FOREIGN KEY (parent) REFERENCES ~Odd Name~ (id)
    );
    INSERT INTO child VALUES (10, 1), (11, 1), (12, 3);
    CREATE VIEW odd_view AS SELECT id, ~select~ FROM ~Odd Name~;
    CREATE VIEW odd_view_2 AS SELECT id FROM odd_view;
    CREATE INDEX odd_index ON ~Odd Name~ (~select~);
";

fn odd(database: &Database) {
    let (sql, trigger) = match database {
        Database::Postgres { .. } => (
            ODD.replace('~', "\"")
                .replace("BIGINT_OR_INTEGER", "integer"),
            "CREATE FUNCTION log_it() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN INSERT INTO kept_log (what) VALUES (NEW.\"select\"); RETURN NEW; END $$;
             CREATE TRIGGER log_it AFTER INSERT ON \"Odd Name\"
             FOR EACH ROW EXECUTE FUNCTION log_it();
             CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM \"Odd Name\";
             CREATE SCHEMA billing;
             CREATE TABLE billing.\"In\" (x integer);
             INSERT INTO billing.\"In\" VALUES (7);",
        ),
        Database::MySql { .. } => (
            ODD.replace('~', "`")
                .replace("BIGINT_OR_INTEGER", "BIGINT UNSIGNED")
                .replace("\\", "\\\\"),
            "CREATE TRIGGER log_it AFTER INSERT ON `Odd Name`
             FOR EACH ROW INSERT INTO kept_log (what) VALUES (NEW.`select`)",
        ),
        Database::Sqlite(_) => (
            ODD.replace('~', "\"")
                .replace("BIGINT_OR_INTEGER", "INTEGER")
                .replace("SERIAL PRIMARY KEY", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            "CREATE TRIGGER log_it AFTER INSERT ON \"Odd Name\"
             BEGIN INSERT INTO kept_log (what) VALUES (NEW.\"select\"); END",
        ),
    };
    database.run(&sql);
    database.run(trigger);
}

/// SQL with names in tildes, as the database quotes them.
fn spoken(database: &Database, sql: &str) -> String {
    match database {
        Database::MySql { .. } => sql.replace('~', "`"),
        Database::Postgres { .. } | Database::Sqlite(_) => sql.replace('~', "\""),
    }
}

fn create(place: &Place, url: &str, more: &[&str]) -> Value {
    let arguments = [
        &["backup", "create", "--target", url, "--format", "json"],
        more,
    ]
    .concat();
    place.bellows(&arguments).exits(0).json()
}

fn restore(place: &Place, id: &str, url: &str) -> Ran {
    place.bellows(&[
        "backup", "restore", id, "--target", url, "-y", "--format", "json",
    ])
}

/// A whole database goes to another state and comes back, with everything that hangs on its tables.
fn there_and_back(database: &Database) {
    odd(database);
    let place = Place::new();
    let url = database.url();
    let made = create(&place, &url, &[]);
    let id = made["id"].as_str().unwrap();
    assert!(made["bytes"].as_u64().unwrap() > 0);
    assert!(
        made["holds"]
            .as_str()
            .unwrap()
            .starts_with("the whole database")
    );
    for entry in std::fs::read_dir(place.path("data/backups")).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    database.run(&spoken(
        database,
        "DELETE FROM child WHERE id = 11; DROP VIEW odd_view_2; DROP VIEW odd_view;
         UPDATE ~Odd Name~ SET note = 'changed';
         INSERT INTO ~Odd Name~ (~select~) VALUES ('four'), ('five'), ('six');
         DELETE FROM customers WHERE id > 10",
    ));
    let ran = restore(&place, id, &url).exits(0).json();
    assert_eq!(ran["snapshot"], id);
    assert_eq!(ran["asThen"], true, "{ran}");

    let number = |sql: &str| database.number(&spoken(database, sql));
    assert_eq!(number("SELECT count(*) FROM customers"), 3000);
    assert_eq!(number("SELECT count(*) FROM ~Odd Name~"), 3);
    let note = "SELECT count(*) FROM ~Odd Name~ WHERE note = 'it''s (1); \\ x'";
    let note = match database {
        Database::MySql { .. } => note.replace('\\', "\\\\"),
        Database::Postgres { .. } | Database::Sqlite(_) => note.to_owned(),
    };
    assert_eq!(number(&note), 1);
    assert_eq!(
        number("SELECT count(*) FROM ~Odd Name~ WHERE note IS NULL"),
        1
    );
    assert_eq!(number("SELECT count(*) FROM child"), 3);
    assert_eq!(number("SELECT count(*) FROM odd_view"), 3);
    assert_eq!(number("SELECT count(*) FROM odd_view_2"), 3);
    assert_eq!(
        number("SELECT count(*) FROM kept_log"),
        0,
        "what was logged since is gone"
    );
    database.run(&spoken(
        database,
        "INSERT INTO ~Odd Name~ (~select~) VALUES ('next')",
    ));
    assert_eq!(
        number(
            "SELECT CAST(max(id) AS ZZ) FROM ~Odd Name~"
                .replace(
                    "ZZ",
                    match database {
                        Database::MySql { .. } => "SIGNED",
                        Database::Postgres { .. } | Database::Sqlite(_) => "BIGINT",
                    }
                )
                .as_str()
        ),
        4,
        "numbers go on where they were"
    );
    assert_eq!(
        number("SELECT count(*) FROM kept_log"),
        1,
        "the trigger fires"
    );

    let list = place
        .bellows(&["backup", "list", "--target", &url, "--format", "json"])
        .exits(0)
        .json();
    let list = list.as_array().unwrap();
    assert_eq!(
        list.len(),
        2,
        "and the one of what was there before: {list:?}"
    );
    assert_eq!(list[0]["id"], ran["saved"]);
    assert_eq!(list[1]["id"], id);
    assert!(list.iter().all(|backup| backup["here"] == true));
    assert!(list[1]["restoredAt"].is_i64());

    // What was lost comes back by that one.
    restore(&place, ran["saved"].as_str().unwrap(), &url).exits(0);
    assert_eq!(number("SELECT count(*) FROM ~Odd Name~"), 6);
    assert_eq!(number("SELECT count(*) FROM customers"), 10);
    let audit = place.bellows(&["audit", "export"]).exits(0);
    for action in ["backup.taken", "backup.restore", "backup.restored"] {
        assert!(
            audit.events().iter().any(|e| e["action"] == action),
            "{action}"
        );
    }
}

#[test]
fn a_whole_sqlite_file_comes_back() {
    there_and_back(&Database::sqlite());
}

#[test]
fn a_whole_postgresql_database_comes_back() {
    let database = Database::postgres();
    there_and_back(&database);
    assert_eq!(
        database.number("SELECT sum(x)::bigint FROM billing.\"In\""),
        7
    );
    assert_eq!(database.number("SELECT n FROM counted"), 6);
}

#[test]
fn a_whole_mariadb_database_comes_back() {
    let database = Database::mariadb();
    there_and_back(&database);
    assert_eq!(
        database.number(
            "SELECT count(*) FROM information_schema.schemata WHERE schema_name LIKE 'bellows\\_%'"
        ),
        0,
        "nothing is left beside"
    );
}

const DROPS: &str = "
migration:
  name: drop-spent
  database: ENGINE
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: customers, column: nick, dataType: VARCHAR(20)}
    - phase: 2
      operations:
        - {type: drop_column, table: customers, column: spent_cents}
";

/// A phase that destroys values has its backup, which brings them back, and the execution with them.
fn before_the_phase(database: &Database) {
    let place = Place::new();
    let file = write(&place, "drops.yaml", DROPS, database);
    let url = database.url();
    let spent = match database {
        Database::MySql { .. } => "SELECT CAST(sum(spent_cents) AS SIGNED) FROM customers",
        Database::Postgres { .. } | Database::Sqlite(_) => {
            "SELECT CAST(sum(spent_cents) AS BIGINT) FROM customers"
        }
    };
    let all = database.number(spent);
    let ran = place.bellows(&apply(&file, &url, &["-y"])).exits(0);
    let last = ran.last();
    assert_eq!(last["status"], "completed");
    let id = last["snapshotId"].as_str().expect("a backup").to_owned();
    let taken: Vec<Value> = ran
        .events()
        .into_iter()
        .filter(|event| event["event"] == "backup_taken")
        .collect();
    assert_eq!(taken.len(), 1, "before the phase that destroys alone");
    assert_eq!(
        (&taken[0]["before"], &taken[0]["snapshot"]),
        (&2.into(), &id.as_str().into())
    );
    assert!(!database.has_column("spent_cents"));
    database.run("DELETE FROM customers WHERE id <= 100");

    let history = place
        .bellows(&["migrate", "history", "--target", &url, "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(history[0]["snapshotId"], id.as_str());

    restore(&place, &id, &url).exits(0);
    assert_eq!(database.number(spent), all);
    assert!(
        database.has_column("nick"),
        "the first phase was done by then"
    );
    let status = place
        .bellows(&["migrate", "status", "--target", &url, "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(status["last"]["phase"], 1, "{status}");
    assert_eq!(status["last"]["status"], "waiting", "{status}");
    let again = place
        .bellows(&apply(&file, &url, &["-y", "--skip-backup"]))
        .exits(0);
    assert_eq!(again.last()["status"], "completed");
    assert!(
        again
            .events()
            .iter()
            .any(|event| event["event"] == "backup_skipped")
    );
    assert!(!database.has_column("spent_cents"));
}

#[test]
fn sqlite_has_a_backup_before_values_go() {
    before_the_phase(&Database::sqlite());
}

#[test]
fn postgresql_has_a_backup_before_values_go() {
    before_the_phase(&Database::postgres());
}

#[test]
fn mariadb_has_a_backup_before_values_go() {
    before_the_phase(&Database::mariadb());
}

#[test]
fn what_a_run_made_since_goes_with_a_restore() {
    let database = Database::postgres();
    let place = Place::new();
    let file = write(
        &place,
        "makes.yaml",
        "migration:\n  name: makes\n  database: ENGINE\n  phases:\n    - phase: 1\n      \
         operations:\n        - type: create_table\n          table: made\n          columns:\n            \
         - {name: id, dataType: INTEGER, primaryKey: true}\n        \
         - {type: add_column, table: customers, column: nick, dataType: VARCHAR(20)}\n",
        &database,
    );
    let url = database.url();
    let ran = place
        .bellows(&apply(&file, &url, &["-y", "--backup", "tables"]))
        .exits(0);
    let id = ran.last()["snapshotId"].as_str().unwrap().to_owned();
    database.run("INSERT INTO made VALUES (1)");
    restore(&place, &id, &url).exits(0);
    assert!(!database.has_column("nick"));
    assert_eq!(
        database.number("SELECT count(*) FROM pg_tables WHERE tablename = 'made'"),
        0
    );
    let status = place
        .bellows(&["migrate", "status", "--target", &url, "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(status["last"]["status"], "rolled_back");
    let again = place.bellows(&apply(&file, &url, &["-y"])).exits(0);
    assert_eq!(again.last()["status"], "completed");
}

/// A backup of one table leaves the others, their foreign keys, and the rows written since.
#[test]
fn a_single_table_comes_back_between_the_others() {
    let database = Database::postgres();
    odd(&database);
    let place = Place::new();
    let url = database.url();
    let made = create(&place, &url, &["--table", "\"Odd Name\""]);
    let id = made["id"].as_str().unwrap().to_owned();
    database.run("DELETE FROM \"Odd Name\" WHERE id = 2; INSERT INTO child VALUES (13, 3)");
    restore(&place, &id, &url).exits(0);
    assert_eq!(database.number("SELECT count(*) FROM \"Odd Name\""), 3);
    assert_eq!(
        database.number("SELECT count(*) FROM child"),
        4,
        "of the others nothing is lost"
    );
    let keys = "SELECT count(*) FROM pg_constraint WHERE conname = 'child_parent' AND convalidated";
    assert_eq!(database.number(keys), 1);

    // A row written since, for a parent that the backup has not, keeps all of it from happening.
    database.run("INSERT INTO \"Odd Name\" (id, \"select\") VALUES (99, 'x'); INSERT INTO child VALUES (14, 99)");
    let ran = restore(&place, &id, &url).exits(1);
    assert!(ran.err.contains("child_parent"), "{ran:?}");
    assert_eq!(database.number("SELECT count(*) FROM \"Odd Name\""), 4);

    // Nor does a view that was made since vanish in silence.
    database
        .run("DELETE FROM child WHERE id = 14; CREATE VIEW late AS SELECT note FROM \"Odd Name\"");
    let ran = restore(&place, &id, &url).exits(1);
    assert!(ran.err.contains("view late"), "{ran:?}");
    assert_eq!(database.number("SELECT count(*) FROM late"), 4);
}

#[test]
fn a_dump_that_fails_keeps_the_phase_from_starting() {
    let database = Database::postgres();
    let place = Place::new();
    let tool = place.path("tools/pg_dump");
    std::fs::create_dir(place.path("tools")).unwrap();
    std::fs::write(
        &tool,
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'pg_dump (PostgreSQL) 15.99'; exit; fi\n\
         echo half of a dump\necho 'pg_dump: error: the moon is full' >&2\nexit 1\n",
    )
    .unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let file = write(
        &place,
        "drops.yaml",
        "migration:\n  name: drop-spent\n  database: ENGINE\n  phases:\n    - phase: 1\n      \
         operations:\n        - {type: drop_column, table: customers, column: spent_cents}\n",
        &database,
    );
    let url = database.url();
    let path = format!(
        "{}:{}",
        place.path("tools").display(),
        std::env::var("PATH").unwrap()
    );
    let mut command = place.command(&apply(&file, &url, &["-y"]));
    command.env("PATH", path);
    let ran = crate::support::wait(command.spawn().unwrap()).exits(1);
    assert!(ran.err.contains("the moon is full"), "{ran:?}");
    assert!(database.has_column("spent_cents"), "nothing was run");
    let left: Vec<_> = std::fs::read_dir(place.path("data/backups"))
        .unwrap()
        .collect();
    assert_eq!(left.len(), 0, "a half-written file is no backup");
    // With a tool that works it goes on.
    let ran = place.bellows(&apply(&file, &url, &["-y"])).exits(0);
    assert!(ran.last()["snapshotId"].is_string());
}

#[test]
fn a_damaged_backup_is_not_restored() {
    for database in [
        Database::sqlite(),
        Database::postgres(),
        Database::mariadb(),
    ] {
        let place = Place::new();
        let url = database.url();
        let made = create(&place, &url, &[]);
        let id = made["id"].as_str().unwrap();
        let file = std::fs::read_dir(place.path("data/backups"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_none_or(|extension| extension != "json"))
            .unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        database.run("DELETE FROM customers WHERE id > 5");
        let ran = restore(&place, id, &url).exits(1);
        assert!(ran.err.contains("damaged"), "{ran:?}");
        assert_eq!(database.number("SELECT count(*) FROM customers"), 5);
    }
}

#[test]
fn a_backup_of_another_database_is_refused() {
    let (one, other) = (Database::sqlite(), Database::sqlite());
    let place = Place::new();
    let made = create(&place, &one.url(), &[]);
    create(&place, &other.url(), &[]);
    let ran = restore(&place, made["id"].as_str().unwrap(), &other.url()).exits(1);
    assert!(ran.err.contains("another database"), "{ran:?}");
    restore(&place, "no-such-backup", &one.url()).exits(2);
}

/// Kills a restore while it waits for somebody's lock; what is there then is what was there before.
#[test]
fn a_restore_on_postgresql_that_is_killed_leaves_what_was_there() {
    let database = Database::postgres();
    let Database::Postgres { url, .. } = &database else {
        unreachable!()
    };
    let place = Place::new();
    let made = create(&place, url, &[]);
    let id = made["id"].as_str().unwrap();
    database.run("DELETE FROM customers WHERE id > 5");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut holder = runtime.block_on(async {
        let mut holder = sqlx::PgConnection::connect(url).await.unwrap();
        holder
            .execute("BEGIN; SELECT count(*) FROM customers")
            .await
            .unwrap();
        holder
    });
    let mut child = place
        .command(&[
            "backup",
            "restore",
            id,
            "--target",
            url,
            "-y",
            "--skip-backup",
        ])
        .spawn()
        .unwrap();
    let waits = "SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until(|| database.number(waits) == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    runtime.block_on(async { holder.execute("COMMIT").await.unwrap() });
    until(|| database.number(waits) == 0);
    assert_eq!(database.number("SELECT count(*) FROM customers"), 5);
    until(|| match restore(&place, id, url) {
        ran if ran.status == 3 => false,
        ran => {
            ran.exits(0);
            true
        }
    });
    assert_eq!(database.number("SELECT count(*) FROM customers"), 3000);
}

/// There the tables change places by a statement that stands by itself: whoever comes next is told, and
/// a second restore brings it to its end.
#[test]
fn a_restore_on_mariadb_that_is_killed_is_brought_to_its_end() {
    let database = Database::mariadb();
    let Database::MySql { url, .. } = &database else {
        unreachable!()
    };
    odd(&database);
    let place = Place::new();
    let made = create(&place, url, &[]);
    let id = made["id"].as_str().unwrap();
    database.run("DELETE FROM customers WHERE id > 5");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut holder = runtime.block_on(async {
        let mut holder = sqlx::MySqlConnection::connect(url).await.unwrap();
        holder.execute("BEGIN").await.unwrap();
        holder
            .execute("SELECT count(*) FROM customers")
            .await
            .unwrap();
        holder
    });
    let mut child = place
        .command(&[
            "backup",
            "restore",
            id,
            "--target",
            url,
            "-y",
            "--skip-backup",
        ])
        .spawn()
        .unwrap();
    let waits = "SELECT count(*) FROM information_schema.processlist
                 WHERE db = database() AND state LIKE 'Waiting for table metadata lock%'";
    let begun = "SELECT count(*) FROM _bellows_restore WHERE stage <> 'loading'";
    until(|| database.number(waits) == 1 && database.number(begun) == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(database.number("SELECT count(*) FROM customers"), 5);
    runtime.block_on(async { holder.execute("COMMIT").await.unwrap() });
    until(|| database.number(waits) == 0);
    let file = write(&place, "drops.yaml", DROPS, &database);
    until(|| {
        let ran = place.bellows(&apply(&file, url, &["-y"])).exits(3);
        ran.out.contains("half restored") || ran.err.contains("half restored") || {
            let text = place.bellows(&["migrate", "apply", &file, "--target", url, "-y"]);
            text.out.contains("half restored")
        }
    });
    restore(&place, id, url).exits(0);
    assert_eq!(database.number("SELECT count(*) FROM customers"), 3000);
    database.run("INSERT INTO `Odd Name` (`select`) VALUES ('next')");
    assert_eq!(
        database.number("SELECT count(*) FROM kept_log"),
        1,
        "the trigger is back"
    );
    place
        .bellows(&apply(&file, url, &["-y", "--skip-backup"]))
        .exits(0);
}

/// Waits for something to be so.
#[track_caller]
fn until(mut so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("it did not come to be so");
}

/// What a phase took away is kept on the database: listed, and gone for good once it is removed.
#[test]
fn saved_copies_are_listed_and_removed() {
    let database = Database::sqlite();
    let place = Place::new();
    let kept = DROPS.replace(
        "column: spent_cents}",
        "column: spent_cents, savedCopy: true}",
    );
    let file = write(&place, "drops.yaml", &kept, &database);
    let url = database.url();
    let ran = place.bellows(&apply(&file, &url, &["-y"])).exits(0);
    let last = ran.last();
    assert!(last["snapshotId"].is_null(), "it is reversible: {last}");
    let copies = || {
        let arguments = ["backup", "copies", "--target", &url, "--format", "json"];
        place.bellows(&arguments).exits(0).json()
    };
    let listed = copies();
    let copy = &listed[0];
    assert_eq!(
        (&copy["column"], &copy["phase"]),
        (&"spent_cents".into(), &2.into())
    );
    assert!(copy["bytes"].as_u64().unwrap() > 0, "{listed}");
    let left = ["leftovers", "--target", &url, "--format", "json"];
    let left = place.bellows(&left).exits(0).json();
    assert_eq!(left["savedCopies"][0]["place"], copy["place"]);

    let held = copy["place"].as_str().unwrap();
    let remove = ["backup", "remove-copy", held, "--target", &url, "-y"];
    place.bellows(&remove).exits(0);
    assert_eq!(copies(), serde_json::json!([]));
    place.bellows(&remove).exits(1);
    let id = last["executionId"].as_str().unwrap();
    let back = ["migrate", "rollback", id, "--target", &url, "-y"];
    let refused = place.bellows(&back).exits(1);
    assert!(refused.err.contains("not there any more"), "{refused:?}");
    assert!(!database.has_column("spent_cents"));
}
