//! The whole table is written anew.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::Act;
use crate::sql::act::Change;

/// See the module.
pub const RULE: Rule = Rule {
    id: "table-rewrite",
    severity: Severity::Error,
    help: "VACUUM FULL, CLUSTER, SET LOGGED, SET TABLESPACE and the like write the whole table anew while everybody waits.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
VACUUM FULL orders;
"#,
        good: r#"
VACUUM (ANALYZE) orders;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    let instead = "use a tool that copies beside the traffic (pg_repack; REPACK (CONCURRENTLY) from PostgreSQL 19 on), or a shadow table";
    let message = |spot: super::Spot<'_>| {
        format!(
            "every row is written anew while {} wait: {}",
            spot.waiting(),
            super::shortened(spot.sql)
        )
    };
    for spot in text.spots() {
        let rewrites = matches!(
            spot.reading.act,
            Act::Vacuum { .. } | Act::ClusterTable { .. } | Act::Repack { .. }
        );
        if rewrites && spot.holds_all_up() {
            out.push(RULE.on(spot, message(spot), instead));
        }
    }
    for (spot, _, at, change) in text.changes() {
        let rewrites = matches!(
            change,
            Change::SetLogged
                | Change::SetUnlogged
                | Change::SetTablespace
                | Change::SetAccessMethod { .. }
                | Change::Rebuild
                | Change::TableOption { .. }
        );
        if rewrites && spot.holds_up(at) {
            out.push(RULE.on(spot, message(spot), instead));
        }
    }
    out
}
