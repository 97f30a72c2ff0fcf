//! A new value of an enum, used too early.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Failure;

/// See the module.
pub const RULE: Rule = Rule {
    id: "enum-value-used",
    severity: Severity::Error,
    help: "A value that ALTER TYPE ... ADD VALUE adds cannot be used before its transaction has committed.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
BEGIN;
ALTER TYPE mood ADD VALUE 'great';
UPDATE diary SET m = 'great' WHERE id = 1;
COMMIT;
"#,
        good: r#"
ALTER TYPE mood ADD VALUE 'great';
UPDATE diary SET m = 'great' WHERE id = 1;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        for failure in &spot.reading.effect.fails {
            if let Failure::NewEnumValue { value } = failure {
                out.push(RULE.on(
                    spot,
                    format!("the value {value} was added in this transaction and cannot be used in it"),
                    "commit after ALTER TYPE ... ADD VALUE, and use the value in the next transaction",
                ));
            }
        }
    }
    out
}
