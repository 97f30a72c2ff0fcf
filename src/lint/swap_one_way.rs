//! A swap whose way back loses what was written after it.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;

/// See the module.
pub const RULE: Rule = Rule {
    id: "swap-one-way",
    severity: Severity::Warning,
    help: "After a swap the old table is kept in step as far as `backward` says how; what it leaves out, the way back does not have.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: create_table, table: teams_new, columns: [{ name: id, dataType: bigint, primaryKey: true }, { name: label, dataType: text }] }
  - { type: copy_table, table: teams, shadow: teams_new, columns: { label: "upper(title)" } }
  - { type: swap_tables, table: teams, shadow: teams_new, oldName: teams_old }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: create_table, table: logins, columns: [{ name: id, dataType: bigint, primaryKey: true }, { name: login, dataType: text }] }
  - { type: create_table, table: logins_new, columns: [{ name: id, dataType: bigint, primaryKey: true }, { name: label, dataType: text }] }
  - { type: copy_table, table: logins, shadow: logins_new, columns: { label: "upper(login)" } }
  - { type: swap_tables, table: logins, shadow: logins_new, oldName: logins_old, backward: { login: label } }
"#,
        check,
    }),
    sql: None,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    subject
        .sites()
        .filter_map(|site| {
            let Operation::SwapTables(swap) = site.operation else {
                return None;
            };
            let (kept, unread) = swap.lost(site.before);
            let mut lost = Vec::new();
            if !kept.is_empty() {
                lost.push(format!(
                    "rows that are written after the swap have nothing in {} of the old table",
                    kept.join(", ")
                ));
            }
            if !unread.is_empty() {
                lost.push(format!(
                    "what they have in {} of the new one stays there",
                    unread.join(", ")
                ));
            }
            (!lost.is_empty()).then(|| {
                RULE.about(
                    Some(&site),
                    format!("the way back of the swap loses values: {}", lost.join(", and ")),
                    "say in `backward` how each column of the old table is had from the new row; where it cannot be, let applications write that column only when there is no way back",
                )
            })
        })
        .collect()
}
