//! A foreign key that reads all rows under locks on two tables.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::act::Shape;

/// See the module.
pub const RULE: Rule = Rule {
    id: "foreign-key-scans",
    severity: Severity::Error,
    help: "ADD FOREIGN KEY keeps writers out of both tables while all rows are verified, unless it is added NOT VALID and validated by itself.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id);
"#,
        good: r#"
ALTER TABLE orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID;
ALTER TABLE orders VALIDATE CONSTRAINT orders_user;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (spot, table, at, constraint, column) in super::text::constraints(text) {
        let Shape::ForeignKey(key) = &constraint.shape else {
            continue;
        };
        if constraint.not_valid || constraint.not_enforced || !spot.holds_up(at) {
            continue;
        }
        let mut finding = RULE.on(
            spot,
            format!(
                "every row of {table} is looked up in {} while {} of {table} wait, and writers of {} too",
                key.table, spot.waiting(), key.table
            ),
            match text.script.engine {
                Engine::PostgreSql => "add it NOT VALID, and validate it in a transaction of its own",
                Engine::MySql | Engine::MariaDb | Engine::Sqlite => {
                    "use the operation add_foreign_key in a document, or a shadow table"
                }
            },
        );
        if column.is_none() {
            finding.fix = super::fix::foreign_key(text, spot, table, constraint, key);
        }
        out.push(finding);
    }
    out
}
