//! IF NOT EXISTS takes an invalid index for a good one.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Act;

/// See the module.
pub const RULE: Rule = Rule {
    id: "invalid-index-accepted",
    severity: Severity::Warning,
    help: "A concurrent build that failed leaves an invalid index; IF NOT EXISTS finds it at the next try and does nothing.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email ON users (email);
"#,
        good: r#"
CREATE INDEX CONCURRENTLY users_email ON users (email);
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        if let Act::CreateIndex { table, index, .. } = &spot.reading.act
            && index.concurrently
            && index.if_not_exists
        {
            out.push(RULE.on(
                spot,
                format!("if an earlier try failed, {table} has an invalid index of that name, which this accepts"),
                "DROP INDEX CONCURRENTLY IF EXISTS before it, and no IF NOT EXISTS; or the operation add_index, which looks",
            ));
        }
    }
    out
}
