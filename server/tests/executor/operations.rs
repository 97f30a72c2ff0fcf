//! Every operation on a real database: there and back, and there to stay.

use std::collections::BTreeMap;

use bellows::dialect::types;
use bellows::document::{Engine, Migration, Phase, emit};
use bellows::operation::{
    CreateTable, DropView, EnableDualWrite, Loss, NewColumn, Operation, samples,
};
use bellows::schema::{Schema, Table, TableName, World};
use bellows_server::executor::{self, Outcome, control};

use crate::support::{TestTarget, apply};

const ROWS: u32 = 10_000;

/// People in teams with all that may hang on a table: foreign keys in both directions, a trigger, a
/// view, a check, a default, a partial index, and a neighbour whose names need quotes.
async fn people(engine: Engine) -> TestTarget {
    let test = TestTarget::new(engine).await;
    let (key, text) = match engine {
        Engine::PostgreSql => ("bigint PRIMARY KEY", "text"),
        Engine::MySql | Engine::MariaDb => ("bigint PRIMARY KEY", "varchar(200)"),
        Engine::Sqlite => ("INTEGER PRIMARY KEY", "text"),
    };
    test.sql(&format!(
        "CREATE TABLE teams (id {key}, title {text});
         CREATE TABLE squads (id {key});
         CREATE TABLE users (
            id {key}, name varchar(255) DEFAULT 'nobody' NOT NULL, email {text}, team_id bigint,
            nickname {text}, login {text}, handle {text},
            squad bigint, CONSTRAINT users_squad FOREIGN KEY (squad) REFERENCES squads (id),
            CONSTRAINT users_name_check CHECK (name <> ''));
         CREATE TABLE \"Order Lines\" (
            id {key}, \"user\" bigint REFERENCES users (id) ON DELETE CASCADE);
         CREATE INDEX users_email_idx ON users (email);
         CREATE INDEX users_nickname_email_idx ON users (nickname, email);
         CREATE INDEX \"Users' logins\" ON users (login) WHERE login IS NOT NULL;
         CREATE VIEW mailing AS SELECT email FROM users;
         CREATE TABLE log (n int);
         INSERT INTO squads VALUES (1);
         INSERT INTO teams VALUES (1, 'one'), (2, 'two');
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
         INSERT INTO users (id, name, email, team_id, login, handle, squad)
         SELECT i, 'user ' || i, 'User' || i || '@example.com', 1 + i % 2, 'login' || i,
                'handle' || i, 1 FROM n;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         INSERT INTO \"Order Lines\" SELECT i, i FROM n"
    ))
    .await;
    test.sql(match engine {
        Engine::PostgreSql => {
            "CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO log VALUES (1); RETURN NULL; END $$;
             CREATE TRIGGER logs AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION logged()"
        }
        Engine::MySql | Engine::MariaDb | Engine::Sqlite => {
            "CREATE TRIGGER logs AFTER DELETE ON users BEGIN INSERT INTO log VALUES (1); END"
        }
    })
    .await;
    test
}

/// The table that people are copied to.
fn shadow() -> CreateTable {
    let column = |(name, data_type): (&str, &str)| NewColumn {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        nullable: !["id", "name"].contains(&name),
        default_value: None,
        primary_key: name == "id",
    };
    let columns = [
        ("id", "INTEGER"),
        ("name", "varchar(255)"),
        ("email", "text"),
        ("team_id", "bigint"),
        ("nickname", "text"),
        ("login", "text"),
        ("handle", "text"),
        ("squad", "bigint"),
    ];
    CreateTable {
        table: "users_new".to_owned(),
        columns: columns.map(column).to_vec(),
        constraints: Vec::new(),
    }
}

/// A document of that operation, after what it takes for it to be possible.
fn document(engine: Engine, operation: &Operation) -> Migration {
    let sample = |word: &str| samples().into_iter().find(|o| o.word() == word);
    let before: Vec<Operation> = match operation.word() {
        "disable_dual_write" => vec![EnableDualWrite::pair("users", "login", "handle").into()],
        "drop_column" => {
            let name = "mailing".to_owned();
            vec![DropView { name }.into()]
        }
        "copy_table" => vec![shadow().into()],
        "swap_tables" => vec![shadow().into(), sample("copy_table").unwrap()],
        _ => Vec::new(),
    };
    let phase = |number, operation: &Operation| Phase {
        phase: number,
        kind: None,
        description: String::new(),
        timeout: None,
        gate: None,
        operations: vec![operation.clone()],
        validation: Vec::new(),
        rollback_operations: None,
        waivers: Vec::new(),
    };
    let phases = before
        .iter()
        .chain([operation])
        .zip(1..)
        .map(|(operation, number)| phase(number, operation))
        .collect();
    Migration {
        name: operation.word().replace('_', "-"),
        database: engine,
        description: String::new(),
        author: None,
        tags: Vec::new(),
        waivers: Vec::new(),
        phases,
    }
}

/// What a table is, but for the order of its columns and what no operation promises.
fn outline(engine: Engine, table: &Table) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for column in &table.columns {
        let mut data_type = types::read(engine, &column.data_type).unwrap();
        data_type.rest.clear();
        // The catalogue prints defaults in words of its own.
        let what = (data_type, column.nullable, column.default.is_some());
        out.insert(format!("column {}", column.name), format!("{what:?}"));
    }
    for index in &table.indexes {
        let what = (index.unique, index.valid, index.predicate.is_some());
        if !index.name.starts_with("sqlite_autoindex") {
            out.insert(format!("index {}", index.name), format!("{what:?}"));
        }
    }
    for constraint in &table.constraints {
        let what = (constraint.kind, &constraint.columns, constraint.validated);
        out.insert(
            format!("constraint {}", constraint.name),
            format!("{what:?}"),
        );
    }
    let mut from: Vec<String> = table.referenced_by.iter().map(|r| r.1.clone()).collect();
    from.sort();
    out.insert("referenced by".into(), from.join(", "));
    out.insert("key".into(), table.primary_key.join(", "));
    out.insert("triggers".into(), table.triggers.join(", "));
    let mut views: Vec<String> = table.views.iter().map(|v| v.view.to_string()).collect();
    views.sort();
    out.insert("views".into(), views.join(", "));
    out
}

/// By table, what is of it and how it is.
pub type Outlines = BTreeMap<String, BTreeMap<String, String>>;

pub fn outlines(schema: &Schema) -> Outlines {
    let mut all: BTreeMap<_, _> = schema
        .tables
        .iter()
        .map(|(name, table)| (name.to_string(), outline(schema.engine, table)))
        .collect();
    let views = schema.views.keys().map(|v| (v.to_string(), String::new()));
    all.insert("views".into(), views.collect());
    all
}

/// Definitions with the columns in an order: one that was dropped and added again stands last.
pub fn whole(schema: &Schema) -> Schema {
    let mut schema = schema.clone();
    for table in schema.tables.values_mut() {
        table.columns.sort_by(|a, b| a.name.cmp(&b.name));
        table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
        table.constraints.sort_by(|a, b| a.name.cmp(&b.name));
        // SQLite puts a name in quotes when a table gets it by a renaming.
        let plain = |sql: &String| match schema.engine {
            Engine::Sqlite => sql.replace('"', ""),
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb => sql.clone(),
        };
        for index in &mut table.indexes {
            index.definition = plain(&index.definition);
        }
        for sql in &mut table.dependents {
            *sql = plain(sql).split_whitespace().collect::<Vec<_>>().join(" ");
        }
        table.dependents.sort();
        table.views.sort_by(|a, b| a.view.cmp(&b.view));
        for view in &mut table.views {
            view.columns.sort();
        }
        table.rows = 0;
        table.bytes = 0;
        // Rebuilt tables have the same definition in other words.
        table.create_sql = None;
    }
    schema
}

/// Every row of users, as one text.
async fn rows(test: &TestTarget, engine: Engine) -> Option<String> {
    let columns = "name, email, team_id, nickname, login, handle, squad";
    let sql = match engine {
        Engine::PostgreSql => {
            format!("SELECT md5(string_agg(ROW({columns})::text, ',' ORDER BY id)) FROM users")
        }
        Engine::MySql | Engine::MariaDb | Engine::Sqlite => {
            let quoted: Vec<String> = columns.split(", ").map(|c| format!("quote({c})")).collect();
            format!(
                "SELECT group_concat(line) FROM (SELECT {} AS line FROM users ORDER BY id)",
                quoted.join(" || ")
            )
        }
    };
    test.text(&sql).await
}

/// What is other in the second one.
pub fn difference(said: &Outlines, found: &Outlines) -> Vec<String> {
    let mut out = Vec::new();
    let flat = |all: &Outlines| -> BTreeMap<(String, String), String> {
        all.iter()
            .flat_map(|(table, lines)| {
                lines
                    .iter()
                    .map(|(key, what)| ((table.clone(), key.clone()), what.clone()))
            })
            .collect()
    };
    let (said, found) = (flat(said), flat(found));
    for (place, what) in &said {
        if found.get(place) != Some(what) {
            out.push(format!(
                "{place:?}: said {what}, found {:?}",
                found.get(place)
            ));
        }
    }
    for (place, what) in &found {
        if !said.contains_key(place) {
            out.push(format!("{place:?}: {what} was not said"));
        }
    }
    out
}

/// Runs one operation to its end and back; says what was not as it should be.
async fn there_and_back(engine: Engine, operation: &Operation) -> Vec<String> {
    let mut wrong = Vec::new();
    let test = people(engine).await;
    let before = test.schema().await;
    let rows_before = rows(&test, engine).await;
    let migration = document(engine, operation);

    let mut said = before.clone();
    let mut loss = Loss::Nothing;
    for phase in &migration.phases {
        for operation in &phase.operations {
            let world = World::new(engine, Some(&said), &operation.tables());
            loss = loss.max(operation.undo(&world).unwrap().loss);
            if let Err(refusal) = said.apply(operation) {
                return vec![format!("refused: {refusal:?}")];
            }
        }
    }
    let (record, events) = apply(&test.target, &emit(&migration)).await;
    let after = test.schema().await;
    // What SQL of one's own does, nobody says.
    if operation.word() != "custom_sql" {
        wrong.extend(difference(&outlines(&said), &outlines(&after)));
    }

    let (_sender, receiver) = control();
    let options = executor::RunOptions::new("test");
    let outcome = executor::roll_back(
        &test.target,
        &record.id,
        None,
        "tester",
        &options,
        &events,
        receiver,
    )
    .await
    .unwrap();
    if !matches!(outcome, Outcome::RolledBack { .. }) {
        wrong.push(format!("{outcome:?}"));
        return wrong;
    }
    let back = test.schema().await;
    for (name, was) in whole(&before).tables {
        let is = whole(&back).tables.remove(&name);
        if is.as_ref() != Some(&was) {
            wrong.push(format!("taken back, {name} was {was:#?} and is {is:#?}"));
        }
    }
    if back.tables.len() != before.tables.len() || back.views != before.views {
        wrong.push(format!("taken back, there are {:?}", back.views));
    }
    if loss == Loss::Nothing && rows(&test, engine).await != rows_before {
        wrong.push("taken back, rows are other".to_owned());
    }
    // What hung on the tables still works.
    test.sql("DELETE FROM users WHERE id = 10").await;
    let lines = "SELECT count(*) FROM \"Order Lines\" WHERE \"user\" = 10";
    if test.number("SELECT count(*) FROM log").await != 1 || test.number(lines).await != 0 {
        wrong.push("taken back, triggers or foreign keys do not work".to_owned());
    }
    wrong
}

async fn every_operation(engine: Engine) {
    let mut wrong = Vec::new();
    // PostgreSQL's copies and swaps have tests of their own.
    let elsewhere: &[&str] = match engine {
        Engine::PostgreSql => &["copy_table", "swap_tables"],
        Engine::MySql | Engine::MariaDb | Engine::Sqlite => &[],
    };
    for operation in samples()
        .into_iter()
        .filter(|o| !elsewhere.contains(&o.word()))
    {
        let found = there_and_back(engine, &operation).await;
        wrong.extend(found.iter().map(|w| format!("{}: {w}", operation.word())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn postgres_does_every_operation_and_takes_it_back() {
    every_operation(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_does_every_operation_and_takes_it_back() {
    every_operation(Engine::Sqlite).await;
}

/// A document that makes a table and a view over several phases can be opened again in its middle.
async fn what_a_document_made_is_its_own(engine: Engine) {
    let test = people(engine).await;
    let yaml = format!(
        "
migration:
  name: make
  database: {}
  phases:
    - phase: 1
      operations:
        - type: create_table
          table: visits
          columns:
            - {{name: id, dataType: bigint, primaryKey: true}}
            - {{name: who, dataType: bigint, nullable: false}}
          constraints:
            - {{constraintName: visits_who, sql: FOREIGN KEY (who) REFERENCES users (id)}}
        - {{type: create_view, name: visitors, sql: SELECT u.name FROM users u JOIN visits v ON v.who = u.id}}
    - phase: 2
      operations:
        - {{type: add_column, table: visits, column: seen, dataType: text}}
      validation:
        - {{check: row_count_match, table: visits, otherTable: log}}
        - {{check: constraint_valid, table: visits, constraintName: visits_who}}
    - phase: 3
      operations:
        - {{type: drop_view, name: visitors}}
        - {{type: drop_table, table: visits}}
",
        engine.word()
    );
    let record = crate::support::open(&test.target, &yaml).await;
    let events = crate::support::Events::default();
    for phase in 1..=3 {
        // Planned again on what the phases before have made.
        let again = crate::support::open_on(&test.target, &yaml).await.unwrap();
        assert_eq!(again.record.id, record.id);
        let outcome = crate::support::run(&test.target, &record.id, phase, &events).await;
        assert!(
            matches!(outcome, Outcome::PhaseCompleted | Outcome::Completed),
            "{outcome:?} {:#?}",
            events.all()
        );
    }
    let schema = test.schema().await;
    assert!(schema.table(&TableName::parse("visits")).is_none());
    let (_sender, receiver) = control();
    executor::roll_back(
        &test.target,
        &record.id,
        Some(3),
        "tester",
        &executor::RunOptions::new("test"),
        &events,
        receiver,
    )
    .await
    .unwrap();
    let schema = test.schema().await;
    let visits = schema.table(&TableName::parse("visits")).unwrap();
    assert!(visits.column("seen").is_some());
    assert!(schema.views.contains_key(&TableName::parse("visitors")));
}

#[tokio::test]
async fn postgres_makes_tables_and_views() {
    what_a_document_made_is_its_own(Engine::PostgreSql).await;
}

#[tokio::test]
async fn sqlite_makes_tables_and_views() {
    what_a_document_made_is_its_own(Engine::Sqlite).await;
}
