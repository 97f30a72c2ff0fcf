//! The way back: it is judged as everything else is, but that it may take away what its own phase has
//! made, and that nobody runs it beside the phase.

use std::collections::BTreeSet;

use super::super::Finding;
use crate::plan::Back;
use crate::schema::TableName;
use crate::sql::Act;
use crate::sql::act::{Change, Verb};

/// Rules about what goes: of what was not there before the phase, nobody misses it afterwards.
const ABOUT_WHAT_GOES: [&str; 6] = [
    "destroying-sql",
    "drop-breaks",
    "inserts-break",
    "on-conflict-breaks",
    "rename-breaks",
    "rights-revoked",
];

/// Rules about rows: what the phase has set aside in a table of its own is no more than it changed.
const ABOUT_ROWS: [&str; 2] = ["blocking-sql", "unbatched-update"];

/// Rules about transactions that run at the same time, and about statements that follow one another.
const ABOUT_OTHERS: [&str; 2] = ["lock-order", "mergeable-alters"];

/// Whether a finding about the way back says nothing about it.
pub(super) fn is_spared(finding: &Finding, back: &Back) -> bool {
    let rule = finding.rule.as_str();
    if ABOUT_OTHERS.contains(&rule) {
        return true;
    }
    let statements = &back.told.script.statements;
    let number = finding.statement.unwrap_or_default();
    let Some(own) = number.checked_sub(1).and_then(|at| statements.get(at)) else {
        return false;
    };
    let forth = statements.get(back.forth.clone()).unwrap_or_default();
    let made: BTreeSet<String> = forth
        .iter()
        .flat_map(|reading| made(&reading.act))
        .collect();
    if ABOUT_ROWS.contains(&rule) {
        return reads(&own.act)
            .iter()
            .any(|table| made.contains(&format!("table {table}")));
    }
    ABOUT_WHAT_GOES.contains(&rule)
        && gone(&own.act)
            .is_some_and(|gone| !gone.is_empty() && gone.iter().all(|name| made.contains(name)))
}

/// The tables from which a statement takes the rows that it writes.
fn reads(act: &Act) -> &[TableName] {
    if let Act::Insert { reads, .. } | Act::Update { reads, .. } | Act::Delete { reads, .. } = act {
        reads
    } else {
        &[]
    }
}

/// What a statement makes, by kind and name.
fn made(act: &Act) -> Vec<String> {
    let name = if let Act::CreateTable(new) = act {
        format!("table {}", new.name)
    } else if let Act::CreateView { view, .. } = act {
        format!("view {view}")
    } else if let Act::CreateFunction { name, .. } = act {
        format!("function {name}")
    } else if let Act::CreateSequence { sequence, .. } = act {
        format!("sequence {sequence}")
    } else if let Act::CreateType { name } | Act::CreateDomain { name, .. } = act {
        format!("type {name}")
    } else if let Act::CreateSchema { name: Some(name) } = act {
        format!("schema {name}")
    } else if let Act::CreateIndex { index, .. } = act {
        format!("index {}", index.name.as_deref().unwrap_or_default())
    } else if let Act::Extension {
        verb: Verb::Create,
        name,
        ..
    } = act
    {
        format!("extension {name}")
    } else if let Act::Object {
        verb: Verb::Create,
        kind,
        name,
        ..
    } = act
    {
        format!("{kind} {name}")
    } else if let Act::Grant { on, .. } = act {
        format!("rights on {on}")
    } else if let Act::AlterTable { table, changes, .. } = act {
        let made = changes.iter().filter_map(|change| {
            let what = if let Change::AddColumn { column, .. } = change {
                format!("column {}", column.name)
            } else if let Change::AddConstraint(constraint) = change {
                format!("constraint {}", constraint.name.as_deref()?)
            } else if let Change::AddIndex(index) = change {
                return index.name.as_ref().map(|name| format!("index {name}"));
            } else if let Change::SetDefault { column, .. } = change {
                format!("default {column}")
            } else if let Change::AddIdentity { column } = change {
                format!("identity {column}")
            } else if let Change::RenameColumn { from, to } = change {
                format!("name {to} for {from}")
            } else {
                return None;
            };
            Some(format!("{table} {what}"))
        });
        return made.collect();
    } else {
        return Vec::new();
    };
    vec![name]
}

/// What a statement takes away, in the same words; nothing where it does anything else.
fn gone(act: &Act) -> Option<Vec<String>> {
    let all = |kind: &str, names: &[TableName]| {
        let names = names.iter().map(|name| format!("{kind} {name}"));
        Some(names.collect::<Vec<_>>())
    };
    if let Act::DropTables { tables, .. } = act {
        all("table", tables)
    } else if let Act::DropViews { views, .. } = act {
        all("view", views)
    } else if let Act::DropFunctions { names, .. } = act {
        all("function", names)
    } else if let Act::DropSequences { sequences, .. } = act {
        all("sequence", sequences)
    } else if let Act::DropTypes { types, .. } = act {
        all("type", types)
    } else if let Act::DropIndexes { indexes, .. } = act {
        Some(
            indexes
                .iter()
                .map(|i| format!("index {}", i.name))
                .collect(),
        )
    } else if let Act::DropSchemas { names, .. } = act {
        Some(names.iter().map(|name| format!("schema {name}")).collect())
    } else if let Act::Extension {
        verb: Verb::Drop,
        name,
        ..
    } = act
    {
        Some(vec![format!("extension {name}")])
    } else if let Act::Object {
        verb: Verb::Drop,
        kind,
        name,
        ..
    } = act
    {
        Some(vec![format!("{kind} {name}")])
    } else if let Act::Revoke { on, .. } = act {
        Some(vec![format!("rights on {on}")])
    } else if let Act::AlterTable { table, changes, .. } = act {
        let gone = changes.iter().map(|change| {
            let what = if let Change::DropColumn { column, .. } = change {
                format!("column {column}")
            } else if let Change::DropConstraint { name, .. } = change {
                format!("constraint {name}")
            } else if let Change::DropIndex { name, .. } = change {
                return Some(format!("index {name}"));
            } else if let Change::DropDefault { column } = change {
                format!("default {column}")
            } else if let Change::DropIdentity { column } = change {
                format!("identity {column}")
            } else if let Change::RenameColumn { from, to } = change {
                format!("name {from} for {to}")
            } else {
                return None;
            };
            Some(format!("{table} {what}"))
        });
        gone.collect()
    } else {
        None
    }
}
