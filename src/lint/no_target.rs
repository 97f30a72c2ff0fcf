//! The plan was made without looking at a database.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;

/// See the module.
pub const RULE: Rule = Rule {
    id: "no-target",
    severity: Severity::Info,
    help: "Without a target, the sizes of tables, the defaults and what hangs on them are not known.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: false,
        bad: r#"
- phase: 1
  operations:
  - { type: set_not_null, table: users, column: email }
"#,
        good: r#""#,
        check,
    }),
    sql: None,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    if subject.schema.is_some() || subject.phases.iter().all(|p| p.steps.is_empty()) {
        return Vec::new();
    }
    vec![RULE.about(
        None,
        "no target was looked at: estimates assume 1,000,000 rows a table, and what stands on the columns is not known".to_owned(),
        "give a target (--target) to see the statements as they will be sent",
    )]
}
