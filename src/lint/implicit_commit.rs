//! MySQL and MariaDB end the transaction at DDL.

use super::{Finding, OnSql, Rule, Severity, Spot, Text};
use crate::document::Engine;
use crate::sql::act::Control;
use crate::sql::{Act, TransactionRule};

/// See the module.
pub const RULE: Rule = Rule {
    id: "implicit-commit",
    severity: Severity::Error,
    help: "MySQL and MariaDB commit what is open before and after every statement that changes the schema: no transaction holds it together with anything, and no ROLLBACK takes it back.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::MySql,
        bad: r#"
START TRANSACTION;
UPDATE settings SET value = 'v2' WHERE id = 9;
ALTER TABLE settings ADD COLUMN updated_by bigint NULL, ALGORITHM=INSTANT;
COMMIT;
"#,
        good: r#"
ALTER TABLE settings ADD COLUMN updated_by bigint NULL, ALGORITHM=INSTANT;
START TRANSACTION;
UPDATE settings SET value = 'v2' WHERE id = 9;
COMMIT;
"#,
        check,
    }),
};

/// Whether the statement changes rows that a ROLLBACK would have taken back.
fn changes_rows(spot: Spot<'_>) -> bool {
    matches!(
        spot.reading.act,
        Act::Insert { .. } | Act::Update { .. } | Act::Delete { .. } | Act::Copy { .. }
    )
}

/// Whether the next statement that ends a transaction is ROLLBACK.
fn is_rolled_back(text: &Text<'_>, from: usize) -> bool {
    let ends = text.spots().skip(from).find_map(|spot| {
        if let Act::Transaction(control) = &spot.reading.act {
            match control {
                Control::Rollback { .. } => Some(true),
                Control::Begin | Control::Commit { .. } => Some(false),
                Control::Savepoint { .. }
                | Control::RollbackTo { .. }
                | Control::Release { .. }
                | Control::Prepare
                | Control::Mode => None,
            }
        } else {
            None
        }
    });
    ends == Some(true)
}

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    if !text.script.engine.is_mysql_family() {
        return out;
    }
    for transaction in &text.script.transactions {
        let Some(spot) = text.spot(transaction.last + 1) else {
            continue;
        };
        let last = text.spot(transaction.last);
        let by_itself = last.is_some_and(|last| {
            matches!(
                last.reading.act,
                Act::Transaction(Control::Commit { .. } | Control::Rollback { .. })
            )
        });
        if by_itself || spot.reading.effect.transaction != TransactionRule::Commits {
            continue;
        }
        let length = (transaction.last + 1).saturating_sub(transaction.first);
        let mut before = text.spots().skip(transaction.first).take(length);
        let rolled_back = is_rolled_back(text, spot.number);
        let mut finding = RULE.on(
            spot,
            format!(
                "it commits the transaction that is open{}: {}",
                if rolled_back {
                    ", and the ROLLBACK behind it takes nothing back"
                } else {
                    ""
                },
                super::shortened(spot.sql)
            ),
            "change the schema outside of transactions, one statement after the other, and rows in transactions of their own",
        );
        // Nothing but DDL: it is the same without BEGIN.
        if !rolled_back && !before.any(changes_rows) {
            finding.severity = Severity::Warning;
        }
        out.push(finding);
    }
    out
}
