//! What each change of an ALTER TABLE costs.

use super::cost::{Cost, Keeps};
use super::{column, lock_of, option, redefine};
use crate::document::Engine;
use crate::plan::Lock;
use crate::schema::{ConstraintKind, Table, TableName};
use crate::sql::act::{Change, NewConstraint, NewIndex, Online, Shape};
use crate::sql::breakage::Breakage;
use crate::sql::effect::Effect;
use crate::sql::object::Role;
use crate::sql::state::State;
use crate::sql::unknown::{Assumption, Failure, Unknown};

/// A table, as the change finds it.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a, 's> {
    pub name: &'a TableName,
    pub state: &'a State<'s>,
    /// Whether the same statement adds a primary key.
    adds_key: bool,
    /// Whether it drops constraints.
    drops_keys: bool,
}

impl Subject<'_, '_> {
    pub(super) fn mariadb(&self) -> bool {
        self.state.engine == Engine::MariaDb
    }

    /// MySQL of at least that version, or MariaDB, which has done it since 10.3 or 10.4.
    pub(super) fn since(&self, version: u32) -> bool {
        self.mariadb() || self.state.version >= version
    }

    pub(super) fn table(&self) -> Option<&Table> {
        self.state.table(self.name)
    }

    /// Whether the table is known to have such an index; assumed not where nobody knows.
    pub(super) fn has_fulltext(&self) -> bool {
        self.table().is_some_and(|t| {
            t.indexes
                .iter()
                .any(|i| i.method.eq_ignore_ascii_case("fulltext"))
        })
    }

    pub(super) fn indexed(&self, column: &str) -> bool {
        self.table().is_some_and(|t| {
            t.primary_key.iter().any(|c| c == column)
                || t.indexes
                    .iter()
                    .any(|i| i.columns.iter().any(|c| c == column))
        })
    }

    fn setting_off(&self, name: &str) -> bool {
        matches!(
            self.state.setting(name),
            Some(Some("0" | "OFF" | "off" | "false" | "FALSE"))
        )
    }
}

/// ALTER TABLE: all its changes together, as ALGORITHM and LOCK ask for it.
pub(super) fn alter_table(
    table: &TableName,
    changes: &[Change],
    online: &Online,
    state: &State<'_>,
) -> Effect {
    let subject = Subject {
        name: table,
        state,
        adds_key: changes.iter().any(|change| {
            if let Change::AddConstraint(added) = change {
                added.shape == Shape::PrimaryKey
            } else {
                false
            }
        }),
        drops_keys: changes.iter().any(|change| {
            // Only their name tells foreign keys from others, and one may come with the index.
            matches!(change, Change::DropConstraint { .. } | Change::AddIndex(_))
        }),
    };
    let mut cost = changes
        .iter()
        .enumerate()
        .map(|(at, change)| of(change, subject).at(at))
        .reduce(Cost::and)
        .unwrap_or_else(Cost::instant);
    if let Some(more) = column::virtual_beside(changes, subject) {
        cost = cost.and(more);
    }
    // Seen on MySQL: what is instant alone is done by a rebuild beside what is not.
    if cost.reshapes && !subject.mariadb() && cost.method != super::Method::Instant {
        cost = cost.and(Cost::rebuild());
    }
    let mut effect = cost.pinned(online, subject.mariadb()).effect(table, state);
    if state.is_absent(table) && state.is_live() {
        effect.fails.push(Failure::Missing {
            what: table.to_string(),
        });
    }
    effect
}

fn of(change: &Change, t: Subject<'_, '_>) -> Cost {
    let table = || t.name.clone();
    match change {
        Change::AddColumn {
            column,
            if_not_exists,
        } => {
            if *if_not_exists
                && t.table()
                    .is_some_and(|known| known.column(&column.name).is_some())
            {
                return Cost {
                    nothing: true,
                    ..Cost::instant()
                };
            }
            column::add(column, t)
        }
        Change::DropColumn {
            column, if_exists, ..
        } => column::drop(column, *if_exists, t),
        Change::RenameColumn { from, to } => {
            let cost = if t.since(80_028) {
                Cost::instant()
            } else {
                Cost::new(super::Method::InPlace)
            };
            cost.breaking(Breakage::ColumnGone {
                table: table(),
                column: from.clone(),
                renamed_to: Some(to.clone()),
            })
        }
        Change::Redefine { column, to } => redefine::of(column, to, t),
        Change::SetDefault { column, default } => {
            let cost = Cost::instant().breaking(Breakage::DefaultChanged {
                table: table(),
                column: column.clone(),
            });
            if column::takes_no_literal(column, default, t) {
                cost.failing(Failure::NotSupported {
                    what: format!("a literal as the default of {column}"),
                })
            } else {
                cost
            }
        }
        Change::DropDefault { column } => {
            // A column that may be NULL has NULL for its default.
            let nullable = t
                .table()
                .and_then(|known| known.column(column))
                .is_some_and(|c| c.nullable);
            if nullable {
                Cost::instant().breaking(Breakage::DefaultChanged {
                    table: table(),
                    column: column.clone(),
                })
            } else {
                Cost::instant().breaking(Breakage::InsertWithout {
                    table: table(),
                    column: column.clone(),
                })
            }
        }
        Change::ColumnOptions { .. } => Cost::instant(),
        Change::AlterIndex { .. } => Cost::catalogue(t.mariadb()),
        Change::AddConstraint(constraint) => add_constraint(constraint, t),
        Change::AddIndex(index) => add_index(index, t),
        Change::DropIndex { name, if_exists } => {
            let known = t.table();
            let gone = known.is_some_and(|k| !k.indexes.iter().any(|i| i.name == *name));
            if *if_exists && gone && t.state.is_whole(t.name) {
                return Cost {
                    nothing: true,
                    ..Cost::instant()
                };
            }
            let cost = Cost::new(super::Method::NoCopy).breaking(Breakage::IndexGone {
                index: TableName {
                    schema: t.name.schema.clone(),
                    name: name.clone(),
                },
            });
            match needs(name, t) {
                Some(key) if !t.drops_keys => cost.failing(Failure::InUseBy {
                    what: name.clone(),
                    by: TableName {
                        schema: None,
                        name: key,
                    },
                }),
                Some(_) | None => cost,
            }
        }
        Change::DropConstraint {
            name, if_exists, ..
        } => {
            let constraint = t.state.constraint(t.name, name);
            if t.state.is_whole(t.name) && constraint.is_none() && *if_exists {
                return Cost::instant();
            }
            let check = constraint.is_some_and(|c| c.kind == ConstraintKind::Check);
            let mut cost = Cost::catalogue(t.mariadb() || check);
            // MySQL takes the table that the key points to as well, for a moment.
            let other = constraint.and_then(|c| c.references.clone());
            if let Some(other) = other.filter(|_| !t.mariadb()) {
                cost.others.push(lock_of(
                    &other,
                    Role::Referenced,
                    Lock::MetadataExclusive,
                    t.state,
                ));
            }
            cost.breaking(Breakage::ConstraintGone {
                table: table(),
                constraint: name.clone(),
            })
        }
        Change::DropPrimaryKey if t.adds_key => Cost::rebuild(),
        Change::DropPrimaryKey => Cost::copy(),
        Change::AlterConstraint { enforces, .. } => {
            if *enforces {
                Cost::copy()
            } else {
                Cost::instant()
            }
        }
        Change::Rename { to } => {
            Cost::instant()
                .keeping(Keeps::Everybody)
                .breaking(Breakage::TableGone {
                    table: table(),
                    renamed_to: Some(to.clone()),
                })
        }
        Change::Rebuild => rebuild(t),
        Change::TableOption { name, value } => option::option(name, value, t),
        Change::Repartition { partitions, how } => option::repartition(partitions, how, t),
        Change::Unknown { words } => Cost {
            unknown: Some(Unknown::Clause {
                words: words.chars().take(80).collect(),
            }),
            ..Cost::copy()
        },
        // Other engines' changes.
        Change::SetType { .. }
        | Change::SetNotNull { .. }
        | Change::DropNotNull { .. }
        | Change::AddIdentity { .. }
        | Change::SetIdentity { .. }
        | Change::DropIdentity { .. }
        | Change::SetExpression { .. }
        | Change::DropExpression { .. }
        | Change::SetStorage { .. }
        | Change::ValidateConstraint { .. }
        | Change::RenameConstraint { .. }
        | Change::Owner
        | Change::Options { .. }
        | Change::SetLogged
        | Change::SetUnlogged
        | Change::SetTablespace
        | Change::SetAccessMethod { .. }
        | Change::ClusterOn { .. }
        | Change::WithoutCluster
        | Change::WithoutOids
        | Change::Triggers { .. }
        | Change::Rules { .. }
        | Change::RowSecurity { .. }
        | Change::ForceRowSecurity { .. }
        | Change::ReplicaIdentity { .. }
        | Change::Inherit { .. }
        | Change::NoInherit { .. }
        | Change::OfType { .. }
        | Change::NotOfType
        | Change::AttachPartition { .. }
        | Change::DetachPartition { .. } => Cost {
            unknown: Some(Unknown::Clause {
                words: String::new(),
            }),
            ..Cost::copy()
        },
    }
}

/// The foreign key that the index is there for, where no other index would do.
fn needs(index: &str, t: Subject<'_, '_>) -> Option<String> {
    let table = t.table()?;
    let leads = |columns: &[String], key: &[String]| columns.starts_with(key);
    let key = table.constraints.iter().find(|c| {
        let others = table.indexes.iter().filter(|i| i.name != index);
        c.references.is_some()
            && table
                .indexes
                .iter()
                .any(|i| i.name == index && leads(&i.columns, &c.columns))
            && !leads(&table.primary_key, &c.columns)
            && !others.into_iter().any(|i| leads(&i.columns, &c.columns))
    })?;
    Some(key.name.clone())
}

/// FORCE, ENGINE=InnoDB: full-text indexes need writers to wait.
pub(super) fn rebuild(t: Subject<'_, '_>) -> Cost {
    if t.has_fulltext() {
        Cost::rebuild().keeping(Keeps::Writers)
    } else {
        Cost::rebuild()
    }
}

pub(super) fn add_constraint(constraint: &NewConstraint, t: Subject<'_, '_>) -> Cost {
    let name = constraint
        .name
        .clone()
        .unwrap_or_else(|| constraint.columns.join(", "));
    let stricter = Breakage::StricterConstraint {
        table: t.name.clone(),
        constraint: name,
    };
    let cost = match &constraint.shape {
        Shape::PrimaryKey => rebuild(t),
        Shape::Unique => Cost::index(),
        Shape::Check { .. } if constraint.not_enforced => return Cost::instant(),
        Shape::Check { .. } | Shape::NotNull | Shape::Exclude => Cost::copy(),
        Shape::ForeignKey(_) if t.setting_off("foreign_key_checks") => {
            // It brings the index that it needs, where there is none.
            let first = constraint.columns.first();
            let indexed = t.table().is_some_and(|k| {
                let leads = |columns: &[String]| columns.first() == first;
                leads(&k.primary_key) || k.indexes.iter().any(|i| leads(&i.columns))
            });
            let mut cost = if indexed {
                Cost::catalogue(t.mariadb())
            } else {
                Cost::index()
            };
            if let Shape::ForeignKey(key) = &constraint.shape
                && !t.mariadb()
            {
                let lock = Lock::MetadataExclusive;
                let other = lock_of(&key.table, Role::Referenced, lock, t.state);
                cost.others.push(other);
            }
            cost
        }
        Shape::ForeignKey(key) => {
            let mut cost = Cost::copy();
            // Each row's key is looked up, and kept as it is until all are copied.
            cost.others.push(lock_of(
                &key.table,
                Role::Referenced,
                Lock::MetadataNoWrite,
                t.state,
            ));
            cost
        }
    };
    cost.breaking(stricter)
}

fn add_index(index: &NewIndex, t: Subject<'_, '_>) -> Cost {
    let known = t.table();
    let taken = index
        .name
        .as_ref()
        .is_some_and(|name| known.is_some_and(|k| k.indexes.iter().any(|i| i.name == *name)));
    if index.if_not_exists && taken {
        return Cost {
            nothing: true,
            ..Cost::instant()
        };
    }
    let by_expression = index.columns.iter().any(|c| c.starts_with('('));
    let cost = match index.method.as_deref() {
        // The first one of a table adds a hidden column to each row.
        Some("fulltext") if !t.has_fulltext() => {
            Cost::rebuild().and(Cost::index()).keeping(Keeps::Writers)
        }
        Some("fulltext" | "spatial" | "vector" | "rtree") => Cost::index().keeping(Keeps::Writers),
        Some(_) | None if by_expression && t.mariadb() => {
            Cost::index().failing(Failure::NotSupported {
                what: "an index on an expression".to_owned(),
            })
        }
        // MySQL keeps the expression as a hidden column, which comes with the index.
        Some(_) | None if by_expression && index.unique => Cost::copy(),
        Some(_) | None if by_expression => Cost::index().keeping(Keeps::Writers),
        Some(_) | None => Cost::index(),
    };
    if index.unique {
        cost.breaking(Breakage::StricterConstraint {
            table: t.name.clone(),
            constraint: index
                .name
                .clone()
                .unwrap_or_else(|| index.columns.join(", ")),
        })
    } else {
        cost
    }
}

/// That nobody knows what the column was.
pub(super) fn old_type(t: Subject<'_, '_>, column: &str) -> Assumption {
    Assumption::OldType {
        table: t.name.clone(),
        column: column.to_owned(),
    }
}
