//! A table that is no longer logged.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Breakage;

/// See the module.
pub const RULE: Rule = Rule {
    id: "not-logged",
    severity: Severity::Error,
    help: "An unlogged table is empty after a crash and on every replica.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE orders SET UNLOGGED;
"#,
        good: r#"
CREATE UNLOGGED TABLE scratch (id int);
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        for breakage in spot.breaks() {
            if let Breakage::NotLogged { table } = breakage {
                out.push(RULE.on(
                    spot,
                    format!("{table} is empty after a crash, and on replicas from now on"),
                    "leave it logged",
                ));
            }
        }
    }
    out
}
