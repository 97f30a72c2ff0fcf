//! A backfill over a column that holds values already.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;

/// See the module.
pub const RULE: Rule = Rule {
    id: "backfill-overwrites",
    severity: Severity::Warning,
    help: "A backfill without `where` puts back what the applications have changed since.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: backfill, table: users, sql: "email = lower(email)" }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: backfill, table: users, sql: "email = lower(email)", where: "email <> lower(email)" }
"#,
        check,
    }),
    sql: None,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    for site in subject.sites() {
        let Operation::Backfill(backfill) = site.operation else {
            continue;
        };
        let columns = backfill.overwrites(site.before);
        // Without a target, whether a column is older than the document is a guess.
        if !columns.is_empty() && subject.schema.is_some() {
            out.push(RULE.about(
                Some(&site),
                format!(
                    "{} of {} holds values already, and newer ones may be overwritten",
                    columns.join(", "),
                    backfill.table
                ),
                "say which rows have work left (where)",
            ));
        }
    }
    out
}
