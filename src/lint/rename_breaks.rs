//! A name that running applications use goes from one moment to the next.

use std::collections::BTreeMap;

use super::{Finding, OnDocuments, OnSql, Rule, Severity, Subject, Text, fix};
use crate::document::Engine;
use crate::operation::{Operation, RenameColumn};
use crate::pattern;
use crate::schema::TableName;
use crate::sql::act::{TypeChange, Verb};
use crate::sql::{Act, Breakage};

/// See the module.
pub const RULE: Rule = Rule {
    id: "rename-breaks",
    severity: Severity::Error,
    help: "Applications that run when a name changes fail until they are deployed anew; no deploy happens at the same moment.",
    documents: Some(OnDocuments {
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
    }),
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE users RENAME COLUMN name TO full_name;
"#,
        good: r#"
BEGIN;
ALTER TABLE users RENAME TO people;
CREATE VIEW users AS SELECT * FROM people;
COMMIT;
"#,
        check: check_sql,
    }),
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

fn check_sql(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        for breakage in spot.breaks() {
            let (from, to, fix) = match breakage {
                Breakage::ColumnGone {
                    table,
                    column,
                    renamed_to: Some(to),
                } if !super::text::added_before(text, spot, table, column) => (
                    format!("{table}.{column}"),
                    to.clone(),
                    fix::rename_column(text, table, column, to),
                ),
                Breakage::TableGone {
                    table,
                    renamed_to: Some(to),
                } if !text.is_replaced_by_view(spot, table) => {
                    (table.to_string(), to.to_string(), None)
                }
                Breakage::ObjectGone {
                    kind,
                    name,
                    renamed_to: Some(to),
                } => (format!("{kind} {name}"), to.clone(), None),
                Breakage::EnumValueRenamed { name, value } => (
                    format!("value {value} of {name}"),
                    "something else".to_owned(),
                    None,
                ),
                Breakage::TableGone { .. }
                | Breakage::ColumnGone { .. }
                | Breakage::ObjectGone { .. }
                | Breakage::PreparedSelect { .. }
                | Breakage::OnConflict { .. }
                | Breakage::InsertWithout { .. }
                | Breakage::DefaultChanged { .. }
                | Breakage::RowsGone { .. }
                | Breakage::PrivilegesRevoked { .. }
                | Breakage::RowsHidden { .. }
                | Breakage::PolicyChanged { .. }
                | Breakage::StricterConstraint { .. }
                | Breakage::TypeChanged { .. }
                | Breakage::GenerationChanged { .. }
                | Breakage::FunctionChanged { .. }
                | Breakage::ViewChanged { .. }
                | Breakage::TriggersOff { .. }
                | Breakage::TriggerAdded { .. }
                | Breakage::ConstraintGone { .. }
                | Breakage::IndexGone { .. }
                | Breakage::NotLogged { .. } => continue,
            };
            let mut finding = RULE.on(
                spot,
                format!("applications that use {from} fail from the moment that it is called {to}"),
                "let both names live side by side until nobody uses the old one: a second column kept in step, or a view under the old name made in the same transaction",
            );
            finding.fix = fix;
            out.push(finding);
        }
    }
    for spot in text.spots() {
        // Functions, roles, databases: the model keeps no new name of them.
        let alters = matches!(
            spot.reading.act,
            Act::Object {
                verb: Verb::Alter,
                ..
            } | Act::Cluster {
                verb: Verb::Alter,
                ..
            }
        );
        let attribute = matches!(
            spot.reading.act,
            Act::AlterType {
                change: TypeChange::Attribute { .. },
                ..
            }
        );
        let renames = super::text::says(text, spot, &["rename", "to"])
            || super::text::says(text, spot, &["set", "schema"]);
        let moves = super::text::says(text, spot, &["rename", "attribute"]);
        if (alters && renames) || (attribute && moves) {
            out.push(RULE.on(
                spot,
                format!(
                    "whoever uses it by its old name fails: {}",
                    super::shortened(spot.sql)
                ),
                "make a new one beside it, and drop the old one once nobody uses it",
            ));
        }
    }
    out
}
