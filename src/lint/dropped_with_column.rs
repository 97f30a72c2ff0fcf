//! Indexes and constraints go with a column.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;
use crate::schema::TableName;

/// See the module.
pub const RULE: Rule = Rule {
    id: "dropped-with-column",
    severity: Severity::Warning,
    help: "A multi-column index or constraint goes as a whole with any of its columns.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  gate: { soak: 7d }
  operations:
  - { type: drop_column, table: users, column: nickname }
"#,
        good: r#"
- phase: 1
  gate: { soak: 7d }
  operations:
  - { type: drop_column, table: users, column: team_id }
"#,
        check,
    }),
    sql: None,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    for site in subject.sites() {
        let Operation::DropColumn(drop) = site.operation else {
            continue;
        };
        let Some(table) = site.before.table(&TableName::parse(&drop.table)) else {
            continue;
        };
        for index in &table.indexes {
            if index.columns.len() > 1 && index.columns.contains(&drop.column) {
                out.push(RULE.about(
                    Some(&site),
                    format!(
                        "the index {} ({}) goes with {}.{}",
                        index.name,
                        index.columns.join(", "),
                        drop.table,
                        drop.column
                    ),
                    "where queries need it for its other columns, add one on those first",
                ));
            }
        }
    }
    out
}
