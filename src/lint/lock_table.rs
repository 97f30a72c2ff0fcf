//! LOCK TABLE.

use super::foreign_keys_off::is_off;
use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Act;

/// See the module.
pub const RULE: Rule = Rule {
    id: "lock-table",
    severity: Severity::Error,
    help: "LOCK TABLE keeps others out until the transaction ends, and queues traffic behind it until it is had.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
BEGIN;
LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;
COMMIT;
"#,
        good: r#"
BEGIN;
LOCK TABLE orders IN ROW EXCLUSIVE MODE;
COMMIT;
"#,
        check,
    }),
};

/// Variables of a whole server of MySQL or MariaDB.
const STOPS_WRITERS: [&str; 3] = [
    "global read_only",
    "global super_read_only",
    "global offline_mode",
];

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        if let Act::Set { name, value, .. } = &spot.reading.act
            && STOPS_WRITERS.contains(&name.as_str())
            && !is_off(value.as_deref())
        {
            out.push(RULE.on(
                spot,
                "every writer of the server fails until it is switched off again".to_owned(),
                "leave it out: each statement takes the lock that it needs, and no stricter one",
            ));
        }
        let Act::LockTables { tables } = &spot.reading.act else {
            continue;
        };
        for (table, lock) in tables {
            if lock.blocks_writes() && !spot.made(table) {
                out.push(RULE.on(
                    spot,
                    format!("{} on {table} keeps others out until the transaction ends", lock.word()),
                    "leave it out: each statement takes the lock that it needs, and no stricter one",
                ));
            }
        }
    }
    out
}
