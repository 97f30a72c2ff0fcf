//! INSERTs that no longer go through.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::schema::TableName;
use crate::sql::Breakage;

/// See the module.
pub const RULE: Rule = Rule {
    id: "inserts-break",
    severity: Severity::Error,
    help: "Where a required column loses its default or its generation, INSERTs of running applications that leave it out fail.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
CREATE TABLE new_one (id int);
ALTER TABLE users ALTER COLUMN plan DROP DEFAULT;
"#,
        good: r#"
ALTER TABLE users ALTER COLUMN plan SET DEFAULT 0;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    let message = |table: &TableName, column: &str| {
        format!(
            "INSERTs of running applications that rely on what the server fills {table}.{column} with fail, or store something else"
        )
    };
    let instead =
        "deploy applications that give the value themselves first, then take it away behind a gate";
    for spot in text.spots() {
        for breakage in spot.breaks() {
            if let Breakage::InsertWithout { table, column } = breakage
                && super::text::loses_default(spot, column)
            {
                out.push(RULE.on(spot, message(table, column), instead));
            }
        }
    }
    for (spot, table, _, change) in text.changes() {
        if !spot.made(table)
            && let Some(column) = super::text::ungenerated(spot, change)
            && !super::text::added_before(text, spot, table, column)
        {
            out.push(RULE.on(spot, message(table, column), instead));
        }
    }
    out
}
