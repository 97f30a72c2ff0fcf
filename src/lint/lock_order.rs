//! Locks in different order.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::script::Hazard;

/// See the module.
pub const RULE: Rule = Rule {
    id: "lock-order",
    severity: Severity::Warning,
    help: "Two transactions that lock the same tables in different order wait for each other, and the server ends one of them.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
BEGIN;
ALTER TABLE a ADD COLUMN x int;
ALTER TABLE b ADD COLUMN x int;
COMMIT;
BEGIN;
ALTER TABLE b ADD COLUMN y int;
ALTER TABLE a ADD COLUMN y int;
COMMIT;
"#,
        good: r#"
ALTER TABLE a ADD COLUMN x int;
ALTER TABLE b ADD COLUMN x int;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for hazard in &text.script.hazards {
        let (statement, what) = if let Hazard::OrderDiffers {
            second,
            object,
            other,
            ..
        } = hazard
        {
            (
                *second,
                format!(
                    "{object} and {other} are locked here in another order than by a transaction above"
                ),
            )
        } else {
            continue;
        };
        if let Some(spot) = text.spot(statement) {
            out.push(RULE.on(
                spot,
                what,
                "lock tables in one order everywhere, or one table a transaction",
            ));
        }
    }
    out
}
