//! ALTER TABLE: each change by itself; the table is locked as strictly as the strictest asks.

use super::{column, constraint, convert, major, partition};
use crate::plan::Lock;
use crate::schema::TableName;
use crate::sql::act::{Change, Which};
use crate::sql::breakage::Breakage;
use crate::sql::build::Build;
use crate::sql::effect::WorkKind;
use crate::sql::object::{Object, Role};
use crate::sql::unknown::{Assumption, Failure, Unknown};

/// See the module.
pub(super) fn alter(
    b: &mut Build<'_, '_>,
    table: &TableName,
    only: bool,
    if_exists: bool,
    changes: &[Change],
) {
    b.ddl();
    if b.state.is_absent(table) && b.state.view(table).is_none() {
        if !if_exists {
            b.fails(Failure::Missing {
                what: table.to_string(),
            });
        }
        return;
    }
    if !b.state.is_whole(table) && !b.state.made_here(table) {
        b.assume(Assumption::InUse {
            table: table.clone(),
        });
    }
    for (at, change) in changes.iter().enumerate() {
        b.change = Some(at);
        one(b, table, only, change, changes);
    }
    b.change = None;
}

/// Every row of the table, or of its partitions, is written anew, and its indexes with it.
pub(super) fn rewrite(b: &mut Build<'_, '_>, table: &TableName) {
    b.work_on(WorkKind::Rewrite, table);
    b.work_on(WorkKind::Scan, table);
    if may_have_indexes(b, table) {
        b.work_on(WorkKind::RebuildIndex, table);
    }
}

/// Whether the table has an index, as far as anybody knows.
pub(super) fn may_have_indexes(b: &Build<'_, '_>, table: &TableName) -> bool {
    let known = b.state.table(table);
    !b.state.is_whole(table)
        || known.is_some_and(|t| !t.indexes.is_empty() || !t.primary_key.is_empty())
}

fn one(b: &mut Build<'_, '_>, table: &TableName, only: bool, change: &Change, all: &[Change]) {
    let exclusive = |b: &mut Build<'_, '_>| b.family(table, only, Lock::AccessExclusive);
    let alone = |b: &mut Build<'_, '_>, lock| b.family(table, true, lock);
    match change {
        Change::AddColumn {
            column,
            if_not_exists,
        } => column::add(b, table, only, column, *if_not_exists),
        Change::DropColumn {
            column,
            if_exists,
            cascade,
        } => column::drop(b, table, only, column, *if_exists, *cascade),
        Change::RenameColumn { from, to } => {
            exclusive(b);
            b.breaks(
                table,
                Breakage::ColumnGone {
                    table: table.clone(),
                    column: from.clone(),
                    renamed_to: Some(to.clone()),
                },
            );
            prepared(b, table);
        }
        Change::SetType {
            column,
            to,
            collation,
            using,
        } => convert::set_type(
            b,
            table,
            only,
            column,
            to,
            collation.as_deref(),
            using.as_deref(),
        ),
        Change::SetDefault { column, .. } => {
            exclusive(b);
            b.breaks(
                table,
                Breakage::DefaultChanged {
                    table: table.clone(),
                    column: column.clone(),
                },
            );
        }
        Change::DropDefault { column } => column::drop_default(b, table, only, column),
        Change::SetNotNull { column } => column::set_not_null(b, table, only, column),
        Change::DropNotNull { .. } | Change::SetStorage { .. } | Change::DropExpression { .. } => {
            if matches!(change, Change::DropExpression { .. }) {
                b.needs(major(13), "DROP EXPRESSION");
            }
            exclusive(b);
        }
        Change::AddIdentity { column } => {
            exclusive(b);
            generation(b, table, column);
        }
        Change::SetIdentity { column } => {
            exclusive(b);
            let sequence = sequence(b, table, column);
            b.lock(
                Object::Sequence(sequence),
                Role::Sequence,
                Lock::ShareRowExclusive,
            );
            generation(b, table, column);
        }
        Change::DropIdentity { column } => {
            exclusive(b);
            let sequence = sequence(b, table, column);
            b.lock(
                Object::Sequence(sequence),
                Role::Sequence,
                Lock::AccessExclusive,
            );
            generation(b, table, column);
        }
        Change::SetExpression { column } => {
            exclusive(b);
            b.needs(major(17), "SET EXPRESSION");
            let kept = b
                .state
                .column(table, column)
                .and_then(|c| c.generated_as.as_deref());
            if kept.is_none_or(|text| text.contains("STORED")) {
                rewrite(b, table);
            }
        }
        Change::ColumnOptions { .. } => b.family(table, only, Lock::ShareUpdateExclusive),
        Change::AddConstraint(new) => constraint::add(b, table, only, new, all),
        Change::DropConstraint {
            name,
            if_exists,
            cascade,
        } => constraint::drop(b, table, only, name, *if_exists, *cascade),
        Change::ValidateConstraint { name } => constraint::validate(b, table, only, name),
        Change::AlterConstraint { enforces, .. } => {
            exclusive(b);
            if *enforces {
                b.needs(major(18), "ALTER CONSTRAINT ... ENFORCED");
                b.work_on(WorkKind::Scan, table);
            }
        }
        Change::RenameConstraint { .. } => alone(b, Lock::AccessExclusive),
        Change::Rename { to } => {
            alone(b, Lock::AccessExclusive);
            b.breaks(
                table,
                Breakage::TableGone {
                    table: table.clone(),
                    renamed_to: Some(to.clone()),
                },
            );
        }
        Change::Owner | Change::NotOfType | Change::WithoutOids => {
            alone(b, Lock::AccessExclusive);
        }
        Change::Options { names } => {
            let catalogue = names.iter().any(|n| n == "user_catalog_table");
            alone(
                b,
                if catalogue {
                    Lock::AccessExclusive
                } else {
                    Lock::ShareUpdateExclusive
                },
            );
        }
        Change::SetLogged => {
            alone(b, Lock::AccessExclusive);
            rewrite(b, table);
        }
        Change::SetUnlogged => {
            alone(b, Lock::AccessExclusive);
            rewrite(b, table);
            b.breaks(
                table,
                Breakage::NotLogged {
                    table: table.clone(),
                },
            );
        }
        Change::SetTablespace => {
            alone(b, Lock::AccessExclusive);
            b.work(WorkKind::Rewrite, Object::Table(table.clone()));
            b.work(WorkKind::Scan, Object::Table(table.clone()));
        }
        Change::SetAccessMethod { method } => {
            alone(b, Lock::AccessExclusive);
            b.needs(major(15), "SET ACCESS METHOD");
            // There is no other one but where an extension brings it.
            if method.as_deref() != Some("heap") {
                rewrite(b, table);
            }
        }
        Change::ClusterOn { index } => {
            alone(b, Lock::ShareUpdateExclusive);
            let index = beside(table, index);
            b.lock(
                Object::Index(index),
                Role::Index,
                Lock::ShareUpdateExclusive,
            );
        }
        Change::WithoutCluster => alone(b, Lock::ShareUpdateExclusive),
        Change::Triggers { which, enable } => {
            b.family(table, only, Lock::ShareRowExclusive);
            let breakage = if *enable {
                Breakage::TriggerAdded {
                    table: table.clone(),
                }
            } else {
                Breakage::TriggersOff {
                    table: table.clone(),
                }
            };
            let all = matches!(which, Which::All) && *enable;
            if !all {
                b.breaks(table, breakage);
            }
        }
        Change::Rules { .. } => alone(b, Lock::AccessExclusive),
        Change::RowSecurity { enable } => {
            alone(b, Lock::AccessExclusive);
            let without = b
                .state
                .table(table)
                .is_none_or(|t| t.attached.policies.is_empty());
            let breakage = if *enable && without {
                Breakage::RowsHidden {
                    table: table.clone(),
                }
            } else {
                Breakage::PolicyChanged {
                    table: table.clone(),
                }
            };
            b.breaks(table, breakage);
        }
        Change::ForceRowSecurity { .. } => {
            alone(b, Lock::AccessExclusive);
            b.breaks(
                table,
                Breakage::PolicyChanged {
                    table: table.clone(),
                },
            );
        }
        Change::ReplicaIdentity { index } => {
            alone(b, Lock::AccessExclusive);
            if let Some(index) = index {
                b.lock(
                    Object::Index(beside(table, index)),
                    Role::Index,
                    Lock::Share,
                );
            }
        }
        Change::Inherit { parent } => {
            alone(b, Lock::AccessExclusive);
            b.lock(
                Object::Table(parent.clone()),
                Role::Parent,
                Lock::ShareUpdateExclusive,
            );
        }
        Change::NoInherit { parent } => {
            alone(b, Lock::AccessExclusive);
            b.lock(
                Object::Table(parent.clone()),
                Role::Parent,
                Lock::AccessShare,
            );
        }
        Change::OfType { name } => {
            alone(b, Lock::AccessExclusive);
            b.lock(
                Object::CompositeType(name.clone()),
                Role::Read,
                Lock::AccessShare,
            );
        }
        Change::AttachPartition {
            partition,
            default,
            bounds,
        } => partition::attach(b, table, partition, *default, bounds),
        Change::DetachPartition {
            partition,
            concurrently,
            finalize,
        } => partition::detach(b, table, partition, *concurrently, *finalize),
        Change::Repartition { partitions, how } => partition::move_rows(b, table, partitions, how),
        Change::Redefine { .. }
        | Change::DropPrimaryKey
        | Change::AddIndex(_)
        | Change::DropIndex { .. }
        | Change::AlterIndex { .. }
        | Change::TableOption { .. }
        | Change::Rebuild => b.unknown(Unknown::Clause {
            words: "a change that PostgreSQL does not know".into(),
        }),
        Change::Unknown { words } => b.unknown(Unknown::Clause {
            words: words.clone(),
        }),
    }
}

/// Prepared `SELECT *` fails once.
pub(super) fn prepared(b: &mut Build<'_, '_>, table: &TableName) {
    b.breaks(
        table,
        Breakage::PreparedSelect {
            table: table.clone(),
        },
    );
}

fn generation(b: &mut Build<'_, '_>, table: &TableName, column: &str) {
    b.breaks(
        table,
        Breakage::GenerationChanged {
            table: table.clone(),
            column: column.to_owned(),
        },
    );
}

/// A name in the schema of the table.
pub(super) fn beside(table: &TableName, name: &str) -> TableName {
    TableName {
        schema: table.schema.clone(),
        name: name.to_owned(),
    }
}

/// The sequence of a column: the one that is known, or the name that the server would give it.
fn sequence(b: &Build<'_, '_>, table: &TableName, column: &str) -> TableName {
    let known = b
        .state
        .table(table)
        .and_then(|t| t.attached.sequences.iter().find(|s| s.column == column));
    match known {
        Some(known) => TableName::parse(&known.sequence),
        None => beside(table, &format!("{}_{column}_seq", table.name)),
    }
}
