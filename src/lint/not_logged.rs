//! What is not logged: a table, or what a session changes.

use super::foreign_keys_off::is_off;
use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::{Act, Breakage};

/// See the module.
pub const RULE: Rule = Rule {
    id: "not-logged",
    severity: Severity::Error,
    help: "What is not logged does not outlive a crash, or is missing on every replica.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE orders SET UNLOGGED;
"#,
        good: r#"
CREATE UNLOGGED TABLE scratch (id int);
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        for breakage in spot.breaks() {
            if let Breakage::NotLogged { table } = breakage {
                out.push(RULE.on(
                    spot,
                    format!("{table} is empty after a crash, and on replicas from now on"),
                    "leave it logged",
                ));
            }
        }
        if let Act::Set { name, value, .. } = &spot.reading.act {
            let value = value.as_deref().unwrap_or_default();
            if let Some(why) = unlogged(text.script.engine, name, value) {
                out.push(RULE.on(spot, why.to_owned(), "leave it as it is"));
            }
        }
    }
    out
}

/// What is lost with that value of a setting.
fn unlogged(engine: Engine, name: &str, value: &str) -> Option<&'static str> {
    let value = value.to_ascii_lowercase();
    match (engine, name) {
        (Engine::MySql | Engine::MariaDb, "sql_log_bin") if is_off(Some(&value)) => {
            Some("replicas and backups never hear of what this session changes")
        }
        (Engine::Sqlite, "journal_mode") if ["off", "memory"].contains(&value.as_str()) => Some(
            "a crash in the middle of a write breaks the file, for nothing on disk takes it back",
        ),
        (Engine::Sqlite, "synchronous") if is_off(Some(&value)) => {
            Some("a crash of the machine breaks the file")
        }
        _ => None,
    }
}
