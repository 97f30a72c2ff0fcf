//! A domain constraint that reads every table which uses it.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Act;

/// See the module.
pub const RULE: Rule = Rule {
    id: "domain-scans",
    severity: Severity::Error,
    help: "ADD CONSTRAINT, VALIDATE and SET NOT NULL on a domain keep writers out of every table that uses it while all of them are read.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER DOMAIN zip ADD CONSTRAINT five CHECK (length(VALUE) = 5);
"#,
        good: r#"
ALTER DOMAIN zip ADD CONSTRAINT five CHECK (length(VALUE) = 5) NOT VALID;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        if let Act::AlterDomain { name, .. } = &spot.reading.act
            && spot.holds_all_up()
        {
            out.push(RULE.on(
                spot,
                format!("every table that uses {name} is read while its writers wait"),
                "add it NOT VALID (VALIDATE keeps writers out, too: check the rows by queries of your own), or put a CHECK on each table",
            ));
        }
    }
    out
}
