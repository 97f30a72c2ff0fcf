//! Prepared SELECT * fails once after a column was added.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;

/// See the module.
pub const RULE: Rule = Rule {
    id: "select-star-prepared",
    severity: Severity::Info,
    help: "A prepared statement whose columns change fails once with: cached plan must not change result type.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: age, dataType: integer }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_index, table: users, columns: [email] }
"#,
        check,
    }),
    sql: None,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    if subject.migration.database != Engine::PostgreSql {
        return Vec::new();
    }
    subject
        .sites()
        .filter_map(|site| {
 let Operation::AddColumn(add) = site.operation else { return None; };
 Some(RULE.about(
                Some(&site),
                format!(
                    "a prepared SELECT * on {} fails once in each session after this (cached plan must not change result type)",
                    add.table
                ),
                "let applications name their columns, or prepare again on that error",
            ))
})
        .collect()
}
