//! One UPDATE or DELETE over a whole table.

use super::{Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;

/// See the module.
pub const RULE: Rule = Rule {
    id: "unbatched-update",
    severity: Severity::Error,
    help: "One statement over all rows holds every row lock to its end, and all that waits for them.",
    engine: Engine::PostgreSql,
    with_schema: true,
    bad: r#"
- phase: 1
  operations:
  - { type: custom_sql, sql: "UPDATE users SET email = lower(email)", rollbackSql: "SELECT 1" }
"#,
    good: r#"
- phase: 1
  operations:
  - { type: backfill, table: users, sql: "email = lower(email)", where: "email <> lower(email)" }
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
            if facts.unbatched {
                out.push(RULE.about(
                    Some(&site),
                    format!("it changes its rows in one go: {}", super::shortened(&piece.sql)),
                    "use a backfill, which works in short batches; for a DELETE, bound it with LIMIT",
                ));
            }
        }
    }
    out
}
