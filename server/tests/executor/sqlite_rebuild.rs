//! SQLite's table rebuild after a renaming in the same document, and constraints without a name.

use bellows::document::{Engine, parse};
use bellows::schema::{Table, TableName};
use bellows_server::executor::{Outcome, RunOptions, control, roll_back};

use super::operations::{difference, outlines, whole};
use crate::support::{Events, TestTarget, apply, open, run};

async fn people() -> TestTarget {
    let test = TestTarget::new(Engine::Sqlite).await;
    test.sql(
        "CREATE TABLE teams (id INTEGER PRIMARY KEY, name text UNIQUE);
         CREATE TABLE \"Users\" (id INTEGER PRIMARY KEY AUTOINCREMENT,
            name text DEFAULT 'x' CHECK (name <> '' AND Users.name <> '-'), -- who
            [team] int REFERENCES teams, boss int REFERENCES users (id) ON DELETE SET NULL,
            age int CHECK (age > 0) CHECK (age < 200), UNIQUE (name, team));
         CREATE TABLE \"Order Lines\" (id INTEGER PRIMARY KEY,
            who text, part int REFERENCES \"Users\" (id) ON DELETE CASCADE, n int,
            FOREIGN KEY (who, part) REFERENCES users (name, team));
         CREATE UNIQUE INDEX pairs ON users (name, team);
         CREATE INDEX \"by name\" ON users (lower(name), age DESC) WHERE name > '';
         CREATE VIEW living AS SELECT u.name, u.age FROM users AS u WHERE u.age > 0;
         CREATE TABLE log (name text, n int);
         CREATE TRIGGER renamed AFTER UPDATE OF name ON users WHEN NEW.name <> OLD.name BEGIN
            INSERT INTO log (name, n) VALUES (OLD.name, (SELECT count(*) FROM users WHERE id > 0));
            UPDATE \"Order Lines\" SET n = n + 1 WHERE part = NEW.id;
         END;
         INSERT INTO teams VALUES (1, 'one');
         INSERT INTO users (name, team, age) VALUES ('a', 1, 10), ('b', 1, 20);
         INSERT INTO \"Order Lines\" VALUES (1, 'a', 1, 0)",
    )
    .await;
    test
}

async fn back(test: &TestTarget, id: &str) {
    let (_sender, receiver) = control();
    let (options, events) = (RunOptions::new("test"), Events::default());
    let outcome = roll_back(
        &test.target,
        id,
        None,
        "tester",
        &options,
        &events,
        receiver,
    )
    .await;
    assert!(
        matches!(outcome, Ok(Outcome::RolledBack { .. })),
        "{outcome:?}"
    );
}

/// A rebuild leaves the table's own name before its columns out, and a renaming puts names in quotes.
fn plain(definition: &str) -> String {
    let lower = definition.to_lowercase();
    lower.replace(['"', '\\'], "").replace("users.", "")
}

/// What the plan takes the schema to be at its end is what is there.
async fn said_and_found(test: &TestTarget, yaml: &str) -> String {
    let before = test.schema().await;
    let mut said = before.clone();
    for phase in &parse(yaml).unwrap().phases {
        for operation in &phase.operations {
            said.apply(operation)
                .unwrap_or_else(|e| panic!("{}: {e:?}", operation.word()));
        }
    }
    let (record, _) = apply(&test.target, yaml).await;
    let after = test.schema().await;
    let wrong = difference(&outlines(&said), &outlines(&after));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        test.number("SELECT count(*) FROM pragma_foreign_key_check")
            .await,
        0
    );
    record.id
}

#[tokio::test]
async fn sqlite_a_table_is_made_anew_after_it_was_called_otherwise() {
    let test = people().await;
    let (before, log) = (test.schema().await, "SELECT count(*) FROM log");
    let yaml = "
migration:
  name: renaming
  database: sqlite
  phases:
    - phase: 1
      operations:
        - {type: rename_table, table: Users, newTable: The people}
        - {type: rename_column, table: The people, oldColumn: name, newColumn: full name}
        - {type: set_not_null, table: The people, column: full name}
        - {type: drop_default, table: The people, column: full name}
        - {type: set_not_null, table: Order Lines, column: who}
    - phase: 2
      operations:
        - {type: rename_column, table: The people, oldColumn: age, newColumn: years}
        - {type: drop_constraint, table: The people, constraintName: The people_years_check}
        - {type: add_check, table: The people, constraintName: old, sql: years < 150}
";
    let id = said_and_found(&test, yaml).await;
    let keys = "SELECT count(*) FROM pragma_foreign_key_list('Order Lines') WHERE \"table\" = 'The people'";
    assert_eq!(test.number(keys).await, 3);
    test.sql("UPDATE \"The people\" SET \"full name\" = 'c' WHERE id = 2")
        .await;
    assert_eq!(test.number(log).await, 1, "the trigger is there and works");
    test.sql("INSERT INTO \"The people\" (\"full name\", team, years) VALUES ('d', 1, 5)")
        .await;
    let next = "SELECT max(id) FROM \"The people\"";
    assert_eq!(test.number(next).await, 3, "the counter goes on");
    back(&test, &id).await;
    let after = test.schema().await;
    // Renamed back, a name stands in quotes that had none, and the texts of views likewise.
    let lines = difference(&outlines(&before), &outlines(&after));
    assert!(lines.is_empty(), "{}", lines.join("\n"));
    let (was, is) = (whole(&before), whole(&after));
    for (name, table) in &was.tables {
        assert_eq!(is.tables[name].columns, table.columns, "{name}");
        let definitions = |table: &Table| -> Vec<String> {
            let all = table.constraints.iter();
            all.map(|c| plain(&c.definition)).collect()
        };
        assert_eq!(definitions(&is.tables[name]), definitions(table), "{name}");
    }
    test.sql("UPDATE users SET name = 'e' WHERE id = 2").await;
    assert_eq!(test.number(log).await, 2);
}

/// The texts that the rebuild goes by are compared with those that SQLite has made.
#[tokio::test]
async fn sqlite_does_not_rebuild_by_texts_that_are_other_than_planned() {
    let test = people().await;
    let yaml = "
migration:
  name: renaming
  database: sqlite
  phases:
    - phase: 1
      operations:
        - {type: rename_column, table: Users, oldColumn: name, newColumn: title}
        - {type: set_not_null, table: Users, column: title}
";
    let record = open(&test.target, yaml).await;
    let sql = &record.plan.phases[0].steps[1].action.statements()[0].sql;
    // Without the renaming before it the statement fails, and says why.
    let error = test
        .client()
        .await
        .try_run(sql)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("document of its own"), "{error}");
    let events = Events::default();
    let outcome = run(&test.target, &record.id, 1, &events).await;
    assert_eq!(outcome, Outcome::Completed);
}

/// What the refusal says of SQLite is so: the day it is not, it can go.
#[tokio::test]
async fn sqlite_a_trigger_that_a_renaming_would_change_stops_it() {
    let test = TestTarget::new(Engine::Sqlite).await;
    test.sql(
        "CREATE TABLE counts (id INTEGER PRIMARY KEY, n int);
         CREATE TABLE events (id int);
         CREATE TRIGGER counted AFTER INSERT ON events BEGIN
            INSERT INTO counts VALUES (NEW.id, 1) ON CONFLICT (id) DO UPDATE SET n = excluded.n + 1; END",
    )
    .await;
    let yaml = "
migration:
  name: renaming
  database: sqlite
  phases:
    - phase: 1
      operations:
        - {type: rename_table, table: counts, newTable: tallies}
";
    let document = parse(yaml).unwrap();
    let problems = bellows::plan::plan(&document, Some(&test.schema().await)).unwrap_err();
    assert!(
        problems[0].message.contains("trigger counted"),
        "{problems:?}"
    );
    test.sql("ALTER TABLE counts RENAME TO tallies").await;
    let text = test
        .text("SELECT sql FROM sqlite_schema WHERE name = 'counted'")
        .await
        .unwrap();
    assert!(text.contains("n = \"tallies\".n + 1"), "{text}");
}

#[tokio::test]
async fn sqlite_what_has_no_name_goes_by_what_it_is() {
    let test = people().await;
    let before = test.schema().await;
    let yaml = "
migration:
  name: unnamed
  database: sqlite
  phases:
    - phase: 1
      operations: []
      validation:
        - {check: constraint_valid, table: Users, constraintName: Users_team_fkey}
        - {check: constraint_valid, table: Users, constraintName: Users_name_team_key}
        - {check: constraint_valid, table: Users, constraintName: Users_age_check1}
    - phase: 2
      operations:
        - {type: drop_constraint, table: Users, constraintName: Users_age_check}
        - {type: drop_constraint, table: Users, constraintName: Users_team_fkey}
        - {type: drop_constraint, table: teams, constraintName: teams_name_key}
        - {type: drop_constraint, table: Order Lines, constraintName: Order Lines_who_part_fkey}
        - {type: drop_constraint, table: Users, constraintName: Users_name_team_key}
";
    let id = said_and_found(&test, yaml).await;
    let schema = test.schema().await;
    let users = schema.table(&TableName::parse("Users")).unwrap();
    let names: Vec<&str> = users.constraints.iter().map(|c| c.name.as_str()).collect();
    // The other check keeps the number that told the two apart.
    assert_eq!(
        names,
        ["Users_name_check", "Users_boss_fkey", "Users_age_check1"]
    );
    test.sql("INSERT INTO users (name, team, age) VALUES ('z', 99, -5)")
        .await;
    test.sql("DELETE FROM users WHERE team = 99").await;
    back(&test, &id).await;
    let (was, is) = (whole(&before), whole(&test.schema().await));
    let lines = |schema: bellows::schema::Schema| -> Vec<String> {
        let text = format!("{schema:#?}");
        text.lines().map(plain).collect()
    };
    let (was, is): (Vec<String>, Vec<String>) = (lines(was), lines(is));
    let other: Vec<_> = was.iter().zip(&is).filter(|(a, b)| a != b).collect();
    assert!(other.is_empty() && was.len() == is.len(), "{other:#?}");
}
