//! CREATE TABLE, DROP TABLE, TRUNCATE, LOCK and upkeep.

use super::alter::{may_have_indexes, rewrite};
use super::column::depends;
use super::constraint::referenced;
use super::{major, partition};
use crate::plan::Lock;
use crate::schema::TableName;
use crate::sql::act::{Act, NewTable, Shape};
use crate::sql::breakage::Breakage;
use crate::sql::build::Build;
use crate::sql::effect::{TransactionRule, WorkKind};
use crate::sql::object::{Object, Role};
use crate::sql::unknown::{Assumption, Failure};

/// CREATE TABLE in all its forms.
pub(super) fn create(b: &mut Build<'_, '_>, new: &NewTable) {
    b.ddl();
    let there = b.state.table(&new.name).is_some() && !new.temporary;
    if there {
        if !new.if_not_exists {
            b.fails(Failure::Taken {
                what: new.name.to_string(),
            });
        }
        return;
    }
    b.edit().creates.push(new.name.clone());
    let inline = new.columns.iter().flat_map(|c| &c.constraints);
    for constraint in new.constraints.iter().chain(inline) {
        if let Shape::ForeignKey(key) = &constraint.shape
            && key.table != new.name
        {
            referenced(b, &key.table, Lock::ShareRowExclusive);
        }
    }
    b.reads(&new.like);
    for parent in &new.inherits {
        b.lock(
            Object::Table(parent.clone()),
            Role::Parent,
            Lock::ShareUpdateExclusive,
        );
    }
    if let Some(parent) = &new.partition_of {
        b.lock(
            Object::Table(parent.clone()),
            Role::Itself,
            Lock::AccessExclusive,
        );
        if !new.default_partition {
            partition::default_partition(b, parent);
        }
    }
    if let Some(reads) = &new.query {
        b.reads(reads);
        if !new.no_data {
            for table in reads {
                b.work_on(WorkKind::Scan, table);
            }
        }
    }
}

/// DROP TABLE.
pub(super) fn drop(b: &mut Build<'_, '_>, tables: &[TableName], if_exists: bool, cascade: bool) {
    b.ddl();
    for table in tables {
        if b.state.is_absent(table) {
            if !if_exists {
                b.fails(Failure::Missing {
                    what: table.to_string(),
                });
            }
            continue;
        }
        b.family(table, false, Lock::AccessExclusive);
        b.breaks(
            table,
            Breakage::TableGone {
                table: table.clone(),
                renamed_to: None,
            },
        );
        let state = b.state;
        let Some(known) = state.table(table).filter(|_| state.is_whole(table)) else {
            b.assume(Assumption::ForeignKeys {
                table: table.clone(),
            });
            b.lock(
                Object::ReferencedBy(table.clone()),
                Role::Referenced,
                Lock::AccessExclusive,
            );
            if cascade {
                b.lock(
                    Object::DependentsOf(table.clone()),
                    Role::Dependent,
                    Lock::AccessExclusive,
                );
            }
            continue;
        };
        for parent in &known.parents {
            b.lock(
                Object::Table(parent.clone()),
                Role::Parent,
                Lock::AccessExclusive,
            );
        }
        for other in known
            .constraints
            .iter()
            .filter_map(|c| c.references.as_ref())
        {
            if other != table {
                referenced(b, other, Lock::AccessExclusive);
            }
        }
        for (other, _) in &known.referenced_by {
            if other != table && !tables.contains(other) {
                depends(b, table.to_string(), other, cascade, Role::Referencing);
            }
        }
        for view in &known.views {
            depends(b, table.to_string(), &view.view, cascade, Role::Dependent);
        }
    }
}

/// TRUNCATE.
pub(super) fn truncate(
    b: &mut Build<'_, '_>,
    tables: &[TableName],
    cascade: bool,
    restart_identity: bool,
) {
    let mut all = tables.to_vec();
    let mut at = 0;
    while let Some(table) = all.get(at).cloned() {
        at += 1;
        let role = if tables.contains(&table) {
            Role::Itself
        } else {
            Role::Referencing
        };
        b.lock(Object::Table(table.clone()), role, Lock::AccessExclusive);
        b.heirs(&table, Lock::AccessExclusive);
        b.work_on(WorkKind::Rewrite, &table);
        if may_have_indexes(b, &table) {
            b.work_on(WorkKind::RebuildIndex, &table);
        }
        b.breaks(
            &table,
            Breakage::RowsGone {
                table: table.clone(),
            },
        );
        let state = b.state;
        let Some(known) = state.table(&table).filter(|_| state.is_whole(&table)) else {
            if cascade {
                b.assume(Assumption::ForeignKeys {
                    table: table.clone(),
                });
                b.lock(
                    Object::Referencing(table.clone()),
                    Role::Referencing,
                    Lock::AccessExclusive,
                );
            }
            continue;
        };
        for (other, _) in &known.referenced_by {
            if all.contains(other) {
                continue;
            }
            if cascade {
                all.push(other.clone());
            } else {
                b.fails(Failure::InUseBy {
                    what: table.to_string(),
                    by: other.clone(),
                });
            }
        }
        if restart_identity {
            for own in &known.attached.sequences {
                b.lock(
                    Object::Sequence(TableName::parse(&own.sequence)),
                    Role::Sequence,
                    Lock::AccessExclusive,
                );
            }
        }
    }
}

/// A table, or every table there is.
fn each(tables: &[TableName]) -> Vec<Object> {
    if tables.is_empty() {
        return vec![Object::Every(None)];
    }
    tables.iter().cloned().map(Object::Table).collect()
}

fn whole(b: &mut Build<'_, '_>, object: Object, lock: Lock) {
    b.lock(object.clone(), Role::Itself, lock);
    if lock == Lock::AccessExclusive {
        if let Some(table) = object.table() {
            rewrite(b, table);
        } else {
            b.work(WorkKind::Rewrite, object.clone());
            b.work(WorkKind::Scan, object.clone());
            b.work(WorkKind::RebuildIndex, object);
        }
    }
}

/// LOCK, VACUUM, ANALYZE, CLUSTER and REPACK.
pub(super) fn maintain(b: &mut Build<'_, '_>, act: &Act) {
    if let Act::LockTables { tables } = act {
        for (table, lock) in tables {
            b.relation(table, Role::Itself, *lock);
            b.heirs(table, *lock);
        }
    } else if let Act::Vacuum { tables, full } = act {
        b.transaction(TransactionRule::Refused);
        for object in each(tables) {
            if *full {
                whole(b, object, Lock::AccessExclusive);
            } else {
                b.lock(object.clone(), Role::Itself, Lock::ShareUpdateExclusive);
                b.work(WorkKind::Scan, object);
            }
        }
    } else if let Act::Analyze { tables } = act {
        for object in each(tables) {
            b.lock(object, Role::Itself, Lock::ShareUpdateExclusive);
        }
    } else if let Act::ClusterTable { table } = act {
        // One plain table is clustered in the transaction that there is; several, or the partitions
        // of one, each in its own.
        let parted = |name| b.state.table(name).is_some_and(|t| t.partitioned);
        if table.as_ref().is_none_or(parted) {
            b.transaction(TransactionRule::Refused);
        }
        for object in each(table.as_slice()) {
            whole(b, object, Lock::AccessExclusive);
        }
    } else if let Act::Repack {
        table,
        concurrently,
    } = act
    {
        b.needs(major(19), "REPACK");
        b.transaction(TransactionRule::Refused);
        for object in each(table.as_slice()) {
            if *concurrently {
                b.lock(object.clone(), Role::Itself, Lock::ShareUpdateExclusive);
                b.work(WorkKind::Rewrite, object.clone());
                b.work(WorkKind::Scan, object);
            } else {
                whole(b, object, Lock::AccessExclusive);
            }
        }
    }
}
