//! The unique keys of two tables, one of which is kept in step with the other, and tables between
//! which SQLite's triggers could lose a row.

use super::Link;
use crate::dialect::lexer;
use crate::document::Engine;
use crate::schema::{ConstraintKind, Refusal, Shadow, Table, TableName, World};

/// A unique key of a table: its columns, and its predicate.
#[derive(PartialEq)]
pub(super) struct Unique {
    name: String,
    pub(super) columns: Vec<String>,
    pub(super) predicate: Option<String>,
    expressions: bool,
}

impl Unique {
    fn is(&self, columns: Option<&Vec<String>>, predicate: Option<&String>) -> bool {
        columns == Some(&self.columns) && predicate == self.predicate.as_ref() && !self.expressions
    }
}

/// The unique keys of a table beside that one: by indexes, and by constraints, of which a table
/// that the document made has no index yet.
pub(super) fn others(table: &Table, key: &[String]) -> Vec<Unique> {
    let by_index = table.indexes.iter().filter(|i| i.unique).map(|i| Unique {
        name: i.constraint.clone().unwrap_or_else(|| i.name.clone()),
        columns: i.columns.clone(),
        predicate: i.predicate.clone(),
        expressions: i.expressions,
    });
    let by_constraint = table
        .constraints
        .iter()
        .filter(|c| c.kind == ConstraintKind::Unique)
        .map(|c| Unique {
            name: c.name.clone(),
            columns: c.columns.clone(),
            predicate: None,
            expressions: false,
        });
    let own = [&table.primary_key]
        .into_iter()
        .filter(|columns| !columns.is_empty())
        .map(|columns| Unique {
            name: "its primary key".to_owned(),
            columns: columns.clone(),
            predicate: None,
            expressions: false,
        });
    let mut out: Vec<Unique> = Vec::new();
    for unique in by_index.chain(by_constraint).chain(own) {
        let is_key = unique.predicate.is_none() && unique.columns == key;
        let again = out
            .iter()
            .any(|u| u.columns == unique.columns && u.predicate == unique.predicate);
        if !is_key && !again {
            out.push(unique);
        }
    }
    out
}

/// Refuses tables between which the triggers could lose a row.
pub(in crate::operation) fn refuse(
    world: &World,
    source: &TableName,
    shadow: &Shadow,
) -> Result<(), Refusal> {
    let known = |name: &TableName| world.table(name).filter(|_| world.is_whole(name));
    if let Some(text) = known(source).and_then(|t| t.create_sql.as_deref()) {
        let tokens = lexer::significant(Engine::Sqlite, text).unwrap_or_default();
        let replaces = tokens
            .windows(3)
            .any(|w| w[0].is("on") && w[1].is("conflict") && w[2].is("replace"));
        if replaces {
            return Err(Refusal::new(
                "table",
                format!(
                    "a constraint of {source} is ON CONFLICT REPLACE, by which any write may take rows away without firing a trigger; make the change by an operation that makes the table anew in one transaction (change_column_type, add_check, ...)"
                ),
            ));
        }
    }
    let Some(target) = known(&shadow.target) else {
        if !world.live {
            return Ok(());
        }
        return Err(Refusal::new(
            "shadow",
            format!(
                "what {} is unique by must be known before anything is copied to it; make it by create_table, or by a document of its own before this one",
                shadow.target
            ),
        ));
    };
    if let Some(trigger) = target.triggers.first() {
        return Err(Refusal::new(
            "shadow",
            format!(
                "{} has a trigger of its own, {trigger}, which would fire for every copied row; make it after the swap",
                shadow.target
            ),
        ));
    }
    let Some(table) = known(source) else {
        return Ok(());
    };
    let link = Link::new(world, source, shadow);
    if !link.is_plain() {
        return Ok(());
    }
    let theirs = others(target, &shadow.key);
    let own = others(table, &shadow.source_key);
    for unique in &own {
        let columns: Option<Vec<String>> = unique.columns.iter().map(|c| link.takes(c)).collect();
        let there = columns.as_ref() == Some(&shadow.key)
            || theirs
                .iter()
                .any(|u| u.is(columns.as_ref(), unique.predicate.as_ref()));
        if unique.expressions || !there {
            return Err(Refusal::new(
                "shadow",
                format!(
                    "{source} is unique by {}, and {} is not unique by the same columns as they are: where an application says INSERT OR REPLACE, the row that goes fires no trigger, and its copy could not be found. Make {1} unique by them, too, or make the change by an operation that makes the table anew in one transaction",
                    what(unique),
                    shadow.target
                ),
            ));
        }
    }
    let back = |c: &String| link.taken(c).map(str::to_owned);
    for unique in &theirs {
        let columns: Option<Vec<String>> = unique.columns.iter().map(back).collect();
        let there = columns.as_ref() == Some(&shadow.source_key)
            || own
                .iter()
                .any(|u| u.is(columns.as_ref(), unique.predicate.as_ref()));
        if !there {
            return Err(Refusal::new(
                "shadow",
                format!(
                    "{} is unique by {}, and {source} is not: where an application says INSERT OR REPLACE, the copy of another row would go without a word. Make {source} unique first (add_unique), or the copy after the swap",
                    shadow.target,
                    what(unique)
                ),
            ));
        }
    }
    Ok(())
}

fn what(unique: &Unique) -> String {
    format!("{} ({})", unique.name, unique.columns.join(", "))
}
