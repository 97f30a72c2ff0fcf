//! Custom SQL whose effect cannot be told from its text.

use super::raw::BACK;
use super::{Finding, OnDocuments, OnSql, Rule, Severity, Subject, Text};
use crate::dialect::classify::is_plain;
use crate::document::Engine;
use crate::plan::Lock;
use crate::sql::Unknown;

/// See the module.
pub const RULE: Rule = Rule {
    id: "unknown-sql",
    severity: Severity::Error,
    help: "What a statement locks must be known before it runs: DO blocks and calls cannot be looked into.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: custom_sql, sql: "DO $$ BEGIN PERFORM 1; END $$", rollbackSql: "SELECT 1" }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: custom_sql, sql: "GRANT SELECT ON users TO reader", rollbackSql: "SELECT 1" }
"#,
        check,
    }),
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
DO $$ BEGIN PERFORM 1; END $$;
"#,
        good: r#"
GRANT SELECT ON users TO reader;
"#,
        check: check_sql,
    }),
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    let there = subject.by_words().map(|read| (read, ""));
    let back = subject.back_by_words().map(|read| (read, BACK));
    for ((site, piece, facts), way) in there.chain(back) {
        let (why, instead) = if facts.lock == Lock::Unknown {
            (
                "nobody can tell what this locks",
                "write it as operations, or as plain statements; or have an approver waive this",
            )
        } else if !is_plain(site.before.engine, &piece) {
            (
                "its first words do not tell whether this does harm",
                "let it be parsed: the server does, and so does `bellows migrate verify`",
            )
        } else {
            continue;
        };
        let shown = super::shortened(&piece.sql);
        out.push(RULE.about(Some(&site), format!("{way}{why}: {shown}"), instead));
    }
    out
}

fn check_sql(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for spot in text.spots() {
        let Some(unknown) = &spot.reading.effect.unknown else {
            continue;
        };
        let why = match unknown {
            // Said by the rule for what cannot be parsed.
            Unknown::Syntax if !text.script.errors.is_empty() => continue,
            Unknown::Syntax => "it cannot be parsed".to_owned(),
            Unknown::Block => "a DO block is a program".to_owned(),
            Unknown::DynamicSql => "its SQL is put together while it runs".to_owned(),
            Unknown::Function { name } => format!("nobody knows what {name}() does"),
            Unknown::Procedure { name } => format!("nobody knows what {name} does"),
            Unknown::Program => "it runs a program on the server".to_owned(),
            Unknown::Extension { name } => format!("the scripts of {name} may do anything"),
            Unknown::Statement { words } => format!("{words} is not known here"),
            Unknown::Clause { words } => format!("`{words}` is not known here"),
            Unknown::Elsewhere { words } => {
                format!("{} does not know {words} here", text.script.engine.title())
            }
            Unknown::TooDeep => "it is nested too deeply to be read".to_owned(),
            Unknown::TooLong => "it is too long to be read".to_owned(),
        };
        out.push(RULE.on(
            spot,
            format!(
                "{why}, so nobody can tell what it locks: {}",
                super::shortened(spot.sql)
            ),
            "write it as plain statements, or as operations of a document",
        ));
    }
    out
}
