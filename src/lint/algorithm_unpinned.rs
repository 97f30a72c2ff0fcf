//! MySQL and MariaDB: an ALTER that leaves the algorithm to the server.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::act::{Change, Online};
use crate::sql::{Act, Algorithm};

/// See the module.
pub const RULE: Rule = Rule {
    id: "algorithm-unpinned",
    severity: Severity::Warning,
    help: "Without ALGORITHM the server takes the mildest way that it finds, down to a copy of the table under a lock: with it, it refuses what cannot be done so.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::MySql,
        bad: r#"
ALTER TABLE users ADD COLUMN nickname varchar(50) NULL;
"#,
        good: r#"
ALTER TABLE users ADD COLUMN nickname varchar(50) NULL, ALGORITHM=INSTANT;
"#,
        check,
    }),
};

/// Whether the server has no other way to do it than in the catalogue.
fn is_plain(change: &Change) -> bool {
    matches!(
        change,
        Change::Rename { .. }
            | Change::SetDefault { .. }
            | Change::DropDefault { .. }
            | Change::DropConstraint { .. }
            | Change::AlterIndex { .. }
            | Change::DropIndex { .. }
            | Change::Repartition { .. }
    )
}

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    if !text.script.engine.is_mysql_family() {
        return out;
    }
    let unpinned = |online: &Online| online.algorithm.is_none() && online.lock.is_none();
    for spot in text.spots() {
        let table = if let Act::AlterTable {
            table,
            changes,
            online,
            ..
        } = &spot.reading.act
        {
            let plain = changes.iter().all(is_plain);
            (unpinned(online) && !plain).then_some(table)
        } else if let Act::CreateIndex { table, online, .. } = &spot.reading.act {
            unpinned(online).then_some(table)
        } else {
            None
        };
        // What holds others up is said by an error.
        let Some(table) = table.filter(|t| !spot.made(t) && !spot.holds_all_up()) else {
            continue;
        };
        let pin = if spot.reading.effect.algorithm == Some(Algorithm::Instant) {
            "ALGORITHM=INSTANT"
        } else {
            "ALGORITHM=INPLACE, LOCK=NONE"
        };
        out.push(RULE.on(
            spot,
            format!("the server may copy {table} while writers wait, where it cannot do it otherwise: nothing says that it must not"),
            &format!("write {pin} behind it: then the server refuses what it cannot do so"),
        ));
    }
    out
}
