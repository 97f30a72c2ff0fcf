//! Custom SQL that holds traffic up for as long as a table is big.

use super::{Rule, Severity, Subject};
use crate::dialect::statement::Work;
use crate::document::Engine;
use crate::operation::Operation;
use crate::plan::Lock;

/// See the module.
pub const RULE: Rule = Rule {
    id: "blocking-sql",
    severity: Severity::Error,
    help: "A statement that reads or writes a whole table under a lock keeps others out all that time.",
    engine: Engine::PostgreSql,
    with_schema: true,
    bad: r#"
- phase: 1
  operations:
  - { type: custom_sql, sql: "ALTER TABLE users ALTER COLUMN id TYPE bigint", rollbackSql: "SELECT 1" }
"#,
    good: r#"
- phase: 1
  operations:
  - { type: custom_sql, sql: "ALTER TABLE users ALTER COLUMN email SET STATISTICS 500", rollbackSql: "SELECT 1" }
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    if subject.migration.database != Engine::PostgreSql {
        return out;
    }
    for site in subject.sites() {
        let Operation::CustomSql(custom) = site.operation else {
            continue;
        };
        for (piece, facts) in custom.statements(site.before.engine) {
            let known = facts.lock != Lock::Unknown;
            if known && facts.lock.blocks_writes() && facts.work != Work::Brief {
                let who = if facts.lock.blocks_reads() {
                    "readers and writers wait"
                } else {
                    "writers wait"
                };
                out.push(RULE.about(
                    Some(&site),
                    format!(
                        "{who} while it goes through the table ({}): {}",
                        facts.lock.word(),
                        super::shortened(&piece.sql)
                    ),
                    "use the operation for it (add_index, add_check, add_foreign_key, add_unique, set_not_null), which takes the safe way",
                ));
            }
        }
    }
    out
}
