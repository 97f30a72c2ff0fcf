//! Columns that are added and dropped.

use super::change::{Subject, add_constraint, rebuild};
use super::cost::{Cost, Keeps, Method};
use super::redefine;
use crate::dialect::expression::is_plain_literal;
use crate::schema::TableName;
use crate::sql::act::{Change, Default, Generated, NewColumn, NewIndex, Shape, Volatility};
use crate::sql::breakage::Breakage;
use crate::sql::unknown::Failure;

/// ADD COLUMN.
pub(super) fn add(column: &NewColumn, t: Subject<'_, '_>) -> Cost {
    let known = t.table();
    // With a virtual column behind its place, MariaDB cannot but copy.
    let virtual_behind = t.mariadb()
        && column.position.is_some()
        && known.is_some_and(|k| {
            k.columns.iter().any(|c| {
                redefine::definition(c).to_lowercase().contains("virtual")
                    || (c.generated && c.definition.is_none())
            })
        });
    let mut cost = if column.identity {
        rebuild(t).keeping(Keeps::Writers)
    } else if column.generated == Some(Generated::Stored) || virtual_behind {
        Cost::copy()
    } else if !t.mariadb()
        && column
            .default
            .as_ref()
            .is_some_and(|d| is_expression(&d.sql))
    {
        // MySQL works out what stands in parentheses for each row, a constant too.
        Cost::copy()
    } else if let Some(Volatility::Volatile | Volatility::Unknown { .. }) =
        column.default.as_ref().map(|d| &d.volatility)
    {
        Cost::copy()
    } else if column.generated.is_some() {
        Cost::instant()
    } else if t.has_fulltext() {
        if t.mariadb() {
            rebuild(t)
        } else {
            Cost::copy()
        }
    } else if t.since(if column.position.is_some() {
        80_029
    } else {
        80_012
    }) {
        Cost::reshaping()
    } else {
        rebuild(t)
    };
    // In strict mode, an INSERT that leaves it out fails; AUTO_INCREMENT fills it.
    if column.not_null && column.default.is_none() && !column.identity && column.generated.is_none()
    {
        cost = cost.breaking(Breakage::InsertWithout {
            table: t.name.clone(),
            column: column.name.clone(),
        });
    }
    for constraint in &column.constraints {
        let brought = match &constraint.shape {
            // No row is looked at: they all have the default.
            Shape::Check { .. } if t.mariadb() || constraint.not_enforced => Cost::instant(),
            // MySQL before 9 reads the words and forgets them.
            Shape::ForeignKey(_) if !t.mariadb() && t.state.version < 90_000 => Cost::instant(),
            Shape::Unique => Cost::index(),
            Shape::PrimaryKey => rebuild(t),
            Shape::Check { .. } | Shape::ForeignKey(_) | Shape::NotNull | Shape::Exclude => {
                add_constraint(constraint, t)
            }
        };
        cost = cost.and(Cost {
            breaks: Vec::new(),
            ..brought
        });
    }
    cost
}

fn is_expression(default: &str) -> bool {
    default.starts_with('(')
}

/// Whether MySQL refuses the default: texts, blobs, documents and places take expressions alone, and
/// a literal in parentheses behind SET DEFAULT is none.
pub(super) fn takes_no_literal(column: &str, default: &Default, t: Subject<'_, '_>) -> bool {
    let known = t.table().and_then(|table| table.column(column));
    let bare = default.sql.trim_matches(['(', ')']);
    let long = known.is_some_and(|known| {
        let written = redefine::definition(known).to_lowercase();
        let base = written.split([' ', '(']).next().unwrap_or_default();
        ["text", "blob"].iter().any(|end| base.ends_with(end))
            || ["json", "geometry", "point"].contains(&base)
    });
    long && !t.mariadb() && !default.null && is_plain_literal(t.state.engine, bare)
}

/// What virtual columns that are added ask of what stands beside them, as MySQL 9.7 and MariaDB 10.11
/// were seen to do it.
pub(super) fn virtual_beside(changes: &[Change], t: Subject<'_, '_>) -> Option<Cost> {
    let is_virtual = |column: &NewColumn| {
        column
            .generated
            .is_some_and(|generated| generated != Generated::Stored)
    };
    let added: Vec<&NewColumn> = changes
        .iter()
        .filter_map(|change| {
            if let Change::AddColumn { column, .. } = change {
                is_virtual(column).then_some(column)
            } else {
                None
            }
        })
        .collect();
    if added.is_empty() {
        return None;
    }
    if added.iter().any(|column| !column.constraints.is_empty()) {
        return Some(Cost::copy());
    }
    let indexed = |index: &NewIndex| {
        let mut columns = index.columns.iter();
        columns.any(|name| added.iter().any(|c| c.name.eq_ignore_ascii_case(name)))
    };
    let mut worst = None;
    for change in changes {
        if let Change::AddIndex(index) = change {
            if index.unique && indexed(index) {
                return Some(Cost::copy());
            }
            if indexed(index) {
                worst = Some(Cost::new(Method::InPlace).keeping(Keeps::Writers));
            }
            continue;
        }
        let goes_along = if let Change::AddColumn { column, .. } = change {
            is_virtual(column) || !t.mariadb()
        } else if matches!(change, Change::SetDefault { .. }) {
            !t.mariadb()
        } else {
            matches!(change, Change::DropColumn { .. } | Change::DropIndex { .. })
        };
        if !goes_along {
            return Some(Cost::copy());
        }
    }
    worst
}

/// DROP COLUMN.
pub(super) fn drop(column: &str, if_exists: bool, t: Subject<'_, '_>) -> Cost {
    let known = t.table();
    let found = known.and_then(|k| k.column(column));
    if if_exists && found.is_none() && t.state.is_whole(t.name) {
        return Cost {
            nothing: true,
            ..Cost::instant()
        };
    }
    let keyed = known.is_some_and(|k| k.primary_key.iter().any(|c| c == column));
    let cost = if keyed {
        Cost::copy()
    } else if t.has_fulltext() {
        // A full-text index that goes with its column leaves writers alone.
        Cost::rebuild()
    } else if t.indexed(column) {
        if t.mariadb() {
            Cost {
                reshapes: true,
                ..Cost::new(Method::NoCopy)
            }
        } else {
            Cost::rebuild()
        }
    } else if t.since(80_029) {
        Cost::reshaping()
    } else {
        Cost::rebuild()
    };
    let used = known.and_then(|k| {
        k.constraints
            .iter()
            .find(|c| c.references.is_some() && c.columns.iter().any(|c| c == column))
    });
    let cost = match used {
        Some(key) => cost.failing(Failure::InUseBy {
            what: column.to_owned(),
            by: TableName {
                schema: None,
                name: key.name.clone(),
            },
        }),
        None => cost,
    };
    cost.breaking(Breakage::ColumnGone {
        table: t.name.clone(),
        column: column.to_owned(),
        renamed_to: None,
    })
}
