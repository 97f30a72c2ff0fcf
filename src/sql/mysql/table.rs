//! Tables that are made, dropped and renamed.

use super::{MOMENT, brief, commits, gone, lock_of, rows};
use crate::document::Engine;
use crate::plan::Lock;
use crate::schema::TableName;
use crate::sql::act::{NewTable, Shape};
use crate::sql::breakage::Breakage;
use crate::sql::effect::Effect;
use crate::sql::object::Role;
use crate::sql::state::State;
use crate::sql::unknown::Failure;

/// The server refuses to drop or empty what foreign keys point to.
pub(super) fn referenced(effect: &mut Effect, table: &TableName, state: &State<'_>) {
    let off = state.setting("foreign_key_checks") == Some(Some("0"));
    let by = state
        .table(table)
        .and_then(|known| known.referenced_by.iter().find(|(by, _)| by != table));
    if let Some((by, _)) = by
        && !off
    {
        effect.fails.push(Failure::InUseBy {
            what: table.to_string(),
            by: by.clone(),
        });
    }
}

/// Something else that is dropped.
pub(super) fn object_gone(kind: &str, names: &[TableName]) -> Effect {
    Effect {
        breaks: names
            .iter()
            .map(|name| Breakage::ObjectGone {
                kind: kind.to_owned(),
                name: name.to_string(),
                renamed_to: None,
            })
            .collect(),
        ..Effect::default()
    }
}

/// CREATE TABLE.
pub(super) fn create(new: &NewTable, state: &State<'_>) -> Effect {
    let there = new.if_not_exists && state.table(&new.name).is_some();
    let mut effect = Effect {
        table: Some(new.name.clone()),
        creates: if there || new.temporary {
            Vec::new()
        } else {
            vec![new.name.clone()]
        },
        ..Effect::default()
    };
    if let Some(reads) = new.query.as_ref().filter(|_| !new.no_data) {
        // The rows that it reads are locked against writers, as INSERT ... SELECT does it.
        rows::read(&mut effect, reads, state);
    }
    if new.temporary {
        return effect;
    }
    // MySQL takes the tables that keys point to for a moment; MariaDB does not.
    if state.engine == Engine::MySql {
        let inline = new.columns.iter().flat_map(|column| &column.constraints);
        let inline = inline.filter(|_| state.version >= 90_000);
        for constraint in new.constraints.iter().chain(inline) {
            if let Shape::ForeignKey(key) = &constraint.shape
                && key.table != new.name
            {
                let lock = Lock::MetadataExclusive;
                let other = lock_of(&key.table, Role::Referenced, lock, state);
                if !other.made_here {
                    effect.blocks = MOMENT;
                }
                effect.locks.push(other);
            }
        }
    }
    commits(effect)
}

/// DROP TABLE.
pub(super) fn drop(tables: &[TableName], if_exists: bool, state: &State<'_>) -> Effect {
    let there: Vec<TableName> = tables
        .iter()
        .filter(|table| !(if_exists && state.is_absent(table)))
        .cloned()
        .collect();
    let mut effect = brief(&there, state);
    for table in &there {
        let breakage = Breakage::TableGone {
            table: table.clone(),
            renamed_to: None,
        };
        gone(&mut effect, state, breakage, table);
        let rows = Breakage::RowsGone {
            table: table.clone(),
        };
        gone(&mut effect, state, rows, table);
        referenced(&mut effect, table, state);
    }
    effect
}

/// RENAME TABLE.
pub(super) fn rename(pairs: &[(TableName, TableName)], state: &State<'_>) -> Effect {
    let tables: Vec<TableName> = pairs.iter().map(|(from, _)| from.clone()).collect();
    let mut effect = brief(&tables, state);
    for (from, to) in pairs {
        // Another table takes the name in the same moment: with rows in it, as far as is known.
        let taken = pairs
            .iter()
            .any(|(new, other)| other == from && !state.is_empty_here(new));
        if !taken {
            let breakage = Breakage::TableGone {
                table: from.clone(),
                renamed_to: Some(to.clone()),
            };
            gone(&mut effect, state, breakage, from);
        }
    }
    effect
}
