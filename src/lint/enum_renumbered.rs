//! MySQL and MariaDB: an ENUM or SET whose values are not only added to at its end.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Assumption;
use crate::sql::act::Change;

/// See the module.
pub const RULE: Rule = Rule {
    id: "enum-renumbered",
    severity: Severity::Error,
    help: "Rows hold the number of an ENUM's value: one in the middle, another order or one less gives them other numbers, and the table is copied while writers wait. Only values at the end are added in the catalogue.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::MySql,
        bad: r#"
ALTER TABLE orders MODIFY state ENUM('open','waiting','closed') NOT NULL;
"#,
        good: r#"
ALTER TABLE orders MODIFY state ENUM('open','closed','waiting') NOT NULL, ALGORITHM=INSTANT;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (spot, table, at, change) in text.changes() {
        let Change::Redefine { column, to } = change else {
            continue;
        };
        let data_type = to.data_type.as_deref().unwrap_or_default().trim_start();
        let word = data_type.split('(').next().unwrap_or_default().trim();
        let listed = word.eq_ignore_ascii_case("enum") || word.eq_ignore_ascii_case("set");
        if !listed || !spot.rewrites(at) || !spot.holds_up(at) {
            continue;
        }
        let assumed = spot.reading.effect.assumed.iter().any(|a| {
            matches!(a, Assumption::OldType { table: t, column: c } if t == table && c == column)
        });
        let what = if assumed {
            "may get other numbers (what they are today is not known)"
        } else {
            "get other numbers, or go"
        };
        out.push(RULE.on(
            spot,
            format!("values of {table}.{column} {what}: the table is copied, and {} wait", spot.waiting()),
            "add values at the end alone, and pin ALGORITHM=INSTANT, so that the server refuses anything else",
        ));
    }
    out
}
