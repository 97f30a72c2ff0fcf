//! What SQLite does: one writer a file, readers beside it. As its 3.46 was seen to do it
//! (`tests/locks/sqlite.yaml`).

mod alter;

use super::act::{Act, Attachment};
use super::breakage::Breakage;
use super::effect::{Blocks, Bound, Effect, Lasts, TransactionRule, Work, WorkKind};
use super::object::{Object, ObjectLock, Role};
use super::state::State;
use super::unknown::{Failure, Unknown};
use crate::plan::Lock;
use crate::schema::TableName;

/// What a statement does in that world.
pub(super) fn effect(act: &Act, state: &State<'_>) -> Effect {
    let calls = if let Act::Insert { calls, .. }
    | Act::Update { calls, .. }
    | Act::Delete { calls, .. }
    | Act::Select { calls, .. } = act
    {
        calls.first()
    } else {
        None
    };
    let mut effect = known(act, state);
    if let Some(name) = calls {
        effect.unknown = Some(Unknown::Function { name: name.clone() });
    }
    effect
}

fn known(act: &Act, state: &State<'_>) -> Effect {
    match act {
        Act::CreateTable(new) => {
            if new.temporary {
                return Effect {
                    table: Some(new.name.clone()),
                    ..Effect::default()
                };
            }
            let there = new.if_not_exists && state.table(&new.name).is_some();
            let mut effect = schema(Some(&new.name));
            if !there {
                effect.creates.push(new.name.clone());
            }
            for read in new.query.iter().flatten().filter(|_| !new.no_data) {
                grow(&mut effect, WorkKind::ChangeRows, read, state);
            }
            effect
        }
        Act::AlterTable { table, changes, .. } => alter::effect(table, changes, state),
        Act::DropTables {
            tables, if_exists, ..
        } => {
            let mut effect = schema(tables.first());
            for table in tables {
                if *if_exists && state.is_absent(table) {
                    return Effect::default();
                }
                gone(
                    &mut effect,
                    state,
                    table,
                    Breakage::TableGone {
                        table: table.clone(),
                        renamed_to: None,
                    },
                );
                gone(
                    &mut effect,
                    state,
                    table,
                    Breakage::RowsGone {
                        table: table.clone(),
                    },
                );
                referenced(&mut effect, table, state);
            }
            effect
        }
        Act::CreateIndex { table, index, .. } => {
            let taken = index.name.as_ref().is_some_and(|name| {
                state
                    .table(table)
                    .is_some_and(|t| t.indexes.iter().any(|i| i.name == *name))
            });
            if index.if_not_exists && taken {
                return Effect::default();
            }
            let mut effect = schema(Some(table));
            let kind = if index.predicate.is_some() {
                WorkKind::Scan
            } else {
                WorkKind::BuildIndex
            };
            grow(&mut effect, kind, table, state);
            if index.unique {
                gone(
                    &mut effect,
                    state,
                    table,
                    Breakage::StricterConstraint {
                        table: table.clone(),
                        constraint: index.columns.join(", "),
                    },
                );
            }
            effect
        }
        Act::DropIndexes {
            indexes, if_exists, ..
        } => {
            let nothing = indexes
                .iter()
                .all(|index| state.table_of_index(index).is_none());
            if *if_exists && state.is_live() && nothing {
                return Effect::default();
            }
            let mut effect = schema(None);
            effect.table = indexes
                .first()
                .and_then(|index| state.table_of_index(index));
            for index in indexes {
                effect.breaks.push(Breakage::IndexGone {
                    index: index.clone(),
                });
            }
            effect
        }
        Act::Reindex { scope, .. } => {
            let mut effect = writes(None);
            let object = match scope {
                super::act::Scope::Named(name)
                | super::act::Scope::Index(name)
                | super::act::Scope::Table(name) => Object::IndexesOf(name.clone()),
                super::act::Scope::Schema(_) | super::act::Scope::Database => Object::Database,
            };
            effect.work.push(Work {
                kind: WorkKind::RebuildIndex,
                object,
                change: None,
                made_here: false,
            });
            long(effect)
        }
        // Statistics are a sample's worth of writing, but all of the indexes' worth of reading.
        Act::Analyze { .. } => {
            let mut effect = writes(None);
            effect.work.push(whole(WorkKind::Scan));
            effect.lasts = Lasts::Grows;
            effect
        }
        Act::Vacuum { full: true, .. } => {
            let mut effect = writes(None);
            effect.transaction = TransactionRule::Refused;
            effect.work.push(whole(WorkKind::Rewrite));
            long(effect)
        }
        Act::Vacuum { .. } => Effect {
            transaction: TransactionRule::Refused,
            work: vec![whole(WorkKind::Scan)],
            lasts: Lasts::Grows,
            ..Effect::default()
        },
        Act::Attach {
            what: Attachment::Trigger,
            table,
            ..
        } => {
            let mut effect = schema(Some(table));
            gone(
                &mut effect,
                state,
                table,
                Breakage::TriggerAdded {
                    table: table.clone(),
                },
            );
            effect
        }
        Act::Detach {
            what: Attachment::Trigger,
            table,
            ..
        } => schema(table.as_ref()),
        Act::CreateView { .. } => schema(None),
        Act::DropViews {
            views, if_exists, ..
        } => {
            let mut effect = schema(None);
            for view in views {
                if *if_exists && state.is_live() && state.view(view).is_none() {
                    continue;
                }
                effect.breaks.push(Breakage::TableGone {
                    table: view.clone(),
                    renamed_to: None,
                });
            }
            effect
        }
        Act::Insert {
            table, from_query, ..
        } => {
            let mut effect = writes(Some(table));
            if *from_query {
                grow(&mut effect, WorkKind::ChangeRows, table, state);
                // The file is locked for as long, whoever made the table.
                effect = long(effect);
            }
            effect
        }
        Act::Update {
            table,
            reads,
            bound,
            given,
            ..
        }
        | Act::Delete {
            table,
            reads,
            bound,
            given,
            ..
        } => {
            let bound = state.bound(table, reads, *bound, given);
            let mut effect = writes(Some(table));
            effect.rows = Some(bound);
            if bound != Bound::Batch {
                grow(&mut effect, WorkKind::ChangeRows, table, state);
            }
            effect
        }
        Act::Select {
            reads,
            inner,
            bounded,
            ..
        } => {
            let mut effect = Effect {
                table: reads.first().cloned(),
                lasts: if *bounded {
                    Lasts::Moment
                } else {
                    Lasts::Grows
                },
                ..Effect::default()
            };
            for act in inner {
                let other = self::effect(act, state);
                effect.unknown = effect.unknown.or(other.unknown);
                effect.locks.extend(other.locks);
                effect.work.extend(other.work);
                effect.blocks = other.blocks;
                effect.rows = effect.rows.or(other.rows);
            }
            effect
        }
        Act::Set { name, .. } => pragma(name),
        Act::Transaction(_) => Effect {
            transaction: TransactionRule::Controls,
            ..Effect::default()
        },
        Act::Explain { .. } | Act::Reset { .. } | Act::Session { .. } => Effect::default(),
        Act::Unknown(why) => Effect::unknown(why.clone()),
        // What the parser of this engine never makes.
        Act::RenameTables { .. }
        | Act::Truncate { .. }
        | Act::AlterIndex { .. }
        | Act::AlterView { .. }
        | Act::RefreshView { .. }
        | Act::Attach { .. }
        | Act::Detach { .. }
        | Act::AlterAttachment { .. }
        | Act::CreateSequence { .. }
        | Act::AlterSequence { .. }
        | Act::DropSequences { .. }
        | Act::CreateType { .. }
        | Act::AlterType { .. }
        | Act::CreateDomain { .. }
        | Act::AlterDomain { .. }
        | Act::DropTypes { .. }
        | Act::CreateFunction { .. }
        | Act::DropFunctions { .. }
        | Act::CreateSchema { .. }
        | Act::DropSchemas { .. }
        | Act::RenameSchema { .. }
        | Act::Extension { .. }
        | Act::Cluster { .. }
        | Act::Object { .. }
        | Act::Grant { .. }
        | Act::Revoke { .. }
        | Act::Comment { .. }
        | Act::Statistics { .. }
        | Act::Publication { .. }
        | Act::LockTables { .. }
        | Act::ClusterTable { .. }
        | Act::Repack { .. }
        | Act::Merge { .. }
        | Act::Copy { .. } => Effect::unknown(Unknown::Statement {
            words: state.engine.title().to_owned(),
        }),
    }
}

/// A statement that writes to the file: every other writer waits until its transaction ends.
fn writes(table: Option<&TableName>) -> Effect {
    Effect {
        table: table.cloned(),
        locks: vec![ObjectLock {
            object: Object::Database,
            role: Role::Itself,
            lock: Lock::DatabaseWrite,
            made_here: false,
        }],
        blocks: Blocks {
            reads: false,
            writes: true,
            lasts: Lasts::Moment,
        },
        ..Effect::default()
    }
}

fn schema(table: Option<&TableName>) -> Effect {
    Effect {
        changes_schema: true,
        ..writes(table)
    }
}

fn whole(kind: WorkKind) -> Work {
    Work {
        kind,
        object: Object::Database,
        change: None,
        made_here: false,
    }
}

/// Work on a table: what the text itself made holds what the text put there.
fn grow(effect: &mut Effect, kind: WorkKind, table: &TableName, state: &State<'_>) {
    let made_here = state.made_here(table);
    effect.work.push(Work {
        kind,
        object: Object::Table(table.clone()),
        change: None,
        made_here,
    });
    if !made_here {
        effect.lasts = Lasts::Grows;
        effect.blocks.lasts = Lasts::Grows;
    }
}

/// Long, whatever it is about.
fn long(mut effect: Effect) -> Effect {
    effect.lasts = Lasts::Grows;
    effect.blocks.lasts = Lasts::Grows;
    effect
}

fn gone(effect: &mut Effect, state: &State<'_>, table: &TableName, breakage: Breakage) {
    if !state.made_here(table) {
        effect.breaks.push(breakage);
    }
}

/// With foreign keys on, what others point to cannot go.
fn referenced(effect: &mut Effect, table: &TableName, state: &State<'_>) {
    let off = matches!(
        state.setting("foreign_keys"),
        Some(Some(value)) if ["off", "0", "false", "no"].contains(&value.to_lowercase().as_str())
    );
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

/// What a PRAGMA that sets something does.
fn pragma(name: &str) -> Effect {
    match name {
        // It changes the file's header, and wants it for itself.
        "journal_mode" => Effect {
            transaction: TransactionRule::Refused,
            ..writes(None)
        },
        "synchronous" => Effect {
            transaction: TransactionRule::Refused,
            ..Effect::default()
        },
        "user_version" | "application_id" | "incremental_vacuum" => writes(None),
        _ => Effect::default(),
    }
}
