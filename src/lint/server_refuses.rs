//! What the server will refuse.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Failure;
use crate::sql::act::Change;

/// See the module.
pub const RULE: Rule = Rule {
    id: "server-refuses",
    severity: Severity::Error,
    help: "A statement that the server refuses whatever the data stops the deployment half way.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
DROP INDEX CONCURRENTLY users_a, users_b;
"#,
        good: r#"
DROP INDEX CONCURRENTLY users_a;
DROP INDEX CONCURRENTLY users_b;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        for failure in &spot.reading.effect.fails {
            let (why, instead) = match failure {
                // Rules of their own.
                Failure::InTransaction
                | Failure::NewEnumValue { .. }
                | Failure::NoDefault { .. } => {
                    continue;
                }
                Failure::NotSupported { what } => (
                    format!("{} does not do this: {what}", text.script.engine.title()),
                    "write it as the engine can do it",
                ),
                Failure::Version { what, needs } => (
                    format!(
                        "this server does not know {what}: it came with {}",
                        version(*needs)
                    ),
                    "write it as this version can do it, or say which version it is for",
                ),
                Failure::Partitioned { table, what } => (
                    format!("{table} is partitioned, which allows no {what}"),
                    "do it partition by partition, and on the parent last (CREATE INDEX ON ONLY, ATTACH PARTITION)",
                ),
                Failure::InUseBy { what, by } => (
                    format!("{by} uses {what}, and the server refuses to change it under it"),
                    "make what depends on it anew first, without it",
                ),
                Failure::Missing { what } => (
                    format!("{what} is not there"),
                    "correct the name, or make it first",
                ),
                Failure::Taken { what } => (
                    format!("{what} is there already"),
                    "choose another name, or leave the statement out",
                ),
            };
            out.push(RULE.on(spot, why, instead));
        }
    }
    for (spot, _, _, change) in text.changes() {
        if let Change::AddConstraint(constraint) = change
            && let Some(index) = &constraint.using_index
            && let Some(made) = super::text::index_made(text, spot, index)
            && (made.predicate.is_some() || !made.unique)
        {
            out.push(RULE.on(
                spot,
                format!("{index} is partial or not unique, and a constraint cannot take it over"),
                "leave it an index: INSERT ... ON CONFLICT works with it as well",
            ));
        }
    }
    out
}

/// A version as people write it, of PostgreSQL's numbers (180000) or another engine's (80012).
fn version(number: u32) -> String {
    if number >= 100_000 && number.is_multiple_of(10_000) {
        format!("version {}", number / 10_000)
    } else {
        format!(
            "version {}.{}.{}",
            number / 10_000,
            number / 100 % 100,
            number % 100
        )
    }
}
