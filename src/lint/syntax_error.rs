//! What cannot be parsed.

use super::{Finding, OnSql, Rule, Severity, Spot, Text};
use crate::document::Engine;

/// See the module.
pub const RULE: Rule = Rule {
    id: "syntax-error",
    severity: Severity::Error,
    help: "What cannot be parsed does not run, and nothing can be said of what stands around it.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE users ADD COLUM age int;;
ALTER TABLE users ADD COLUMN (;
"#,
        good: r#"
ALTER TABLE users ADD COLUMN age int;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let errors = text.script.errors.iter();
    errors
        .map(|error| {
            let before = |spot: &Spot<'_>| spot.reading.span.start <= error.at;
            let spot = text.spots().take_while(before).last();
            Finding {
                line: Some(error.line),
                column: Some(error.column),
                statement: spot.or(text.spot(0)).map(|spot| spot.number + 1),
                ..RULE.about(
                    None,
                    error.message.clone(),
                    "correct it; nothing else can be said before that",
                )
            }
        })
        .collect()
}
