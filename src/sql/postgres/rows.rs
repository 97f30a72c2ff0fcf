//! SELECT, INSERT, UPDATE, DELETE, MERGE and COPY.

use super::column;
use super::major;
use crate::plan::Lock;
use crate::schema::{Stability, TableName};
use crate::sql::act::Act;
use crate::sql::build::Build;
use crate::sql::effect::{Bound, WorkKind};
use crate::sql::object::{Object, Role};
use crate::sql::unknown::Unknown;

/// See the module.
pub(super) fn say(b: &mut Build<'_, '_>, act: &Act) {
    if let Act::Insert {
        table,
        reads,
        from_query,
        calls,
        columns,
        ..
    } = act
    {
        b.relation(table, Role::Itself, Lock::RowExclusive);
        b.heirs_if_parted(table, Lock::RowExclusive);
        b.reads(reads);
        foreign_keys(b, table, columns.as_deref());
        if *from_query && !reads.is_empty() {
            for read in reads {
                b.work_on(WorkKind::Scan, read);
            }
            b.work(WorkKind::ChangeRows, Object::Table(table.clone()));
        }
        called(b, calls);
    } else if let Act::Update {
        table,
        columns,
        reads,
        bound,
        given,
        calls,
    } = act
    {
        let bound = b.state.bound(table, reads, *bound, given);
        change(b, table, reads, bound);
        foreign_keys(b, table, Some(columns));
        called(b, calls);
    } else if let Act::Delete {
        table,
        reads,
        bound,
        given,
        calls,
    } = act
    {
        let bound = b.state.bound(table, reads, *bound, given);
        change(b, table, reads, bound);
        called(b, calls);
    } else if let Act::Merge {
        table,
        reads,
        calls,
    } = act
    {
        b.needs(major(15), "MERGE");
        change(b, table, reads, Bound::Condition);
        foreign_keys(b, table, None);
        called(b, calls);
    } else if let Act::Select { .. } = act {
        select(b, act);
    } else if let Act::Copy {
        table,
        reads,
        writes,
        program,
    } = act
    {
        if *program {
            b.unknown(Unknown::Program);
        }
        if let Some(table) = table {
            if *writes {
                b.relation(table, Role::Itself, Lock::RowExclusive);
                b.work(WorkKind::ChangeRows, Object::Table(table.clone()));
            } else {
                b.relation(table, Role::Read, Lock::AccessShare);
                b.work_on(WorkKind::Scan, table);
            }
        }
        b.reads(reads);
        for read in reads {
            b.work_on(WorkKind::Scan, read);
        }
    }
}

fn select(b: &mut Build<'_, '_>, act: &Act) {
    let Act::Select {
        reads,
        locks_rows,
        inner,
        bounded,
        calls,
    } = act
    else {
        return;
    };
    for one in inner {
        say(b, one);
    }
    b.reads(reads);
    for table in locks_rows {
        b.relation(table, Role::Itself, Lock::RowShare);
    }
    if !bounded {
        for read in reads {
            b.work_on(WorkKind::Scan, read);
        }
    }
    called(b, calls);
}

/// Rows that are updated or deleted.
fn change(b: &mut Build<'_, '_>, table: &TableName, reads: &[TableName], bound: Bound) {
    b.relation(table, Role::Itself, Lock::RowExclusive);
    b.heirs(table, Lock::RowExclusive);
    b.reads(reads);
    let worst = b.edit().rows.map_or(bound, |known| {
        if known == Bound::Everything || bound == Bound::Batch {
            known
        } else {
            bound
        }
    });
    b.edit().rows = Some(worst);
    if bound != Bound::Batch {
        for read in reads {
            b.work_on(WorkKind::Scan, read);
        }
        b.work_on(WorkKind::Scan, table);
        b.work_on(WorkKind::ChangeRows, table);
    }
}

/// A row that is written is looked up in the tables that its keys point to.
fn foreign_keys(b: &mut Build<'_, '_>, table: &TableName, columns: Option<&[String]>) {
    let state = b.state;
    let keys = state.table(table).into_iter().flat_map(|t| &t.constraints);
    for key in keys {
        let touched = columns.is_none_or(|c| key.columns.iter().any(|own| c.contains(own)));
        if let Some(other) = key.references.as_ref().filter(|_| touched) {
            b.lock(
                Object::Table(other.clone()),
                Role::Referenced,
                Lock::RowShare,
            );
        }
    }
}

/// Functions whose bodies are not known; one that says that it changes nothing is believed, for the
/// server holds it to it.
fn called(b: &mut Build<'_, '_>, calls: &[String]) {
    let unknown = calls.iter().find(|name| {
        !matches!(
            column::stability(b.state, name),
            Some(Stability::Immutable | Stability::Stable)
        )
    });
    if let Some(name) = unknown {
        b.unknown(Unknown::Function { name: name.clone() });
    }
}
