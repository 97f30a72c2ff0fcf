//! Triggers, foreign keys or checks are switched off.

use super::foreign_keys_off::is_off;
use super::{Finding, OnSql, Rule, Severity, Spot, Text};
use crate::document::Engine;
use crate::schema::TableName;
use crate::sql::Act;
use crate::sql::act::{Change, Which};

/// See the module.
pub const RULE: Rule = Rule {
    id: "enforcement-off",
    severity: Severity::Error,
    help: "While triggers and foreign keys are switched off, rows go in that nothing finds later.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE orders DISABLE TRIGGER ALL;
"#,
        good: r#"
BEGIN;
ALTER TABLE orders DISABLE TRIGGER orders_audit;
UPDATE orders SET note = 'x' WHERE id = 7;
ALTER TABLE orders ENABLE TRIGGER orders_audit;
COMMIT;
"#,
        check,
    }),
};

/// Whether the same transaction, which keeps writers out meanwhile, enables them again.
fn is_enabled_again(text: &Text<'_>, spot: Spot<'_>, table: &TableName, which: &Which) -> bool {
    text.rest_of_transaction(spot).any(|later| {
        matches!(&later.act, Act::AlterTable { table: other, .. } if other == table)
            && later.act.changes().iter().any(|change| {
                matches!(change, Change::Triggers { which: again, enable: true } | Change::Rules { which: again, enable: true }
                    if again == which || *again == Which::All)
            })
    })
}

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    let instead = "leave it on, and change rows in batches that it allows";
    for (spot, table, _, change) in text.changes() {
        let (Change::Triggers {
            which,
            enable: false,
        }
        | Change::Rules {
            which,
            enable: false,
        }) = change
        else {
            continue;
        };
        if spot.made(table) {
            continue;
        }
        if *which == Which::All && matches!(change, Change::Triggers { .. }) {
            out.push(RULE.on(
                spot,
                format!("foreign keys of {table} are no longer kept, for they are triggers too"),
                instead,
            ));
        } else if !is_enabled_again(text, spot, table, which) {
            out.push(RULE.on(
                spot,
                format!(
                    "what triggers and rules of {table} keep is no longer kept, in any session"
                ),
                instead,
            ));
        }
    }
    for spot in text.spots() {
        let Act::Set { name, value, .. } = &spot.reading.act else {
            continue;
        };
        let value = value.as_deref().unwrap_or_default().to_ascii_lowercase();
        let off = match name.as_str() {
            "session_replication_role" => value == "replica",
            "global foreign_key_checks" | "global unique_checks" => is_off(Some(&value)),
            "ignore_check_constraints" => {
                !matches!(value.as_str(), "0" | "off" | "no" | "false" | "")
            }
            _ => false,
        };
        if off {
            out.push(RULE.on(
                spot,
                format!("with {name} = {value} the server no longer keeps what it is told to keep"),
                instead,
            ));
        }
    }
    out
}
