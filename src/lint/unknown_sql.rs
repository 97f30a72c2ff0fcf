//! Custom SQL whose effect cannot be told from its text.

use super::{Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;
use crate::plan::Lock;

/// See the module.
pub const RULE: Rule = Rule {
    id: "unknown-sql",
    severity: Severity::Error,
    help: "What a statement locks must be known before it runs: DO blocks and calls cannot be looked into.",
    engine: Engine::PostgreSql,
    with_schema: true,
    bad: r#"
- phase: 1
  operations:
  - { type: custom_sql, sql: "DO $$ BEGIN PERFORM 1; END $$", rollbackSql: "SELECT 1" }
"#,
    good: r#"
- phase: 1
  operations:
  - { type: custom_sql, sql: "GRANT SELECT ON users TO reader", rollbackSql: "REVOKE SELECT ON users FROM reader" }
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    for site in subject.sites() {
        let Operation::CustomSql(custom) = site.operation else {
            continue;
        };
        for (piece, facts) in custom.statements(site.before.engine) {
            if facts.lock == Lock::Unknown {
                out.push(RULE.about(
                    Some(&site),
                    format!("nobody can tell what this locks: {}", super::shortened(&piece.sql)),
                    "write it as operations, or as plain statements; or have an approver waive this",
                ));
            }
        }
    }
    out
}
