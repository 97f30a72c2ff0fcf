//! CREATE, DROP, ALTER INDEX and REINDEX.

use super::major;
use crate::plan::Lock;
use crate::schema::TableName;
use crate::sql::act::{IndexChange, NewIndex, Scope};
use crate::sql::breakage::Breakage;
use crate::sql::build::Build;
use crate::sql::effect::{TransactionRule, WorkKind};
use crate::sql::object::{Object, Role};
use crate::sql::state::State;
use crate::sql::unknown::{Assumption, Failure};

/// The table that REINDEX is about.
pub(super) fn subject(scope: &Scope, state: &State<'_>) -> Option<TableName> {
    match scope {
        Scope::Index(index) => state.table_of_index(index),
        Scope::Table(table) | Scope::Named(table) => Some(table.clone()),
        Scope::Schema(_) | Scope::Database => None,
    }
}

/// CREATE INDEX.
pub(super) fn create(b: &mut Build<'_, '_>, table: &TableName, only: bool, index: &NewIndex) {
    b.ddl();
    let partitioned = b.state.table(table).is_some_and(|t| t.partitioned);
    if index.unique {
        b.breaks(
            table,
            Breakage::StricterConstraint {
                table: table.clone(),
                constraint: index
                    .name
                    .clone()
                    .unwrap_or_else(|| index.columns.join(", ")),
            },
        );
    }
    if index.concurrently {
        b.transaction(TransactionRule::Refused);
        b.lock(
            Object::Table(table.clone()),
            Role::Itself,
            Lock::ShareUpdateExclusive,
        );
        if partitioned {
            b.fails(Failure::Partitioned {
                table: table.clone(),
                what: "CREATE INDEX CONCURRENTLY".into(),
            });
        }
    } else {
        b.lock(Object::Table(table.clone()), Role::Itself, Lock::Share);
        if only && (partitioned || !b.state.is_whole(table)) {
            // The parent of partitions holds no row.
            return;
        }
        // An index of a parent by inheritance is its own; one of partitions is every partition's.
        if partitioned {
            b.heirs(table, Lock::Share);
        }
    }
    if !b.state.is_whole(table) && !b.state.made_here(table) {
        b.assume(Assumption::InUse {
            table: table.clone(),
        });
    }
    if partitioned {
        b.work_on(WorkKind::Scan, table);
        b.work_on(WorkKind::BuildIndex, table);
    } else {
        b.work(WorkKind::Scan, Object::Table(table.clone()));
        b.work(WorkKind::BuildIndex, Object::Table(table.clone()));
    }
}

/// The table of an index, or what stands for it.
fn table_of(b: &Build<'_, '_>, index: &TableName) -> Object {
    match b.state.table_of_index(index) {
        Some(table) => Object::Table(table),
        None => Object::TableOfIndex(index.clone()),
    }
}

/// The indexes of a table, each by its name where they are known.
fn indexes_of(b: &Build<'_, '_>, table: &TableName) -> Vec<Object> {
    let Some(known) = b.state.table(table).filter(|_| b.state.is_whole(table)) else {
        return vec![Object::IndexesOf(table.clone())];
    };
    // The schema keeps no name of a primary key's; this is the one that the server gives.
    let key = (!known.primary_key.is_empty()).then(|| format!("{}_pkey", table.name));
    known
        .indexes
        .iter()
        .map(|index| index.name.clone())
        .chain(key)
        .map(|name| Object::Index(super::alter::beside(table, &name)))
        .collect()
}

/// DROP INDEX.
pub(super) fn drop(
    b: &mut Build<'_, '_>,
    indexes: &[TableName],
    concurrently: bool,
    if_exists: bool,
    cascade: bool,
) {
    b.ddl();
    let lock = if concurrently {
        b.transaction(TransactionRule::Refused);
        if indexes.len() > 1 || cascade {
            b.fails(Failure::NotSupported {
                what: "DROP INDEX CONCURRENTLY of several, or with CASCADE".into(),
            });
        }
        Lock::ShareUpdateExclusive
    } else {
        Lock::AccessExclusive
    };
    for index in indexes {
        let table = table_of(b, index);
        if b.state.is_live() && b.state.table_of_index(index).is_none() {
            if !if_exists {
                b.fails(Failure::Missing {
                    what: index.to_string(),
                });
            }
            continue;
        }
        b.lock(table.clone(), Role::Itself, lock);
        b.lock(Object::Index(index.clone()), Role::Index, lock);
        let state = b.state;
        let known = state.index(index);
        let unique = known.is_none_or(|i| i.unique);
        if let Some(name) = table.table().cloned() {
            if let Some(constraint) = known.and_then(|i| i.constraint.clone()) {
                b.fails(Failure::InUseBy {
                    what: format!("{index}, which the constraint {constraint} needs,"),
                    by: name.clone(),
                });
            }
            let parted = state.table(&name).is_some_and(|t| t.partitioned);
            if parted && concurrently {
                b.fails(Failure::Partitioned {
                    table: name.clone(),
                    what: "DROP INDEX CONCURRENTLY".into(),
                });
            } else if parted {
                b.heirs(&name, lock);
            }
            if unique {
                b.breaks(
                    &name,
                    Breakage::OnConflict {
                        table: name.clone(),
                        name: index.name.clone(),
                    },
                );
            }
            b.breaks(
                &name,
                Breakage::IndexGone {
                    index: index.clone(),
                },
            );
        } else {
            b.breaks_anyhow(Breakage::IndexGone {
                index: index.clone(),
            });
        }
    }
}

/// ALTER INDEX.
pub(super) fn alter(b: &mut Build<'_, '_>, index: &TableName, change: &IndexChange) {
    b.ddl();
    let object = Object::Index(index.clone());
    match change {
        IndexChange::Rename { .. } => {
            let lock = if b.state.version >= major(12) {
                Lock::ShareUpdateExclusive
            } else {
                Lock::AccessExclusive
            };
            b.lock(object, Role::Index, lock);
        }
        IndexChange::Options => b.lock(object, Role::Index, Lock::ShareUpdateExclusive),
        IndexChange::Depends => b.lock(object, Role::Index, Lock::AccessExclusive),
        IndexChange::Tablespace => {
            b.lock(object.clone(), Role::Index, Lock::AccessExclusive);
            b.work(WorkKind::RebuildIndex, object);
        }
        IndexChange::AttachPartition { index: child } => {
            let (parent, partition) = (table_of(b, index), table_of(b, child));
            b.lock(parent, Role::Itself, Lock::AccessShare);
            b.lock(object, Role::Index, Lock::ShareUpdateExclusive);
            b.lock(partition, Role::Partition, Lock::AccessShare);
            b.lock(
                Object::Index(child.clone()),
                Role::Index,
                Lock::AccessExclusive,
            );
        }
    }
}

/// REINDEX.
pub(super) fn reindex(b: &mut Build<'_, '_>, scope: &Scope, concurrently: bool) {
    let (on_table, on_index) = if concurrently {
        b.needs(major(12), "REINDEX CONCURRENTLY");
        b.transaction(TransactionRule::Refused);
        (Lock::ShareUpdateExclusive, Lock::ShareUpdateExclusive)
    } else {
        (Lock::Share, Lock::AccessExclusive)
    };
    match scope {
        Scope::Index(index) => {
            let table = table_of(b, index);
            b.lock(table.clone(), Role::Itself, on_table);
            b.lock(Object::Index(index.clone()), Role::Index, on_index);
            b.work(WorkKind::Scan, table);
            b.work(WorkKind::RebuildIndex, Object::Index(index.clone()));
        }
        Scope::Table(table) | Scope::Named(table) => {
            b.family(table, false, on_table);
            for index in indexes_of(b, table) {
                b.lock(index, Role::Index, on_index);
            }
            b.work_on(WorkKind::Scan, table);
            b.work_on(WorkKind::RebuildIndex, table);
        }
        Scope::Schema(_) | Scope::Database => {
            b.transaction(TransactionRule::Refused);
            let object = Object::Every(match scope {
                Scope::Schema(name) => Some(name.clone()),
                Scope::Index(_) | Scope::Table(_) | Scope::Named(_) | Scope::Database => None,
            });
            // The indexes are locked harder than their tables.
            b.lock(object.clone(), Role::Itself, on_index);
            b.work(WorkKind::Scan, object.clone());
            b.work(WorkKind::RebuildIndex, object);
        }
    }
}
