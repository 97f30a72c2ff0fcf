//! A way back that copies a table while its writers wait.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;
use crate::plan::{Action, Lock};

/// See the module.
pub const RULE: Rule = Rule {
    id: "copying-rollback",
    severity: Severity::Warning,
    help: "What MySQL and MariaDB widen or drop at once they take back only by a copy of the table, and writers wait for as long.",
    documents: Some(OnDocuments {
        engine: Engine::MariaDb,
        with_schema: false,
        bad: r#"
- phase: 1
  operations:
  - { type: change_column_type, table: users, column: nick, oldType: varchar(20), newType: varchar(30) }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: nick, dataType: varchar(20) }
"#,
        check,
    }),
    sql: None,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    for site in subject.sites() {
        if matches!(site.operation, Operation::CustomSql(_)) {
            continue;
        }
        for step in &subject.phases[site.phase_index].rollback {
            let Action::Ddl { statement, .. } = &step.action else {
                continue;
            };
            let copies = statement.rewrites_table && statement.lock == Lock::MetadataNoWrite;
            if step.operation == site.number && copies {
                let tables: Vec<String> = step.tables.iter().map(ToString::to_string).collect();
                out.push(RULE.about(
                    Some(&site),
                    format!(
                        "writers of {} would wait for a copy of the table if this were taken back: {}",
                        tables.join(", "),
                        super::shortened(&statement.sql)
                    ),
                    "plan a moment for the way back, or leave it and mend what is wrong in a document of its own",
                ));
            }
        }
    }
    out
}
