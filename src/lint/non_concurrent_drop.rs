//! An index that is dropped while everybody waits.

use super::{Finding, OnDocuments, OnSql, Rule, Severity, Subject, Text, fix};
use crate::document::Engine;
use crate::operation::Operation;
use crate::plan::Lock;
use crate::sql::Act;

/// See the module.
pub const RULE: Rule = Rule {
    id: "non-concurrent-drop",
    severity: Severity::Warning,
    help: "DROP INDEX without CONCURRENTLY waits for every reader of the table, with all others behind it.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: drop_index, table: users, indexName: users_email_idx, concurrent: false }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: drop_index, table: users, indexName: users_email_idx }
"#,
        check,
    }),
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
DROP INDEX users_email;
"#,
        good: r#"
DROP INDEX CONCURRENTLY users_email;
"#,
        check: check_sql,
    }),
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    if subject.migration.database != Engine::PostgreSql {
        return Vec::new();
    }
    subject
        .sites()
        .filter_map(|site| {
            let Operation::DropIndex(drop) = site.operation else {
                return None;
            };
            (!drop.concurrent).then(|| {
                RULE.about(
                    Some(&site),
                    format!(
                        "dropping {} keeps readers and writers of {} out for a moment",
                        drop.index_name, drop.table
                    ),
                    "leave `concurrent` at true",
                )
            })
        })
        .collect()
}

fn check_sql(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    if text.script.engine != Engine::PostgreSql {
        return out;
    }
    for spot in text.spots() {
        let Act::DropIndexes {
            indexes,
            concurrently: false,
            ..
        } = &spot.reading.act
        else {
            continue;
        };
        if !spot.locks_others(Lock::AccessExclusive) {
            continue;
        }
        let names: Vec<String> = indexes.iter().map(ToString::to_string).collect();
        let mut finding = RULE.on(
            spot,
            format!(
                "dropping {} locks its table against everybody, and whoever comes queues behind it until every open transaction on the table is over",
                names.join(", ")
            ),
            "DROP INDEX CONCURRENTLY, one index a statement, outside a transaction",
        );
        // A document's short lock timeout makes it bearable; a file has none.
        finding.severity = Severity::Error;
        finding.fix = fix::drop_indexes(text, spot, indexes);
        out.push(finding);
    }
    out
}
