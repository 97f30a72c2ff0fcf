//! A column of the type json.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;

/// See the module.
pub const RULE: Rule = Rule {
    id: "json-column",
    severity: Severity::Error,
    help: "json has no equality: SELECT DISTINCT, UNION and GROUP BY over the table fail from that moment on. jsonb has one.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE users ADD COLUMN settings json;
"#,
        good: r#"
ALTER TABLE users ADD COLUMN settings jsonb;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    if text.script.engine != Engine::PostgreSql {
        return Vec::new();
    }
    let mut out = Vec::new();
    for (spot, table, _, column) in text.added_columns() {
        let json = column
            .data_type
            .as_deref()
            .is_some_and(|t| t.trim().eq_ignore_ascii_case("json"));
        if json {
            let mut finding = RULE.on(
                spot,
                format!(
                    "{table}.{} is json, which has no equality: running SELECT DISTINCT * and UNION over {table} fail (42883)",
                    column.name
                ),
                "use jsonb",
            );
            finding.fix = super::fix::column_of_type(text, spot, table, column, "jsonb");
            out.push(finding);
        }
    }
    out
}
