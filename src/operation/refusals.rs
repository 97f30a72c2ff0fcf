//! What the tables of a document show to be impossible, before anything runs.

use serde_json::{Value, json};

use super::Operation;
use crate::document::{Engine, read_draft};
use crate::plan::plan;
use crate::schema::{Constraint, ConstraintKind, Index, Schema, TableName, sample};

/// The small database, in which users.team_id points to teams.
fn schema(engine: Engine) -> Schema {
    let mut schema = sample::schema(engine);
    let (users, teams) = (TableName::parse("users"), TableName::parse("teams"));
    let table = schema.tables.get_mut(&users).unwrap();
    table.constraints.push(Constraint {
        name: "users_team_fkey".into(),
        kind: ConstraintKind::ForeignKey,
        columns: vec!["team_id".into()],
        definition: "FOREIGN KEY (team_id) REFERENCES teams(id)".into(),
        validated: true,
        references: Some(teams.clone()),
    });
    table.indexes.push(Index {
        name: "users_login_idx".into(),
        columns: vec!["login".into()],
        method: "btree".into(),
        predicate: Some("(login IS NOT NULL)".into()),
        valid: true,
        definition:
            "CREATE INDEX users_login_idx ON users USING btree (login) WHERE (login IS NOT NULL)"
                .into(),
        ..Index::default()
    });
    let table = schema.tables.get_mut(&teams).unwrap();
    table.referenced_by.push((users, "users_team_fkey".into()));
    schema
}

/// The problems of a document with those operations, a phase each.
fn problems(engine: Engine, operations: &[Value]) -> Vec<String> {
    let phases: Vec<Value> = operations
        .iter()
        .zip(1..)
        .map(|(operation, number)| json!({ "phase": number, "operations": [operation] }))
        .collect();
    let json = json!({ "name": "a", "database": engine.word(), "phases": phases });
    let document = match read_draft(&json) {
        Ok(document) => document,
        Err(problems) => return problems.iter().map(ToString::to_string).collect(),
    };
    match plan(&document, Some(&schema(engine))) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

fn refused(operations: &[Value]) -> String {
    let all = problems(Engine::PostgreSql, operations);
    assert_eq!(all.len(), 1, "{all:#?}");
    all[0].clone()
}

#[test]
fn a_column_that_another_table_points_to_is_not_dropped_under_it() {
    let pointed_to = json!({ "type": "drop_column", "table": "teams", "column": "id" });
    insta::assert_snapshot!(refused(std::slice::from_ref(&pointed_to)));
    let key_first =
        json!({ "type": "drop_constraint", "table": "users", "constraintName": "users_team_fkey" });
    let all = problems(Engine::PostgreSql, &[key_first, pointed_to]);
    assert_eq!(all, Vec::<String>::new());
}

#[test]
fn a_table_goes_when_nothing_hangs_on_it() {
    let drop = json!({"type": "drop_table", "table": "teams"});
    let unpoint =
        json!({"type": "drop_constraint", "table": "users", "constraintName": "users_team_fkey"});
    let message = refused(std::slice::from_ref(&drop));
    assert!(
        message.contains("the foreign key users_team_fkey of users (drop_constraint)"),
        "{message}"
    );
    assert_eq!(
        problems(Engine::PostgreSql, &[unpoint.clone(), drop]),
        [""; 0]
    );

    let drop = json!({"type": "drop_table", "table": "users"});
    let message = refused(std::slice::from_ref(&drop));
    assert!(
        message.contains("the view mailing (drop_view)"),
        "{message}"
    );
    let view = json!({"type": "drop_view", "name": "mailing"});
    assert_eq!(problems(Engine::PostgreSql, &[view, drop]), [""; 0]);
}

#[test]
fn what_an_earlier_phase_took_away_is_not_there() {
    let unpoint =
        json!({"type": "drop_constraint", "table": "users", "constraintName": "users_team_fkey"});
    let drop = json!({"type": "drop_table", "table": "teams"});
    let add = json!({"type": "add_column", "table": "teams", "column": "x", "dataType": "text"});
    let message = refused(&[unpoint, drop, add]);
    assert!(
        message.contains("phases[2]") && message.contains("teams was dropped earlier"),
        "{message}"
    );
    let rename = json!({"type": "rename_table", "table": "users", "newTable": "people"});
    let add = json!({"type": "add_column", "table": "users", "column": "x", "dataType": "text"});
    let message = refused(&[rename.clone(), add]);
    assert!(message.contains("was renamed to people"), "{message}");
    let add = json!({"type": "add_column", "table": "people", "column": "x", "dataType": "text"});
    assert_eq!(problems(Engine::PostgreSql, &[rename, add]), [""; 0]);
    let view = json!({"type": "drop_view", "name": "mailing"});
    let message = refused(&[view.clone(), view]);
    assert!(message.contains("mailing was dropped earlier"), "{message}");
    let rename = json!({"type": "rename_column", "table": "users", "oldColumn": "login", "newColumn": "account"});
    let drop = json!({"type": "drop_column", "table": "users", "column": "login"});
    let message = refused(&[rename, drop]);
    assert!(message.contains("users.login was dropped"), "{message}");
}

#[test]
fn names_that_are_taken_are_refused() {
    let columns = json!([{"name": "id", "dataType": "bigint"}]);
    for name in ["users", "mailing", "users_email_idx"] {
        let message =
            refused(&[json!({"type": "create_table", "table": name, "columns": columns})]);
        assert!(message.contains("is taken"), "{message}");
        let message = refused(&[json!({"type": "create_view", "name": name, "sql": "SELECT 1"})]);
        assert!(message.contains("is taken"), "{message}");
    }
    let message =
        refused(&[json!({"type": "rename_table", "table": "teams", "newTable": "users"})]);
    assert!(
        message.contains("newTable") && message.contains("is taken"),
        "{message}"
    );
    let message = refused(&[
        json!({"type": "rename_column", "table": "users", "oldColumn": "login", "newColumn": "email"}),
    ]);
    assert!(message.contains("already has a column email"), "{message}");
}

#[test]
fn a_new_tables_parts_fit_together() {
    let table = |columns: Value, constraints: Value| {
        refused(&[
            json!({"type": "create_table", "table": "t", "columns": columns, "constraints": constraints}),
        ])
    };
    let id = json!({"name": "id", "dataType": "bigint", "primaryKey": true});
    let message = table(json!([id, id]), json!([]));
    assert!(message.contains("id is there twice"), "{message}");
    let message = table(json!([{"name": "id", "dataType": "BIGNIT"}]), json!([]));
    assert!(message.contains("did you mean `bigint`"), "{message}");
    let message = table(
        json!([id]),
        json!([{"constraintName": "c", "sql": "UNIQUE (di)"}]),
    );
    assert!(message.contains("the table has no column di"), "{message}");
    let message = table(
        json!([id]),
        json!([{"constraintName": "c", "sql": "PRIMARY KEY (id)"}]),
    );
    assert!(message.contains("are the primary key already"), "{message}");
    let message = table(
        json!([id]),
        json!([{"constraintName": "c", "sql": "FOREIGN KEY (id) REFERENCES user (id)"}]),
    );
    assert!(
        message.contains("no table user; did you mean users?"),
        "{message}"
    );
    let message = table(json!([{"name": "id", "dataTyp": "bigint"}]), json!([]));
    assert!(
        message.contains("dataTyp") && message.contains("did you mean `dataType`"),
        "{message}"
    );
}

#[test]
fn a_type_changes_only_where_no_row_is_touched() {
    let change = |column: &str, to: &str| json!({"type": "change_column_type", "table": "users", "column": column, "newType": to});
    let message = refused(&[change("id", "integer")]);
    assert!(
        message.contains("change-type --table users --column id --old-type 'bigint'"),
        "{message}"
    );
    let message = refused(&[change("email", "varchar")]);
    assert!(message.contains("mailing reads users.email"), "{message}");
    let message = refused(&[change("login", "varchar")]);
    assert!(message.contains("users_login_idx names login"), "{message}");
    let message = refused(&[change("nickname", "text")]);
    assert!(message.contains("is text already"), "{message}");
    assert_eq!(
        problems(Engine::PostgreSql, &[change("nickname", "varchar")]),
        [""; 0]
    );
    let wrong = json!({"type": "change_column_type", "table": "users", "column": "nickname",
        "oldType": "integer", "newType": "varchar"});
    assert!(refused(&[wrong]).contains("is text, not integer"));
    // Within an affinity SQLite keeps every value.
    assert_eq!(
        problems(Engine::Sqlite, &[change("nickname", "VARCHAR(50)")]),
        [""; 0]
    );
    assert!(problems(Engine::Sqlite, &[change("nickname", "INTEGER")])[0].contains("affinity"));
}

#[test]
fn a_primary_key_forbids_null_first() {
    let mut schema = schema(Engine::PostgreSql);
    let users = schema.tables.get_mut(&TableName::parse("users")).unwrap();
    users.primary_key.clear();
    let operation: Operation = serde_json::from_value(json!({
        "type": "add_constraint", "table": "users", "constraintName": "users_pkey",
        "sql": "PRIMARY KEY (login)",
    }))
    .unwrap();
    let before = crate::schema::World::new(Engine::PostgreSql, Some(&schema), &operation.tables());
    let drafts = operation.compile(&before).unwrap();
    let sent: Vec<&str> = drafts
        .iter()
        .flat_map(|draft| draft.action.statements())
        .map(|s| s.sql.as_str())
        .collect();
    insta::assert_snapshot!(sent.join("\n"));
    let back: Vec<String> = operation
        .undo(&before)
        .unwrap()
        .drafts
        .iter()
        .flat_map(|draft| draft.action.statements())
        .map(|s| s.sql.clone())
        .collect();
    insta::assert_snapshot!(back.join("\n"));
    let again = refused(&[json!({"type": "add_constraint", "table": "users",
        "constraintName": "k", "sql": "PRIMARY KEY (login)"})]);
    assert!(again.contains("has a primary key already: (id)"), "{again}");
}

#[test]
fn what_sql_destroys_is_an_error_unless_the_document_made_it() {
    let safe = |sql: &str| {
        let custom = json!({"type": "custom_sql", "sql": sql, "rollbackSql": "SELECT 1"});
        let made = json!({"type": "create_table", "table": "scratch",
            "columns": [{"name": "id", "dataType": "bigint"}]});
        let phases =
            json!([{"phase": 1, "operations": [made]}, {"phase": 2, "operations": [custom]}]);
        let json = json!({"name": "a", "database": "postgresql", "phases": phases});
        let plan = plan(
            &read_draft(&json).unwrap(),
            Some(&schema(Engine::PostgreSql)),
        )
        .unwrap();
        !plan.findings.iter().any(|f| f.rule == "destroying-sql")
    };
    for sql in [
        "DROP TABLE IF EXISTS users",
        "TRUNCATE TABLE ONLY public.users",
        "ALTER TABLE users ADD COLUMN x int, DROP COLUMN IF EXISTS email",
        "ALTER TABLE users DROP email",
        "BEGIN; TRUNCATE users; COMMIT",
        "DROP SCHEMA billing CASCADE",
        "-- DROP\n/* no */ drop table \"users\"",
    ] {
        assert!(!safe(sql), "{sql}");
    }
    for sql in [
        "DROP TABLE scratch",
        "TRUNCATE scratch",
        "ALTER TABLE users DROP CONSTRAINT c, ALTER COLUMN email DROP DEFAULT",
        "DROP INDEX users_email_idx",
        "SELECT 'DROP TABLE users'",
    ] {
        assert!(safe(sql), "{sql}");
    }
}
