//! What hung on a dropped table and does not come back with it.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::{Operation, comes_back, is_kept};
use crate::schema::TableName;

/// See the module.
pub const RULE: Rule = Rule {
    id: "dropped-for-good",
    severity: Severity::Warning,
    help: "The way back makes a dropped table again, empty, with what hung on it; rules, publications and inheritance are not among that.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: drop_table, table: teams }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: create_table, table: scratch, columns: [{ name: id, dataType: bigint }] }
  - { type: drop_table, table: scratch }
"#,
        check,
    }),
    sql: None,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    subject
        .sites()
        .filter_map(|site| {
            let Operation::DropTable(drop) = site.operation else {
                return None;
            };
            let name = TableName::parse(&drop.table);
            let table = site.before.table(&name)?;
            if is_kept(drop, site.before) {
                return None;
            }
            let attached = &table.attached;
            let lost: Vec<String> = attached
                .anchors
                .iter()
                .chain(&attached.unrestored)
                .cloned()
                .collect();
            let message = if !comes_back(site.before, &name, table) {
                let why = if table.partitioned {
                    "it is partitioned"
                } else {
                    "it was kept in step with another table"
                };
                format!("a rollback does not make {name} again, for {why}")
            } else if lost.is_empty() {
                return None;
            } else {
                format!("a rollback makes {name} again without {}", lost.join(", "))
            };
            Some(RULE.about(
                Some(&site),
                message,
                "keep a dump of its definition (pg_dump --schema-only), or write rollbackOperations that make these again",
            ))
        })
        .collect()
}
