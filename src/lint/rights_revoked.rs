//! Rights are taken from a role.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::act::Verb;
use crate::sql::{Act, Breakage};

/// See the module.
pub const RULE: Rule = Rule {
    id: "rights-revoked",
    severity: Severity::Error,
    help: "An application that still needs a right fails the moment that it is revoked.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
REVOKE SELECT ON orders FROM app;
"#,
        good: r#"
REVOKE ALL ON orders FROM PUBLIC;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    text.spots()
        .filter(|spot| {
            let revokes = |b: &Breakage| matches!(b, Breakage::PrivilegesRevoked { .. });
            let words = spot.sql.split_whitespace().collect::<Vec<_>>().join(" ");
            let words = words.to_ascii_lowercase();
            let role = matches!(
                &spot.reading.act,
                Act::Object {
                    verb: Verb::Alter,
                    kind: "role" | "user",
                    ..
                }
            );
            let locked_out = [" nologin", " account lock", " rename to "]
                .iter()
                .any(|clause| words.contains(clause));
            (spot.breaks().iter().any(revokes) && !words.trim_end().ends_with("from public"))
                || (role && locked_out)
        })
        .map(|spot| {
            RULE.on(
                spot,
                format!(
                    "whoever works under that role fails at once: {}",
                    super::shortened(spot.sql)
                ),
                "first deploy applications that do not need the right",
            )
        })
        .collect()
}
