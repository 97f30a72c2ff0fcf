//! A default that gives every row another value makes the table anew.

use super::{Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;

/// See the module.
pub const RULE: Rule = Rule {
    id: "volatile-default",
    severity: Severity::Error,
    help: "Adding a column whose default differs from row to row writes the whole table while everybody waits.",
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
