//! Triggers that the target's account may not make.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;

/// See the module.
pub const RULE: Rule = Rule {
    id: "trigger-privilege",
    severity: Severity::Error,
    help: "Triggers keep columns in step, and on MySQL and MariaDB not every account may make them: a server with a binary log asks for more than the privilege TRIGGER.",
    documents: Some(OnDocuments {
        engine: Engine::MariaDb,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: enable_dual_write, table: users, oldColumn: email, newColumn: nickname }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: age, dataType: integer }
"#,
        check,
    }),
    sql: None,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    let Some(problem) = subject
        .schema
        .and_then(|schema| schema.trigger_problem.as_ref())
    else {
        return out;
    };
    for site in subject.sites() {
        let makes = subject.phases[site.phase_index]
            .steps
            .iter()
            .filter(|step| step.operation == site.number)
            .any(|step| step.action.makes_trigger());
        if makes {
            out.push(RULE.about(
                Some(&site),
                problem.clone(),
                "let the account have what it lacks, then look at the target again",
            ));
        }
    }
    out
}
