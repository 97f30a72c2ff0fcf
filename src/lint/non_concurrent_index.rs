//! An index that is built while writers wait.

use super::{Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;

/// See the module.
pub const RULE: Rule = Rule {
    id: "non-concurrent-index",
    severity: Severity::Error,
    help: "CREATE INDEX without CONCURRENTLY keeps writers out until it is built.",
    engine: Engine::PostgreSql,
    with_schema: true,
    bad: r#"
- phase: 1
  operations:
  - { type: add_index, table: users, columns: [email], concurrent: false }
"#,
    good: r#"
- phase: 1
  operations:
  - { type: add_index, table: users, columns: [email] }
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
            let Operation::AddIndex(add) = site.operation else {
                return None;
            };
            (!add.concurrent).then(|| {
                RULE.about(
                    Some(&site),
                    format!(
                        "writers of {} wait until {} is built",
                        add.table,
                        add.name()
                    ),
                    "leave `concurrent` at true",
                )
            })
        })
        .collect()
}
