//! PRAGMA foreign_keys inside a transaction does nothing.

use super::foreign_keys_off::is_off;
use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Act;

/// See the module. SQLite's manual on PRAGMA foreign_keys: "This pragma is a no-op within a
/// transaction".
pub const RULE: Rule = Rule {
    id: "pragma-in-transaction",
    severity: Severity::Error,
    help: "SQLite does not heed PRAGMA foreign_keys inside a transaction: a DROP TABLE behind it deletes what points to the table, or fails.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::Sqlite,
        bad: r#"
BEGIN;
PRAGMA foreign_keys = OFF;
INSERT INTO tags (id, name) VALUES (1, 'new');
COMMIT;
"#,
        good: r#"
BEGIN;
PRAGMA defer_foreign_keys = ON;
INSERT INTO tags (id, name) VALUES (1, 'new');
COMMIT;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    if text.script.engine != Engine::Sqlite {
        return out;
    }
    for spot in text.spots() {
        let Act::Set { name, value, .. } = &spot.reading.act else {
            continue;
        };
        if name != "foreign_keys" || spot.reading.transaction.is_none() {
            continue;
        }
        let off = is_off(value.as_deref());
        let mut finding = RULE.on(
            spot,
            format!(
                "SQLite does not heed it inside a transaction: foreign keys stay as they were: {}",
                super::shortened(spot.sql)
            ),
            "put it before BEGIN, and let no runner wrap the text in a transaction; where keys must only hold at the end, PRAGMA defer_foreign_keys = ON",
        );
        // Keys that were meant to be on again stay off for this connection.
        if !off {
            finding.severity = Severity::Warning;
        }
        out.push(finding);
    }
    out
}
