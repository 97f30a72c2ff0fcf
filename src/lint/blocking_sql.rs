//! Custom SQL that holds traffic up for as long as a table is big.

use super::{Finding, OnDocuments, OnSql, Rule, Severity, Subject, Text};
use crate::dialect::statement::Work;
use crate::document::Engine;
use crate::plan::Lock;
use crate::sql::Act;

/// See the module.
pub const RULE: Rule = Rule {
    id: "blocking-sql",
    severity: Severity::Error,
    help: "A statement that reads or writes a whole table under a lock keeps others out all that time.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: custom_sql, sql: "ALTER INDEX users_email_idx SET TABLESPACE fast", rollbackSql: "SELECT 1" }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: custom_sql, sql: "ALTER TABLE users ALTER COLUMN email SET STATISTICS 500", rollbackSql: "SELECT 1" }
"#,
        check,
    }),
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER INDEX orders_user SET TABLESPACE fast;
"#,
        good: r#"
ALTER INDEX orders_user SET (fillfactor = 80);
"#,
        check: check_sql,
    }),
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    if subject.migration.database != Engine::PostgreSql {
        return out;
    }
    for (site, piece, facts) in subject.by_words() {
        let known = facts.lock != Lock::Unknown;
        // A new partition reads nothing but a default one, which `partition-table` makes last.
        let makes = facts.creates.is_some();
        if known && !makes && facts.lock.blocks_writes() && facts.work != Work::Brief {
            let who = if facts.lock.blocks_reads() {
                "readers and writers wait"
            } else {
                "writers wait"
            };
            out.push(RULE.about(
                Some(&site),
                format!(
                    "{who} while it goes through the table ({}): {}",
                    facts.lock.word(),
                    super::shortened(&piece.sql)
                ),
                "use the operation for it (add_index, add_check, add_foreign_key, add_unique, set_not_null), which takes the safe way",
            ));
        }
    }
    out
}

fn check_sql(text: &Text<'_>) -> Vec<Finding> {
    text.spots()
        .filter(|spot| {
            // Nobody writes a materialized view, and readers go on.
            let refresh = matches!(
                spot.reading.act,
                Act::RefreshView {
                    concurrently: true,
                    ..
                }
            );
            let own_view = matches!(&spot.reading.act, Act::CreateIndex { table, .. }
                if super::text::makes_view(text, *spot, table));
            let known = spot.reading.effect.unknown.is_none();
            spot.holds_all_up() && known && !refresh && !own_view
        })
        .map(|spot| {
            RULE.on(
                spot,
                format!("{} wait for as long as it takes: {}", spot.waiting(), super::shortened(spot.sql)),
                match text.script.engine {
                    Engine::PostgreSql => "choose a form of it that does not block, or a shadow table",
                    Engine::MySql | Engine::MariaDb => {
                        "pin ALGORITHM=INSTANT, or ALGORITHM=INPLACE, LOCK=NONE, so that the server refuses what it cannot do online; else copy beside the traffic (gh-ost, pt-online-schema-change, or a shadow table)"
                    }
                    Engine::Sqlite => "choose a quiet hour: SQLite has one writer at a time",
                },
            )
        })
        .collect()
}
