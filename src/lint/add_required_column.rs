//! A column that is NOT NULL from the start, without a default.

use super::{Finding, OnDocuments, OnSql, Rule, Severity, Subject, Text, fix};
use crate::document::Engine;
use crate::operation::Operation;

/// See the module.
pub const RULE: Rule = Rule {
    id: "add-required-column",
    severity: Severity::Error,
    help: "Adding a NOT NULL column without a default fails on a table with rows, and breaks every INSERT that does not know it.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: age, dataType: integer, nullable: false }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: age, dataType: integer }

- phase: 2
  operations:
  - { type: backfill, table: users, sql: "age = 0" }

- phase: 3
  operations:
  - { type: set_not_null, table: users, column: age }
"#,
        check,
    }),
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE users ADD COLUMN tenant bigint NOT NULL;
"#,
        good: r#"
ALTER TABLE users ADD COLUMN tenant bigint NOT NULL DEFAULT 0;
"#,
        check: check_sql,
    }),
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    for site in subject.sites() {
        let Operation::AddColumn(add) = site.operation else {
            continue;
        };
        if add.nullable || add.default_value.is_some() || add.rewrites() {
            continue;
        }
        let mut finding = RULE.about(
            Some(&site),
            format!(
                "{}.{} is NOT NULL and has no default: adding it fails where the table has rows, and inserts of the running applications fail after it",
                add.table, add.column
            ),
            "add it nullable, set a default for new rows, backfill the others, then use set_not_null (the pattern add-required-column)",
        );
        finding.fix = Some(serde_json::json!([
            {"phase": 1, "kind": "expand", "description": "Add the column, nullable", "operations": [
                {"type": "add_column", "table": add.table, "column": add.column, "dataType": add.data_type}]},
            {"phase": 2, "kind": "migrate", "description": "Fill it", "operations": [
                {"type": "backfill", "table": add.table, "sql": format!("{} = ...", add.column)}],
             "validation": [{"check": "backfill_complete", "table": add.table, "column": add.column}]},
            {"phase": 3, "kind": "contract", "description": "Make it NOT NULL", "operations": [
                {"type": "set_not_null", "table": add.table, "column": add.column}]},
        ]));
        out.push(finding);
    }
    out
}

fn check_sql(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (spot, table, _, column) in text.added_columns() {
        let given = column.default.as_ref().is_some_and(|d| !d.null)
            || column.identity
            || column.generated.is_some()
            || super::text::is_serial(column);
        if given || !super::text::is_required(column) {
            continue;
        }
        let mut finding = RULE.on(
            spot,
            format!(
                "{table}.{} must have a value, and neither the rows of today nor the INSERTs of running applications give one",
                column.name
            ),
            "add it nullable or with a constant default; fill it in batches; then set it NOT NULL",
        );
        finding.fix = fix::required_column(text, spot, table, column);
        out.push(finding);
    }
    out
}
