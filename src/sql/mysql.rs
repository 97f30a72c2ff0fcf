//! What MySQL and MariaDB do: the locks of their statements, as MariaDB 10.11 and MySQL 9.7 were seen
//! to take them (`tests/locks/mariadb.yaml`, `tests/locks/mysql.yaml`); what older versions of MySQL do
//! otherwise follows the manual of 8.0, 17.12.1 "Online DDL Operations".

mod change;
mod column;
mod cost;
mod option;
mod redefine;
mod rows;
mod table;

use cost::{Cost, Method};

use super::act::{Act, Attachment, Change};
use super::breakage::Breakage;
use super::effect::{Blocks, Effect, Lasts, TransactionRule, Work, WorkKind};
use super::object::{Object, ObjectLock, Role};
use super::state::State;
use super::unknown::Unknown;
use crate::plan::Lock;
use crate::schema::TableName;

/// What a statement does in that world.
pub(super) fn effect(act: &Act, state: &State<'_>) -> Effect {
    match act {
        Act::CreateTable(new) => table::create(new, state),
        Act::AlterTable {
            table,
            if_exists,
            changes,
            online,
            ..
        } => {
            if *if_exists && state.is_absent(table) {
                return commits(Effect::default());
            }
            change::alter_table(table, changes, online, state)
        }
        Act::CreateIndex {
            table,
            index,
            online,
            ..
        } => {
            let change = Change::AddIndex(index.clone());
            let changes = std::slice::from_ref(&change);
            unnumbered(change::alter_table(table, changes, online, state))
        }
        Act::DropIndexes {
            indexes,
            table: Some(table),
            if_exists,
            online,
            ..
        } => {
            let changes: Vec<Change> = indexes
                .iter()
                .map(|index| Change::DropIndex {
                    name: index.name.clone(),
                    if_exists: *if_exists,
                })
                .collect();
            unnumbered(change::alter_table(table, &changes, online, state))
        }
        Act::DropTables {
            tables, if_exists, ..
        } => table::drop(tables, *if_exists, state),
        Act::RenameTables { pairs } => table::rename(pairs, state),
        Act::Truncate { tables, .. } => {
            let mut effect = brief(tables, state);
            for table in tables {
                gone(
                    &mut effect,
                    state,
                    Breakage::RowsGone {
                        table: table.clone(),
                    },
                    table,
                );
                table::referenced(&mut effect, table, state);
            }
            effect
        }
        Act::Vacuum { tables, .. } => tables
            .iter()
            .map(|table| {
                let mut cost = Cost::new(Method::InPlace);
                cost.work.push((WorkKind::Rewrite, None));
                cost.effect(table, state)
            })
            .reduce(merge)
            .unwrap_or_default(),
        // A sample of pages is read.
        Act::Analyze { tables } => Effect {
            table: tables.first().cloned(),
            locks: locks(tables, Lock::MetadataRead, state),
            transaction: TransactionRule::Commits,
            ..Effect::default()
        },
        Act::LockTables { tables } => {
            let locked: Vec<ObjectLock> = tables
                .iter()
                .map(|(table, lock)| lock_of(table, Role::Itself, *lock, state))
                .collect();
            let others = || locked.iter().filter(|l| !l.made_here);
            Effect {
                table: tables.first().map(|(table, _)| table.clone()),
                blocks: Blocks {
                    reads: others().any(|l| l.lock.blocks_reads()),
                    writes: others().any(|l| l.lock.blocks_writes()),
                    // Until they are unlocked.
                    lasts: Lasts::Unknown,
                },
                locks: locked,
                transaction: TransactionRule::Commits,
                ..Effect::default()
            }
        }
        Act::Attach {
            what: Attachment::Trigger,
            table,
            ..
        } => {
            let mut effect = brief(std::slice::from_ref(table), state);
            gone(
                &mut effect,
                state,
                Breakage::TriggerAdded {
                    table: table.clone(),
                },
                table,
            );
            effect
        }
        Act::Detach {
            what: Attachment::Trigger,
            name,
            table,
            ..
        } => match table {
            Some(table) => brief(std::slice::from_ref(table), state),
            None => commits(Effect {
                locks: vec![ObjectLock {
                    object: Object::TableOf(TableName {
                        schema: None,
                        name: name.clone(),
                    }),
                    role: Role::Itself,
                    lock: Lock::MetadataExclusive,
                    made_here: false,
                }],
                blocks: MOMENT,
                ..Effect::default()
            }),
        },
        Act::CreateView { view, replace, .. } => {
            let known = *replace && state.view(view).is_some();
            let breaks = known.then(|| Breakage::ViewChanged { view: view.clone() });
            commits(Effect {
                breaks: breaks.into_iter().collect(),
                ..Effect::default()
            })
        }
        Act::DropViews {
            views, if_exists, ..
        } => {
            let there =
                |view: &&TableName| !(*if_exists && state.is_live() && state.view(view).is_none());
            let dropped = || views.iter().filter(there);
            commits(Effect {
                locks: dropped()
                    .map(|view| ObjectLock {
                        object: Object::View(view.clone()),
                        role: Role::Itself,
                        lock: Lock::MetadataExclusive,
                        made_here: false,
                    })
                    .collect(),
                blocks: MOMENT,
                breaks: dropped()
                    .map(|view| Breakage::TableGone {
                        table: view.clone(),
                        renamed_to: None,
                    })
                    .collect(),
                ..Effect::default()
            })
        }
        Act::CreateFunction { name, replace, .. } => {
            let breaks = replace.then(|| Breakage::FunctionChanged {
                name: name.to_string(),
            });
            commits(Effect {
                breaks: breaks.into_iter().collect(),
                ..Effect::default()
            })
        }
        Act::DropFunctions { names, .. } => commits(table::object_gone("function", names)),
        Act::DropSequences { sequences, .. } => commits(table::object_gone("sequence", sequences)),
        Act::DropSchemas { names, .. } => commits(Effect {
            locks: names
                .iter()
                .map(|name| ObjectLock {
                    object: Object::Every(Some(name.clone())),
                    role: Role::Itself,
                    lock: Lock::MetadataExclusive,
                    made_here: false,
                })
                .collect(),
            blocks: MOMENT,
            breaks: names
                .iter()
                .map(|name| Breakage::ObjectGone {
                    kind: "database".to_owned(),
                    name: name.clone(),
                    renamed_to: None,
                })
                .collect(),
            ..Effect::default()
        }),
        Act::Object {
            verb, kind, name, ..
        } => {
            let dropped = *verb == super::act::Verb::Drop;
            let breaks = dropped.then(|| Breakage::ObjectGone {
                kind: (*kind).to_owned(),
                name: name.clone(),
                renamed_to: None,
            });
            commits(Effect {
                breaks: breaks.into_iter().collect(),
                ..Effect::default()
            })
        }
        Act::CreateSequence { .. }
        | Act::AlterSequence { .. }
        | Act::CreateSchema { .. }
        | Act::Cluster { .. } => commits(Effect::default()),
        Act::Grant { .. } => Effect {
            transaction: TransactionRule::Commits,
            ..Effect::default()
        },
        Act::Revoke { on, .. } => Effect {
            transaction: TransactionRule::Commits,
            breaks: vec![Breakage::PrivilegesRevoked { object: on.clone() }],
            ..Effect::default()
        },
        Act::Insert {
            table,
            reads,
            from_query,
            calls,
            ..
        } => rows::insert(table, reads, *from_query, calls, state),
        Act::Update {
            table,
            reads,
            bound,
            given,
            calls,
            ..
        }
        | Act::Delete {
            table,
            reads,
            bound,
            given,
            calls,
        } => {
            let bound = state.bound(table, reads, *bound, given);
            rows::change(table, reads, bound, calls, state)
        }
        Act::Select {
            reads,
            locks_rows,
            inner,
            bounded,
            calls,
        } => rows::select(reads, locks_rows, inner, *bounded, calls, state),
        Act::Copy {
            table: Some(table), ..
        } => rows::load(table, state),
        Act::Explain { inner, analyze } => {
            if *analyze {
                effect(inner, state)
            } else {
                Effect::default()
            }
        }
        Act::Transaction(_) => Effect {
            transaction: TransactionRule::Controls,
            ..Effect::default()
        },
        Act::Set { .. } | Act::Reset { .. } | Act::Session { .. } => Effect::default(),
        Act::Unknown(why) => Effect::unknown(why.clone()),
        // What the parser of these engines never makes.
        Act::DropIndexes { .. }
        | Act::AlterIndex { .. }
        | Act::Reindex { .. }
        | Act::AlterView { .. }
        | Act::RefreshView { .. }
        | Act::Attach { .. }
        | Act::Detach { .. }
        | Act::AlterAttachment { .. }
        | Act::CreateType { .. }
        | Act::AlterType { .. }
        | Act::CreateDomain { .. }
        | Act::AlterDomain { .. }
        | Act::DropTypes { .. }
        | Act::RenameSchema { .. }
        | Act::Extension { .. }
        | Act::Comment { .. }
        | Act::Statistics { .. }
        | Act::Publication { .. }
        | Act::ClusterTable { .. }
        | Act::Repack { .. }
        | Act::Copy { .. }
        | Act::Merge { .. } => Effect::unknown(Unknown::Statement {
            words: state.engine.title().to_owned(),
        }),
    }
}

/// Everybody waits, but no longer than the catalogue takes.
const MOMENT: Blocks = Blocks {
    reads: true,
    writes: true,
    lasts: Lasts::Moment,
};

/// DDL: it commits what is open, and changes the catalogue.
fn commits(effect: Effect) -> Effect {
    Effect {
        transaction: TransactionRule::Commits,
        changes_schema: true,
        ..effect
    }
}

fn lock_of(table: &TableName, role: Role, lock: Lock, state: &State<'_>) -> ObjectLock {
    ObjectLock {
        object: Object::Table(table.clone()),
        role,
        lock,
        made_here: state.made_here(table),
    }
}

fn locks(tables: &[TableName], lock: Lock, state: &State<'_>) -> Vec<ObjectLock> {
    tables
        .iter()
        .map(|table| lock_of(table, Role::Itself, lock, state))
        .collect()
}

fn work(kind: WorkKind, table: &TableName, state: &State<'_>) -> Work {
    Work {
        kind,
        object: Object::Table(table.clone()),
        change: None,
        made_here: state.made_here(table),
    }
}

/// The work of a statement that has no changes to be told apart.
fn unnumbered(mut effect: Effect) -> Effect {
    for work in &mut effect.work {
        work.change = None;
    }
    effect
}

/// DDL that locks these tables for a moment.
fn brief(tables: &[TableName], state: &State<'_>) -> Effect {
    let live = tables.iter().any(|table| !state.made_here(table));
    commits(Effect {
        table: tables.first().cloned(),
        locks: locks(tables, Lock::MetadataExclusive, state),
        blocks: if live { MOMENT } else { Blocks::default() },
        ..Effect::default()
    })
}

/// Notes what breaks, where anybody uses the table already.
fn gone(effect: &mut Effect, state: &State<'_>, breakage: Breakage, table: &TableName) {
    if !state.made_here(table) {
        effect.breaks.push(breakage);
    }
}

/// Two effects of one statement.
fn merge(mut one: Effect, other: Effect) -> Effect {
    one.locks.extend(other.locks);
    one.work.extend(other.work);
    one.breaks.extend(other.breaks);
    one.fails.extend(other.fails);
    one.assumed.extend(other.assumed);
    one.lasts = one.lasts.max(other.lasts);
    one.blocks = Blocks {
        reads: one.blocks.reads || other.blocks.reads,
        writes: one.blocks.writes || other.blocks.writes,
        lasts: one.blocks.lasts.max(other.blocks.lasts),
    };
    one
}
