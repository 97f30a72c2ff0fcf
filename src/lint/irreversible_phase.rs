//! A phase that statements cannot take back.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;

/// See the module.
pub const RULE: Rule = Rule {
    id: "irreversible-phase",
    severity: Severity::Warning,
    help: "What destroys values, or has no rollback of its own, can be undone from a backup only.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  gate: { soak: 7d }
  operations:
  - { type: drop_column, table: users, column: team_id }
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
    subject
        .phases
        .iter()
        .filter(|phase| !phase.reversible)
        .map(|phase| {
            let mut finding = RULE.about(
                None,
                "this phase cannot be taken back by statements: only a backup brings everything back".to_owned(),
                "take a backup before it; for custom_sql, give rollbackSql",
            );
            finding.phase = Some(phase.phase);
            finding
        })
        .collect()
}
