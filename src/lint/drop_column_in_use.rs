//! A column that views read cannot be dropped under them.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;
use crate::schema::TableName;

/// See the module.
pub const RULE: Rule = Rule {
    id: "drop-column-in-use",
    severity: Severity::Error,
    help: "The database refuses to drop a column that a view reads, SELECT * included.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  gate: { soak: 7d }
  operations:
  - { type: drop_column, table: users, column: email }
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
            // A view may be made anew, without the column, by a statement of one's own.
            if matches!(site.operation, Operation::CustomSql(_)) {
                return out;
            }
            continue;
        };
        let Some(table) = site.before.table(&TableName::parse(&drop.table)) else {
            continue;
        };
        for view in table
            .views
            .iter()
            .filter(|v| v.columns.contains(&drop.column))
        {
            out.push(RULE.about(
                Some(&site),
                format!(
                    "the view {} reads {}.{}",
                    view.view, drop.table, drop.column
                ),
                "make the view anew without the column first (custom_sql)",
            ));
        }
    }
    out
}
