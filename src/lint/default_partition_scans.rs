//! A new partition beside a DEFAULT partition.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::act::Change;
use crate::sql::{Act, Object, Role};

/// See the module.
pub const RULE: Rule = Rule {
    id: "default-partition-scans",
    severity: Severity::Error,
    help: "Where there is a DEFAULT partition, a new partition locks it against everybody and reads all its rows.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE logs ATTACH PARTITION logs_rest DEFAULT;
CREATE TABLE logs_2030 PARTITION OF logs FOR VALUES FROM ('2030-01-01') TO ('2031-01-01');
"#,
        good: r#"
CREATE TABLE logs_2030 (LIKE logs INCLUDING ALL);
ALTER TABLE logs ALTER COLUMN line SET STATISTICS 10;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        let parent = if let Act::CreateTable(new) = &spot.reading.act {
            new.partition_of.as_ref()
        } else {
            let attaches = |c: &Change| matches!(c, Change::AttachPartition { .. });
            let any = spot.reading.act.changes().iter().any(attaches);
            spot.altered().filter(|_| any)
        };
        let Some(parent) = parent else {
            continue;
        };
        if !spot.holds_all_up() {
            continue;
        }
        let known = spot.reading.effect.locks.iter().any(|lock| {
            lock.role == Role::DefaultPartition && matches!(lock.object, Object::Table(_))
        });
        let mut finding = RULE.on(
            spot,
            if known {
                format!("the DEFAULT partition of {parent} is read while {} wait", spot.waiting())
            } else {
                format!("if {parent} has a DEFAULT partition, or the new partition has rows and no validated CHECK of its bounds, those rows are read while others wait for them")
            },
            "move the rows out of the DEFAULT partition first, and give it a validated CHECK that excludes the new bounds; give the new partition one that implies them",
        );
        if !known {
            finding.severity = Severity::Warning;
        }
        out.push(finding);
    }
    out
}
