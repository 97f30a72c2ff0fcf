//! What SQLite's few ALTER TABLEs do, and which it refuses.

use super::{gone, grow, schema};
use crate::dialect::{expression, lexer};
use crate::document::Engine;
use crate::schema::{Table, TableName};
use crate::sql::act::{Change, Generated, NewColumn, Shape};
use crate::sql::breakage::Breakage;
use crate::sql::effect::{Effect, WorkKind};
use crate::sql::state::State;
use crate::sql::unknown::Failure;

/// The first version that knows ADD and DROP CONSTRAINT, SET and DROP NOT NULL.
const ALTERS_CONSTRAINTS: u32 = 3_053_000;

pub(super) fn effect(table: &TableName, changes: &[Change], state: &State<'_>) -> Effect {
    let mut effect = schema(Some(table));
    for change in changes {
        of(change, table, state, &mut effect);
    }
    if !effect.fails.is_empty() {
        // It does nothing but fail.
        effect.work.clear();
        effect.lasts = Default::default();
        effect.blocks.lasts = Default::default();
    }
    effect
}

fn of(change: &Change, table: &TableName, state: &State<'_>, effect: &mut Effect) {
    let known = state.table(table);
    let newer = |effect: &mut Effect, what: &str| {
        if state.version < ALTERS_CONSTRAINTS {
            effect.fails.push(Failure::Version {
                what: what.to_owned(),
                needs: ALTERS_CONSTRAINTS,
            });
        }
    };
    match change {
        Change::AddColumn { column, .. } => add_column(column, table, state, effect),
        Change::DropColumn { column, .. } => {
            if let Some(by) = known.and_then(|known| used(known, column)) {
                effect.fails.push(Failure::InUseBy {
                    what: column.clone(),
                    by,
                });
            }
            let is_virtual = known.is_some_and(|known| {
                known.column(column).is_some_and(|c| c.generated)
                    && !known
                        .create_sql
                        .as_ref()
                        .is_some_and(|sql| sql.to_lowercase().contains("stored"))
            });
            if !is_virtual {
                grow(effect, WorkKind::Rewrite, table, state);
            }
            gone(
                effect,
                state,
                table,
                Breakage::ColumnGone {
                    table: table.clone(),
                    column: column.clone(),
                    renamed_to: None,
                },
            );
        }
        Change::RenameColumn { from, to } => gone(
            effect,
            state,
            table,
            Breakage::ColumnGone {
                table: table.clone(),
                column: from.clone(),
                renamed_to: Some(to.clone()),
            },
        ),
        Change::Rename { to } => gone(
            effect,
            state,
            table,
            Breakage::TableGone {
                table: table.clone(),
                renamed_to: Some(to.clone()),
            },
        ),
        Change::SetNotNull { column } => {
            newer(effect, "SET NOT NULL");
            grow(effect, WorkKind::Scan, table, state);
            gone(
                effect,
                state,
                table,
                Breakage::StricterConstraint {
                    table: table.clone(),
                    constraint: format!("{column} NOT NULL"),
                },
            );
        }
        Change::DropNotNull { .. } => newer(effect, "DROP NOT NULL"),
        Change::DropConstraint { name, .. } => {
            newer(effect, "DROP CONSTRAINT");
            gone(
                effect,
                state,
                table,
                Breakage::ConstraintGone {
                    table: table.clone(),
                    constraint: name.clone(),
                },
            );
        }
        Change::AddConstraint(constraint) => {
            if let Shape::Check { .. } = constraint.shape {
                newer(effect, "ADD CONSTRAINT ... CHECK");
                grow(effect, WorkKind::Scan, table, state);
            } else {
                refused(effect, "ADD CONSTRAINT of anything but a CHECK");
            }
        }
        Change::Unknown { words } => refused(effect, &words.chars().take(80).collect::<String>()),
        Change::SetType { .. }
        | Change::Redefine { .. }
        | Change::SetDefault { .. }
        | Change::DropDefault { .. }
        | Change::AddIdentity { .. }
        | Change::SetIdentity { .. }
        | Change::DropIdentity { .. }
        | Change::SetExpression { .. }
        | Change::DropExpression { .. }
        | Change::ColumnOptions { .. }
        | Change::SetStorage { .. }
        | Change::DropPrimaryKey
        | Change::ValidateConstraint { .. }
        | Change::AlterConstraint { .. }
        | Change::RenameConstraint { .. }
        | Change::AddIndex(_)
        | Change::DropIndex { .. }
        | Change::AlterIndex { .. }
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
        | Change::DetachPartition { .. }
        | Change::Repartition { .. }
        | Change::TableOption { .. }
        | Change::Rebuild => refused(effect, "that ALTER TABLE"),
    }
}

fn refused(effect: &mut Effect, what: &str) {
    effect.fails.push(Failure::NotSupported {
        what: what.to_owned(),
    });
}

fn add_column(column: &NewColumn, table: &TableName, state: &State<'_>, effect: &mut Effect) {
    let has = |wanted: fn(&Shape) -> bool| column.constraints.iter().any(|c| wanted(&c.shape));
    if has(|s| *s == Shape::PrimaryKey) {
        refused(effect, "ADD COLUMN ... PRIMARY KEY");
    }
    if has(|s| *s == Shape::Unique) {
        refused(effect, "ADD COLUMN ... UNIQUE");
    }
    if column.generated == Some(Generated::Stored) {
        refused(effect, "ADD COLUMN ... STORED");
    }
    let default = column.default.as_ref().filter(|d| !d.null);
    if let Some(default) = default
        && !constant(&default.sql)
    {
        refused(effect, "ADD COLUMN with a default that is no constant");
    }
    let keys_off = matches!(
        state.setting("foreign_keys"),
        Some(Some("OFF" | "off" | "0"))
    );
    let key = has(|s| matches!(s, Shape::ForeignKey(_)));
    if key && default.is_some() && !keys_off {
        refused(
            effect,
            "ADD COLUMN ... REFERENCES with a default other than NULL",
        );
    }
    // What the text has just made has no rows that would be in the way.
    if column.not_null && default.is_none() && column.generated.is_none() && !state.made_here(table)
    {
        effect.fails.push(Failure::NoDefault {
            table: table.clone(),
            column: column.name.clone(),
        });
    }
    if has(|s| matches!(s, Shape::Check { .. })) || (column.generated.is_some() && column.not_null)
    {
        grow(effect, WorkKind::Scan, table, state);
    }
}

/// A default that SQLite takes for a column that rows get without being written.
fn constant(sql: &str) -> bool {
    let moment = ["current_timestamp", "current_date", "current_time"];
    !moment.contains(&sql.to_lowercase().as_str())
        && (!sql.starts_with('(')
            || expression::is_plain_literal(
                Engine::Sqlite,
                sql.trim_start_matches('(').trim_end_matches(')'),
            ))
}

/// What keeps a column from being dropped.
fn used(table: &Table, column: &str) -> Option<TableName> {
    let name = |text: &str| TableName {
        schema: None,
        name: text.to_owned(),
    };
    let same = |other: &String| other.eq_ignore_ascii_case(column);
    if table.primary_key.iter().any(same) {
        return Some(name("the primary key"));
    }
    if let Some(index) = table.indexes.iter().find(|i| i.columns.iter().any(same)) {
        return Some(name(&index.name));
    }
    if let Some(view) = table.views.iter().find(|v| v.columns.iter().any(same)) {
        return Some(view.view.clone());
    }
    if let Some(sql) = &table.create_sql
        && in_constraint(sql, column)
    {
        return Some(name("a constraint of the table"));
    }
    table
        .dependents
        .iter()
        .find(|sql| {
            sql.to_lowercase().contains("trigger")
                && expression::mentions(Engine::Sqlite, sql, column)
        })
        .map(|_| name("a trigger"))
}

/// Whether a constraint that stands by itself in CREATE TABLE, and behind no column, names it.
fn in_constraint(create: &str, column: &str) -> bool {
    let tokens = lexer::significant(Engine::Sqlite, create).unwrap_or_default();
    let Some(open) = tokens.iter().position(|t| t.is_symbol("(")) else {
        return false;
    };
    let inner = tokens.get(open + 1..).unwrap_or_default();
    expression::at_commas(inner).into_iter().any(|item| {
        let stands = item.first().is_some_and(|first| {
            ["constraint", "check", "foreign", "unique", "primary"]
                .iter()
                .any(|word| first.is(word))
        });
        stands && item.iter().any(|t| t.names(Engine::Sqlite, column))
    })
}
