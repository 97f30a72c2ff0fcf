//! A column goes while nobody has said that it is unused.

use super::{Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;
use crate::schema::TableName;

/// See the module.
pub const RULE: Rule = Rule {
    id: "drop-without-gate",
    severity: Severity::Warning,
    help: "A column can be dropped once no running application reads or writes it: a gate asks for that.",
    engine: Engine::PostgreSql,
    with_schema: true,
    bad: r#"
- phase: 1
  operations:
  - { type: drop_column, table: users, column: team_id }
"#,
    good: r#"
- phase: 1
  gate: { deploy: "v2 does not use it", soak: 7d }
  operations:
  - { type: drop_column, table: users, column: team_id }
"#,
    check,
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    let mut gated = false;
    for (index, phase) in subject.migration.phases.iter().enumerate() {
        gated |= phase.gate.is_some();
        if gated {
            break;
        }
        for site in subject.sites().filter(|s| s.phase_index == index) {
            let Operation::DropColumn(drop) = site.operation else {
                continue;
            };
            let table = TableName::parse(&drop.table);
            if site.before.added(&table, &drop.column).is_none() {
                out.push(RULE.about(
                    Some(&site),
                    format!(
                        "{}.{} is dropped without a gate: applications that still use it fail",
                        drop.table, drop.column
                    ),
                    "give the phase a gate: the deploy that stops using the column, and a soak",
                ));
            }
        }
    }
    out
}
