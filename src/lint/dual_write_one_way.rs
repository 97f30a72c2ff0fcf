//! A dual write that does not lead back.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;

/// See the module.
pub const RULE: Rule = Rule {
    id: "dual-write-one-way",
    severity: Severity::Warning,
    help: "Without a backward conversion, what new applications write never reaches the old column.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: contact, dataType: text }
  - { type: enable_dual_write, table: users, oldColumn: email, newColumn: contact, forward: "lower(email)" }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: contact, dataType: text }
  - { type: enable_dual_write, table: users, oldColumn: email, newColumn: contact, forward: "lower(email)", backward: contact }
"#,
        check,
    }),
    sql: None,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    subject
        .sites()
        .filter_map(|site| {
 let Operation::EnableDualWrite(dual) = site.operation else { return None; };
 let (old, new) = dual.columns(site.before)?;
 (!dual.goes_back()).then(|| RULE.about(
                Some(&site),
                format!(
                    "writes of the new application to {} of {} are lost on the way back: {} {} as it was",
                    new.join(", "), dual.table, old.join(", "),
                    if old.len() == 1 { "stays" } else { "stay" }
                ),
                "give the conversion back (backward); where there is none, as for a merge, let no old application read what new ones wrote",
            ))
})
        .collect()
}
