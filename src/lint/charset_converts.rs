//! MySQL and MariaDB: CONVERT TO CHARACTER SET.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::act::Change;

/// See the module.
pub const RULE: Rule = Rule {
    id: "charset-converts",
    severity: Severity::Error,
    help: "Converting a table to another character set writes every value anew in a copy while writers wait; indexes may become too long, and values that were different may be equal.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::MySql,
        bad: r#"
ALTER TABLE posts CONVERT TO CHARACTER SET utf8mb4;
"#,
        good: r#"
ALTER TABLE posts DEFAULT CHARACTER SET utf8mb4, ALGORITHM=INPLACE, LOCK=NONE;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (spot, table, at, change) in text.changes() {
        if let Change::TableOption { name, value } = change
            && name == "convert to"
            && spot.holds_up(at)
        {
            out.push(RULE.on(
                spot,
                format!(
                    "every text of {table} is converted in a copy ({}), and {} wait until it is done",
                    value.trim(),
                    spot.waiting()
                ),
                "set the default for new columns at once (DEFAULT CHARACTER SET), and convert the rows in a copy beside the traffic (gh-ost, pt-online-schema-change, or a shadow table); look before for indexes that become longer than 3072 bytes, and for values that the new collation takes for equal",
            ));
        }
    }
    out
}
