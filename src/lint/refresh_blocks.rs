//! A refresh that keeps readers out.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Act;

/// See the module.
pub const RULE: Rule = Rule {
    id: "refresh-blocks",
    severity: Severity::Error,
    help: "REFRESH MATERIALIZED VIEW keeps readers out until its query is done, unless it is CONCURRENTLY, which needs a unique index.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
REFRESH MATERIALIZED VIEW totals;
"#,
        good: r#"
REFRESH MATERIALIZED VIEW CONCURRENTLY totals;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        if let Act::RefreshView {
            view,
            concurrently: false,
            ..
        } = &spot.reading.act
            && spot.holds_all_up()
        {
            out.push(RULE.on(
                spot,
                format!("readers of {view} wait until its query is done"),
                "REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index on the view",
            ));
        }
    }
    out
}
