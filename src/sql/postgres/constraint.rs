//! Constraints: added, validated, dropped.

use super::column::{depends, is_known_not_null, taken_over};
use super::major;
use crate::dialect::lexer;
use crate::document::Engine;
use crate::plan::Lock;
use crate::schema::{Constraint, ConstraintKind, TableName};
use crate::sql::act::{Change, NewConstraint, Shape};
use crate::sql::breakage::Breakage;
use crate::sql::build::Build;
use crate::sql::effect::WorkKind;
use crate::sql::object::{Object, Role};
use crate::sql::unknown::{Assumption, Failure};

/// Locks the table that a foreign key points to, and its partitions.
pub(super) fn referenced(b: &mut Build<'_, '_>, table: &TableName, lock: Lock) {
    b.lock(Object::Table(table.clone()), Role::Referenced, lock);
    for (heir, _) in b.heirs_of(table) {
        if b.state.table(table).is_some_and(|t| t.partitioned) {
            b.lock(Object::Table(heir), Role::Referenced, lock);
        }
    }
}

/// Whether a CHECK says that the column is not NULL: `CHECK ((c IS NOT NULL))`, alone or joined
/// with AND.
pub(super) fn says_not_null(constraint: &Constraint, column: &str) -> bool {
    let Ok(tokens) = lexer::significant(Engine::PostgreSql, &constraint.definition) else {
        return false;
    };
    let told = tokens.windows(4).any(|w| {
        w[0].names(Engine::PostgreSql, column) && w[1].is("is") && w[2].is("not") && w[3].is("null")
    });
    told && !tokens.iter().any(|t| t.is("or") || t.is("case"))
}

/// Whether a foreign key's definition points at that column.
pub(super) fn points_at(definition: &str, column: &str) -> bool {
    let Ok(tokens) = lexer::significant(Engine::PostgreSql, definition) else {
        return true;
    };
    let Some(at) = tokens.iter().position(|t| t.is("references")) else {
        return true;
    };
    tokens[at..]
        .iter()
        .skip_while(|t| !t.is_symbol("("))
        .take_while(|t| !t.is_symbol(")"))
        .any(|t| t.names(Engine::PostgreSql, column))
}

/// ADD CONSTRAINT.
pub(super) fn add(
    b: &mut Build<'_, '_>,
    table: &TableName,
    only: bool,
    new: &NewConstraint,
    all: &[Change],
) {
    let partitioned = b.state.table(table).is_some_and(|t| t.partitioned);
    let name = new.name.clone().unwrap_or_else(|| new.columns.join(", "));
    b.breaks(
        table,
        Breakage::StricterConstraint {
            table: table.clone(),
            constraint: name,
        },
    );
    match &new.shape {
        Shape::PrimaryKey | Shape::Unique => {
            b.family(table, only, Lock::AccessExclusive);
            not_valid_is_refused(b, new);
            if let Some(index) = &new.using_index {
                taken_over(b, table, index);
                if partitioned {
                    refused(b, table, "USING INDEX");
                }
            } else {
                b.work_on(WorkKind::Scan, table);
                b.work_on(WorkKind::BuildIndex, table);
            }
            if new.shape == Shape::PrimaryKey {
                for column in key_columns(b, table, new) {
                    let set = all
                        .iter()
                        .any(|c| matches!(c, Change::SetNotNull { column: c } if *c == column));
                    if !set && !is_known_not_null(b, table, &column) {
                        b.work_on(WorkKind::Scan, table);
                    }
                }
            }
        }
        Shape::Check { .. } => {
            b.family(table, only || new.no_inherit, Lock::AccessExclusive);
            if !new.not_valid && !new.not_enforced {
                b.work_on(WorkKind::Scan, table);
            }
        }
        Shape::NotNull => {
            b.family(table, only || new.no_inherit, Lock::AccessExclusive);
            b.needs(major(18), "NOT NULL as a constraint of its own");
            let known = new
                .columns
                .first()
                .is_some_and(|column| is_known_not_null(b, table, column));
            if !new.not_valid && !known {
                b.work_on(WorkKind::Scan, table);
            }
        }
        Shape::ForeignKey(key) => {
            b.family(table, only, Lock::ShareRowExclusive);
            referenced(b, &key.table, Lock::ShareRowExclusive);
            if partitioned && new.not_valid && b.state.version < major(18) {
                refused(b, table, "a foreign key that is NOT VALID");
            }
            if !new.not_valid && !new.not_enforced {
                b.work_on(WorkKind::Scan, table);
            }
        }
        Shape::Exclude => {
            b.family(table, only, Lock::AccessExclusive);
            not_valid_is_refused(b, new);
            b.work_on(WorkKind::Scan, table);
            b.work_on(WorkKind::BuildIndex, table);
        }
    }
    if new.not_enforced {
        b.needs(major(18), "NOT ENFORCED");
    }
}

fn key_columns(b: &Build<'_, '_>, table: &TableName, new: &NewConstraint) -> Vec<String> {
    let Some(index) = &new.using_index else {
        return new.columns.clone();
    };
    let name = super::alter::beside(table, index);
    match b.state.index(&name) {
        Some(index) => index.columns.clone(),
        // Some column of it, which nobody knows.
        None => vec![format!("the columns of {index}")],
    }
}

fn not_valid_is_refused(b: &mut Build<'_, '_>, new: &NewConstraint) {
    if new.not_valid {
        b.fails(Failure::NotSupported {
            what: "NOT VALID for UNIQUE, PRIMARY KEY and EXCLUDE".into(),
        });
    }
}

fn refused(b: &mut Build<'_, '_>, table: &TableName, what: &str) {
    b.fails(Failure::Partitioned {
        table: table.clone(),
        what: what.to_owned(),
    });
}

/// VALIDATE CONSTRAINT.
pub(super) fn validate(b: &mut Build<'_, '_>, table: &TableName, only: bool, name: &str) {
    let state = b.state;
    let known = state.constraint(table, name);
    if known.is_some_and(|c| c.validated) {
        b.family(table, true, Lock::ShareUpdateExclusive);
        return;
    }
    b.family(table, only, Lock::ShareUpdateExclusive);
    b.work_on(WorkKind::Scan, table);
    match known {
        Some(known) => {
            if let Some(other) = &known.references {
                referenced(b, other, Lock::RowShare);
            }
        }
        None => {
            b.assume(Assumption::NotValidated {
                table: table.clone(),
                constraint: name.to_owned(),
            });
            b.lock(
                Object::ReferencedBy(table.clone()),
                Role::Referenced,
                Lock::RowShare,
            );
        }
    }
}

/// DROP CONSTRAINT.
pub(super) fn drop(
    b: &mut Build<'_, '_>,
    table: &TableName,
    only: bool,
    name: &str,
    if_exists: bool,
    cascade: bool,
) {
    let state = b.state;
    let known = state.table(table);
    let own = state.constraint(table, name);
    // The schema keeps no name of a primary key; this is the one that the server gives.
    let is_key = own.is_none()
        && known.is_some_and(|t| !t.primary_key.is_empty())
        && (name == format!("{}_pkey", table.name) || !state.is_whole(table));
    if own.is_none() && !is_key && state.is_whole(table) {
        let named_otherwise = known.is_some_and(|t| !t.primary_key.is_empty());
        b.family(table, true, Lock::AccessExclusive);
        if !if_exists && !named_otherwise {
            b.fails(Failure::Missing {
                what: format!("the constraint {name} of {table}"),
            });
        }
        if if_exists || !named_otherwise {
            return;
        }
    }
    b.family(table, only, Lock::AccessExclusive);
    let unique = own.is_none_or(|c| c.kind == ConstraintKind::Unique);
    if let Some(other) = own.and_then(|c| c.references.as_ref()) {
        referenced(b, other, Lock::AccessExclusive);
    }
    if unique {
        b.breaks(
            table,
            Breakage::OnConflict {
                table: table.clone(),
                name: name.to_owned(),
            },
        );
    }
    if own.is_none_or(|c| c.kind != ConstraintKind::Unique) {
        b.breaks(
            table,
            Breakage::ConstraintGone {
                table: table.clone(),
                constraint: name.to_owned(),
            },
        );
    }
    let keyed = is_key || own.is_some_and(|c| c.kind == ConstraintKind::Unique);
    for (other, key) in known.iter().flat_map(|t| &t.referenced_by) {
        let columns = own.map_or_else(
            || known.map(|t| t.primary_key.clone()).unwrap_or_default(),
            |c| c.columns.clone(),
        );
        let uses = keyed
            && state.constraint(other, key).is_some_and(|c| {
                columns
                    .iter()
                    .all(|column| points_at(&c.definition, column))
            });
        if uses {
            depends(
                b,
                format!("{name} of {table}"),
                other,
                cascade,
                Role::Referencing,
            );
        }
    }
    if own.is_none() && !state.is_whole(table) {
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
                Object::Referencing(table.clone()),
                Role::Referencing,
                Lock::AccessExclusive,
            );
        }
    }
}
