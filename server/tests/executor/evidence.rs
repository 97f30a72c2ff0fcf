//! Whether what a contract phase takes away is still used, as a target shows it.

use bellows::document::Engine;
use bellows::run::{PhaseEvidence, Source, Usage};
use bellows_server::executor::{self, Outcome};

use crate::support::{Cluster, Events, TestTarget, back, open, run};

/// A renaming as far as it matters, and a table that goes with the old name.
fn rename(engine: Engine) -> String {
    format!(
        "
migration:
  name: rename
  database: {}
  phases:
    - phase: 1
      operations:
        - {{type: add_column, table: people, column: full_name, dataType: varchar(80), nullable: true}}
    - phase: 2
      operations:
        - {{type: enable_dual_write, table: people, oldColumn: name, newColumn: full_name}}
    - phase: 3
      kind: contract
      operations:
        - {{type: drop_column, table: people, column: name}}
        - {{type: drop_table, table: nicknames}}
",
        engine.word()
    )
}

/// Its first two phases, done.
async fn in_step(test: &TestTarget) -> String {
    let default = match test.target.engine() {
        // There a column with a default is kept in step with none.
        Engine::Sqlite => "",
        Engine::PostgreSql | Engine::MySql | Engine::MariaDb => "DEFAULT 'nobody'",
    };
    test.sql(&format!(
        "CREATE TABLE people (id int PRIMARY KEY, name varchar(80) {default}, age int);
         CREATE TABLE nicknames (id int PRIMARY KEY, nick varchar(80))"
    ))
    .await;
    let id = open(&test.target, &rename(test.target.engine())).await.id;
    for phase in [1, 2] {
        let outcome = run(&test.target, &id, phase, &Events::default()).await;
        assert_eq!(outcome, Outcome::PhaseCompleted);
    }
    id
}

async fn look(test: &TestTarget, id: &str, need_ms: u64) -> PhaseEvidence {
    let record = executor::execution(&test.target, id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(record.takes_away(), Some(3));
    executor::evidence(&test.target, &record, 3, need_ms)
        .await
        .unwrap()
        .unwrap()
}

fn usage<'e>(seen: &'e PhaseEvidence, side: &str, source: Source) -> &'e Usage {
    &seen
        .all
        .iter()
        .find(|one| one.side.to_string() == side && one.source == source)
        .unwrap_or_else(|| panic!("{seen:#?}"))
        .usage
}

/// The writes to the old column that a look found.
async fn writes(test: &TestTarget, id: &str) -> u64 {
    let seen = look(test, id, 0).await;
    let writes = seen.all.iter().find(|one| one.source == Source::Writes);
    writes.unwrap().points.last().unwrap().uses
}

/// Applications have no right to anything of ours; what counts must not fail their writes.
#[tokio::test]
async fn writes_to_the_old_side_are_counted_and_those_to_the_new_one_are_not() {
    let test = TestTarget::postgres().await;
    let id = in_step(&test).await;
    let role = format!("app_{}", uuid::Uuid::now_v7().simple());
    let mut app = test.client().await;
    app.run(&format!(
        "CREATE ROLE {role}; GRANT ALL ON people TO {role}; SET ROLE {role}"
    ))
    .await;
    assert_eq!(writes(&test, &id).await, 0);
    app.run("INSERT INTO people (id, name) VALUES (1, 'Ada'), (2, 'Bob')")
        .await;
    assert_eq!(writes(&test, &id).await, 2, "a row each");
    app.run("UPDATE people SET name = name WHERE id < 3").await;
    assert_eq!(writes(&test, &id).await, 1, "a statement that names it");
    app.run(
        "INSERT INTO people (id, full_name) VALUES (3, 'Eve'); INSERT INTO people (id) VALUES (4)",
    )
    .await;
    app.run("UPDATE people SET full_name = 'Ada L' WHERE id = 1; UPDATE people SET age = 3")
        .await;
    app.run("DELETE FROM people WHERE id = 2").await;
    assert_eq!(writes(&test, &id).await, 0, "the new side alone was used");
    let in_step = "SELECT count(*) FROM people WHERE name IS DISTINCT FROM full_name";
    assert_eq!(test.number(in_step).await, 0);

    // What was seen counts for as long as it has to be quiet.
    let hour = look(&test, &id, 3_600_000).await;
    assert_eq!(hour.in_use().len(), 1, "{:?}", hour.in_use());
    assert!(hour.in_use()[0].starts_with("applications still write people.name: writes (1 times"));
    app.run(&format!(
        "RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}"
    ))
    .await;
    let ours = "SELECT count(*) FROM pg_class WHERE relname LIKE 'bellows\\_dw%'
                UNION ALL SELECT count(*) FROM pg_proc WHERE proname LIKE 'bellows\\_dw%'";
    assert_eq!(test.number(ours).await, 1);
    back(&test.target, &id).await;
    let left = format!("SELECT sum(count)::bigint FROM ({ours}) AS ours");
    assert_eq!(test.number(&left).await, 0, "nothing of it is left");
}

#[tokio::test]
async fn what_stands_on_the_old_side_is_found_and_what_goes_with_it_is_not() {
    let test = TestTarget::postgres().await;
    let id = in_step(&test).await;
    test.sql(
        "CREATE INDEX ON people (name); ALTER TABLE people ADD CHECK (name <> '');
         CREATE FUNCTION elsewhere() RETURNS text LANGUAGE sql AS $$ SELECT 'name' $$",
    )
    .await;
    let seen = look(&test, &id, 0).await;
    for side in ["people.name", "nicknames"] {
        assert_eq!(
            usage(&seen, side, Source::Dependents),
            &Usage::Quiet,
            "{side}"
        );
    }
    test.sql(
        "CREATE VIEW names AS SELECT name FROM people;
         CREATE VIEW nicks AS SELECT nick FROM nicknames;
         CREATE FUNCTION greet(i int) RETURNS text LANGUAGE sql
           AS $$ SELECT 'Hello ' || name FROM people WHERE id = i $$;
         CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql
           AS $$ BEGIN NEW.age := length(NEW.name); RETURN NEW; END $$;
         CREATE TRIGGER shouts BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION shout();
         CREATE POLICY own ON people USING (name = current_user)",
    )
    .await;
    let seen = look(&test, &id, 0).await;
    let by = |side| match usage(&seen, side, Source::Dependents) {
        Usage::InUse { by } => by.clone(),
        Usage::Quiet | Usage::Unknown { .. } => panic!("{seen:#?}"),
    };
    assert_eq!(
        by("people.name"),
        [
            "policy own on table people",
            "view names",
            "function greet(integer)",
            "function shout()",
        ]
    );
    assert_eq!(by("nicknames"), ["view nicks"]);
}

/// Statistics are told when a session ends, and for a while not.
async fn until_in_use(test: &TestTarget, id: &str, what: &str) {
    loop {
        let lines = look(test, id, 3_600_000).await.in_use();
        if lines.iter().any(|line| line.contains(what)) {
            return;
        }
        assert!(lines.is_empty(), "{lines:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_row_of_a_table_that_goes_is_seen() {
    let test = TestTarget::postgres().await;
    let id = in_step(&test).await;
    assert!(look(&test, &id, 0).await.in_use().is_empty());
    test.sql("INSERT INTO nicknames VALUES (1, 'Al')").await;
    until_in_use(&test, &id, "nicknames is still written: rows (1 times").await;
}

#[tokio::test]
async fn statements_that_name_the_old_side_are_seen_where_the_server_keeps_them() {
    let cluster = Cluster::start("shared_preload_libraries = 'pg_stat_statements'");
    let test = TestTarget::on(&cluster).await;
    let id = in_step(&test).await;
    let seen = look(&test, &id, 0).await;
    assert!(matches!(
        usage(&seen, "people.name", Source::Statements),
        Usage::Unknown { why } if why.starts_with("pg_stat_statements is not installed")
    ));
    test.sql("CREATE EXTENSION pg_stat_statements; CREATE ROLE app; GRANT SELECT ON people TO app")
        .await;
    assert_eq!(
        usage(
            &look(&test, &id, 0).await,
            "people.name",
            Source::Statements
        ),
        &Usage::Quiet
    );
    test.sql("SET ROLE app; SELECT count(full_name) FROM people WHERE id = 3")
        .await;
    assert!(look(&test, &id, 0).await.in_use().is_empty());
    test.sql("SET ROLE app; SELECT name FROM people WHERE id = 3")
        .await;
    assert_eq!(
        look(&test, &id, 0).await.in_use(),
        ["statements still name people.name: app: SELECT name FROM people WHERE id = $1 (1 times)"]
    );
    assert_eq!(look(&test, &id, 3_600_000).await.in_use().len(), 1);
}

/// Elsewhere the catalogue says what stands on it, and no more than that is claimed.
async fn elsewhere(engine: Engine) {
    let test = TestTarget::new(engine).await;
    let id = in_step(&test).await;
    let seen = look(&test, &id, 0).await;
    assert_eq!(
        usage(&seen, "people.name", Source::Dependents),
        &Usage::Quiet
    );
    assert!(seen.in_use().is_empty(), "{seen:#?}");
    if engine == Engine::Sqlite {
        assert!(matches!(
            usage(&seen, "people.name", Source::Statements),
            Usage::Unknown { .. }
        ));
    }
    test.sql("CREATE VIEW names AS SELECT name FROM people")
        .await;
    let seen = look(&test, &id, 0).await;
    assert_eq!(
        usage(&seen, "people.name", Source::Dependents),
        &Usage::InUse {
            by: vec!["view names".to_owned()]
        }
    );
}

#[tokio::test]
async fn mariadb_says_what_stands_on_it() {
    elsewhere(Engine::MariaDb).await;
}

#[tokio::test]
async fn sqlite_says_what_stands_on_it() {
    elsewhere(Engine::Sqlite).await;
}
