//! A few texts, read from beginning to end.

use super::script;
use crate::document::Engine;
use crate::plan::Lock;
use crate::schema::{TableName, sample};
use crate::sql::script::{Context, Hazard, Script};
use crate::sql::unknown::{Failure, Unknown};
use crate::sql::{Breakage, Lasts, Object, WorkKind};

fn read(text: &str) -> Script {
    script(Engine::PostgreSql, text, &Context::default())
}

fn live(text: &str) -> Script {
    let schema = sample::schema(Engine::PostgreSql);
    let context = Context {
        schema: Some(&schema),
        ..Context::default()
    };
    script(Engine::PostgreSql, text, &context)
}

fn table(name: &str) -> TableName {
    TableName::parse(name)
}

#[test]
fn a_statement_is_found_where_it_stands() {
    let text = "-- first\nSELECT 1;\n\n  /* é */ ALTER TABLE public.\"Users\" ADD x int ;";
    let script = read(text);
    let [first, second] = script.statements.as_slice() else {
        panic!("{script:#?}");
    };
    assert_eq!((first.span.line, first.span.column), (2, 1));
    assert_eq!((second.span.line, second.span.column), (4, 11));
    assert_eq!(
        second.span.of(text),
        "ALTER TABLE public.\"Users\" ADD x int"
    );
    assert_eq!(
        second.effect.lock_on(&table("Users")),
        Some(Lock::AccessExclusive)
    );
    assert_eq!(script.errors, []);
}

#[test]
fn what_cannot_be_parsed_is_unknown_and_the_rest_is_read() {
    let script =
        read("ALTER TABLE t ADD CONSTRAINT;\nDROP TABLE a;\nfrobnicate the tables;\nDROP TABLE b");
    let unknown: Vec<bool> = script
        .statements
        .iter()
        .map(|s| s.effect.unknown == Some(Unknown::Syntax))
        .collect();
    assert!(unknown.first() == Some(&true), "{script:#?}");
    assert!(unknown.iter().filter(|u| **u).count() >= 2, "{script:#?}");
    let last = script.statements.last().unwrap();
    assert_eq!(
        last.effect.lock_on(&table("b")),
        Some(Lock::AccessExclusive)
    );
    assert_eq!(script.errors.first().map(|e| e.line), Some(1));
}

#[test]
fn programs_and_dynamic_sql_are_unknown() {
    for text in [
        "DO $$ BEGIN EXECUTE 'drop table t'; END $$",
        "CALL everything()",
        "EXECUTE prepared",
        "SELECT my_own()",
        "UPDATE t SET a = my_own() WHERE id = 1",
        "COPY t FROM PROGRAM 'curl x'",
        "CREATE TABLE c AS SELECT my_own() FROM t",
        "EXPLAIN ANALYZE SELECT my_own()",
        "DROP OWNED BY somebody",
    ] {
        let script = read(text);
        assert!(
            script.statements.iter().all(|s| s.effect.unknown.is_some()),
            "{text}"
        );
        assert!(
            script
                .statements
                .iter()
                .all(|s| s.effect.strictest() == Lock::Unknown && s.effect.blocks.lastingly()),
            "{text}"
        );
    }
    let known =
        "CREATE FUNCTION my_own() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1'; SELECT my_own()";
    assert!(
        read(known)
            .statements
            .iter()
            .all(|s| s.effect.unknown.is_none())
    );
}

#[test]
fn what_the_text_makes_is_nobodys() {
    let script = read(
        "CREATE TABLE n (id bigint PRIMARY KEY, t_id bigint REFERENCES t (id));
         CREATE INDEX ON n (t_id);
         ALTER TABLE n ALTER COLUMN id TYPE int;
         CREATE INDEX ON t (a);",
    );
    let blocks: Vec<bool> = script
        .statements
        .iter()
        .map(|s| s.effect.blocks.writes)
        .collect();
    assert_eq!(blocks, [true, false, false, true]);
    let lasts: Vec<Lasts> = script
        .statements
        .iter()
        .map(|s| s.effect.blocks.lasts)
        .collect();
    assert_eq!(
        lasts,
        [Lasts::Moment, Lasts::Moment, Lasts::Moment, Lasts::Grows]
    );
}

#[test]
fn statements_before_tell_what_the_next_one_costs() {
    let script = read(
        "ALTER TABLE t ADD COLUMN v varchar(10);
         ALTER TABLE t ALTER COLUMN v TYPE text;
         ALTER TABLE t ADD CONSTRAINT c CHECK (v IS NOT NULL) NOT VALID;
         ALTER TABLE t VALIDATE CONSTRAINT c;
         ALTER TABLE t ALTER COLUMN v SET NOT NULL;",
    );
    let scans: Vec<bool> = script
        .statements
        .iter()
        .map(|s| s.effect.does(WorkKind::Scan))
        .collect();
    assert_eq!(scans, [false, false, false, true, false]);
}

#[test]
fn the_schema_tells_the_old_type() {
    let script = live("ALTER TABLE users ALTER COLUMN name TYPE varchar(500)");
    let effect = &script.statements[0].effect;
    // Free, but for the check on the column.
    assert!(effect.does(WorkKind::Scan) && !effect.does(WorkKind::Rewrite));
    assert_eq!(effect.assumed, []);
    let script = live("ALTER TABLE users ALTER COLUMN id TYPE int");
    assert!(script.statements[0].effect.does(WorkKind::Rewrite));
}

#[test]
fn locks_are_held_to_the_end_of_the_transaction() {
    let script = read(
        "BEGIN;
         ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (r) REFERENCES ref (id) NOT VALID;
         ALTER TABLE t VALIDATE CONSTRAINT f;
         COMMIT;
         ALTER TABLE t VALIDATE CONSTRAINT g;",
    );
    assert!(script.statements[2].blocks.lastingly());
    assert!(!script.statements[4].blocks.lastingly());
    let validated = script.hazards.iter().any(|h| {
        matches!(
            h,
            Hazard::ValidatedWhereAdded {
                statement: 2,
                since: 1,
                ..
            }
        )
    });
    assert!(validated, "{:#?}", script.hazards);
    let held = Hazard::HeldWhile {
        statement: 2,
        since: 1,
        object: Object::Table(table("t")),
    };
    assert!(script.hazards.contains(&held), "{:#?}", script.hazards);
}

#[test]
fn tables_taken_in_different_order_make_deadlocks() {
    let script = read(
        "BEGIN; ALTER TABLE a ADD x int; ALTER TABLE b ADD x int; COMMIT;
         BEGIN; ALTER TABLE b ADD y int; ALTER TABLE a ADD y int; COMMIT;",
    );
    let differs = script
        .hazards
        .iter()
        .filter(|h| matches!(h, Hazard::OrderDiffers { .. }))
        .count();
    let two = script
        .hazards
        .iter()
        .filter(|h| matches!(h, Hazard::TwoTables { .. }))
        .count();
    assert_eq!((differs, two), (1, 2), "{:#?}", script.hazards);
    let alone = read("BEGIN; INSERT INTO a VALUES (1); ALTER TABLE a ADD x int; COMMIT");
    let upgrade = Hazard::Upgrade {
        first: 1,
        second: 2,
        object: Object::Table(table("a")),
    };
    assert_eq!(alone.hazards, [upgrade]);
}

#[test]
fn what_the_server_refuses_is_said() {
    let fails = |text: &str, in_transaction: bool| -> Vec<Failure> {
        let context = Context {
            in_transaction,
            ..Context::default()
        };
        script(Engine::PostgreSql, text, &context)
            .statements
            .into_iter()
            .flat_map(|s| s.effect.fails)
            .collect()
    };
    let concurrently = "CREATE INDEX CONCURRENTLY i ON t (a)";
    assert_eq!(fails(concurrently, false), []);
    assert_eq!(fails(concurrently, true), [Failure::InTransaction]);
    assert_eq!(
        fails(&format!("BEGIN; {concurrently}; COMMIT"), false),
        [Failure::InTransaction]
    );
    assert_eq!(
        fails(
            "BEGIN; ALTER TYPE mood ADD VALUE 'x'; UPDATE t SET e = 'x' WHERE id = 1; COMMIT",
            false
        ),
        [Failure::NewEnumValue { value: "x".into() }]
    );
    assert_eq!(fails("DROP INDEX CONCURRENTLY a, b", false).len(), 1);
    assert_eq!(
        fails("ALTER TABLE t ADD CONSTRAINT u UNIQUE (a) NOT VALID", false).len(),
        1
    );
}

#[test]
fn rows_without_a_bound_are_told_from_batches() {
    use crate::sql::effect::Bound::{Batch, Condition, Everything};
    for (text, bound) in [
        ("UPDATE t SET a = 1", Everything),
        ("DELETE FROM t WHERE true", Everything),
        ("UPDATE t SET a = 1 WHERE b = 'x'", Condition),
        ("DELETE FROM t WHERE id > 5", Condition),
        ("UPDATE t SET a = 1 WHERE id = 5", Batch),
        ("UPDATE t SET a = 1 WHERE t.id IN (1, 2, 3)", Batch),
        (
            "UPDATE t SET a = 1 WHERE id BETWEEN 1 AND 1000 AND a IS NULL",
            Batch,
        ),
        (
            "UPDATE t SET a = 1 WHERE id >= 10 AND id < 20 AND a IS NULL",
            Batch,
        ),
        ("UPDATE t SET a = 1 WHERE id >= 10 OR id < 20", Condition),
        (
            "DELETE FROM t WHERE ctid IN (SELECT ctid FROM t LIMIT 100)",
            Batch,
        ),
        ("DELETE FROM t WHERE id < 10", Batch),
        (
            "WITH x AS (SELECT id FROM t) DELETE FROM t USING x WHERE t.id = x.id",
            Condition,
        ),
        (
            "WITH gone AS (DELETE FROM t RETURNING *) INSERT INTO u SELECT * FROM gone",
            Everything,
        ),
    ] {
        let script = read(text);
        assert_eq!(script.statements[0].effect.rows, Some(bound), "{text}");
    }
}

#[test]
fn applications_that_break_are_named() {
    let breaks = |text: &str| read(text).statements[0].effect.breaks.clone();
    let t = table("t");
    assert_eq!(
        breaks("ALTER TABLE t ADD x int"),
        [Breakage::PreparedSelect { table: t.clone() }]
    );
    assert!(
        breaks("ALTER TABLE t ADD x int NOT NULL").contains(&Breakage::InsertWithout {
            table: t.clone(),
            column: "x".into()
        })
    );
    assert!(
        breaks("ALTER TABLE t ALTER x DROP DEFAULT").contains(&Breakage::InsertWithout {
            table: t.clone(),
            column: "x".into()
        })
    );
    assert!(
        breaks("ALTER TABLE t DROP CONSTRAINT k").contains(&Breakage::OnConflict {
            table: t.clone(),
            name: "k".into()
        })
    );
    assert_eq!(
        breaks("ALTER TABLE t ENABLE ROW LEVEL SECURITY"),
        [Breakage::RowsHidden { table: t }]
    );
    let made = read("CREATE TABLE n (id int); ALTER TABLE n ADD x int NOT NULL");
    assert_eq!(made.statements[1].effect.breaks, []);
}
