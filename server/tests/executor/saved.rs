//! What a contract phase destroys comes back with its values, also those that were written since.

use bellows::document::Engine;
use bellows::plan::RollbackMethod;
use bellows::schema::TableName;
use bellows_server::executor::{
    ExecuteError, Outcome, Removed, RunOptions, control, expire_saved_copies, remove_saved_copy,
    roll_back, saved_copies,
};

use crate::support::{Events, TestTarget, Writer, apply, back, dump, numbers, plan_for, unlike};

fn document(operations: &str) -> String {
    format!(
        "migration:
  name: contract
  database: postgresql
  phases:
    - phase: 1
      operations:
{operations}"
    )
}

const DROP_EMAIL: &str =
    "        - {type: drop_column, table: people, column: email, savedCopy: true}\n";

async fn people(email: &str) -> TestTarget {
    let test = TestTarget::new(Engine::PostgreSql).await;
    test.sql(&format!(
        "CREATE TABLE people (id bigint PRIMARY KEY, email {email}, name text);
         CREATE INDEX people_email ON people (lower(email));
         INSERT INTO people SELECT i, 'mail' || i, 'name' || i FROM generate_series(1, 1000) i;
         COMMENT ON COLUMN people.email IS 'by mail'"
    ))
    .await;
    test
}

async fn refused(test: &TestTarget, id: &str) -> String {
    let (_sender, receiver) = control();
    let (options, events) = (RunOptions::new("test"), Events::default());
    let back = roll_back(
        &test.target,
        id,
        None,
        "tester",
        &options,
        &events,
        receiver,
    )
    .await;
    match back {
        Err(ExecuteError::Saved(message)) => message,
        other => panic!("{other:?}"),
    }
}

async fn rolled_back(test: &TestTarget, id: &str) {
    let outcome = back(&test.target, id).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(saved_copies(&test.target).await.unwrap(), []);
    let left = "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname LIKE '%bellows%')
                     + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'bellows'::regnamespace)
                     + (SELECT count(*) FROM pg_class WHERE relname LIKE 'saved%')
                     + (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'bellows\\_saved%')";
    assert_eq!(test.number(left).await, 0, "something is left");
}

#[tokio::test]
async fn a_dropped_column_comes_back_with_its_values() {
    let test = people("varchar(80) NOT NULL").await;
    let before = dump(&test).await;
    let plan = plan_for(&test.target, &document(DROP_EMAIL)).await;
    let phase = &plan.phases[0];
    assert!(phase.reversible, "{phase:#?}");
    assert_eq!(phase.rollback_method, RollbackMethod::SavedCopy);

    let (record, _) = apply(&test.target, &document(DROP_EMAIL)).await;
    let kept = saved_copies(&test.target).await.unwrap();
    assert_eq!(kept.len(), 1, "{kept:#?}");
    assert_eq!(kept[0].copy.what(), "column people.email");
    assert!(kept[0].bytes > 1000 && kept[0].held.is_none(), "{kept:#?}");
    test.sql("DELETE FROM people WHERE id = 7").await;
    test.sql(
        "UPDATE people SET name = 'other' WHERE id = 8; INSERT INTO people VALUES (2000, 'new')",
    )
    .await;
    // Nothing says what the new row has there, and it must have something.
    let message = refused(&test, &record.id).await;
    assert!(
        message.contains("NOT NULL") && message.contains(&kept[0].copy.place.replace('"', "")),
        "{message}"
    );
    assert_eq!(test.number("SELECT count(*) FROM information_schema.columns WHERE table_name = 'people' AND column_name = 'email'").await, 0);
    test.sql(&format!(
        "INSERT INTO {} (id, email) VALUES (2000, 'given')",
        kept[0].copy.place
    ))
    .await;
    rolled_back(&test, &record.id).await;
    assert_eq!(unlike(&before, &dump(&test).await), Vec::<String>::new());
    let wrong = "SELECT count(*) FROM people WHERE email IS DISTINCT FROM
                 CASE WHEN id = 2000 THEN 'given' ELSE 'mail' || id END";
    assert_eq!(test.number(wrong).await, 0);
    assert_eq!(test.number("SELECT count(*) FROM people").await, 1000);
}

#[tokio::test]
async fn rows_that_were_written_since_get_the_default_or_nothing() {
    for (email, new) in [("text", "none"), ("text NOT NULL DEFAULT 'usual'", "usual")] {
        let test = people(email).await;
        test.sql("UPDATE people SET email = DEFAULT WHERE id = 5")
            .await;
        let (record, _) = apply(&test.target, &document(DROP_EMAIL)).await;
        test.sql("INSERT INTO people VALUES (2000, 'new')").await;
        rolled_back(&test, &record.id).await;
        let wrong = format!(
            "SELECT count(*) FROM people WHERE coalesce(email, 'none') <>
             CASE WHEN id IN (5, 2000) THEN '{new}' ELSE 'mail' || id END"
        );
        assert_eq!(test.number(&wrong).await, 0, "{email}");
    }
}

/// The old column holds more than the new one: what is unchanged since must come back as it was,
/// and what the new application wrote as the conversion has it.
#[tokio::test]
async fn what_the_new_side_wrote_since_comes_back_by_the_conversion() {
    let test = people("text").await;
    let (record, _) = apply(
        &test.target,
        "migration:
  name: contract
  database: postgresql
  phases:
    - phase: 1
      operations:
        - {type: add_column, table: people, column: handle, dataType: text}
        - {type: enable_dual_write, table: people, oldColumn: email, newColumn: handle, forward: \"upper(email)\", backward: \"lower(handle)\"}
        - {type: backfill, table: people, sql: handle = upper(email)}
    - phase: 2
      operations:
        - {type: drop_column, table: people, column: email, savedCopy: true}
",
    )
    .await;
    test.sql(
        "UPDATE people SET handle = 'CHANGED' WHERE id = 3;
         UPDATE people SET name = 'other' WHERE id = 4;
         DELETE FROM people WHERE id = 5;
         INSERT INTO people (id, handle) VALUES (2000, 'NEW')",
    )
    .await;
    // Of some the conversion would make something else.
    let kept = saved_copies(&test.target).await.unwrap();
    test.sql(&format!(
        "UPDATE {} SET email = 'Mail6' WHERE id = 6",
        kept[0].copy.place
    ))
    .await;
    let (_sender, receiver) = control();
    let (options, events) = (RunOptions::new("test"), Events::default());
    let back = roll_back(
        &test.target,
        &record.id,
        Some(2),
        "tester",
        &options,
        &events,
        receiver,
    );
    assert!(matches!(back.await, Ok(Outcome::RolledBack { .. })));
    let wrong = "SELECT count(*) FROM people WHERE email IS DISTINCT FROM CASE id
                 WHEN 3 THEN 'changed' WHEN 6 THEN 'Mail6' WHEN 2000 THEN 'new'
                 ELSE 'mail' || id END";
    assert_eq!(test.number(wrong).await, 0);
    test.sql("UPDATE people SET handle = 'X' WHERE id = 9")
        .await;
    assert_eq!(
        test.text("SELECT email FROM people WHERE id = 9")
            .await
            .as_deref(),
        Some("x")
    );
    rolled_back(&test, &record.id).await;
}

/// Writers go on until the column is gone: the last that each of them wrote is what comes back.
#[tokio::test]
async fn no_write_slips_between_the_copy_and_the_drop() {
    let test = people("text").await;
    test.sql(
        "CREATE TABLE seen (id bigint PRIMARY KEY, email text);
         CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
           IF TG_OP = 'DELETE' THEN DELETE FROM seen WHERE id = OLD.id;
           ELSIF to_jsonb(NEW) ? 'email' THEN
             INSERT INTO seen VALUES (NEW.id, to_jsonb(NEW)->>'email')
             ON CONFLICT (id) DO UPDATE SET email = excluded.email;
           END IF; RETURN NULL; END $$;
         INSERT INTO seen SELECT id, email FROM people;
         CREATE TRIGGER see AFTER INSERT OR UPDATE OR DELETE ON people FOR EACH ROW EXECUTE FUNCTION see()",
    )
    .await;
    let writers: Vec<Writer> = (0..3)
        .map(|n| {
            let update = format!(
                "UPDATE people SET email = 'w{n} {{n}}' WHERE id = 1 + ({{n}} * 7 + {n}) % 900"
            );
            let insert = format!(
                "INSERT INTO people VALUES (1000000 * (1 + {n}) + {{n}}, 'i{n} {{n}}', 'n')"
            );
            let delete =
                format!("DELETE FROM people WHERE id = 901 + {n} + 3 * {{n}} AND id <= 1000");
            Writer::start(
                &test.url,
                &[update.as_str(), insert.as_str(), delete.as_str()],
            )
        })
        .collect();
    let (record, _) = apply(&test.target, &document(DROP_EMAIL)).await;
    for writer in writers {
        let work = writer.stop().await;
        let other = work
            .errors
            .iter()
            .find(|e| !e.contains("email") && !e.contains("more expressions"));
        assert_eq!(
            other, None,
            "only what names the column may fail once it is gone"
        );
    }
    rolled_back(&test, &record.id).await;
    let wrong = "SELECT count(*) FROM people FULL JOIN seen USING (id)
                 WHERE people.email IS DISTINCT FROM seen.email";
    assert_eq!(test.number(wrong).await, 0);
}

#[tokio::test]
async fn a_dropped_table_comes_back_with_its_rows_and_all_that_was_its_own() {
    let test = TestTarget::new(Engine::PostgreSql).await;
    test.sql(
        "CREATE TABLE teams (id bigint PRIMARY KEY);
         CREATE TABLE phase (id bigserial CONSTRAINT phase_pkey PRIMARY KEY, name text UNIQUE,
            team bigint CONSTRAINT team REFERENCES teams, boss bigint REFERENCES phase);
         CREATE INDEX by_team ON phase (team);
         CREATE RULE quiet AS ON DELETE TO phase DO INSTEAD NOTHING;
         CREATE PUBLICATION changes FOR TABLE phase;
         GRANT SELECT ON phase TO PUBLIC;
         INSERT INTO teams SELECT generate_series(1, 10);
         INSERT INTO phase (name, team) SELECT 'n' || i, 1 + i % 10 FROM generate_series(1, 500) i",
    )
    .await;
    let before = dump(&test).await;
    let yaml = document("        - {type: drop_table, table: phase, savedCopy: true}\n");
    assert!(plan_for(&test.target, &yaml).await.phases[0].reversible);
    let (record, _) = apply(&test.target, &yaml).await;
    assert!(test.schema().await.tables.keys().all(|t| t.name != "phase"));
    assert_eq!(saved_copies(&test.target).await.unwrap().len(), 1);
    // While it is kept its rows hold up nobody, and its name is free.
    test.sql("DELETE FROM teams WHERE id = 3; CREATE TABLE phase (x int)")
        .await;
    assert!(
        refused(&test, &record.id)
            .await
            .contains("has the name phase")
    );
    test.sql("DROP TABLE phase; INSERT INTO teams VALUES (3)")
        .await;
    rolled_back(&test, &record.id).await;
    assert_eq!(unlike(&before, &dump(&test).await), Vec::<String>::new());
    assert_eq!(test.number("SELECT count(*) FROM phase").await, 500);
    assert_eq!(test.number("SELECT nextval('phase_id_seq')").await, 501);
}

/// What points to a kept table, or reads it, must make the phase fail as it makes DROP TABLE.
#[tokio::test]
async fn a_table_that_somebody_needs_is_not_taken_away() {
    let test = people("text").await;
    let yaml = document("        - {type: drop_table, table: people, savedCopy: true}\n");
    let plan = plan_for(&test.target, &yaml).await;
    test.sql("CREATE TABLE other (one people)").await;
    let mut client = test.client().await;
    client.run("BEGIN").await;
    let mut failed = None;
    for statement in plan.phases[0].steps[0].action.statements() {
        if let Err(error) = client.try_run(&statement.sql).await {
            failed = Some(error.to_string());
            break;
        }
    }
    client.run("ROLLBACK").await;
    assert!(failed.is_some_and(|why| why.contains("depend")));
    assert_eq!(test.number("SELECT count(*) FROM people").await, 1000);
}

#[tokio::test]
async fn a_copy_is_removed_by_hand_or_when_its_time_is_over() {
    let test = people("text").await;
    let (record, _) = apply(&test.target, &document(DROP_EMAIL)).await;
    let gone = expire_saved_copies(&test.target, 1, "test").await.unwrap();
    assert_eq!(gone, [], "it is not a day old");
    let place = saved_copies(&test.target).await.unwrap()[0]
        .copy
        .place
        .clone();
    let removed = remove_saved_copy(&test.target, "bellows.lease", "test").await;
    assert!(
        matches!(removed, Err(ExecuteError::Saved(_))),
        "only copies: {removed:?}"
    );
    let removed = remove_saved_copy(&test.target, &place, "test")
        .await
        .unwrap();
    assert!(matches!(removed, Removed::Gone(_)), "{removed:?}");
    assert!(
        refused(&test, &record.id)
            .await
            .contains("is not there any more")
    );

    let yaml = document("        - {type: drop_table, table: people, savedCopy: true}\n")
        .replace("name: contract", "name: more");
    apply(&test.target, &yaml).await;
    test.sql("UPDATE bellows.phase SET completed_at = completed_at - 86400000000")
        .await;
    let gone = expire_saved_copies(&test.target, 1, "test").await.unwrap();
    assert_eq!(gone.len(), 1);
    assert_eq!(saved_copies(&test.target).await.unwrap(), []);
}

/// What is known of the table, but for what changes by itself.
async fn known(test: &TestTarget, table: &str) -> String {
    test.schema().await.fingerprint(&[TableName::parse(table)])
}

/// SQLite's own way: the values are copied in the transaction of the drop.
#[tokio::test]
async fn a_dropped_column_comes_back_on_sqlite() {
    let yaml = document(DROP_EMAIL).replace("postgresql", "sqlite");
    for (email, new, tail) in [
        ("text", "", ""),
        ("text NOT NULL DEFAULT 'usual' COLLATE NOCASE", "usual", ""),
        ("text UNIQUE CHECK (email <> 'no')", "", ""),
        ("blob", "", " WITHOUT ROWID"),
    ] {
        let test = TestTarget::new(Engine::Sqlite).await;
        test.sql(&format!(
            "CREATE TABLE people (id integer PRIMARY KEY, email {email}, name text){tail};
             CREATE INDEX people_email ON people (email, name);
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
             INSERT INTO people SELECT i, 'mail' || i, 'name' || i FROM n"
        ))
        .await;
        let before = known(&test, "people").await;
        let plan = plan_for(&test.target, &yaml).await;
        assert!(plan.phases[0].reversible);
        let (record, _) = apply(&test.target, &yaml).await;
        test.sql(
            "DELETE FROM people WHERE id = 7; INSERT INTO people (id, name) VALUES (2000, 'new')",
        )
        .await;
        let kept = saved_copies(&test.target).await.unwrap();
        assert!(kept[0].bytes > 1000, "{kept:#?}");
        let outcome = back(&test.target, &record.id).await;
        assert!(
            matches!(outcome, Outcome::RolledBack { .. }),
            "{email}: {outcome:?}"
        );
        assert_eq!(saved_copies(&test.target).await.unwrap(), []);
        // A column that is no more than that comes back as the last one.
        if email.contains("DEFAULT") || email.contains("UNIQUE") {
            assert_eq!(known(&test, "people").await, before, "{email}");
        }
        let wrong = format!(
            "SELECT count(*) FROM people WHERE coalesce(email, '') <>
             CASE id WHEN 2000 THEN '{new}' ELSE 'mail' || id END"
        );
        assert_eq!(test.number(&wrong).await, 0, "{email}");
        assert_eq!(test.number("SELECT count(*) FROM people").await, 500);
    }
}

#[tokio::test]
async fn what_sqlite_cannot_fill_is_refused_before_anything_is_changed() {
    let test = TestTarget::new(Engine::Sqlite).await;
    test.sql(
        "CREATE TABLE people (id integer PRIMARY KEY, email text NOT NULL, name text);
         INSERT INTO people VALUES (1, 'one', 'x'), (2, 'two', 'y')",
    )
    .await;
    let yaml = document(DROP_EMAIL).replace("postgresql", "sqlite");
    let (record, _) = apply(&test.target, &yaml).await;
    test.sql("INSERT INTO people VALUES (3, 'z')").await;
    assert!(refused(&test, &record.id).await.contains("NOT NULL"));
    test.sql("DELETE FROM people WHERE id = 3").await;
    let outcome = back(&test.target, &record.id).await;
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(
        test.number("SELECT count(*) FROM people WHERE email IN ('one', 'two')")
            .await,
        2
    );
}

#[tokio::test]
async fn a_dropped_table_comes_back_on_sqlite_and_mariadb() {
    for engine in [Engine::Sqlite, Engine::MariaDb] {
        let test = TestTarget::new(engine).await;
        test.sql("CREATE TABLE teams (id bigint PRIMARY KEY, name varchar(20))")
            .await;
        test.sql("CREATE TABLE log (n int)").await;
        let key = match engine {
            // Its keys would point from where it is kept: there such a phase is irreversible.
            Engine::Sqlite => "",
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb => {
                ", CONSTRAINT people_team FOREIGN KEY (team) REFERENCES teams (id),
                   CONSTRAINT people_boss FOREIGN KEY (boss) REFERENCES people (id)"
            }
        };
        test.sql(&format!(
            "CREATE TABLE people (id int PRIMARY KEY, name varchar(50) UNIQUE, team bigint,
                                  boss int{key})"
        ))
        .await;
        test.sql("CREATE INDEX people_team_name ON people (team, name)")
            .await;
        test.sql(
            "CREATE TRIGGER logs AFTER INSERT ON people FOR EACH ROW
             BEGIN INSERT INTO log VALUES (1); END",
        )
        .await;
        test.sql("INSERT INTO teams VALUES (1, 'one'), (2, 'two')")
            .await;
        test.sql("INSERT INTO people VALUES (1, 'a', 1, NULL), (2, 'b', 2, 1), (3, 'c', 1, 2)")
            .await;
        let before = known(&test, "people").await;
        let yaml = document("        - {type: drop_table, table: people, savedCopy: true}\n")
            .replace("postgresql", engine.word());
        assert!(
            plan_for(&test.target, &yaml).await.phases[0].reversible,
            "{engine:?}"
        );
        let (record, _) = apply(&test.target, &yaml).await;
        assert!(
            test.schema()
                .await
                .table(&TableName::parse("people"))
                .is_none()
        );
        let kept = saved_copies(&test.target).await.unwrap();
        assert!(kept.len() == 1 && kept[0].bytes > 0, "{kept:#?}");
        test.sql("DELETE FROM teams WHERE id = 3").await;
        test.sql("CREATE TABLE people (x int)").await;
        assert!(
            refused(&test, &record.id)
                .await
                .contains("has the name people")
        );
        test.sql("DROP TABLE people").await;
        let outcome = back(&test.target, &record.id).await;
        assert!(
            matches!(outcome, Outcome::RolledBack { .. }),
            "{engine:?}: {outcome:?}"
        );
        assert_eq!(saved_copies(&test.target).await.unwrap(), []);
        assert_eq!(known(&test, "people").await, before, "{engine:?}");
        test.sql("INSERT INTO people VALUES (4, 'd', 1, 3)").await;
        assert_eq!(test.number("SELECT count(*) FROM people").await, 4);
        assert_eq!(
            test.number("SELECT count(*) FROM log").await,
            4,
            "its trigger is there"
        );

        let more = yaml.replace("name: contract", "name: more");
        apply(&test.target, &more).await;
        let place = saved_copies(&test.target).await.unwrap()[0]
            .copy
            .place
            .clone();
        let removed = remove_saved_copy(&test.target, &place, "test")
            .await
            .unwrap();
        assert!(matches!(removed, Removed::Gone(_)), "{removed:?}");
        assert_eq!(saved_copies(&test.target).await.unwrap(), []);
    }
}

/// What a statement writes to the column it writes to another one as well, in one go: after the way
/// back the two must be the same in every row, whoever wrote it last.
#[tokio::test]
async fn no_write_slips_away_on_sqlite_and_mariadb() {
    for engine in [Engine::Sqlite, Engine::MariaDb] {
        let test = TestTarget::new(engine).await;
        test.sql(
            "CREATE TABLE people (id int NOT NULL PRIMARY KEY, email varchar(80) NOT NULL, name varchar(80), note int)",
        )
        .await;
        test.sql("CREATE INDEX people_email ON people (email, name)")
            .await;
        test.sql(&test.spoken(&format!(
            "INSERT INTO people (id, email, name) SELECT i, 'm' || i, 'm' || i FROM {}",
            numbers(engine, 3000)
        )))
        .await;
        let before = known(&test, "people").await;
        let update = "UPDATE people SET email = 'w {n}', name = 'w {n}' WHERE id % 300 = {n} % 300";
        let insert = "INSERT INTO people (id, email, name) VALUES (10000 + {n}, 'i', 'i')";
        let writer = Writer::start(
            &test.url,
            &[
                update,
                insert,
                "UPDATE people SET note = {n} WHERE id % 50 = {n} % 50",
                "DELETE FROM people WHERE id = 2999 - {n}",
            ],
        );
        let yaml = document(DROP_EMAIL).replace("postgresql", engine.word());
        let (record, _) = apply(&test.target, &yaml).await;
        let work = writer.stop().await;
        let other = work.errors.iter().find(|e| !e.contains("email"));
        assert_eq!(
            other, None,
            "{engine:?}: only what names the column may fail once it is gone"
        );
        assert!(work.rounds > 0);
        let triggers = match engine {
            Engine::Sqlite => "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'",
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb => {
                "SELECT count(*) FROM information_schema.triggers WHERE trigger_schema = database()"
            }
        };
        assert_eq!(test.number(triggers).await, 0, "{engine:?}");
        let outcome = back(&test.target, &record.id).await;
        assert!(
            matches!(outcome, Outcome::RolledBack { .. }),
            "{engine:?}: {outcome:?}"
        );
        let wrong = "SELECT count(*) FROM people WHERE email <> name OR email IS NULL";
        assert_eq!(test.number(wrong).await, 0, "{engine:?}");
        assert_eq!(known(&test, "people").await, before, "{engine:?}");
        assert_eq!(test.number(triggers).await, 0, "{engine:?}");
        assert_eq!(saved_copies(&test.target).await.unwrap(), []);
    }
}
