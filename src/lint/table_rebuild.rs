//! SQLite makes the whole table anew.

use super::{Finding, OnDocuments, OnSql, Rule, Severity, Subject, Text};
use crate::document::Engine;
use crate::estimate::{Span, range};
use crate::plan::Action;
use crate::sql::script::Hazard;

/// See the module.
pub const RULE: Rule = Rule {
    id: "table-rebuild",
    severity: Severity::Warning,
    help: "What SQLite cannot alter is done by copying the table; other writers of the file wait meanwhile.",
    documents: Some(OnDocuments {
        engine: Engine::Sqlite,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: set_not_null, table: users, column: email }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_column, table: users, column: age, dataType: integer }
"#,
        check,
    }),
    sql: Some(OnSql {
        engine: Engine::Sqlite,
        bad: r#"
PRAGMA foreign_keys = OFF;
BEGIN;
CREATE TABLE users_new (id INTEGER PRIMARY KEY, email TEXT NOT NULL);
INSERT INTO users_new (id, email) SELECT id, email FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
PRAGMA foreign_key_check;
COMMIT;
PRAGMA foreign_keys = ON;
"#,
        good: r#"
ALTER TABLE users ADD COLUMN email TEXT;
"#,
        check: check_sql,
    }),
};

/// The steps of a table's being made anew, where every row and every column comes along and running
/// INSERTs go on; nothing where anything is lost.
fn is_whole(text: &Text<'_>, hazard: &Hazard) -> Option<[usize; 4]> {
    let Hazard::Rebuilt {
        create,
        copy,
        drop,
        rename,
        lost,
        required,
        ..
    } = hazard
    else {
        return None;
    };
    let spot = text.spot(*copy)?;
    let some = [&["where"][..], &["limit"], &["join"]];
    let all_rows = !some
        .iter()
        .any(|words| super::text::says(text, spot, words));
    (lost.is_empty() && required.is_empty() && all_rows).then_some([*create, *copy, *drop, *rename])
}

/// What is no harm as a step of a table's being made anew.
const HARMLESS: [&str; 4] = [
    "blocking-sql",
    "destroying-sql",
    "long-under-lock",
    "rename-breaks",
];

/// Whether the finding is about a step of a table's being made anew as SQLite's manual says, which is
/// no harm as a part of that: the old table comes back with its rows.
pub(super) fn spares(text: &Text<'_>, finding: &Finding) -> bool {
    let Some(number) = finding.statement.map(|s| s - 1) else {
        return false;
    };
    HARMLESS.contains(&finding.rule.as_str())
        && text
            .script
            .hazards
            .iter()
            .any(|hazard| is_step(text, hazard, number))
}

/// Whether the statement is a step of that, or the check of the keys at its end.
fn is_step(text: &Text<'_>, hazard: &Hazard, number: usize) -> bool {
    let (Some(steps), Some(spot)) = (is_whole(text, hazard), text.spot(number)) else {
        return false;
    };
    let with = |step: &usize| {
        text.spot(*step)
            .is_some_and(|s| s.reading.transaction == spot.reading.transaction)
    };
    steps.contains(&number)
        || (super::text::says(text, spot, &["pragma", "foreign_key_check"])
            && steps.iter().any(with))
}

fn check_sql(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for hazard in &text.script.hazards {
        let Hazard::Rebuilt {
            table,
            copy,
            rename,
            lost,
            required,
            ..
        } = hazard
        else {
            continue;
        };
        if is_whole(text, hazard).is_some()
            && let Some(spot) = text.spot(*copy)
        {
            out.push(RULE.on(
                spot,
                format!("{table} is copied, and other writers of the file wait meanwhile"),
                "choose a quiet hour; readers go on where the journal mode is WAL. What hung on the old table (indexes, triggers) must be made again before COMMIT",
            ));
        }
        let Some(spot) = text.spot(*rename) else {
            continue;
        };
        if !lost.is_empty() {
            out.push(RULE.on(
                spot,
                format!(
                    "the new {table} has no {}: the values are gone",
                    lost.join(", ")
                ),
                "keep the column until no application reads it, and drop it behind a gate",
            ));
        }
        if !required.is_empty() {
            out.push(RULE.on(
                spot,
                format!(
                    "running INSERTs into {table} leave {} out, and fail",
                    required.join(", ")
                ),
                "give it a default, or let it be NULL until every application fills it",
            ));
        }
    }
    out
}

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    for site in subject.sites() {
        for step in &subject.phases[site.phase_index].steps {
            let Action::Rebuild { table, statements } = &step.action else {
                continue;
            };
            // A swap of two tables is such a step, too, and copies nothing.
            if step.operation == site.number && statements.iter().any(|s| s.rewrites_table) {
                let time: Span = statements.iter().map(|s| s.estimate.span).sum();
                out.push(RULE.about(
                    Some(&site),
                    format!(
                        "{table} is copied ({} rows, {}), and other writers of the file wait meanwhile",
                        site.before.rows(table),
                        range(time)
                    ),
                    "choose a quiet hour; readers go on where the journal mode is WAL",
                ));
            }
        }
    }
    out
}
