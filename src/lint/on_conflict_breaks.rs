//! A unique constraint goes that INSERT ... ON CONFLICT needs.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Breakage;

/// See the module.
pub const RULE: Rule = Rule {
    id: "on-conflict-breaks",
    severity: Severity::Error,
    help: "INSERT ... ON CONFLICT and REPLACE fail, or store duplicates, once no unique index matches them.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE users DROP CONSTRAINT users_email_key;
"#,
        good: r#"
ALTER TABLE users DROP CONSTRAINT users_email_check;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        for breakage in spot.breaks() {
            if let Breakage::OnConflict { table, name } = breakage
                && !super::text::is_otherwise(text, spot, name)
            {
                out.push(RULE.on(
                    spot,
                    format!("without {name}, running INSERT ... ON CONFLICT on {table} fails (42P10), and duplicates go through"),
                    "first deploy applications that do not rely on it; a constraint that is another one by then can be dropped",
                ));
            }
        }
    }
    out
}
