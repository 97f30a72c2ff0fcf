//! Fixes: the document that a text becomes no longer has what was found, and is planned.

use std::collections::BTreeSet;

use bellows::document::{Engine, emit, parse};
use bellows::lint::{RULES, judge, repair};
use bellows::plan::plan;
use bellows::schema::{Column, Index, Schema, Table, TableName};
use bellows::sql::Context;

/// A text for each rule that has a fix, and the schema that some need.
const TEXTS: &[(&str, &str)] = &[
    (
        "add-required-column",
        "ALTER TABLE users ADD COLUMN tenant bigint NOT NULL;",
    ),
    (
        "volatile-default",
        "ALTER TABLE users ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();",
    ),
    ("json-column", "ALTER TABLE users ADD COLUMN settings json;"),
    (
        "check-scans",
        "ALTER TABLE users ADD CONSTRAINT positive CHECK (age > 0);",
    ),
    (
        "foreign-key-scans",
        "ALTER TABLE users ADD CONSTRAINT users_team FOREIGN KEY (team_id) REFERENCES teams (id);",
    ),
    (
        "unique-builds",
        "ALTER TABLE users ADD CONSTRAINT users_email UNIQUE (email);",
    ),
    (
        "set-not-null-scans",
        "ALTER TABLE users ALTER COLUMN email SET NOT NULL;",
    ),
    (
        "non-concurrent-index",
        "CREATE UNIQUE INDEX users_handle ON users (handle) WHERE handle <> '';",
    ),
    ("destroying-sql", "ALTER TABLE users DROP COLUMN nickname;"),
    ("destroying-sql", "DROP TABLE old_users;"),
];

#[test]
fn what_is_fixed_is_found_no_more() {
    for (rule, sql) in TEXTS {
        let judged = judge(Engine::PostgreSql, sql, &Context::default());
        let found = judged.findings.iter().find(|f| f.rule == *rule);
        let found = found.unwrap_or_else(|| panic!("{rule} does not find {sql}"));
        assert!(found.fix.is_some(), "{rule} has no fix for {sql}");
        let text = format!(
            "BEGIN;\nSET lock_timeout = '1s';\n{sql}\nCOMMIT;\nGRANT SELECT ON users TO reader;\n"
        );
        let judged = judge(Engine::PostgreSql, &text, &Context::default());
        let document = repair::text("V1__x", &text, &judged.script, &judged.findings)
            .unwrap_or_else(|| panic!("{rule}: no document"));
        let yaml = emit(&document);
        let document = parse(&yaml).unwrap_or_else(|p| panic!("{rule}: {p:#?}\n{yaml}"));
        let plan = plan(&document, None).unwrap_or_else(|p| panic!("{rule}: {p:#?}\n{yaml}"));
        assert!(
            plan.findings.iter().all(|f| f.rule != *rule),
            "{rule}: {:#?}\n{yaml}",
            plan.findings
        );
        assert!(plan.safe, "{rule}: {:#?}\n{yaml}", plan.findings);
        assert!(yaml.contains("GRANT SELECT ON users TO reader"), "{yaml}");
        assert!(
            !yaml.contains("COMMIT") && !yaml.contains("lock_timeout"),
            "{yaml}"
        );
    }
}

/// Rules whose fix needs a live schema: a pattern carries over what hangs on the column.
const WITH_SCHEMA: &[&str] = &[
    "rename-breaks",
    "type-change-rewrites",
    "non-concurrent-drop",
];

/// A table with what the fixes below stand on.
fn users() -> Schema {
    let column = |name: &str, data_type: &str| Column {
        name: name.into(),
        data_type: data_type.into(),
        nullable: true,
        ..Column::default()
    };
    let mut schema = Schema::empty(Engine::PostgreSql);
    let users = Table {
        columns: vec![
            column("id", "bigint"),
            column("name", "text"),
            column("age", "integer"),
            column("email", "text"),
        ],
        primary_key: vec!["id".into()],
        indexes: vec![Index {
            name: "users_email_idx".into(),
            columns: vec!["email".into()],
            method: "btree".into(),
            definition: "CREATE INDEX users_email_idx ON users USING btree (email)".into(),
            valid: true,
            ..Index::default()
        }],
        rows: 1_000_000,
        ..Table::default()
    };
    schema.tables.insert(TableName::parse("users"), users);
    schema
}

#[test]
fn with_a_schema_the_patterns_take_the_place_of_sql() {
    let schema = users();
    let context = Context {
        schema: Some(&schema),
        ..Context::default()
    };
    for (rule, sql, marks) in [
        (
            "rename-breaks",
            "ALTER TABLE users RENAME COLUMN name TO full_name;",
            &["type: enable_dual_write", "newColumn: full_name"][..],
        ),
        (
            "type-change-rewrites",
            "ALTER TABLE users ALTER COLUMN age TYPE bigint;",
            &["type: enable_dual_write", "dataType: bigint"],
        ),
        (
            "non-concurrent-drop",
            "DROP INDEX users_email_idx;",
            &["type: drop_index", "indexName: users_email_idx"],
        ),
    ] {
        let text = format!("{sql}\nGRANT SELECT ON users TO reader;\n");
        let judged = judge(Engine::PostgreSql, &text, &context);
        assert!(
            judged
                .findings
                .iter()
                .any(|f| f.rule == rule && f.fix.is_some()),
            "{rule}: {:#?}",
            judged.findings
        );
        let document = repair::text("V2__x", &text, &judged.script, &judged.findings)
            .unwrap_or_else(|| panic!("{rule}: no document"));
        let yaml = emit(&document);
        for mark in marks {
            assert!(yaml.contains(mark), "{rule}: no {mark} in\n{yaml}");
        }
        assert!(yaml.contains("GRANT SELECT ON users TO reader"), "{yaml}");
        let document = parse(&yaml).unwrap_or_else(|p| panic!("{rule}: {p:#?}\n{yaml}"));
        let plan =
            plan(&document, Some(&schema)).unwrap_or_else(|p| panic!("{rule}: {p:#?}\n{yaml}"));
        assert!(plan.safe, "{rule}: {:#?}\n{yaml}", plan.findings);
        assert!(
            plan.findings.iter().all(|f| f.rule != rule),
            "{rule}\n{yaml}"
        );
    }
}

#[test]
fn every_rule_with_a_fix_is_in_the_list_above() {
    let known: BTreeSet<&str> = TEXTS
        .iter()
        .map(|(rule, _)| *rule)
        .chain(WITH_SCHEMA.iter().copied())
        .collect();
    for rule in RULES {
        let Some(half) = &rule.sql else { continue };
        let judged = judge(half.engine, half.bad, &Context::default());
        let fixes = judged
            .findings
            .iter()
            .any(|f| f.rule == rule.id && f.fix.is_some());
        assert!(
            !fixes || known.contains(rule.id),
            "{} has a fix that no test applies",
            rule.id
        );
    }
}

#[test]
fn what_a_fix_cannot_say_is_not_fixed() {
    for sql in [
        "CREATE INDEX a ON users (email) INCLUDE (name);",
        "ALTER TABLE users ADD CONSTRAINT a FOREIGN KEY (team_id) REFERENCES teams (id) ON DELETE CASCADE;",
        "ALTER TABLE users DROP COLUMN a, DROP COLUMN b;",
        "ALTER TABLE users DROP COLUMN a CASCADE;",
    ] {
        let judged = judge(Engine::PostgreSql, sql, &Context::default());
        assert!(!judged.safe, "{sql}");
        assert!(judged.findings.iter().all(|f| f.fix.is_none()), "{sql}");
        assert!(repair::text("x", sql, &judged.script, &judged.findings).is_none());
    }
}

const RENAME: &str = "\
migration:
  name: rename
  database: postgresql
  phases:
    - phase: 1
      gate: { deploy: v1 }
      operations:
        - { type: add_column, table: users, column: a, dataType: text }
        - { type: rename_column, table: users, oldColumn: name, newColumn: full_name, dataType: text }
        - { type: add_column, table: users, column: b, dataType: text }
      validation:
        - { check: column_exists, table: users, column: b }
";

#[test]
fn a_documents_phase_is_cut_around_its_fix() {
    let migration = parse(RENAME).unwrap();
    let found = plan(&migration, None).unwrap();
    assert!(!found.safe);
    let fixed = repair::document(&migration, &found.findings).unwrap();
    let after = plan(&fixed, None).unwrap();
    assert!(after.safe, "{:#?}\n{}", after.findings, emit(&fixed));
    let first = &fixed.phases[0];
    assert_eq!(first.operations.len(), 1);
    assert_eq!(first.gate.as_ref().unwrap().deploy.as_deref(), Some("v1"));
    let last = fixed.phases.last().unwrap();
    assert_eq!((last.operations.len(), last.validation.len()), (1, 1));
    assert!(fixed.phases.len() > 3);
    let numbers: Vec<u32> = fixed.phases.iter().map(|p| p.phase).collect();
    assert_eq!(numbers, (1..).take(numbers.len()).collect::<Vec<u32>>());
}

#[test]
fn an_empty_schema_is_no_reason_to_be_silent() {
    let schema = Schema::empty(Engine::PostgreSql);
    let context = Context {
        schema: Some(&schema),
        ..Context::default()
    };
    let judged = judge(Engine::PostgreSql, "CREATE TABL a (id int);", &context);
    assert!(!judged.safe);
}
