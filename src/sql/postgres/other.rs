//! Views, triggers, policies, sequences, functions, schemas, privileges and the rest.

use super::major;
use crate::plan::Lock;
use crate::schema::TableName;
use crate::sql::act::{Act, Attachment, Verb};
use crate::sql::breakage::Breakage;
use crate::sql::build::Build;
use crate::sql::effect::{TransactionRule, WorkKind};
use crate::sql::object::{Object, Role};
use crate::sql::unknown::Unknown;

/// Locks a view, of the kind that the statement says it is.
fn lock_view(b: &mut Build<'_, '_>, view: &TableName, lock: Lock) {
    b.lock(Object::View(view.clone()), Role::Itself, lock);
}

/// CREATE, DROP, ALTER and REFRESH of views.
pub(super) fn view(b: &mut Build<'_, '_>, act: &Act) {
    if let Act::CreateView {
        view,
        materialized,
        replace,
        with_data,
        reads,
        ..
    } = act
    {
        b.ddl();
        let may_be_there = b.state.view(view).is_some() || !b.state.is_live();
        if *replace && may_be_there && !b.state.made_here(view) {
            lock_view(b, view, Lock::AccessExclusive);
            b.breaks_anyhow(Breakage::ViewChanged { view: view.clone() });
        }
        b.reads(reads);
        if *materialized && *with_data {
            for read in reads {
                b.work_on(WorkKind::Scan, read);
            }
        }
    } else if let Act::DropViews { views, cascade, .. } = act {
        b.ddl();
        for view in views {
            if b.state.is_absent(view) && b.state.view(view).is_none() {
                continue;
            }
            lock_view(b, view, Lock::AccessExclusive);
            b.breaks_anyhow(Breakage::TableGone {
                table: view.clone(),
                renamed_to: None,
            });
            if *cascade {
                b.lock(
                    Object::DependentsOf(view.clone()),
                    Role::Dependent,
                    Lock::AccessExclusive,
                );
            }
        }
    } else if let Act::AlterView {
        view,
        renamed_to,
        renamed_column,
        rewrites,
        ..
    } = act
    {
        b.ddl();
        lock_view(b, view, Lock::AccessExclusive);
        if *rewrites {
            let object = Object::View(view.clone());
            b.work(WorkKind::Rewrite, object.clone());
            b.work(WorkKind::Scan, object);
        }
        if let Some(to) = renamed_to {
            b.breaks_anyhow(Breakage::TableGone {
                table: view.clone(),
                renamed_to: Some(to.clone()),
            });
        }
        if let Some((from, to)) = renamed_column {
            b.breaks_anyhow(Breakage::ColumnGone {
                table: view.clone(),
                column: from.clone(),
                renamed_to: Some(to.clone()),
            });
        }
    } else if let Act::RefreshView {
        view,
        concurrently,
        with_data,
    } = act
    {
        refresh(b, view, *concurrently, *with_data);
    }
}

fn refresh(b: &mut Build<'_, '_>, view: &TableName, concurrently: bool, with_data: bool) {
    let object = Object::View(view.clone());
    let reads = b
        .state
        .view(view)
        .map(|v| v.reads.clone())
        .unwrap_or_default();
    b.lock(
        object.clone(),
        Role::Itself,
        if concurrently {
            Lock::Exclusive
        } else {
            Lock::AccessExclusive
        },
    );
    b.reads(&reads);
    if !concurrently {
        b.work(WorkKind::Rewrite, object.clone());
        b.work(WorkKind::RebuildIndex, object.clone());
    }
    if with_data {
        b.work(WorkKind::Scan, object);
        for read in &reads {
            b.work_on(WorkKind::Scan, read);
        }
    }
}

/// Triggers, rules and policies.
pub(super) fn attachment(b: &mut Build<'_, '_>, act: &Act) {
    b.ddl();
    if let Act::Attach {
        what,
        table,
        replace,
        from,
        ..
    } = act
    {
        let lock = match what {
            Attachment::Trigger => Lock::ShareRowExclusive,
            Attachment::Rule | Attachment::Policy => Lock::AccessExclusive,
        };
        b.relation(table, Role::Itself, lock);
        if *what == Attachment::Trigger {
            b.heirs_if_parted(table, lock);
            if *replace {
                b.needs(major(14), "CREATE OR REPLACE TRIGGER");
            }
        }
        if let Some(other) = from {
            b.lock(Object::Table(other.clone()), Role::Read, Lock::AccessShare);
        }
        changed(b, *what, table, true);
    } else if let Act::Detach { what, table, .. } = act {
        if let Some(table) = table {
            b.relation(table, Role::Itself, Lock::AccessExclusive);
            if *what == Attachment::Trigger {
                b.heirs_if_parted(table, Lock::AccessExclusive);
            }
            changed(b, *what, table, false);
        }
    } else if let Act::AlterAttachment {
        what,
        table,
        renames,
        ..
    } = act
    {
        b.relation(table, Role::Itself, Lock::AccessExclusive);
        if !renames {
            changed(b, *what, table, true);
        }
    }
}

fn changed(b: &mut Build<'_, '_>, what: Attachment, table: &TableName, on: bool) {
    let table_name = table.clone();
    let breakage = match (what, on) {
        (Attachment::Policy, _) => Breakage::PolicyChanged { table: table_name },
        (Attachment::Trigger | Attachment::Rule, true) => {
            Breakage::TriggerAdded { table: table_name }
        }
        (Attachment::Trigger | Attachment::Rule, false) => {
            Breakage::TriggersOff { table: table_name }
        }
    };
    b.breaks(table, breakage);
}

/// Sequences.
pub(super) fn sequence(b: &mut Build<'_, '_>, act: &Act) {
    b.ddl();
    let owned_by = |b: &mut Build<'_, '_>, owner: &Option<TableName>| {
        if let Some(table) = owner {
            b.lock(Object::Table(table.clone()), Role::Read, Lock::AccessShare);
        }
    };
    if let Act::CreateSequence { owner, .. } = act {
        owned_by(b, owner);
    } else if let Act::AlterSequence {
        sequence,
        owner,
        renamed_to,
    } = act
    {
        let lock = if renamed_to.is_some() {
            Lock::AccessExclusive
        } else {
            Lock::ShareRowExclusive
        };
        b.lock(Object::Sequence(sequence.clone()), Role::Itself, lock);
        owned_by(b, owner);
        if let Some(to) = renamed_to {
            gone(b, "sequence", &sequence.to_string(), Some(to.to_string()));
        }
    } else if let Act::DropSequences { sequences, cascade } = act {
        for name in sequences {
            b.lock(
                Object::Sequence(name.clone()),
                Role::Itself,
                Lock::AccessExclusive,
            );
            gone(b, "sequence", &name.to_string(), None);
            if *cascade {
                dependents(b, name);
            }
        }
    }
}

fn gone(b: &mut Build<'_, '_>, kind: &str, name: &str, renamed_to: Option<String>) {
    b.breaks_anyhow(Breakage::ObjectGone {
        kind: kind.to_owned(),
        name: name.to_owned(),
        renamed_to,
    });
}

fn dependents(b: &mut Build<'_, '_>, name: &TableName) {
    b.lock(
        Object::DependentsOf(name.clone()),
        Role::Dependent,
        Lock::AccessExclusive,
    );
}

/// Functions, schemas, extensions, databases and what has no table.
pub(super) fn object(b: &mut Build<'_, '_>, act: &Act) {
    b.ddl();
    if let Act::CreateFunction { name, replace, .. } = act {
        let there = b.state.live_function(name).is_some() || !b.state.is_live();
        if *replace && there && b.state.function(name).is_none() {
            b.breaks_anyhow(Breakage::FunctionChanged {
                name: name.to_string(),
            });
        }
    } else if let Act::DropFunctions { names, cascade } = act {
        for name in names {
            // What the same text made is its own tool.
            if !b.state.made_function(name) {
                gone(b, "function", &name.to_string(), None);
            }
            if *cascade {
                cascades_to_triggers(b, name);
            }
        }
    } else if let Act::DropSchemas { names, cascade } = act {
        for name in names {
            gone(b, "schema", name, None);
            if *cascade {
                b.lock(
                    Object::Every(Some(name.clone())),
                    Role::Dependent,
                    Lock::AccessExclusive,
                );
            }
        }
    } else if let Act::RenameSchema { from, to } = act {
        gone(b, "schema", from, Some(to.clone()));
    } else if let Act::Extension {
        verb,
        name,
        cascade,
        ..
    } = act
    {
        match verb {
            Verb::Create => {}
            Verb::Alter => b.unknown(Unknown::Extension { name: name.clone() }),
            Verb::Drop => {
                gone(b, "extension", name, None);
                if *cascade {
                    dependents(b, &TableName::parse(name));
                }
            }
        }
    } else if let Act::Cluster { verb, kind, name } = act {
        cluster(b, *verb, kind, name);
    } else if let Act::Object {
        verb,
        kind,
        name,
        cascade,
    } = act
        && *verb == Verb::Drop
    {
        gone(b, kind, name, None);
        if *cascade {
            dependents(b, &TableName::parse(name));
        }
    }
}

/// Triggers that call a function go with it, and their tables are locked.
fn cascades_to_triggers(b: &mut Build<'_, '_>, function: &TableName) {
    let state = b.state;
    let called = format!("{}(", function.name);
    let tables: Vec<TableName> = state
        .all_tables()
        .filter(|(_, t)| {
            t.attached
                .triggers
                .iter()
                .any(|g| g.definition.contains(&called))
        })
        .map(|(name, _)| name.clone())
        .collect();
    for table in tables {
        b.lock(
            Object::Table(table.clone()),
            Role::Dependent,
            Lock::AccessExclusive,
        );
        b.breaks(
            &table,
            Breakage::TriggersOff {
                table: table.clone(),
            },
        );
    }
    if !state.is_live() {
        dependents(b, function);
    }
}

fn cluster(b: &mut Build<'_, '_>, verb: Verb, kind: &str, name: &str) {
    if verb != Verb::Alter || kind == "system" {
        b.transaction(TransactionRule::Refused);
    }
    if verb == Verb::Drop {
        gone(b, kind, name, None);
        if kind == "database" {
            b.lock(Object::Every(None), Role::Dependent, Lock::AccessExclusive);
        }
    }
}

/// GRANT, REVOKE and COMMENT.
pub(super) fn words(b: &mut Build<'_, '_>, act: &Act) {
    if let Act::Grant { tables, .. } | Act::Revoke { tables, .. } = act
        && b.state.version >= major(18)
    {
        for table in tables {
            b.relation(table, Role::Read, Lock::AccessShare);
        }
    }
    if let Act::Revoke { on, .. } = act {
        b.breaks_anyhow(Breakage::PrivilegesRevoked { object: on.clone() });
    } else if let Act::Comment { table, index } = act {
        if let Some(table) = table {
            b.relation(table, Role::Itself, Lock::ShareUpdateExclusive);
        }
        if let Some(index) = index {
            b.lock(
                Object::Index(index.clone()),
                Role::Index,
                Lock::ShareUpdateExclusive,
            );
        }
    }
}

/// Statistics and publications.
pub(super) fn collected(b: &mut Build<'_, '_>, act: &Act) {
    b.ddl();
    if let Act::Statistics { verb, name, table } = act {
        if let Some(table) = table {
            b.lock(
                Object::Table(table.clone()),
                Role::Itself,
                Lock::ShareUpdateExclusive,
            );
        }
        if *verb == Verb::Drop
            && let Some(name) = name
        {
            b.lock(
                Object::TableOf(name.clone()),
                Role::Itself,
                Lock::ShareUpdateExclusive,
            );
        }
    } else if let Act::Publication { tables, .. } = act {
        for table in tables {
            b.lock(
                Object::Table(table.clone()),
                Role::Itself,
                Lock::ShareUpdateExclusive,
            );
        }
    }
}
