//! A unique constraint or primary key whose index is built under the lock.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Assumption;
use crate::sql::act::Shape;

/// See the module.
pub const RULE: Rule = Rule {
    id: "unique-builds",
    severity: Severity::Error,
    help: "ADD UNIQUE and ADD PRIMARY KEY build their index while everybody waits, unless they take over one that was built concurrently.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE users ADD CONSTRAINT users_email UNIQUE (email);
"#,
        good: r#"
CREATE UNIQUE INDEX CONCURRENTLY users_email ON users (email);
ALTER TABLE users ADD CONSTRAINT users_email UNIQUE USING INDEX users_email;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (spot, table, at, constraint, column) in super::text::constraints(text) {
        let primary = constraint.shape == Shape::PrimaryKey;
        if !(primary || constraint.shape == Shape::Unique) || !spot.holds_up(at) {
            continue;
        }
        let over = constraint.columns.join(", ");
        let message = match (&constraint.using_index, primary) {
            (Some(index), _) => format!(
                "{index} may hold columns that allow NULL: every row of {table} is read while {} wait",
                spot.waiting()
            ),
            (None, true) => format!(
                "the index of the primary key is built over every row of {table} while {} wait",
                spot.waiting()
            ),
            (None, false) => format!(
                "an index on {table} ({over}) is built while {} wait",
                spot.waiting()
            ),
        };
        let instead = if constraint.using_index.is_some() {
            "set the columns NOT NULL first, by way of a validated CHECK"
        } else {
            "CREATE UNIQUE INDEX CONCURRENTLY, outside a transaction, then ADD CONSTRAINT ... USING INDEX (NOT VALID is refused here)"
        };
        let mut finding = RULE.on(spot, message, instead);
        // Whoever builds the index of a key beforehand has mostly seen to its columns, too.
        let assumed = spot
            .reading
            .effect
            .assumed
            .iter()
            .any(|a| matches!(a, Assumption::Nullable { table: on, .. } if on == table));
        if constraint.using_index.is_some() && assumed {
            finding.severity = Severity::Warning;
        }
        if column.is_none() && !primary {
            finding.fix = super::fix::unique(text, spot, table, constraint);
        }
        out.push(finding);
    }
    out
}
