//! A column, a table or a view goes while nobody has said that it is unused.

use super::{OnDocuments, Rule, Severity, Subject};
use crate::document::Engine;
use crate::operation::Operation;
use crate::schema::TableName;

/// See the module.
pub const RULE: Rule = Rule {
    id: "drop-without-gate",
    severity: Severity::Warning,
    help: "Something can be dropped once no running application reads or writes it: a gate asks for that.",
    documents: Some(OnDocuments {
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
    }),
    sql: None,
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
            let what = if let Operation::DropColumn(drop) = site.operation {
                let table = TableName::parse(&drop.table);
                let own = site.before.added(&table, &drop.column).is_some()
                    || site.before.is_made(&table);
                (!own).then(|| format!("{}.{}", drop.table, drop.column))
            } else if let Operation::DropTable(drop) = site.operation {
                let own = site.before.is_made(&TableName::parse(&drop.table));
                (!own).then(|| drop.table.clone())
            } else if let Operation::DropView(drop) = site.operation {
                Some(drop.name.clone())
            } else {
                None
            };
            if let Some(what) = what {
                out.push(RULE.about(
                    Some(&site),
                    format!(
                        "{what} is dropped without a gate: applications that still use it fail"
                    ),
                    "give the phase a gate: the deploy that stops using it, and a soak",
                ));
            }
        }
    }
    out
}
