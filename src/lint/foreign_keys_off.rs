//! Rows and keys that nothing checks, since the session was told not to.

use super::{Finding, OnSql, Rule, Severity, Spot, Text};
use crate::document::Engine;
use crate::schema::TableName;
use crate::sql::Act;
use crate::sql::act::{Change, Shape};

/// See the module.
pub const RULE: Rule = Rule {
    id: "foreign-keys-off",
    severity: Severity::Error,
    help: "While a session does not check foreign keys (or unique ones), what it writes may point to nothing, and no later check finds it.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::MySql,
        bad: r#"
SET foreign_key_checks = 0;
DELETE FROM plans WHERE id = 3;
SET foreign_key_checks = 1;
"#,
        good: r#"
SET foreign_key_checks = 0;
CREATE TABLE plans (id bigint PRIMARY KEY, next_id bigint, FOREIGN KEY (next_id) REFERENCES steps (id));
SET foreign_key_checks = 1;
DELETE FROM orders WHERE id = 3;
"#,
        check,
    }),
};

/// The settings that switch checks off, by engine.
fn switches(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::MySql | Engine::MariaDb => &["foreign_key_checks", "unique_checks"],
        Engine::Sqlite => &["foreign_keys"],
        // session_replication_role and DISABLE TRIGGER are another rule's.
        Engine::PostgreSql => &[],
    }
}

/// Whether a value of a setting says no.
pub(super) fn is_off(value: Option<&str>) -> bool {
    value.is_some_and(|value| {
        ["0", "off", "no", "false"].contains(&value.trim().to_ascii_lowercase().as_str())
    })
}

/// The table whose rows or keys the statement changes unchecked, where it was there before.
fn unchecked<'s>(spot: Spot<'s>, switch: &str) -> Option<&'s TableName> {
    let act = &spot.reading.act;
    let table = if let Act::Insert { table, .. } | Act::Update { table, .. } = act {
        table
    } else if let Act::Delete { table, .. } = act {
        // A row less is no duplicate.
        (switch != "unique_checks").then_some(table)?
    } else if let Act::Copy {
        table: Some(table),
        writes: true,
        ..
    } = act
    {
        table
    } else if let Act::AlterTable { table, changes, .. } = act {
        let keyed = |change: &Change| {
            if let Change::AddConstraint(added) = change {
                matches!(added.shape, Shape::ForeignKey(_))
            } else {
                false
            }
        };
        (switch == "foreign_key_checks" && changes.iter().any(keyed)).then_some(table)?
    } else {
        return None;
    };
    (!spot.made(table)).then_some(table)
}

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for switch in switches(text.script.engine) {
        let mut off = false;
        for spot in text.spots() {
            if let Act::Set { name, value, .. } = &spot.reading.act
                && name == switch
            {
                // SQLite heeds it in no transaction.
                let heeded =
                    text.script.engine != Engine::Sqlite || spot.reading.transaction.is_none();
                if heeded {
                    off = is_off(value.as_deref());
                }
                continue;
            }
            if let Some(table) = unchecked(spot, switch).filter(|_| off) {
                out.push(RULE.on(
                    spot,
                    format!(
                        "with {switch} off nothing checks what this leaves in {table}, now or later"
                    ),
                    "leave the checks on, and change rows in the order that they allow; look for orphans before a key is added",
                ));
            }
        }
    }
    out
}
