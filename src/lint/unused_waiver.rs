//! A waiver for a finding that nobody has.

use super::{Finding, OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;

/// See the module.
pub const RULE: Rule = Rule {
    id: "unused-waiver",
    severity: Severity::Warning,
    help: "A waiver that covers nothing hides the next finding of its rule, which nobody has looked at.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: city, dataType: text }
  waivers:
  - { rule: non-concurrent-index, reason: the table is small }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_index, table: users, indexName: users_email, columns: [email], concurrent: false }
  waivers:
  - { rule: non-concurrent-index, reason: the table is small }
"#,
        check,
    }),
    sql: None,
};

// It can be told only once every other rule has spoken: `finding` is called by then.
fn check(_: &Subject<'_>) -> Vec<Finding> {
    Vec::new()
}

/// The waiver of that rule, at that place, covers nothing.
pub(super) fn finding(rule: &str, phase: Option<u32>, operation: Option<usize>) -> Finding {
    let place = match (phase, operation) {
        (Some(_), Some(operation)) => format!("operation {operation} of this phase"),
        (Some(_), None) => "this phase".to_owned(),
        (None, _) => "the document as a whole".to_owned(),
    };
    Finding {
        phase,
        operation,
        ..RULE.about(
            None,
            format!("{rule} is waived, and finds nothing in {place}"),
            "take the waiver out, or move it to where the finding is: `waivers` of a phase is for findings about the phase, `waivers` of the migration for those about the whole",
        )
    }
}
