//! What cannot be parsed.

use super::{Finding, OnSql, Rule, Severity, Text};
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
        .map(|error| Finding {
            line: Some(error.line),
            column: Some(error.column),
            ..RULE.about(
                None,
                error.message.clone(),
                "correct it; nothing else can be said before that",
            )
        })
        .collect()
}
