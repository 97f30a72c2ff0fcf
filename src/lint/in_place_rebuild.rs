//! MySQL and MariaDB make the whole table anew, in place.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;
use crate::plan::{Action, Lock};

/// See the module.
pub const RULE: Rule = Rule {
    id: "in-place-rebuild",
    severity: Severity::Warning,
    help: "An ALTER that makes the table anew in place lets everybody read and write, but takes the room of a second table, and each replica does it again before it follows.",
    documents: Some(OnDocuments {
        engine: Engine::MariaDb,
        with_schema: false,
        bad: r#"
- phase: 1
  operations:
  - { type: set_not_null, table: users, column: email }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: set_default, table: users, column: email, defaultValue: none }
"#,
        check,
    }),
    sql: None,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    for site in subject.sites() {
        // What a person wrote has rules of its own.
        if matches!(site.operation, Operation::CustomSql(_)) {
            continue;
        }
        for step in &subject.phases[site.phase_index].steps {
            let Action::Ddl { statement, .. } = &step.action else {
                continue;
            };
            let anew = statement.rewrites_table && statement.lock == Lock::MetadataUpgradable;
            if step.operation == site.number && anew {
                let tables: Vec<String> = step.tables.iter().map(ToString::to_string).collect();
                out.push(RULE.about(
                    Some(&site),
                    format!(
                        "{} may be made anew in place: it takes the room of a second one, and replicas lag for as long",
                        tables.join(", ")
                    ),
                    "look for free disk, and choose a quiet hour where replicas are read",
                ));
            }
        }
    }
    out
}
