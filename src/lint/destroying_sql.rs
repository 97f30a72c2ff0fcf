//! Custom SQL that destroys values of which nobody has a copy.

use super::{Finding, OnDocuments, OnSql, Rule, Severity, Subject, Text, fix};
use crate::dialect::lexer::{self, Token};
use crate::document::Engine;
use crate::schema::{TableName, World};
use crate::sql::act::{TypeChange, Verb};
use crate::sql::{Act, Breakage};

/// See the module.
pub const RULE: Rule = Rule {
    id: "destroying-sql",
    severity: Severity::Error,
    help: "What DROP TABLE, TRUNCATE and DROP COLUMN take away is gone for good, and SQL of one's own saves no copy of it.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: custom_sql, sql: "TRUNCATE users", rollbackSql: "SELECT 1" }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: create_table, table: scratch, columns: [{ name: id, dataType: bigint }] }
  - { type: custom_sql, sql: "DROP TABLE scratch; DROP INDEX users_email_idx", rollbackSql: "SELECT 1" }
"#,
        check,
    }),
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE users DROP COLUMN legacy;
DROP TABLE old_users;
TRUNCATE sessions;
"#,
        good: r#"
CREATE TABLE scratch (id int);
DROP TABLE scratch;
"#,
        check: check_sql,
    }),
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    for (site, piece, _) in subject.by_words() {
        let inside = piece.inside.as_deref();
        for sql in inside.unwrap_or(std::slice::from_ref(&piece.sql)) {
            let tokens = lexer::significant(site.before.engine, sql).unwrap_or_default();
            let Some(what) = destroyed(site.before, &tokens) else {
                continue;
            };
            out.push(RULE.about(
                Some(&site),
                format!("it destroys {what}: {}", super::shortened(sql)),
                "use drop_table or drop_column, which can save a copy first; or have an approver waive this",
            ));
        }
    }
    out
}

/// What the statement takes away; nothing where the document made it itself.
fn destroyed(world: &World, tokens: &[Token<'_>]) -> Option<String> {
    let name = |at: usize| table_at(world.engine, tokens, at);
    let begins = |words: &[&str]| {
        tokens.len() > words.len() && words.iter().zip(tokens).all(|(w, t)| t.is(w))
    };
    if begins(&["drop", "table"]) {
        let table = name(2);
        let own = table.as_ref().is_some_and(|t| world.is_made(t));
        return (!own).then(|| format!("the rows of {}", said(table)));
    }
    if begins(&["truncate"]) {
        let table = name(if begins(&["truncate", "table"]) { 2 } else { 1 });
        let own = table.as_ref().is_some_and(|t| world.is_made(t));
        return (!own).then(|| format!("the rows of {}", said(table)));
    }
    if begins(&["drop", "schema"]) || begins(&["drop", "database"]) {
        return Some("every table in it".to_owned());
    }
    if !begins(&["alter", "table"]) {
        return None;
    }
    let table = name(2);
    if table.as_ref().is_some_and(|t| world.is_made(t)) {
        return None;
    }
    let mut columns = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if !token.is("drop") {
            continue;
        }
        let mut next = at + 1;
        let said_column = tokens.get(next).is_some_and(|t| t.is("column"));
        if said_column {
            next += 1;
        }
        if tokens.get(next).is_some_and(|t| t.is("if")) {
            next += 2;
        }
        let Some(dropped) = tokens.get(next) else {
            continue;
        };
        // DROP CONSTRAINT, DROP DEFAULT, DROP NOT NULL, ... take no values away.
        let other = [
            "constraint",
            "default",
            "not",
            "expression",
            "identity",
            "index",
            "key",
            "primary",
            "foreign",
            "check",
            "partition",
            "period",
            "system",
        ];
        if !said_column && other.iter().any(|w| dropped.is(w)) {
            continue;
        }
        let own = match (&table, dropped.name(world.engine)) {
            (Some(table), Some(column)) => world.added(table, &column).is_some(),
            (_, _) => false,
        };
        if !own {
            columns.push(dropped.text.to_owned());
        }
    }
    (!columns.is_empty()).then(|| format!("the values of {}", columns.join(", ")))
}

fn said(table: Option<TableName>) -> String {
    table.map_or("a table".to_owned(), |t| t.to_string())
}

/// The table's name at that place, after IF EXISTS and ONLY.
fn table_at(engine: Engine, tokens: &[Token<'_>], mut at: usize) -> Option<TableName> {
    while tokens
        .get(at)
        .is_some_and(|t| ["if", "exists", "only"].iter().any(|w| t.is(w)))
    {
        at += 1;
    }
    let first = tokens.get(at)?.name(engine)?;
    let second = tokens
        .get(at + 1)
        .filter(|t| t.is_symbol("."))
        .and_then(|_| tokens.get(at + 2)?.name(engine));
    Some(match second {
        Some(name) => TableName {
            schema: Some(first).filter(|s| s != "public" && s != "main"),
            name,
        },
        None => TableName {
            schema: None,
            name: first,
        },
    })
}

fn check_sql(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        for breakage in spot.breaks() {
            let drops = matches!(spot.reading.act, Act::DropTables { .. });
            let rows = if let Breakage::RowsGone { table } = breakage {
                Some(table)
            } else if let Breakage::TableGone {
                table,
                renamed_to: None,
            } = breakage
            {
                drops.then_some(table)
            } else {
                None
            };
            let (what, fix) = if let Some(table) = rows {
                (
                    format!("the rows of {table}"),
                    fix::drop_table(text, spot, table),
                )
            } else if let Breakage::ColumnGone {
                table,
                column,
                renamed_to: None,
            } = breakage
                && !super::text::added_before(text, spot, table, column)
            {
                (
                    format!("the values of {table}.{column}"),
                    fix::drop_column(text, spot, table, column),
                )
            } else {
                continue;
            };
            let mut finding = RULE.on(
                spot,
                format!("it destroys {what}, and breaks applications that still use them"),
                "first deploy applications that do not use it, wait, and drop it behind a gate, with a saved copy",
            );
            finding.fix = fix;
            out.push(finding);
        }
    }
    for spot in text.spots() {
        let all = if let Act::DropSchemas { cascade, .. } = &spot.reading.act {
            *cascade
        } else if let Act::Cluster { verb, kind, .. } = &spot.reading.act {
            *verb == Verb::Drop && *kind == "database"
        } else {
            false
        };
        if all {
            out.push(RULE.on(
                spot,
                "it destroys every table in it".to_owned(),
                "drop the tables one by one, behind a gate, with a saved copy of each",
            ));
        }
        let attribute = matches!(
            spot.reading.act,
            Act::AlterType {
                change: TypeChange::Attribute { .. },
                ..
            }
        );
        if attribute && super::text::says(text, spot, &["drop", "attribute"]) {
            out.push(RULE.on(
                spot,
                format!(
                    "it destroys the attribute's values in every table of that type: {}",
                    super::shortened(spot.sql)
                ),
                "make a new type without it, and change the columns over",
            ));
        }
    }
    out
}
