//! A default that gives every row another value makes the table anew.

use super::{Finding, OnDocuments, OnSql, Rule, Severity, Subject, Text, fix};
use crate::document::Engine;
use crate::operation::Operation;
use crate::sql::act::Volatility;

/// See the module.
pub const RULE: Rule = Rule {
    id: "volatile-default",
    severity: Severity::Error,
    help: "Adding a column whose default differs from row to row writes the whole table while everybody waits.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: token, dataType: uuid, defaultValue: { sql: "gen_random_uuid()" } }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: token, dataType: uuid }
  - { type: set_default, table: users, column: token, defaultValue: { sql: "gen_random_uuid()" } }

- phase: 2
  operations:
  - { type: backfill, table: users, sql: "token = gen_random_uuid()" }
"#,
        check,
    }),
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE users ADD COLUMN token uuid DEFAULT gen_random_uuid();
"#,
        good: r#"
ALTER TABLE users ADD COLUMN token uuid;
ALTER TABLE users ALTER COLUMN token SET DEFAULT gen_random_uuid();
"#,
        check: check_sql,
    }),
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    if subject.migration.database != Engine::PostgreSql {
        return Vec::new();
    }
    subject
        .sites()
        .filter_map(|site| {
 let Operation::AddColumn(add) = site.operation else { return None; };
 (add.rewrites()).then(|| RULE.about(
                Some(&site),
                format!(
                    "{}.{} gets another value in every row: PostgreSQL writes the whole table anew, and readers and writers wait until it is done",
                    add.table, add.column
                ),
                "add the column without a default, use set_default for new rows, and backfill the others",
            ))
})
        .collect()
}

fn check_sql(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (spot, table, at, column) in text.added_columns() {
        let Some(default) = &column.default else {
            continue;
        };
        let differs = matches!(
            default.volatility,
            Volatility::Volatile | Volatility::Unknown { .. }
        );
        // Before version 11 PostgreSQL wrote any default into every row.
        let writes = differs || text.script.version < 110_000;
        if !spot.rewrites(at) || !writes || super::text::is_serial(column) || column.identity {
            continue;
        }
        let why = match &default.volatility {
            Volatility::Unknown { function } => {
                format!(
                    "{function}() may give every row another value, for all that is known of it"
                )
            }
            Volatility::Volatile => format!("{} gives every row another value", default.sql),
            Volatility::Immutable | Volatility::Stable => {
                format!(
                    "this version writes the default {} into every row",
                    default.sql
                )
            }
        };
        let mut finding = RULE.on(
            spot,
            format!(
                "{why}: {table} is written anew for {}, and readers and writers wait until it is done",
                column.name
            ),
            "add the column without a default, SET DEFAULT for new rows, and fill the others in batches",
        );
        finding.fix = fix::default_in_steps(text, spot, table, column);
        out.push(finding);
    }
    out
}
