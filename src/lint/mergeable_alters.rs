//! MySQL and MariaDB: statements that each go through the same table.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::{Act, WorkKind};

/// See the module.
pub const RULE: Rule = Rule {
    id: "mergeable-alters",
    severity: Severity::Info,
    help: "Each ALTER TABLE that builds an index or the table goes through all rows, and each replica does so again: one statement with all of the changes does it once.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::MySql,
        bad: r#"
ALTER TABLE events ADD INDEX events_kind (kind), ALGORITHM=INPLACE, LOCK=NONE;
ALTER TABLE events ADD INDEX events_user (user_id), ALGORITHM=INPLACE, LOCK=NONE;
"#,
        good: r#"
ALTER TABLE events ADD INDEX events_kind (kind), ADD INDEX events_user (user_id), ALGORITHM=INPLACE, LOCK=NONE;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    if !text.script.engine.is_mysql_family() {
        return out;
    }
    let mut before = None;
    for spot in text.spots() {
        let alters = matches!(
            spot.reading.act,
            Act::AlterTable { .. } | Act::CreateIndex { .. }
        );
        let grows = spot.reading.effect.work.iter().any(|work| {
            !work.made_here && matches!(work.kind, WorkKind::Rewrite | WorkKind::BuildIndex)
        });
        let table = spot.reading.effect.table.as_ref();
        if !alters || !grows {
            // What stands between them may need the first and be needed by the second.
            before = None;
            continue;
        }
        if before.is_some() && before == table {
            out.push(RULE.on(
                spot,
                format!(
                    "it goes through {} once more, which the statement before it did already",
                    table.map_or_else(|| "the table".to_owned(), ToString::to_string)
                ),
                "write the changes as one ALTER TABLE",
            ));
        }
        before = table;
    }
    out
}
