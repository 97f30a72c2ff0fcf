//! One UPDATE or DELETE over a whole table.

use super::{Finding, OnDocuments, OnSql, Rule, Severity, Spot, Subject, Text};
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

/// What a statement that is no UPDATE does to rows that are there, as many as there may be.
fn in_passing(text: &Text<'_>, spot: Spot<'_>) -> Option<&'static str> {
    let says = |words: &[&str]| super::text::says(text, spot, words);
    if let Act::Insert {
        table,
        from_query: true,
        reads,
        ..
    } = &spot.reading.act
    {
        let updates = says(&["do", "update"]) || says(&["duplicate", "key", "update"]);
        let all = !reads.is_empty() && !reads.iter().all(|read| spot.made(read));
        return (updates && all && !spot.made(table))
            .then_some("it updates as many rows as its query gives");
    }
    if let Act::Copy {
        table: Some(table),
        writes: true,
        ..
    } = &spot.reading.act
    {
        return (says(&["replace", "into", "table"]) && !spot.made(table))
            .then_some("it replaces as many rows as the file has");
    }
    let Act::Select {
        bounded: false,
        locks_rows,
        ..
    } = &spot.reading.act
    else {
        return None;
    };
    let keys_only = says(&["for", "key", "share"]);
    let live = locks_rows.iter().any(|table| !spot.made(table));
    // What MySQL and MariaDB lock is said with the time that it takes.
    (live && !keys_only && text.script.engine == Engine::PostgreSql)
        .then_some("it locks as many rows as it finds")
}

fn check_sql(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        let effect = &spot.reading.effect;
        if let Some(what) = in_passing(text, spot) {
            out.push(RULE.on(
                spot,
                format!(
                    "{what} in one transaction, and whoever writes one of them waits to its end: {}",
                    super::shortened(spot.sql)
                ),
                "go through the rows in ranges of a key, a short transaction each",
            ));
            continue;
        }
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
