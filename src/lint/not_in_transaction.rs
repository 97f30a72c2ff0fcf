//! What cannot run in a transaction, and does.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Failure;

/// See the module.
pub const RULE: Rule = Rule {
    id: "not-in-transaction",
    severity: Severity::Error,
    help: "CONCURRENTLY, VACUUM and the like commit by themselves, so the server refuses them in a transaction.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
BEGIN;
CREATE INDEX CONCURRENTLY users_email ON users (email);
COMMIT;
"#,
        good: r#"
CREATE INDEX CONCURRENTLY users_email ON users (email);
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    text.spots()
        .filter(|spot| spot.reading.effect.fails.contains(&Failure::InTransaction))
        .map(|spot| {
            RULE.on(
                spot,
                format!(
                    "the server refuses this inside a transaction: {}",
                    super::shortened(spot.sql)
                ),
                "run it by itself, outside of any transaction (and tell your migration tool so)",
            )
        })
        .collect()
}
