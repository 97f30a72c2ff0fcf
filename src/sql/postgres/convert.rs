//! ALTER COLUMN ... TYPE: what is free, what builds indexes anew, what writes every row.

use super::alter::{beside, may_have_indexes, prepared, rewrite};
use super::constraint::referenced;
use crate::dialect::lexer;
use crate::dialect::types::{self, TypeName};
use crate::document::Engine;
use crate::plan::Lock;
use crate::schema::{Column, ConstraintKind, Domain, TableName};
use crate::sql::breakage::Breakage;
use crate::sql::build::Build;
use crate::sql::effect::WorkKind;
use crate::sql::object::{Object, Role};
use crate::sql::unknown::{Assumption, Failure};

/// A type without its arguments, in the server's long spelling.
pub(super) fn base(text: &str) -> String {
    types::read(Engine::PostgreSql, text).map_or_else(String::new, |t| match t.dimensions {
        0 => t.full_name(),
        _ => format!("{}[]", t.full_name()),
    })
}

/// The domain, where the type is one that is known.
fn domain(b: &Build<'_, '_>, name: &TypeName) -> Option<Domain> {
    if name.dimensions > 0 {
        return None;
    }
    b.state.domain(&as_name(name))
}

fn as_name(name: &TypeName) -> TableName {
    TableName {
        schema: name.schema.clone().filter(|s| s != "public"),
        name: name.base.clone(),
    }
}

/// Whether a new column of that type is looked at row by row: a domain with a constraint. Of a type
/// that is not known it is assumed.
pub(super) fn is_constrained_domain(b: &mut Build<'_, '_>, data_type: Option<&str>) -> bool {
    let Some(name) = data_type.and_then(|t| types::read(Engine::PostgreSql, t)) else {
        return false;
    };
    if let Some(domain) = domain(b, &name) {
        return domain.constrained;
    }
    let own = as_name(&name);
    let known = name.schema.as_deref() == Some("pg_catalog")
        || name.dimensions > 0
        || types::is_own(Engine::PostgreSql, &name.base)
        || b.state.knows_type(&own);
    if known || b.state.is_live() {
        return false;
    }
    b.assume(Assumption::ConstrainedDomain {
        name: name.full_name(),
    });
    true
}

/// What a change of type costs.
enum Cost {
    /// The catalogue alone.
    Free,
    /// Every row is looked at, and written anew.
    Rewrite,
    /// The rows stay, the indexes of the column are built anew.
    Reindex,
}

/// ALTER COLUMN ... TYPE.
pub(super) fn set_type(
    b: &mut Build<'_, '_>,
    table: &TableName,
    only: bool,
    column: &str,
    to: &str,
    collation: Option<&str>,
    using: Option<&str>,
) {
    b.family(table, only, Lock::AccessExclusive);
    prepared(b, table);
    b.breaks(
        table,
        Breakage::TypeChanged {
            table: table.clone(),
            column: column.to_owned(),
        },
    );
    let state = b.state;
    let old = state.column(table, column);
    match cost(b, table, old, column, to, collation, using) {
        Cost::Free => {
            let checked = state.table(table).is_some_and(|t| {
                t.constraints.iter().any(|c| {
                    c.kind == ConstraintKind::Check
                        && c.validated
                        && c.columns.iter().any(|own| own == column)
                })
            });
            if checked {
                b.work_on(WorkKind::Scan, table);
            }
        }
        Cost::Reindex => {
            let indexed = may_have_indexes(b, table)
                && state.table(table).is_none_or(|t| {
                    !state.is_whole(table)
                        || t.primary_key.iter().any(|c| c == column)
                        || t.indexes
                            .iter()
                            .any(|i| i.columns.iter().any(|c| c == column) || i.expressions)
                });
            if indexed {
                b.work_on(WorkKind::Scan, table);
                b.work_on(WorkKind::RebuildIndex, table);
            }
            if !state.is_whole(table) {
                b.assume(Assumption::Indexes {
                    table: table.clone(),
                });
            }
        }
        Cost::Rewrite => rewrite(b, table),
    }
    keys(b, table, column);
}

/// Foreign keys over the column are made anew: their other tables are locked as well.
fn keys(b: &mut Build<'_, '_>, table: &TableName, column: &str) {
    let state = b.state;
    let Some(known) = state.table(table) else {
        return;
    };
    for own in &known.constraints {
        if let Some(other) = &own.references
            && own.columns.iter().any(|c| c == column)
        {
            referenced(b, other, Lock::AccessExclusive);
        }
    }
    let key = known.primary_key.iter().any(|c| c == column);
    for (other, name) in &known.referenced_by {
        let uses = state
            .constraint(other, name)
            .is_some_and(|c| super::constraint::points_at(&c.definition, column));
        if uses || key && known.primary_key.len() == 1 {
            b.lock(
                Object::Table(other.clone()),
                Role::Referencing,
                Lock::AccessExclusive,
            );
            b.work_on(WorkKind::Scan, other);
        }
    }
    for view in &known.views {
        if view.columns.iter().any(|c| c == column) {
            b.fails(Failure::InUseBy {
                what: format!("{table}.{column}"),
                by: view.view.clone(),
            });
        }
    }
    for index in &known.indexes {
        if index.columns.iter().any(|c| c == column) {
            b.lock(
                Object::Index(beside(table, &index.name)),
                Role::Index,
                Lock::AccessExclusive,
            );
        }
    }
}

fn cost(
    b: &mut Build<'_, '_>,
    table: &TableName,
    old: Option<&Column>,
    column: &str,
    to: &str,
    collation: Option<&str>,
    using: Option<&str>,
) -> Cost {
    let Some(old) = old else {
        b.assume(Assumption::OldType {
            table: table.clone(),
            column: column.to_owned(),
        });
        return Cost::Rewrite;
    };
    let read = |text: &str| types::read(Engine::PostgreSql, text);
    let (Some(was), Some(is)) = (read(&old.data_type), read(to)) else {
        return Cost::Rewrite;
    };
    if using.is_some_and(|u| !says_the_same(u, column, to)) {
        return Cost::Rewrite;
    }
    // A domain's values are its base's; a domain with a constraint looks at each.
    let was = unwrapped(b, was);
    let (is, constrained) = match domain(b, &is) {
        Some(known) => (read(&known.base).unwrap_or(is), known.constrained),
        None => (is, false),
    };
    if constrained {
        return Cost::Rewrite;
    }
    let same = was.base == is.base
        && was.schema == is.schema
        && was.arguments == is.arguments
        && was.dimensions == is.dimensions;
    let bare = |mut t: TypeName| {
        t.rest.clear();
        t
    };
    let (was, is) = (bare(was), bare(is));
    let free = same
        || types::change::is_free(Engine::PostgreSql, &was, &is).is_ok()
        || zone(b, &was, &is, using.is_some());
    if !free {
        return Cost::Rewrite;
    }
    let new = collation.map(|c| c.replace('"', "").to_lowercase());
    let held = old
        .collation
        .as_deref()
        .map(|c| c.replace('"', "").to_lowercase());
    let held = held.map(|c| {
        c.strip_prefix("pg_catalog.")
            .map(str::to_owned)
            .unwrap_or(c)
    });
    if new != held {
        Cost::Reindex
    } else {
        Cost::Free
    }
}

fn unwrapped(b: &Build<'_, '_>, was: TypeName) -> TypeName {
    match domain(b, &was) {
        Some(known) => types::read(Engine::PostgreSql, &known.base).unwrap_or(was),
        None => was,
    }
}

/// `timestamp` and `timestamptz` are the same bytes where the session's time zone is UTC.
fn zone(b: &mut Build<'_, '_>, was: &TypeName, is: &TypeName, using: bool) -> bool {
    let pair = (was.base.as_str(), is.base.as_str());
    let zoned = matches!(
        pair,
        ("timestamp without time zone", "timestamp with time zone")
            | ("timestamp with time zone", "timestamp without time zone")
    );
    if !zoned || using || was.dimensions > 0 || is.dimensions > 0 {
        return false;
    }
    let wider = match (was.number(0), is.number(0)) {
        (_, None) => true,
        (Some(was), Some(is)) => is >= was,
        (None, Some(_)) => false,
    };
    match b.state.setting("timezone") {
        Some(Some(zone)) => {
            let utc = ["utc", "gmt", "etc/utc", "etc/gmt", "0"];
            wider
                && utc.contains(&zone.to_lowercase().as_str())
                && b.state.version >= super::major(12)
        }
        Some(None) | None => {
            b.assume(Assumption::TimeZone);
            false
        }
    }
}

/// USING that is the column, or the column cast to the very type: it says nothing.
fn says_the_same(using: &str, column: &str, to: &str) -> bool {
    let Ok(tokens) = lexer::significant(Engine::PostgreSql, using) else {
        return false;
    };
    let mut tokens = tokens.as_slice();
    while let [open, inner @ .., close] = tokens
        && open.is_symbol("(")
        && close.is_symbol(")")
        && !inner.iter().any(|t| t.is_symbol("(") || t.is_symbol(")"))
    {
        tokens = inner;
    }
    match tokens {
        [one] => one.names(Engine::PostgreSql, column),
        [one, first, second, rest @ ..] if first.is_symbol(":") && second.is_symbol(":") => {
            let written = rest
                .first()
                .zip(rest.last())
                .map(|(from, till)| using.get(from.start..till.end()).unwrap_or_default());
            let same = |text: &str| {
                let (a, b) = (
                    types::read(Engine::PostgreSql, text),
                    types::read(Engine::PostgreSql, to),
                );
                a.is_some() && a == b
            };
            one.names(Engine::PostgreSql, column) && written.is_some_and(same)
        }
        _ => false,
    }
}
