//! An index that is dropped while everybody waits.

use super::{Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;

/// See the module.
pub const RULE: Rule = Rule {
    id: "non-concurrent-drop",
    severity: Severity::Warning,
    help: "DROP INDEX without CONCURRENTLY waits for every reader of the table, with all others behind it.",
    engine: Engine::PostgreSql,
    with_schema: true,
    bad: r#"
- phase: 1
  operations:
  - { type: drop_index, table: users, indexName: users_email_idx, concurrent: false }
"#,
    good: r#"
- phase: 1
  operations:
  - { type: drop_index, table: users, indexName: users_email_idx }
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
            let Operation::DropIndex(drop) = site.operation else {
                return None;
            };
            (!drop.concurrent).then(|| {
                RULE.about(
                    Some(&site),
                    format!(
                        "dropping {} keeps readers and writers of {} out for a moment",
                        drop.index_name, drop.table
                    ),
                    "leave `concurrent` at true",
                )
            })
        })
        .collect()
}
