//! A long statement in a transaction that holds a strict lock.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::act::Change;
use crate::sql::script::Hazard;

/// See the module.
pub const RULE: Rule = Rule {
    id: "long-under-lock",
    severity: Severity::Error,
    help: "Locks are held to the end of the transaction: what takes long after them keeps others out as long.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
BEGIN;
ALTER TABLE orders ADD COLUMN total bigint;
CREATE TABLE sums AS SELECT order_id, sum(price) FROM lines GROUP BY 1;
COMMIT;
"#,
        good: r#"
ALTER TABLE orders ADD COLUMN total bigint;
CREATE TABLE sums AS SELECT order_id, sum(price) FROM lines GROUP BY 1;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        // What it does by itself is said by other rules.
        if !spot.reading.blocks.lastingly() || spot.holds_all_up() {
            continue;
        }
        let validates = |c: &Change| matches!(c, Change::ValidateConstraint { .. });
        if spot.reading.act.changes().iter().any(validates) {
            continue;
        }
        let held = text.script.hazards.iter().find_map(|hazard| {
            if let Hazard::HeldWhile {
                statement,
                since,
                object,
            } = hazard
                && *statement == spot.number
            {
                Some(format!(" on {object} that {} took", text.named(*since)))
            } else {
                None
            }
        });
        out.push(RULE.on(
            spot,
            format!(
                "it may take long, and all the while {} wait for the lock{}",
                spot.waiting(),
                held.unwrap_or_else(|| " that its transaction holds".to_owned())
            ),
            "commit before it: a statement that takes a strict lock is the last, or all that follow it are brief",
        ));
    }
    out
}
