//! LOCK TABLE.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Act;

/// See the module.
pub const RULE: Rule = Rule {
    id: "lock-table",
    severity: Severity::Error,
    help: "LOCK TABLE keeps others out until the transaction ends, and queues traffic behind it until it is had.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
BEGIN;
LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;
COMMIT;
"#,
        good: r#"
BEGIN;
LOCK TABLE orders IN ROW EXCLUSIVE MODE;
COMMIT;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        let Act::LockTables { tables } = &spot.reading.act else {
            continue;
        };
        for (table, lock) in tables {
            if lock.blocks_writes() && !spot.made(table) {
                out.push(RULE.on(
                    spot,
                    format!("{} on {table} keeps others out until the transaction ends", lock.word()),
                    "leave it out: each statement takes the lock that it needs, and no stricter one",
                ));
            }
        }
    }
    out
}
