//! ATTACH, DETACH, SPLIT and MERGE PARTITION.

use super::alter::rewrite;
use super::major;
use crate::dialect::lexer;
use crate::document::Engine;
use crate::plan::Lock;
use crate::schema::{ConstraintKind, TableName};
use crate::sql::build::Build;
use crate::sql::effect::{TransactionRule, WorkKind};
use crate::sql::object::{Object, Role};
use crate::sql::unknown::{Assumption, Failure};

/// The default partition, where there is one or may be one, is locked and read for rows that belong
/// to the new one.
pub(super) fn default_partition(b: &mut Build<'_, '_>, parent: &TableName) {
    if b.state.made_here(parent) {
        return;
    }
    let known = b
        .state
        .table(parent)
        .and_then(|t| t.default_partition.clone());
    let object = match known {
        Some(default) => Object::Table(default),
        None if b.state.is_whole(parent) => return,
        None => {
            b.assume(Assumption::DefaultPartition {
                table: parent.clone(),
            });
            Object::DefaultPartitionOf(parent.clone())
        }
    };
    b.lock(
        object.clone(),
        Role::DefaultPartition,
        Lock::AccessExclusive,
    );
    b.work(WorkKind::Scan, object);
}

/// ATTACH PARTITION.
pub(super) fn attach(
    b: &mut Build<'_, '_>,
    parent: &TableName,
    partition: &TableName,
    default: bool,
    bounds: &str,
) {
    let lock = if b.state.version >= major(12) {
        Lock::ShareUpdateExclusive
    } else {
        Lock::AccessExclusive
    };
    b.family(parent, true, lock);
    let object = Object::Table(partition.clone());
    b.lock(object.clone(), Role::Partition, Lock::AccessExclusive);
    // Queries through the parent do not see it yet.
    b.aside(object);
    if !is_checked(b, partition, bounds) {
        if !b.state.is_whole(partition) {
            b.assume(Assumption::PartitionBounds {
                table: partition.clone(),
            });
        }
        b.work_on(WorkKind::Scan, partition);
    }
    if !default {
        default_partition(b, parent);
    }
}

/// Whether a validated CHECK says what the bounds say: it names the same values, its columns are
/// not NULL, and it joins nothing with OR.
fn is_checked(b: &Build<'_, '_>, partition: &TableName, bounds: &str) -> bool {
    let Some(table) = b.state.table(partition) else {
        return false;
    };
    let values = |text: &str| -> Vec<String> {
        lexer::significant(Engine::PostgreSql, text)
            .unwrap_or_default()
            .iter()
            .filter(|t| matches!(t.kind, lexer::Kind::Text | lexer::Kind::Number))
            .map(|t| t.text.trim_matches('\'').to_owned())
            .collect()
    };
    let wanted = values(bounds);
    !wanted.is_empty()
        && table.constraints.iter().any(|c| {
            let said = values(&c.definition);
            let or = c.definition.to_lowercase().contains(" or ");
            let not_null = c.columns.iter().all(|own| {
                table.column(own).is_some_and(|known| !known.nullable)
                    || table.constraints.iter().any(|other| {
                        other.validated && super::constraint::says_not_null(other, own)
                    })
            });
            c.kind == ConstraintKind::Check
                && c.validated
                && !or
                && not_null
                && wanted.iter().all(|value| said.contains(value))
        })
}

/// DETACH PARTITION.
pub(super) fn detach(
    b: &mut Build<'_, '_>,
    parent: &TableName,
    partition: &TableName,
    concurrently: bool,
    finalize: bool,
) {
    let default = b
        .state
        .table(parent)
        .and_then(|t| t.default_partition.clone());
    if concurrently || finalize {
        b.needs(major(14), "DETACH PARTITION ... CONCURRENTLY");
        b.family(parent, true, Lock::ShareUpdateExclusive);
        // Its second transaction, and FINALIZE, take what is no partition any more for themselves:
        // by then nobody comes to it through the parent.
        let object = Object::Table(partition.clone());
        b.lock(object.clone(), Role::Partition, Lock::AccessExclusive);
        if concurrently {
            b.aside(object);
            b.transaction(TransactionRule::Refused);
            if let Some(default) = default {
                b.fails(Failure::Partitioned {
                    table: parent.clone(),
                    what: format!("DETACH CONCURRENTLY beside the default partition {default}"),
                });
            }
        }
        return;
    }
    b.family(parent, true, Lock::AccessExclusive);
    // Seen: before CONCURRENTLY was there it let the partition's own readers and writers go on.
    let lock = if b.state.version < major(14) {
        Lock::ShareUpdateExclusive
    } else {
        Lock::AccessExclusive
    };
    b.lock(Object::Table(partition.clone()), Role::Partition, lock);
    if let Some(default) = default {
        b.lock(
            Object::Table(default),
            Role::DefaultPartition,
            Lock::AccessExclusive,
        );
    }
}

/// SPLIT and MERGE PARTITIONS.
pub(super) fn move_rows(
    b: &mut Build<'_, '_>,
    parent: &TableName,
    partitions: &[TableName],
    how: &str,
) {
    b.needs(major(19), &format!("{how} PARTITION"));
    b.family(parent, true, Lock::AccessExclusive);
    for partition in partitions {
        b.lock(
            Object::Table(partition.clone()),
            Role::Partition,
            Lock::AccessExclusive,
        );
        rewrite(b, partition);
    }
}
