//! An index on a big table takes its time.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;
use crate::estimate::range;
use crate::plan::Action;

/// See the module.
pub const RULE: Rule = Rule {
    id: "long-index-build",
    severity: Severity::Info,
    help: "A concurrent build blocks nobody, but reads the table twice and outwaits old transactions.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: add_index, table: users, columns: [email] }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_index, table: teams, columns: [title] }
"#,
        check,
    }),
    sql: None,
};

/// Rows from which on it is worth a word.
const BIG: u64 = 1_000_000;

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    if subject.schema.is_none() {
        return out;
    }
    for site in subject.sites() {
        for step in &subject.phases[site.phase_index].steps {
            let Action::BuildIndex {
                table,
                index,
                statement,
            } = &step.action
            else {
                continue;
            };
            let rows = site.before.rows(table);
            if step.operation == site.number && rows >= BIG {
                out.push(RULE.about(
                    Some(&site),
                    format!(
                        "{table} has about {rows} rows: building {index} takes {}",
                        range(statement.estimate.span)
                    ),
                    "choose a quiet hour, and end long transactions first: the build waits for them",
                ));
            }
        }
    }
    out
}
