//! Whether a target is still as a reviewed plan expects it, and what is different, for people.

use bellows::document::Migration;
use bellows::plan::plan;
use bellows::schema::{Schema, Table, TableName};
use bellows_app::backend::Answer;

use super::reach::{refused, within};
use crate::executor;
use crate::store::reviews::PlanRecord;
use crate::target::Target;

/// Plans the document anew for the target as it is now, before the migration's first phase. What
/// differs from the reviewed plan; nothing where all is as it was.
pub async fn since_review(
    target: &Target,
    document: &Migration,
    reviewed: &PlanRecord,
) -> Answer<Option<String>> {
    let schema = within(executor::planning_schema(target, document))
        .await?
        .map_err(|error| refused(&error))?;
    let tables = touched(&reviewed.plan);
    if schema.fingerprint(&tables) != reviewed.fingerprint {
        return Ok(Some(difference(&reviewed.base, &schema, &tables)));
    }
    Ok(match plan(document, Some(&schema)) {
        Ok(now) if now.plan_hash == reviewed.plan.plan_hash => None,
        Ok(_) => Some("the statements are others than those reviewed".to_owned()),
        Err(problems) => Some(
            problems
                .iter()
                .map(|problem| problem.message.clone())
                .collect::<Vec<_>>()
                .join(" "),
        ),
    })
}

/// Every table that the plan touches, once.
pub fn touched(plan: &bellows::plan::Plan) -> Vec<TableName> {
    let mut tables: Vec<TableName> = plan
        .phases
        .iter()
        .flat_map(|phase| phase.tables.clone())
        .collect();
    tables.sort();
    tables.dedup();
    tables
}

/// The schema with those tables alone.
pub fn only(schema: &Schema, tables: &[TableName]) -> Schema {
    let mut small = schema.clone();
    small.tables.retain(|name, _| tables.contains(name));
    small
}

/// What is different in those tables: `users: column nickname was added`.
fn difference(before: &Schema, after: &Schema, tables: &[TableName]) -> String {
    let mut lines = Vec::new();
    for name in tables {
        match (before.table(name), after.table(name)) {
            (Some(before), Some(after)) => {
                lines.extend(
                    changes(before, after)
                        .into_iter()
                        .map(|line| format!("{name}: {line}")),
                );
            }
            (Some(_), None) => lines.push(format!("table {name} is gone")),
            (None, Some(_)) => lines.push(format!("table {name} was added")),
            (None, None) => {}
        }
    }
    if lines.is_empty() {
        lines.push("the tables are not as they were when the plan was reviewed".to_owned());
    }
    lines.join("; ")
}

fn changes(before: &Table, after: &Table) -> Vec<String> {
    let mut lines = compare(
        "column",
        before.columns.iter().map(|c| (&c.name, c)),
        after.columns.iter().map(|c| (&c.name, c)),
    );
    lines.extend(compare(
        "index",
        before.indexes.iter().map(|i| (&i.name, i)),
        after.indexes.iter().map(|i| (&i.name, i)),
    ));
    lines.extend(compare(
        "constraint",
        before.constraints.iter().map(|c| (&c.name, c)),
        after.constraints.iter().map(|c| (&c.name, c)),
    ));
    lines.extend(compare(
        "trigger",
        before.triggers.iter().map(|t| (t, t)),
        after.triggers.iter().map(|t| (t, t)),
    ));
    lines.extend(compare(
        "view",
        before.views.iter().map(|v| (&v.view.name, v)),
        after.views.iter().map(|v| (&v.view.name, v)),
    ));
    lines
}

fn compare<'a, T: PartialEq + 'a>(
    kind: &str,
    before: impl Iterator<Item = (&'a String, T)>,
    after: impl Iterator<Item = (&'a String, T)>,
) -> Vec<String> {
    let before: Vec<_> = before.collect();
    let after: Vec<_> = after.collect();
    let mut lines = Vec::new();
    for (name, was) in &before {
        match after.iter().find(|(other, _)| other == name) {
            None => lines.push(format!("{kind} {name} is gone")),
            Some((_, is)) if is != was => lines.push(format!("{kind} {name} was changed")),
            Some(_) => {}
        }
    }
    for (name, _) in &after {
        if !before.iter().any(|(other, _)| other == name) {
            lines.push(format!("{kind} {name} was added"));
        }
    }
    lines
}
