//! DETACH PARTITION under the strictest lock.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::act::Change;

/// See the module.
pub const RULE: Rule = Rule {
    id: "non-concurrent-detach",
    severity: Severity::Error,
    help: "DETACH PARTITION locks the parent against everybody, and whoever comes queues behind it until every open transaction on the table is over.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE logs DETACH PARTITION logs_2020;
"#,
        good: r#"
ALTER TABLE logs DETACH PARTITION logs_2020 CONCURRENTLY;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (spot, table, _, change) in text.changes() {
        if let Change::DetachPartition {
            partition,
            concurrently: false,
            finalize: false,
        } = change
            && !spot.made(table)
            && !spot.made(partition)
        {
            out.push(RULE.on(
                spot,
                format!("detaching {partition} locks {table} against everybody, behind every open transaction that uses it"),
                "DETACH PARTITION ... CONCURRENTLY, outside a transaction (PostgreSQL 14 and later; not where there is a DEFAULT partition)",
            ));
        }
    }
    out
}
