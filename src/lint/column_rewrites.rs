//! A new column that is computed for every row.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::act::{Change, Volatility};

/// See the module.
pub const RULE: Rule = Rule {
    id: "column-rewrites",
    severity: Severity::Error,
    help: "serial, identity and stored generated columns, and domains with a constraint, write the whole table anew while everybody waits.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE users ADD COLUMN seq bigserial;
"#,
        good: r#"
ALTER TABLE users ADD COLUMN seq bigint;
CREATE SEQUENCE users_seq OWNED BY users.seq;
ALTER TABLE users ALTER COLUMN seq SET DEFAULT nextval('users_seq');
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (spot, table, at, column) in text.added_columns() {
        let numbered = super::text::is_serial(column) || column.identity;
        let assumed = super::text::is_only_assumed(spot, at);
        let by_default = column.default.as_ref().is_some_and(|d| {
            text.script.version < 110_000
                || matches!(
                    d.volatility,
                    Volatility::Volatile | Volatility::Unknown { .. }
                )
        });
        if !spot.rewrites(at) || (by_default && !numbered) {
            continue;
        }
        let (what, instead) = if numbered {
            (
                "is numbered",
                "add a plain column, make a sequence, SET DEFAULT nextval(...) for new rows, and number the others in batches",
            )
        } else if column.generated.is_some() {
            (
                "is computed",
                "add a plain column that a trigger fills, and fill the old rows in batches; from PostgreSQL 18 on a VIRTUAL column stores nothing",
            )
        } else {
            (
                "is checked against its domain",
                "add the column with the domain's base type and a CHECK ... NOT VALID, and validate that by itself",
            )
        };
        let if_so = if assumed {
            format!(
                "if {} is a domain with a constraint, ",
                column.data_type.as_deref().unwrap_or("its type")
            )
        } else {
            String::new()
        };
        let mut finding = RULE.on(
            spot,
            format!(
                "{if_so}{table}.{} {what} for every row: the whole table is written anew, and {} wait until it is done",
                column.name, spot.waiting()
            ),
            instead,
        );
        // Most types of one's own are enums, which cost nothing.
        if assumed {
            finding.severity = Severity::Warning;
        }
        out.push(finding);
    }
    for (spot, table, at, change) in text.changes() {
        if let Change::SetExpression { column } = change
            && spot.rewrites(at)
        {
            out.push(RULE.on(
                spot,
                format!("{table}.{column} is computed anew for every row, and {} wait until it is done", spot.waiting()),
                "add another column with the new expression, and let applications change over to it",
            ));
        }
    }
    out
}
