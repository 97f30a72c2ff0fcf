//! SQLite: the old table is renamed first, and what points to it follows.

use super::foreign_keys_off::is_off;
use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Act;
use crate::sql::act::Change;

/// See the module. SQLite's manual on ALTER TABLE, "Making Other Kinds Of Table Schema Changes":
/// "Compare carefully the following procedure ... do not rename the old table first".
pub const RULE: Rule = Rule {
    id: "renamed-before-rebuild",
    severity: Severity::Error,
    help: "Where the old table is renamed before the new one is made, triggers, views and other tables' foreign keys follow it to its new name, and go with it.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::Sqlite,
        bad: r#"
ALTER TABLE orders RENAME TO orders_old;
CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL NOT NULL DEFAULT 0);
INSERT INTO orders (id, total) SELECT id, total FROM orders_old;
"#,
        good: r#"
PRAGMA foreign_keys = OFF;
BEGIN;
CREATE TABLE orders_new (id INTEGER PRIMARY KEY, total REAL NOT NULL DEFAULT 0);
INSERT INTO orders_new (id, total) SELECT id, total FROM orders;
DROP TABLE orders;
ALTER TABLE orders_new RENAME TO orders;
PRAGMA foreign_key_check;
COMMIT;
PRAGMA foreign_keys = ON;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    if text.script.engine != Engine::Sqlite {
        return out;
    }
    // Then nothing follows.
    let legacy = text.spots().any(|spot| {
        if let Act::Set { name, value, .. } = &spot.reading.act {
            name == "legacy_alter_table" && !is_off(value.as_deref())
        } else {
            false
        }
    });
    if legacy {
        return out;
    }
    for (spot, table, _, change) in text.changes() {
        let Change::Rename { to } = change else {
            continue;
        };
        let made_again = text
            .spots()
            .skip(spot.number + 1)
            .any(|later| matches!(&later.reading.act, Act::CreateTable(new) if new.name == *table));
        if made_again && !spot.made(table) {
            out.push(RULE.on(
                spot,
                format!("whatever points to {table} points to {to} from now on, and not to the table that is made in its place"),
                "make the new table under another name, copy the rows, drop the old one, and rename the new one last",
            ));
        }
    }
    out
}
