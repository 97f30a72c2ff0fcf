//! BEGIN within a transaction, COMMIT outside of one.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::script::Hazard;

/// See the module.
pub const RULE: Rule = Rule {
    id: "transaction-nested",
    severity: Severity::Warning,
    help: "BEGIN within a transaction does nothing, and the first COMMIT then ends the whole of it.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
BEGIN;
BEGIN;
ALTER TABLE users ADD COLUMN a int;
COMMIT;
"#,
        good: r#"
BEGIN;
SAVEPOINT a;
ALTER TABLE users ADD COLUMN a int;
COMMIT;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for hazard in &text.script.hazards {
        if let Hazard::Nesting { statement } = hazard
            && let Some(spot) = text.spot(*statement)
        {
            out.push(RULE.on(
                spot,
                format!(
                    "{} changes nothing here, or ends more than it seems to",
                    super::shortened(spot.sql)
                ),
                "use one BEGIN and one COMMIT, and savepoints within",
            ));
        }
    }
    out
}
