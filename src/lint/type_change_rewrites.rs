//! A change of type that reads or writes every row.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Assumption;
use crate::sql::act::Change;

/// See the module.
pub const RULE: Rule = Rule {
    id: "type-change-rewrites",
    severity: Severity::Error,
    help: "Most changes of a type write the whole table and its indexes anew while everybody waits.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE orders ALTER COLUMN id TYPE bigint;
"#,
        good: r#"
ALTER TABLE orders ADD COLUMN id_big bigint;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (spot, table, at, change) in text.changes() {
        let (column, to) = if let Change::SetType { column, to, .. } = change {
            (column, to.as_str())
        } else if let Change::Redefine { column, to } = change {
            (column, to.data_type.as_deref().unwrap_or_default())
        } else {
            continue;
        };
        if !spot.holds_up(at) {
            continue;
        }
        let assumed = spot.reading.effect.assumed.iter().any(|a| {
            matches!(a, Assumption::OldType { table: t, column: c } if t == table && c == column)
        });
        let why = if assumed {
            " (its type of today is not known; the worst is assumed)"
        } else {
            ""
        };
        let what = if spot.rewrites(at) {
            "is written anew"
        } else {
            "is read, or its indexes are built anew,"
        };
        let mut finding = RULE.on(
            spot,
            format!(
                "{table} {what} while {} wait, for {column} becomes {to}{why}",
                spot.waiting()
            ),
            "use the pattern change-type: a new column beside the old one, kept in step, filled in batches, and swapped behind a gate",
        );
        finding.fix = super::fix::type_change(text, table, column, to);
        out.push(finding);
    }
    out
}
