//! Something is dropped that running applications use.

use super::{Finding, OnSql, Rule, Severity, Text};
use crate::document::Engine;
use crate::sql::act::{TypeChange, Verb};
use crate::sql::{Act, Breakage};

/// See the module.
pub const RULE: Rule = Rule {
    id: "drop-breaks",
    severity: Severity::Error,
    help: "Views, functions, types, sequences and schemas are used by name: whoever runs when they go fails.",
    documents: None,
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
DROP FUNCTION total_of(bigint);
"#,
        good: r#"
BEGIN;
DROP VIEW open_orders;
CREATE VIEW open_orders AS SELECT id FROM orders;
COMMIT;
"#,
        check,
    }),
};

fn check(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        for breakage in spot.breaks() {
            let what = if let Breakage::ObjectGone {
                kind,
                name,
                renamed_to: None,
            } = breakage
            {
                if super::text::made_again(text, spot, name) {
                    continue;
                }
                format!("{kind} {name}")
            } else if let Breakage::TableGone {
                table,
                renamed_to: None,
            } = breakage
            {
                let drops = matches!(spot.reading.act, Act::DropTables { .. });
                if drops || text.is_replaced_by_view(spot, table) {
                    continue;
                }
                table.to_string()
            } else {
                continue;
            };
            out.push(RULE.on(
                spot,
                format!("applications, views and defaults that use {what} fail from that moment on"),
                "first deploy applications that do not use it; make anew in the same transaction what others need",
            ));
        }
    }
    for spot in text.spots() {
        let attribute = matches!(
            spot.reading.act,
            Act::AlterType {
                change: TypeChange::Attribute { .. },
                ..
            }
        );
        let says = |words: &[&str]| super::text::says(text, spot, words);
        if attribute && (says(&["alter", "attribute"]) || says(&["rename", "attribute"])) {
            out.push(
                RULE.on(
                    spot,
                    "applications that take the attribute for what it was fail from that moment on"
                        .to_owned(),
                    "make a new type beside it, and change the columns over",
                ),
            );
        }
        if let Act::Publication { verb, name, .. } = &spot.reading.act
            && (*verb == Verb::Drop || super::text::says(text, spot, &["drop", "table"]))
        {
            out.push(RULE.on(
                spot,
                format!("subscribers get no more changes of what {name} loses"),
                "first end what subscribes to it",
            ));
        }
    }
    out
}
