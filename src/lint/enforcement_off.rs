//! Triggers, foreign keys or checks are switched off.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Act;
use crate::sql::act::{Change, Which};

/// See the module.
pub const RULE: Rule = Rule {
    id: "enforcement-off",
    severity: Severity::Error,
    help: "While triggers and foreign keys are switched off, rows go in that nothing finds later.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE orders DISABLE TRIGGER ALL;
"#,
        good: r#"
ALTER TABLE orders ENABLE TRIGGER orders_audit;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    let instead = "leave it on, and change rows in batches that it allows";
    for (spot, table, _, change) in text.changes() {
        if matches!(
            change,
            Change::Triggers {
                which: Which::All,
                enable: false
            }
        ) && !spot.made(table)
        {
            out.push(RULE.on(
                spot,
                format!("foreign keys of {table} are no longer kept, for they are triggers too"),
                instead,
            ));
        }
    }
    for spot in text.spots() {
        let Act::Set { name, value, .. } = &spot.reading.act else {
            continue;
        };
        let value = value.as_deref().unwrap_or_default().to_ascii_lowercase();
        let off = match name.as_str() {
            "session_replication_role" => value == "replica",
            "ignore_check_constraints" => {
                !matches!(value.as_str(), "0" | "off" | "no" | "false" | "")
            }
            _ => false,
        };
        if off {
            out.push(RULE.on(
                spot,
                format!("with {name} = {value} the server no longer keeps what it is told to keep"),
                instead,
            ));
        }
    }
    out
}
