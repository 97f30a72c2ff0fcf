//! VALIDATE under the lock of the addition.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::act::Change;

/// See the module.
pub const RULE: Rule = Rule {
    id: "validated-where-added",
    severity: Severity::Error,
    help: "NOT VALID and VALIDATE in one transaction, or VALIDATE beside another change in one ALTER, read all rows under the strictest lock of both.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
BEGIN;
ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT positive;
COMMIT;
"#,
        good: r#"
ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT positive;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (spot, table, at, change) in text.changes() {
        let Change::ValidateConstraint { name } = change else {
            continue;
        };
        if spot.made(table) {
            continue;
        }
        let why = if spot.holds_up(at) {
            "under the lock that the other changes of this ALTER need"
        } else if spot.reading.blocks.lastingly() {
            "while its transaction still holds a lock that keeps others out"
        } else {
            continue;
        };
        out.push(RULE.on(
            spot,
            format!("{table} is read for {name} {why}"),
            "commit after NOT VALID, and VALIDATE in a statement and a transaction of its own",
        ));
    }
    out
}
