//! SQLite makes the whole table anew.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;
use crate::estimate::{Span, range};
use crate::plan::Action;

/// See the module.
pub const RULE: Rule = Rule {
    id: "table-rebuild",
    severity: Severity::Warning,
    help: "What SQLite cannot alter is done by copying the table; other writers of the file wait meanwhile.",
    documents: Some(OnDocuments {
        engine: Engine::Sqlite,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: set_not_null, table: users, column: email }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: age, dataType: integer }
"#,
        check,
    }),
    sql: None,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    for site in subject.sites() {
        for step in &subject.phases[site.phase_index].steps {
            let Action::Rebuild { table, statements } = &step.action else {
                continue;
            };
            // A swap of two tables is such a step, too, and copies nothing.
            if step.operation == site.number && statements.iter().any(|s| s.rewrites_table) {
                let time: Span = statements.iter().map(|s| s.estimate.span).sum();
                out.push(RULE.about(
                    Some(&site),
                    format!(
                        "{table} is copied ({} rows, {}), and other writers of the file wait meanwhile",
                        site.before.rows(table),
                        range(time)
                    ),
                    "choose a quiet hour; readers go on where the journal mode is WAL",
                ));
            }
        }
    }
    out
}
