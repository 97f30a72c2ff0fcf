//! SET NOT NULL that reads all rows.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::act::{Change, Shape};

/// See the module.
pub const RULE: Rule = Rule {
    id: "set-not-null-scans",
    severity: Severity::Error,
    help: "SET NOT NULL reads the whole table while everybody waits, unless a validated CHECK (column IS NOT NULL) proves it already.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE users ALTER COLUMN email SET NOT NULL;
"#,
        good: r#"
ALTER TABLE users ADD CONSTRAINT email_there CHECK (email IS NOT NULL) NOT VALID;
ALTER TABLE users VALIDATE CONSTRAINT email_there;
ALTER TABLE users ALTER COLUMN email SET NOT NULL;
ALTER TABLE users DROP CONSTRAINT email_there;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (spot, table, at, change) in text.changes() {
        let column = if let Change::SetNotNull { column } = change {
            Some(column)
        } else if let Change::AddConstraint(constraint) = change
            && constraint.shape == Shape::NotNull
        {
            constraint.columns.first()
        } else {
            None
        };
        let Some(column) = column else {
            continue;
        };
        if !spot.holds_up(at) {
            continue;
        }
        let mut finding = RULE.on(
            spot,
            format!("every row of {table} is read for NULLs in {column} while {} wait", spot.waiting()),
            "ADD CONSTRAINT ... CHECK (column IS NOT NULL) NOT VALID; VALIDATE it by itself; SET NOT NULL; DROP the check (PostgreSQL 12 and later)",
        );
        if super::text::is_proved_elsewhere(text, spot, table, column) {
            finding.severity = Severity::Warning;
        } else {
            finding.fix = super::fix::set_not_null(text, spot, table, column);
        }
        out.push(finding);
    }
    out
}
