//! Row-level security hides rows.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::act::{Attachment, Change};
use crate::sql::{Act, Breakage};

/// See the module.
pub const RULE: Rule = Rule {
    id: "rows-hidden",
    severity: Severity::Error,
    help: "From ENABLE ROW LEVEL SECURITY on, everybody but the owner sees the rows that a policy lets through, and none where there is no policy.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
"#,
        good: r#"
BEGIN;
CREATE POLICY everybody ON documents USING (true);
ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
COMMIT;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        for breakage in spot.breaks() {
            let Breakage::RowsHidden { table } = breakage else {
                continue;
            };
            let policy = |act: &Act| matches!(act, Act::Attach { what: Attachment::Policy, table: on, .. } if on == table);
            let before = text
                .spots()
                .take(spot.number)
                .any(|s| policy(&s.reading.act));
            if before || text.rest_of_transaction(spot).any(|r| policy(&r.act)) {
                continue;
            }
            out.push(RULE.on(
                spot,
                format!("applications see no row of {table} from that moment on, unless they own it or a policy is there already"),
                "CREATE POLICY first, in the same transaction or before",
            ));
        }
        let also_owner = spot
            .reading
            .act
            .changes()
            .iter()
            .any(|change| matches!(change, Change::ForceRowSecurity { force: true }));
        let dropped = if let Act::Detach {
            what: Attachment::Policy,
            table,
            ..
        } = &spot.reading.act
        {
            table.as_ref()
        } else {
            spot.altered().filter(|_| also_owner)
        };
        let Some(table) = dropped.filter(|table| !spot.made(table)) else {
            continue;
        };
        let policy = |act: &Act| matches!(act, Act::Attach { what: Attachment::Policy, table: on, .. } if on == table);
        let before = also_owner
            && text
                .spots()
                .take(spot.number)
                .any(|s| policy(&s.reading.act));
        if before || text.rest_of_transaction(spot).any(|r| policy(&r.act)) {
            continue;
        }
        out.push(RULE.on(
            spot,
            format!("which rows of {table} applications see is another matter from that moment on"),
            "put the policy that takes its place into the same transaction",
        ));
    }
    out
}
