//! ADD COLUMN, DROP COLUMN, defaults and NOT NULL.

use super::alter::{beside, prepared, rewrite};
use super::{constraint, convert, major};
use crate::plan::Lock;
use crate::schema::{ConstraintKind, Stability, TableName};
use crate::sql::act::{Generated, NewColumn, Shape, Volatility};
use crate::sql::breakage::Breakage;
use crate::sql::build::Build;
use crate::sql::effect::WorkKind;
use crate::sql::object::{Object, Role};
use crate::sql::state::State;
use crate::sql::unknown::{Assumption, Failure};

/// ADD COLUMN.
pub(super) fn add(
    b: &mut Build<'_, '_>,
    table: &TableName,
    only: bool,
    column: &NewColumn,
    if_not_exists: bool,
) {
    if b.state.column(table, &column.name).is_some() {
        b.family(table, true, Lock::AccessExclusive);
        if !if_not_exists {
            b.fails(Failure::Taken {
                what: format!("{table}.{}", column.name),
            });
        }
        return;
    }
    b.family(table, only, Lock::AccessExclusive);
    prepared(b, table);
    let filled = filled(b, column);
    if rewrites(b, column) {
        rewrite(b, table);
    }
    for own in &column.constraints {
        match &own.shape {
            Shape::Check { .. } if own.not_valid || own.not_enforced => {}
            Shape::Check { .. } => b.work_on(WorkKind::Scan, table),
            Shape::PrimaryKey | Shape::Unique | Shape::Exclude => {
                b.work_on(WorkKind::Scan, table);
                b.work_on(WorkKind::BuildIndex, table);
            }
            Shape::ForeignKey(key) => {
                constraint::referenced(b, &key.table, Lock::ShareRowExclusive);
                // All NULL needs no look, any other value does.
                let valued = column.default.as_ref().is_some_and(|d| !d.null);
                if (valued || is_serial(column) || column.identity) && !own.not_valid {
                    b.work_on(WorkKind::Scan, table);
                }
            }
            Shape::NotNull => {}
        }
    }
    if column.not_null && !filled {
        b.work_on(WorkKind::Scan, table);
        if !b.state.made_here(table) {
            b.fails(Failure::NoDefault {
                table: table.clone(),
                column: column.name.clone(),
            });
        }
        b.breaks(
            table,
            Breakage::InsertWithout {
                table: table.clone(),
                column: column.name.clone(),
            },
        );
    }
}

/// Whether a new column gets a value by itself.
fn filled(b: &Build<'_, '_>, column: &NewColumn) -> bool {
    column.identity
        || column.generated.is_some()
        || is_serial(column)
        || column.default.as_ref().is_some_and(|d| !d.null)
        || b.state.made_type(&TableName::parse(
            column.data_type.as_deref().unwrap_or_default(),
        )) && column.default.is_some()
}

/// SERIAL and its kin: a default that calls nextval.
pub(super) fn is_serial(column: &NewColumn) -> bool {
    let base = convert::base(column.data_type.as_deref().unwrap_or_default());
    ["smallserial", "serial", "bigserial"].contains(&base.as_str())
}

/// Whether adding it writes every row.
fn rewrites(b: &mut Build<'_, '_>, column: &NewColumn) -> bool {
    if is_serial(column) || column.identity {
        return true;
    }
    let stored = match column.generated {
        Some(Generated::Stored) => true,
        Some(Generated::Virtual) => {
            b.needs(major(18), "VIRTUAL generated columns");
            false
        }
        Some(Generated::Unsaid) => {
            if b.state.version < major(18) {
                b.fails(Failure::NotSupported {
                    what: "generated columns without STORED".into(),
                });
            }
            false
        }
        None => false,
    };
    let default = column.default.as_ref().filter(|d| !d.null);
    let moves = match default {
        Some(default) => {
            if default.sql.contains("nextval") {
                sequence_of(b, &default.sql);
            }
            b.state.version < major(11) || is_volatile(b, &default.volatility)
        }
        None => false,
    };
    let domain = convert::is_constrained_domain(b, column.data_type.as_deref());
    stored || moves || domain
}

/// `nextval('sq')` locks the sequence.
fn sequence_of(b: &mut Build<'_, '_>, sql: &str) {
    let name = sql
        .split_once("nextval(")
        .and_then(|(_, rest)| rest.trim_start().strip_prefix('\''))
        .and_then(|rest| rest.split_once('\''))
        .map(|(name, _)| name);
    if let Some(name) = name {
        b.lock(
            Object::Sequence(TableName::parse(name)),
            Role::Sequence,
            Lock::RowExclusive,
        );
    }
}

/// Whether a default gives another value for each row. A function that is not known may.
fn is_volatile(b: &mut Build<'_, '_>, volatility: &Volatility) -> bool {
    match volatility {
        Volatility::Immutable | Volatility::Stable => false,
        Volatility::Volatile => true,
        Volatility::Unknown { function } => match stability(b.state, function) {
            Some(Stability::Immutable | Stability::Stable) => false,
            Some(Stability::Volatile) => true,
            None => {
                b.assume(Assumption::Volatile {
                    name: function.clone(),
                });
                true
            }
        },
    }
}

/// What a function that is none of PostgreSQL's own keeps to, where that is known.
pub(super) fn stability(state: &State<'_>, function: &str) -> Option<Stability> {
    let name = TableName::parse(function);
    match state.function(&name) {
        Some(Volatility::Immutable) => Some(Stability::Immutable),
        Some(Volatility::Stable) => Some(Stability::Stable),
        Some(Volatility::Volatile | Volatility::Unknown { .. }) => Some(Stability::Volatile),
        None => state.live_function(&name),
    }
}

/// DROP COLUMN.
pub(super) fn drop(
    b: &mut Build<'_, '_>,
    table: &TableName,
    only: bool,
    column: &str,
    if_exists: bool,
    cascade: bool,
) {
    if b.state.is_whole(table) && b.state.column(table, column).is_none() {
        b.family(table, true, Lock::AccessExclusive);
        if !if_exists {
            b.fails(Failure::Missing {
                what: format!("{table}.{column}"),
            });
        }
        return;
    }
    b.family(table, only, Lock::AccessExclusive);
    prepared(b, table);
    b.breaks(
        table,
        Breakage::ColumnGone {
            table: table.clone(),
            column: column.to_owned(),
            renamed_to: None,
        },
    );
    let state = b.state;
    let named = |columns: &[String]| columns.iter().any(|c| c == column);
    let known = state.table(table);
    for own in known.iter().flat_map(|t| &t.constraints) {
        if let Some(other) = own.references.as_ref().filter(|_| named(&own.columns)) {
            constraint::referenced(b, other, Lock::AccessExclusive);
        }
    }
    for index in known.iter().flat_map(|t| &t.indexes) {
        if index.unique && named(&index.columns) {
            b.breaks(
                table,
                Breakage::OnConflict {
                    table: table.clone(),
                    name: index.name.clone(),
                },
            );
        }
    }
    let key = known.is_some_and(|t| named(&t.primary_key));
    for (other, name) in known.iter().flat_map(|t| &t.referenced_by) {
        let uses = state
            .constraint(other, name)
            .is_some_and(|c| constraint::points_at(&c.definition, column) || key);
        if uses {
            depends(
                b,
                format!("{table}.{column}"),
                other,
                cascade,
                Role::Referencing,
            );
        }
    }
    for view in known.iter().flat_map(|t| &t.views) {
        if named(&view.columns) {
            depends(
                b,
                format!("{table}.{column}"),
                &view.view,
                cascade,
                Role::Dependent,
            );
        }
    }
    if !state.is_whole(table) {
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
    }
}

/// What hangs on something that is dropped: it goes too, or keeps it from being dropped.
pub(super) fn depends(
    b: &mut Build<'_, '_>,
    what: String,
    by: &TableName,
    cascade: bool,
    role: Role,
) {
    if !cascade {
        b.fails(Failure::InUseBy {
            what,
            by: by.clone(),
        });
        return;
    }
    b.relation(by, role, Lock::AccessExclusive);
    if role == Role::Dependent {
        b.breaks_anyhow(Breakage::TableGone {
            table: by.clone(),
            renamed_to: None,
        });
    }
}

/// DROP DEFAULT.
pub(super) fn drop_default(b: &mut Build<'_, '_>, table: &TableName, only: bool, column: &str) {
    b.family(table, only, Lock::AccessExclusive);
    let nullable = b.state.column(table, column).is_some_and(|c| c.nullable);
    let (table_name, column) = (table.clone(), column.to_owned());
    let breakage = if nullable {
        Breakage::DefaultChanged {
            table: table_name,
            column,
        }
    } else {
        if b.state.column(table, &column).is_none() {
            b.assume(Assumption::NotNull {
                table: table.clone(),
                column: column.clone(),
            });
        }
        Breakage::InsertWithout {
            table: table_name,
            column,
        }
    };
    b.breaks(table, breakage);
}

/// Whether nobody has to look whether a column holds NULL.
pub(super) fn is_known_not_null(b: &mut Build<'_, '_>, table: &TableName, column: &str) -> bool {
    match b.state.column(table, column) {
        Some(known) if !known.nullable => return true,
        Some(_) => {}
        None => b.assume(Assumption::Nullable {
            table: table.clone(),
            column: column.to_owned(),
        }),
    }
    let checked = b.state.table(table).is_some_and(|t| {
        t.constraints.iter().any(|c| {
            c.kind == ConstraintKind::Check && c.validated && constraint::says_not_null(c, column)
        })
    });
    checked && b.state.version >= major(12)
}

/// SET NOT NULL.
pub(super) fn set_not_null(b: &mut Build<'_, '_>, table: &TableName, only: bool, column: &str) {
    b.family(table, only, Lock::AccessExclusive);
    if b.state.column(table, column).is_some_and(|c| !c.nullable) {
        return;
    }
    if !is_known_not_null(b, table, column) {
        b.work_on(WorkKind::Scan, table);
    }
    b.breaks(
        table,
        Breakage::StricterConstraint {
            table: table.clone(),
            constraint: format!("{column} IS NOT NULL"),
        },
    );
    let default = b
        .state
        .column(table, column)
        .is_some_and(|c| c.default.is_some());
    if !default {
        b.breaks(
            table,
            Breakage::InsertWithout {
                table: table.clone(),
                column: column.to_owned(),
            },
        );
    }
}

/// The index that a constraint takes over.
pub(super) fn taken_over(b: &mut Build<'_, '_>, table: &TableName, index: &str) {
    b.lock(
        Object::Index(beside(table, index)),
        Role::Index,
        Lock::ShareUpdateExclusive,
    );
}
