//! A type that may have been made by somebody, or may be a slip.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::dialect::types::Verdict;
use crate::document::Engine;

/// See the module.
pub const RULE: Rule = Rule {
    id: "unknown-type",
    severity: Severity::Warning,
    help: "A type that is none of the engine's own must be there when the statement runs.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: false,
        bad: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: state, dataType: billing.order_state }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: state, dataType: "varchar(20)" }
"#,
        check,
    }),
    sql: None,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    for site in subject.sites() {
        for data_type in site.operation.data_types() {
            if let Verdict::Unsure(message) = site.before.judge_type(data_type) {
                out.push(RULE.about(
                    Some(&site),
                    message,
                    "plan against the target, which knows its own types",
                ));
            }
        }
    }
    out
}
