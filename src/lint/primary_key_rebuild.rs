//! MySQL and MariaDB keep a table's rows in the order of its primary key.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::act::{Change, Shape};

/// See the module.
pub const RULE: Rule = Rule {
    id: "primary-key-rebuild",
    severity: Severity::Error,
    help: "InnoDB keeps rows in the order of the primary key: another one writes the table and all of its indexes anew, and fails at its end where two rows have the same value or one has none.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::MySql,
        bad: r#"
ALTER TABLE user_roles ADD PRIMARY KEY (user_id, role_id);
"#,
        good: r#"
ALTER TABLE user_roles ADD INDEX user_roles_user (user_id, role_id), ALGORITHM=INPLACE, LOCK=NONE;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    if !text.script.engine.is_mysql_family() {
        return out;
    }
    for (spot, table, _, change) in text.changes() {
        let is_key = |shape: &Shape| *shape == Shape::PrimaryKey;
        let keyed = if let Change::AddConstraint(added) = change {
            is_key(&added.shape)
        } else if let Change::AddColumn { column, .. } = change {
            column.constraints.iter().any(|c| is_key(&c.shape))
        } else {
            matches!(change, Change::DropPrimaryKey)
        };
        if keyed && !spot.made(table) {
            out.push(RULE.on(
                spot,
                format!("{table} and every index of it are written anew for another primary key, on each replica as well"),
                "copy into a table that has the key, beside the traffic, and swap the two (gh-ost, pt-online-schema-change, or copy_table and swap_tables of a document)",
            ));
        }
    }
    out
}
