//! A check that reads all rows under a lock.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::act::{Change, Shape};

/// See the module.
pub const RULE: Rule = Rule {
    id: "check-scans",
    severity: Severity::Error,
    help: "A CHECK is verified for every row while everybody waits, unless it is added NOT VALID and validated by itself.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0);
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
    for (spot, table, at, constraint, column) in super::text::constraints(text) {
        let Shape::Check { sql } = &constraint.shape else {
            continue;
        };
        if constraint.not_valid || constraint.not_enforced || !spot.holds_up(at) {
            continue;
        }
        // A NOT VALID beside a VALIDATE is another rule's.
        if let Some(Change::ValidateConstraint { .. }) = spot.reading.act.changes().get(at) {
            continue;
        }
        let mut finding = RULE.on(
            spot,
            format!(
                "every row of {table} is checked for ({sql}) while {} wait",
                spot.waiting()
            ),
            if column.is_some() {
                "add the column alone, then the check NOT VALID, and validate it in a transaction of its own"
            } else {
                "add it NOT VALID, and validate it in a transaction of its own"
            },
        );
        if column.is_none() {
            finding.fix = super::fix::check(text, spot, table, constraint, sql);
        }
        out.push(finding);
    }
    out
}
