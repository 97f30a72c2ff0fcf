//! A name that running applications use goes from one moment to the next.

use std::collections::BTreeMap;

use super::{Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::{Operation, RenameColumn};
use crate::pattern;
use crate::schema::TableName;

/// See the module.
pub const RULE: Rule = Rule {
    id: "rename-breaks",
    severity: Severity::Error,
    help: "Applications that run when a name changes fail until they are deployed anew; no deploy happens at the same moment.",
    engine: Engine::PostgreSql,
    with_schema: true,
    bad: r#"
- phase: 1
  operations:
  - { type: rename_column, table: users, oldColumn: login, newColumn: account }
"#,
    good: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: acount, dataType: text }
  - { type: rename_column, table: users, oldColumn: acount, newColumn: account }
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    for site in subject.sites() {
        if let Operation::RenameColumn(rename) = site.operation {
            let table = TableName::parse(&rename.table);
            let own = site.before.is_made(&table)
                || site.before.added(&table, &rename.old_column).is_some();
            if own {
                continue;
            }
            let mut finding = RULE.about(
                Some(&site),
                format!(
                    "applications that use {}.{} fail from the moment that it is called {}",
                    rename.table, rename.old_column, rename.new_column
                ),
                "use the pattern rename-column: both names live side by side until nobody uses the old one",
            );
            finding.fix = phases(subject, rename);
            out.push(finding);
        }
        if let Operation::RenameTable(rename) = site.operation {
            if site.before.is_made(&TableName::parse(&rename.table)) {
                continue;
            }
            out.push(RULE.about(
                Some(&site),
                format!(
                    "applications that use {} fail from the moment that it is called {}",
                    rename.table, rename.new_table
                ),
                "rename it and create a view under its old name in one transaction (custom_sql: ALTER TABLE ... RENAME; CREATE VIEW), and drop the view behind a gate once nobody uses the old name",
            ));
        }
    }
    out
}

/// The pattern's phases in place of this one.
fn phases(subject: &Subject<'_>, rename: &RenameColumn) -> Option<serde_json::Value> {
    let mut values = BTreeMap::from([
        ("table".to_owned(), rename.table.clone()),
        ("oldColumn".to_owned(), rename.old_column.clone()),
        ("newColumn".to_owned(), rename.new_column.clone()),
    ]);
    if let Some(data_type) = &rename.data_type {
        values.insert("dataType".to_owned(), data_type.clone());
    }
    let engine = subject.migration.database;
    let document = pattern::expand("rename-column", &values, engine, subject.schema).ok()?;
    serde_json::to_value(document.phases).ok()
}
