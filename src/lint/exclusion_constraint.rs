//! An exclusion constraint builds its index under a lock that keeps everybody out.

use super::{Finding, OnDocuments, OnSql, Rule, Severity, Subject, Text};
use crate::document::Engine;
use crate::operation::Operation;
use crate::plan::Lock;
use crate::sql::act::Shape;

/// See the module.
pub const RULE: Rule = Rule {
    id: "exclusion-constraint",
    severity: Severity::Error,
    help: "PostgreSQL has no way to add an exclusion constraint without keeping everybody out while its index is built.",
    documents: Some(OnDocuments {
        engine: Engine::PostgreSql,
        with_schema: true,
        bad: r#"
- phase: 1
  operations:
  - { type: add_constraint, table: users, constraintName: one_team, sql: "EXCLUDE USING gist (team_id WITH =)" }
"#,
        good: r#"
- phase: 1
  operations:
  - { type: add_constraint, table: users, constraintName: one_team, sql: "UNIQUE (team_id)" }
"#,
        check,
    }),
    sql: Some(OnSql {
        engine: Engine::PostgreSql,
        bad: r#"
ALTER TABLE bookings ADD CONSTRAINT apart EXCLUDE USING gist (room WITH =, during WITH &&);
"#,
        good: r#"
CREATE TABLE bookings_apart (room int, during tsrange, EXCLUDE USING gist (room WITH =, during WITH &&));
"#,
        check: check_sql,
    }),
};

fn check(subject: &Subject<'_>) -> Vec<super::Finding> {
    let mut out = Vec::new();
    for site in subject.sites() {
        let Operation::AddConstraint(add) = site.operation else {
            continue;
        };
        let Ok(drafts) = add_drafts(&site) else {
            continue;
        };
        let blocking = drafts
            .iter()
            .flat_map(|draft| draft.action.statements())
            .any(|s| s.lock == Lock::AccessExclusive && s.scans_table);
        if blocking {
            out.push(RULE.about(
                Some(&site),
                format!(
                    "readers and writers of {} wait while the index of {} is built",
                    add.table, add.constraint_name
                ),
                "add it while the table is small, or in a window; or let a unique index or a trigger do its work",
            ));
        }
    }
    out
}

fn add_drafts(
    site: &super::Site<'_>,
) -> Result<Vec<crate::operation::Draft>, crate::schema::Refusal> {
    site.operation.compile(site.before)
}

fn check_sql(text: &Text<'_>) -> Vec<Finding> {
    let mut out = Vec::new();
    for (spot, table, at, constraint, _) in super::text::constraints(text) {
        if constraint.shape == Shape::Exclude && spot.holds_up(at) {
            out.push(RULE.on(
                spot,
                format!("an index over every row of {table} is built while {} wait", spot.waiting()),
                "no online form exists (NOT VALID is refused, and so is USING INDEX): make a new table with the constraint, keep it in step and swap the two",
            ));
        }
    }
    out
}
