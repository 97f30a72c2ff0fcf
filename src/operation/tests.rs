//! What every operation's sample compiles to, on every engine, forward and back.

use std::fmt::Write;

use super::*;
use crate::document::Engine;
use crate::estimate::Kind;
use crate::schema::{World, sample};

/// The sample's world, with a dual write on users.login and users.handle where it is asked for.
pub(crate) fn world(engine: Engine, live: bool, in_step: bool) -> World {
    let schema = sample::schema(engine);
    let users = TableName::parse("users");
    let touched = [users.clone(), TableName::parse("teams")];
    let mut world = World::new(engine, live.then_some(&schema), &touched);
    if !in_step {
        return world;
    }
    EnableDualWrite::pair("users", "login", "handle")
        .apply(&mut world)
        .unwrap();
    world
}

/// What the sample stands on: a copy in the making, or one that is kept in step.
pub(crate) fn stage(operation: &Operation, world: &mut World) {
    let copies = matches!(
        operation,
        Operation::CopyTable(_) | Operation::SwapTables(_)
    );
    if !copies {
        return;
    }
    if world.engine == Engine::Sqlite {
        let columns = [
            "id", "name", "email", "team_id", "nickname", "login", "handle",
        ];
        let make = CreateTable {
            table: "users_new".into(),
            columns: columns
                .iter()
                .map(|name| NewColumn {
                    name: (*name).into(),
                    data_type: if *name == "id" { "INTEGER" } else { "TEXT" }.into(),
                    nullable: *name != "name",
                    default_value: None,
                    primary_key: *name == "id",
                })
                .collect(),
            constraints: Vec::new(),
        };
        make.apply(world).unwrap();
    } else {
        let sql = if world.engine.is_mysql_family() {
            "CREATE TABLE users_new LIKE users"
        } else {
            "CREATE TABLE users_new (LIKE users INCLUDING ALL)"
        };
        let make = CustomSql {
            sql: sql.into(),
            rollback_sql: None,
        };
        make.apply(world).unwrap();
    }
    if matches!(operation, Operation::SwapTables(_)) {
        CopyTable::sample().apply(world).unwrap();
    }
}

fn render(out: &mut String, heading: &str, drafts: &[Draft]) {
    writeln!(out, "== {heading}").unwrap();
    for draft in drafts {
        writeln!(
            out,
            "-- {} {:?}",
            draft.title,
            draft
                .tables
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        )
        .unwrap();
        let mode = match &draft.action {
            crate::plan::Action::Transaction { .. } => "transaction",
            crate::plan::Action::BuildIndex { .. } => "build index",
            crate::plan::Action::DropIndex { .. } => "drop index",
            crate::plan::Action::Outside { .. } => "outside",
            crate::plan::Action::Ddl { .. } => "ddl",
            crate::plan::Action::Backfill(_) => "backfill",
            crate::plan::Action::Rebuild { .. } => "rebuild",
            crate::plan::Action::Copy(_) => "copy",
            crate::plan::Action::Compare(_) => "compare",
        };
        for s in draft.action.statements() {
            writeln!(
                out,
                "[{mode}, {}, {:?}, {}] {}",
                s.lock.word(),
                s.wait,
                if s.load.kind == Kind::Brief {
                    "brief".to_owned()
                } else {
                    format!("{} of {}", s.load.kind.word(), s.load.rows)
                },
                s.sql
            )
            .unwrap();
        }
        if let crate::plan::Action::Ddl { done_sql, .. } = &draft.action {
            writeln!(out, "[done where] {done_sql}").unwrap();
        }
    }
}

fn snapshot(operation: &Operation, engine: Engine, live: bool) -> String {
    let in_step = matches!(operation, Operation::DisableDualWrite(_));
    let mut before = world(engine, live, in_step);
    stage(operation, &mut before);
    let mut after = before.clone();
    let mut out = String::new();
    let done = operation
        .apply(&mut after)
        .and_then(|()| Ok((operation.compile(&before)?, operation.undo(&before)?)));
    match done {
        Ok((drafts, undo)) => {
            render(&mut out, "forward", &drafts);
            render(
                &mut out,
                &format!("back, losing {:?}", undo.loss),
                &undo.drafts,
            );
        }
        Err(refusal) => {
            writeln!(out, "refused, {}: {}", refusal.field, refusal.message).unwrap();
        }
    }
    out
}

#[test]
fn every_sample_on_every_engine() {
    for operation in samples() {
        for engine in Engine::ALL {
            let name = format!("{}_{}", operation.word(), engine.word());
            insta::assert_snapshot!(name, snapshot(&operation, engine, true));
        }
    }
}

/// One column is split into two, and two are merged to one that leads nowhere back.
#[test]
fn dual_writes_of_several_columns() {
    let operation = |json: serde_json::Value| serde_json::from_value::<Operation>(json).unwrap();
    for engine in Engine::ALL {
        let (first, second, joined) = match engine {
            Engine::PostgreSql | Engine::Sqlite => (
                "split_part(email, '@', 1)",
                "split_part(email, '@', 2)",
                "login || '@' || handle",
            ),
            Engine::MySql | Engine::MariaDb => (
                "substring_index(email, '@', 1)",
                "substring_index(users.email, '@', -1)",
                "concat(login, '@', handle)",
            ),
        };
        let split = operation(serde_json::json!({
            "type": "enable_dual_write", "table": "users", "oldColumn": "email",
            "forward": { "login": first, "handle": second },
            "backward": joined,
        }));
        let merge = operation(serde_json::json!({
            "type": "enable_dual_write", "table": "users",
            "forward": { "nickname": "concat_ws(' ', login, handle)" },
        }));
        for (word, operation) in [("split", split), ("merge", merge)] {
            let live = snapshot(&operation, engine, true);
            insta::assert_snapshot!(format!("{word}_{}", engine.word()), live);
            // Without a target the same columns are found.
            assert_eq!(snapshot(&operation, engine, false), live);
        }
    }
}

#[test]
fn the_fields_of_a_dual_write_go_together() {
    let refused = |fields: serde_json::Value| {
        let mut json = serde_json::json!({"type": "enable_dual_write", "table": "users"});
        json.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let operation: Operation = serde_json::from_value(json).unwrap();
        operation.form().unwrap_err().field
    };
    use serde_json::json;
    assert_eq!(refused(json!({})), "newColumn");
    assert_eq!(refused(json!({"oldColumn": "a"})), "newColumn");
    assert_eq!(refused(json!({"newColumn": "a"})), "oldColumn");
    assert_eq!(refused(json!({"forward": "a"})), "newColumn");
    assert_eq!(refused(json!({"forward": {}})), "forward");
    assert_eq!(
        refused(json!({"newColumn": "a", "forward": {"b": "c"}})),
        "newColumn"
    );
    assert_eq!(
        refused(json!({"forward": {"b": "c"}, "backward": "b"})),
        "oldColumn"
    );
    assert_eq!(
        refused(json!({"newColumn": "b", "backward": {"a": "b"}})),
        "forward"
    );
    assert_eq!(
        refused(json!({"oldColumn": "a", "newColumn": "a"})),
        "newColumn"
    );
}

#[test]
fn without_a_target_every_sample_can_be_read() {
    for operation in samples() {
        for engine in Engine::ALL {
            // No such index, and no online way to such a check: with a target or without.
            let never = matches!(
                operation.word(),
                "add_index" | "add_check" | "change_column_type" | "copy_table" | "swap_tables"
            );
            if engine.is_mysql_family() && never {
                continue;
            }
            let text = snapshot(&operation, engine, false);
            assert!(
                !text.starts_with("refused"),
                "{} on {}: {text}",
                operation.word(),
                engine.word()
            );
        }
    }
}

#[test]
fn what_a_document_says_and_a_table_denies_is_refused() {
    let refused = |json: serde_json::Value| {
        let operation: Operation = serde_json::from_value(json).unwrap();
        let mut world = world(Engine::PostgreSql, true, true);
        operation.apply(&mut world).unwrap_err()
    };
    let json = serde_json::json!({"type": "drop_column", "table": "users", "column": "emial"});
    assert_eq!(
        refused(json).message,
        "users has no column emial; did you mean email?"
    );
    let json = serde_json::json!({"type": "drop_column", "table": "user", "column": "email"});
    assert_eq!(
        refused(json).message,
        "the target has no table user; did you mean users?"
    );
    let json = serde_json::json!({"type": "add_column", "table": "users", "column": "email", "dataType": "text"});
    assert_eq!(refused(json).field, "column");
    let json = serde_json::json!({"type": "add_column", "table": "users", "column": "x", "dataType": "text); DROP TABLE users; --"});
    assert_eq!(refused(json).field, "dataType");
    let json = serde_json::json!({"type": "add_index", "table": "users", "indexName": "users_email_idx", "columns": ["email"]});
    assert_eq!(refused(json).field, "indexName");
    let json = serde_json::json!({"type": "add_index", "table": "users", "indexName": "x".repeat(64), "columns": ["email"]});
    assert!(refused(json).message.contains("63"));
    let json = serde_json::json!({"type": "set_default", "table": "users", "column": "handle", "defaultValue": "x"});
    assert!(refused(json).message.contains("dual write"));
}

#[test]
fn on_sqlite_triggers_are_refused_where_they_cannot_be_right() {
    let refused = |old: &str, new: &str| {
        let mut world = world(Engine::Sqlite, true, false);
        EnableDualWrite::pair("users", old, new)
            .apply(&mut world)
            .unwrap_err()
    };
    assert!(refused("name", "email").message.contains("NOT NULL"));
    assert_eq!(refused("email", "name").field, "newColumn");
}

#[test]
fn the_word_of_a_shape_is_the_tag_on_the_wire() {
    for operation in samples() {
        let json = serde_json::to_value(&operation).unwrap();
        assert_eq!(json["type"], operation.word());
        let back: Operation = serde_json::from_value(json).unwrap();
        assert_eq!(back, operation);
    }
}

/// What MySQL and MariaDB cannot do online, or not truthfully, is refused with the way instead.
#[test]
fn on_mysql_what_cannot_be_online_or_true_is_refused() {
    use serde_json::json;
    for engine in [Engine::MySql, Engine::MariaDb] {
        let refused = |change: &dyn Fn(&mut World), json: serde_json::Value| {
            let operation: Operation = serde_json::from_value(json).unwrap();
            let mut world = world(engine, true, true);
            change(&mut world);
            let refusal = operation.apply(&mut world).unwrap_err();
            format!("{}: {}", refusal.field, refusal.message)
        };
        let as_it_is = |_: &mut World| {};
        let users = TableName::parse("users");
        let pair = |old: &str, new: &str| json!({"type": "enable_dual_write", "table": "users", "oldColumn": old, "newColumn": new});
        assert!(refused(&as_it_is, pair("name", "nickname")).contains("drop_not_null"));
        let cascades = |world: &mut World| {
            let key = AddForeignKey {
                on_delete: Some(ReferentialAction::SetNull),
                ..AddForeignKey::sample()
            };
            key.apply(world).unwrap();
        };
        assert!(refused(&cascades, pair("team_id", "nickname")).contains("no triggers"));
        let moves = |world: &mut World| {
            let table = world.table_mut("table", &users).unwrap();
            for column in table.columns.iter_mut().filter(|c| c.name == "email") {
                column.definition = Some("datetime NULL ON UPDATE current_timestamp()".into());
            }
        };
        assert!(refused(&moves, pair("email", "nickname")).contains("ON UPDATE"));
        let keyless = |world: &mut World| {
            let table = world.table_mut("table", &users).unwrap();
            table.primary_key.clear();
            table.indexes.clear();
        };
        let fill = |sql: &str| json!({"type": "backfill", "table": "users", "sql": sql});
        assert!(refused(&keyless, fill("email = 'x'")).contains("primary key"));
        assert!(
            refused(&as_it_is, fill("email = 'x', nickname = email")).contains("left to right")
        );
        for (json, word) in [
            (
                json!({"type": "add_index", "table": "users", "columns": ["name", "(lower(email))"]}),
                "VIRTUAL",
            ),
            (
                json!({"type": "set_not_null", "table": "users", "column": "handle"}),
                "parted",
            ),
            (
                json!({"type": "set_default", "table": "users", "column": "handle", "defaultValue": "x"}),
                "dual write",
            ),
            (
                json!({"type": "add_column", "table": "users", "column": "x", "dataType": "char(36)", "defaultValue": {"sql": "uuid()"}}),
                "(uuid())",
            ),
            (
                json!({"type": "add_column", "table": "users", "column": "x", "dataType": "int", "nullable": false}),
                "0",
            ),
            (
                json!({"type": "drop_column", "table": "users", "column": "id"}),
                "primary key",
            ),
            (
                json!({"type": "custom_sql", "sql": "DELIMITER //\nSELECT 1//"}),
                "mysql client",
            ),
            (
                json!({"type": "add_index", "table": "teams", "columns": ["title"]}),
                "title(50)",
            ),
        ] {
            let told = refused(&as_it_is, json);
            assert!(told.contains(word), "{told}");
        }
    }
}

/// What a real MySQL refused: literals behind SET DEFAULT for what is kept beside the row, INSTANT for
/// a dropped column whose name is cut within a letter, and a virtual column beside an index on an
/// expression.
#[test]
fn mysql_gets_what_it_takes() {
    use serde_json::json;
    let mut world = world(Engine::MySql, true, true);
    let table = TableName::parse("users");
    let long = "é".repeat(40);
    let users = world.table_mut("table", &table).unwrap();
    for (name, data_type) in [("prefs", "json"), ("story", "text"), (long.as_str(), "int")] {
        users.columns.push(crate::schema::Column {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            nullable: true,
            definition: Some(format!("{data_type} DEFAULT NULL")),
            ..Default::default()
        });
    }
    let sql = |world: &World, json: serde_json::Value| {
        let operation: Operation = serde_json::from_value(json).unwrap();
        let drafts = operation.compile(world).unwrap();
        let statements: Vec<String> = drafts
            .iter()
            .flat_map(|draft| draft.action.statements())
            .map(|statement| statement.sql.clone())
            .collect();
        statements.join("; ")
    };
    let default = |column: &str, value: &str| json!({"type": "set_default", "table": "users", "column": column, "defaultValue": value});
    assert!(sql(&world, default("prefs", "{}")).contains("DEFAULT (CAST('{}' AS json))"));
    assert!(sql(&world, default("story", "it's")).contains("DEFAULT (concat('it''s'))"));
    let drop = |column: &str| json!({"type": "drop_column", "table": "users", "column": column});
    assert!(sql(&world, drop(&long)).contains("ALGORITHM=INPLACE, LOCK=NONE"));
    assert!(sql(&world, drop("story")).contains("ALGORITHM=INSTANT"));

    let add: Operation = serde_json::from_value(
        json!({"type": "add_column", "table": "users", "column": "loud", "dataType": "varchar(99) AS (upper(email)) VIRTUAL"}),
    )
    .unwrap();
    add.apply(&mut world.clone()).unwrap();
    let users = world.table_mut("table", &table).unwrap();
    users.indexes.push(crate::schema::Index {
        name: "by_lower".to_owned(),
        columns: vec!["lower(`email`)".to_owned()],
        expressions: true,
        valid: true,
        ..Default::default()
    });
    let refusal = add.apply(&mut world).unwrap_err();
    assert!(refusal.message.contains("by_lower"), "{}", refusal.message);
}

/// What is destroyed is kept for the way back, with what the other side of a dual write was when it
/// was; where that cannot be, the title of the step says so.
#[test]
fn saved_copies_of_what_goes() {
    let operation = |json: serde_json::Value| serde_json::from_value::<Operation>(json).unwrap();
    let saved = |operation: &Operation, live: bool, in_step: bool| {
        let mut before = world(Engine::PostgreSql, live, in_step);
        before.saving = Some("0123456789ab".into());
        let mut out = String::new();
        operation.apply(&mut before.clone()).unwrap();
        let undo = operation.undo(&before).unwrap();
        render(&mut out, "forward", &operation.compile(&before).unwrap());
        let back = format!("back, losing {:?}", undo.loss);
        render(&mut out, &back, &undo.drafts);
        for (step, copy) in &undo.saved {
            writeln!(out, "== saved before step {step}: {copy:#?}").unwrap();
        }
        out
    };
    use serde_json::json;
    let column = |name: &str| {
        operation(
            json!({"type": "drop_column", "table": "users", "column": name, "savedCopy": true}),
        )
    };
    let table = operation(json!({"type": "drop_table", "table": "teams", "savedCopy": true}));
    insta::assert_snapshot!("saved_column", saved(&column("email"), true, false));
    insta::assert_snapshot!("saved_column_in_step", saved(&column("login"), true, true));
    insta::assert_snapshot!(
        "saved_column_unknown",
        saved(&column("email"), false, false)
    );
    insta::assert_snapshot!("saved_table", saved(&table, true, false));
    let key = saved(&column("id"), true, false);
    assert!(key.contains("no copy can be saved"), "{key}");
    assert!(key.contains("losing Values"), "{key}");
    let own = json!({"type": "drop_column", "table": "users", "column": "email" });
    assert!(!saved(&operation(own), true, false).contains("saved"));
}
