//! An index that is built while writers wait.

use super::{Finding, OnDocuments, OnSql, Rule, Severity, Subject, Text, fix};
use crate::document::Engine;
use crate::operation::Operation;
use crate::sql::Act;

/// See the module.
pub const RULE: Rule = Rule {
    id: "non-concurrent-index",
    severity: Severity::Error,
    help: "CREATE INDEX without CONCURRENTLY keeps writers out until it is built.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: add_index, table: users, columns: [email], concurrent: false }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_index, table: users, columns: [email] }
"#,
        check,
    }),
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
CREATE INDEX users_email ON users (email);
"#,
        good: r#"
CREATE INDEX CONCURRENTLY users_email ON users (email);
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
            let Operation::AddIndex(add) = site.operation else {
                return None;
            };
            (!add.concurrent).then(|| {
                RULE.about(
                    Some(&site),
                    format!(
                        "writers of {} wait until {} is built",
                        add.table,
                        add.name()
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
        let Act::CreateIndex { table, index, .. } = &spot.reading.act else {
            continue;
        };
        let own_view = super::text::makes_view(text, spot, table);
        if index.concurrently || own_view || !spot.holds_all_up() {
            continue;
        }
        let mut finding = RULE.on(
            spot,
            format!("writers of {table} wait while the index is built"),
            "CREATE INDEX CONCURRENTLY, outside a transaction (on a partitioned table: ON ONLY the parent, CONCURRENTLY on each partition, then ATTACH)",
        );
        finding.fix = fix::index(text, spot, table, index);
        out.push(finding);
    }
    out
}
