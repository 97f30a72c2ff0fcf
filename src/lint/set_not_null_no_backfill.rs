//! A column that the document adds is made NOT NULL before anything filled it.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;
use crate::schema::TableName;

/// See the module.
pub const RULE: Rule = Rule {
    id: "set-not-null-no-backfill",
    severity: Severity::Error,
    help: "A new column holds NULL in every row until something fills it: SET NOT NULL fails.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: age, dataType: integer }

- phase: 2
  operations:
  - { type: set_not_null, table: users, column: age }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: age, dataType: integer }

- phase: 2
  operations:
  - { type: backfill, table: users, sql: "age = 0" }

- phase: 3
  operations:
  - { type: set_not_null, table: users, column: age }
"#,
        check,
    }),
    sql: None,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut filled: Vec<(TableName, String)> = Vec::new();
    let mut out = Vec::new();
    for site in subject.sites() {
        if let Operation::Backfill(backfill) = site.operation {
            let table = TableName::parse(&backfill.table);
            let assigned = backfill.assignments(site.before.engine);
            filled.extend(assigned.into_iter().map(|a| (table.clone(), a.column)));
        }
        // What a statement of one's own fills cannot be told from its text.
        if let Operation::CustomSql(_) = site.operation {
            return out;
        }
        if let Operation::SetNotNull(set) = site.operation {
            let key = (TableName::parse(&set.table), set.column.clone());
            let empty = site.before.added(&key.0, &key.1) == Some(None);
            if empty && !filled.contains(&key) && site.before.rows(&key.0) > 0 {
                out.push(RULE.about(
                        Some(&site),
                        format!(
                            "{}.{} holds NULL in every row that was there before it: nothing has filled it",
                            set.table, set.column
                        ),
                        "backfill the column in a phase before this one, and check it with backfill_complete",
                    ));
            }
        }
    }
    out
}
