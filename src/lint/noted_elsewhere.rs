//! What squawk finds and no rule of ours has.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;

/// See the module.
pub const RULE: Rule = Rule {
    id: "noted-elsewhere",
    severity: Severity::Error,
    help: "Squawk, the linter of PostgreSQL migrations, reads the same text; what it knows beyond these rules is passed on.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
UPDATE users SET a = 1, a = 2 WHERE id = 1;
"#,
        good: r#"
UPDATE users SET a = 1, b = 2 WHERE id = 1;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for noted in text.noted {
        let spot = text
            .spots()
            .find(|s| (s.reading.span.start..=s.reading.span.end).contains(&noted.at));
        let message = format!("{} (squawk: {})", noted.message, noted.rule);
        let mut finding = match spot {
            Some(spot) => RULE.on(spot, message, "change it as said"),
            None => RULE.about(None, message, "change it as said"),
        };
        if !noted.refused {
            finding.severity = Severity::Warning;
        }
        out.push(finding);
    }
    out
}
