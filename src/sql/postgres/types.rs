//! Types and domains.

use super::major;
use crate::plan::Lock;
use crate::schema::TableName;
use crate::sql::act::{Act, DomainChange, TypeChange};
use crate::sql::breakage::Breakage;
use crate::sql::build::Build;
use crate::sql::effect::{TransactionRule, WorkKind};
use crate::sql::object::{Object, Role};

/// CREATE, ALTER and DROP of types and domains.
pub(super) fn say(b: &mut Build<'_, '_>, act: &Act) {
    b.ddl();
    if let Act::AlterType { name, change } = act {
        alter_type(b, name, change);
    } else if let Act::AlterDomain { name, change } = act {
        alter_domain(b, name, change);
    } else if let Act::DropTypes {
        types,
        domain,
        cascade,
    } = act
    {
        for name in types {
            gone(b, if *domain { "domain" } else { "type" }, name, None);
            if *cascade {
                users(b, name, Lock::AccessExclusive, false);
            }
        }
    }
}

fn gone(b: &mut Build<'_, '_>, kind: &str, name: &TableName, renamed_to: Option<&TableName>) {
    if !b.state.made_type(name) {
        b.breaks_anyhow(Breakage::ObjectGone {
            kind: kind.to_owned(),
            name: name.to_string(),
            renamed_to: renamed_to.map(ToString::to_string),
        });
    }
}

fn alter_type(b: &mut Build<'_, '_>, name: &TableName, change: &TypeChange) {
    match change {
        TypeChange::AddValue { .. } => {
            if b.state.version < major(12) {
                b.transaction(TransactionRule::Refused);
            }
        }
        TypeChange::RenameValue { from, .. } => b.breaks_anyhow(Breakage::EnumValueRenamed {
            name: name.to_string(),
            value: from.clone(),
        }),
        TypeChange::Rename { to } => gone(b, "type", name, Some(to)),
        TypeChange::Attribute { cascade } => {
            b.lock(
                Object::CompositeType(name.clone()),
                Role::Itself,
                Lock::AccessExclusive,
            );
            if *cascade {
                let object = Object::UsersOf(name.clone());
                b.lock(object, Role::UsesType, Lock::AccessExclusive);
            }
        }
        TypeChange::Other => {}
    }
}

fn alter_domain(b: &mut Build<'_, '_>, name: &TableName, change: &DomainChange) {
    let looks = match change {
        DomainChange::AddConstraint { not_valid } => !not_valid,
        DomainChange::Validate | DomainChange::SetNotNull => true,
        DomainChange::Rename { to } => {
            gone(b, "domain", name, Some(to));
            false
        }
        DomainChange::DropConstraint | DomainChange::Other => false,
    };
    if looks {
        users(b, name, Lock::Share, true);
    }
    let stricter = matches!(
        change,
        DomainChange::AddConstraint { .. } | DomainChange::SetNotNull
    );
    if stricter && !b.state.made_type(name) {
        b.breaks_anyhow(Breakage::StricterConstraint {
            table: name.clone(),
            constraint: "the domain's".into(),
        });
    }
}

/// Locks every table that has a column of that type.
fn users(b: &mut Build<'_, '_>, name: &TableName, lock: Lock, scan: bool) {
    let state = b.state;
    let spelled = name.to_string();
    let users: Vec<TableName> = state
        .all_tables()
        .filter(|(_, table)| {
            table
                .columns
                .iter()
                .any(|c| c.data_type.trim_end_matches("[]") == spelled)
        })
        .map(|(table, _)| table.clone())
        .collect();
    let mut objects: Vec<Object> = users.into_iter().map(Object::Table).collect();
    if !state.is_live() && !state.made_type(name) {
        objects.push(Object::UsersOf(name.clone()));
    }
    for object in objects {
        b.lock(object.clone(), Role::UsesType, lock);
        if scan {
            b.work(WorkKind::Scan, object);
        }
    }
}
