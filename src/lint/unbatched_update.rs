//! One UPDATE or DELETE over a whole table.

use super::{Finding, OnDocuments, OnSql, Rule, Severity, Subject, Text};
use crate::document::Engine;
use crate::sql::Act;
use crate::sql::effect::Bound;

/// See the module.
pub const RULE: Rule = Rule {
    id: "unbatched-update",
    severity: Severity::Error,
    help: "One statement over all rows holds every row lock to its end, and all that waits for them.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: custom_sql, sql: "UPDATE users SET email = lower(email)", rollbackSql: "SELECT 1" }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: backfill, table: users, sql: "email = lower(email)", where: "email <> lower(email)" }
"#,
        check,
    }),
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
UPDATE users SET locale = 'en' WHERE locale IS NULL;
"#,
        good: r#"
UPDATE users SET locale = 'en' WHERE locale IS NULL AND id BETWEEN 1 AND 1000;
"#,
        check: check_sql,
    }),
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    for (site, piece, facts) in subject.by_words() {
        if facts.unbatched {
            out.push(RULE.about(
                Some(&site),
                format!(
                    "it changes its rows in one go: {}",
                    super::shortened(&piece.sql)
                ),
                "use a backfill, which works in short batches; for a DELETE, bound it with LIMIT",
            ));
        }
    }
    out
}

fn check_sql(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        let effect = &spot.reading.effect;
        let which = match effect.rows {
            Some(Bound::Everything) => "every row",
            Some(Bound::Condition) => "as many rows as its condition holds for",
            Some(Bound::Batch) | None => continue,
        };
        if effect.table.as_ref().is_some_and(|t| spot.made(t)) {
            continue;
        }
        // MERGE that only inserts changes no row that was there.
        if matches!(spot.reading.act, Act::Merge { .. }) && super::text::only_inserts(text, spot) {
            continue;
        }
        out.push(RULE.on(
            spot,
            format!(
                "it changes {which} in one transaction, and whoever writes one of them waits to its end: {}",
                super::shortened(spot.sql)
            ),
            "go through the table in ranges of its key, a short transaction each (a backfill in a document does); bound it with LIMIT",
        ));
    }
    out
}
