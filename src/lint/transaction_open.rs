//! A transaction that never ends.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::script::Hazard;

/// See the module.
pub const RULE: Rule = Rule {
    id: "transaction-open",
    severity: Severity::Error,
    help: "Without COMMIT the server rolls everything back when the connection ends, and holds every lock until then.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
BEGIN;
ALTER TABLE users ADD COLUMN a int;
"#,
        good: r#"
BEGIN;
ALTER TABLE users ADD COLUMN a int;
COMMIT;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for hazard in &text.script.hazards {
        if let Hazard::NeverEnded { statement } = hazard
            && let Some(spot) = text.spot(*statement)
        {
            out.push(RULE.on(
                spot,
                "the transaction that begins here is never committed".to_owned(),
                "add COMMIT",
            ));
        }
    }
    out
}
