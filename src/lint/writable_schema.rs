//! SQLite's catalogue, written to by hand.

use super::foreign_keys_off::is_off;
use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::schema::TableName;
use crate::sql::Act;

/// See the module.
pub const RULE: Rule = Rule {
    id: "writable-schema",
    severity: Severity::Error,
    help: "What is written to sqlite_schema is not checked: a text that does not fit its table's rows corrupts the file.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::Sqlite,
        bad: r#"
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'TEXT', 'BLOB') WHERE name = 'users';
"#,
        good: r#"
PRAGMA writable_schema = OFF;
SELECT sql FROM sqlite_schema WHERE name = 'users';
"#,
        check,
    }),
};

fn is_catalogue(table: &TableName) -> bool {
    let name = table.name.to_ascii_lowercase();
    [
        "sqlite_schema",
        "sqlite_master",
        "sqlite_temp_schema",
        "sqlite_temp_master",
    ]
    .contains(&name.as_str())
}

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    if text.script.engine != Engine::Sqlite {
        return out;
    }
    for spot in text.spots() {
        let act = &spot.reading.act;
        let why = if let Act::Set { name, value, .. } = act {
            let value = value.as_deref();
            let reset = value.is_some_and(|v| v.trim().eq_ignore_ascii_case("reset"));
            if name != "writable_schema" || is_off(value) || reset {
                continue;
            }
            "from here on the file's schema can be written to as text"
        } else if let Act::Insert { table, .. }
        | Act::Update { table, .. }
        | Act::Delete { table, .. } = act
        {
            if !is_catalogue(table) {
                continue;
            }
            "it writes to the file's schema by hand"
        } else {
            continue;
        };
        out.push(RULE.on(
            spot,
            format!("{why}, and a mistake corrupts it: {}", super::shortened(spot.sql)),
            "use ALTER TABLE, or make the table anew: CREATE, INSERT ... SELECT, DROP, RENAME in one transaction with foreign keys off",
        ));
    }
    out
}
