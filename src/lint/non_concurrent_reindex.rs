//! REINDEX that keeps others out.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Act;

/// See the module.
pub const RULE: Rule = Rule {
    id: "non-concurrent-reindex",
    severity: Severity::Error,
    help: "REINDEX keeps writers out of the table, and whoever needs the index out of everything, until it is built.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
REINDEX TABLE orders;
"#,
        good: r#"
REINDEX TABLE CONCURRENTLY orders;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    text.spots()
        .filter(|spot| {
            matches!(
                spot.reading.act,
                Act::Reindex {
                    concurrently: false,
                    ..
                }
            ) && spot.holds_all_up()
        })
        .map(|spot| {
            RULE.on(
                spot,
                format!("{} wait while indexes are built anew", spot.waiting()),
                match text.script.engine {
                    Engine::PostgreSql => "REINDEX ... CONCURRENTLY, outside a transaction",
                    Engine::MySql | Engine::MariaDb | Engine::Sqlite => "choose a quiet hour",
                },
            )
        })
        .collect()
}
