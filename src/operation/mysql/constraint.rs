//! Keys and checks on MySQL and MariaDB, and the indexes that the servers make for foreign keys.

use std::iter;

use super::{How, alter, build_index, ddl};
use crate::dialect::statement::Work;
use crate::dialect::{catalogue, quote};
use crate::document::Engine;
use crate::operation::behave::Draft;
use crate::schema::{Constraint, ConstraintKind, Index, TableName, World};

/// Before an index that the document made is dropped: an index that the server had made by itself,
/// for a foreign key, gave way to it in silence where it begins with the same columns. That one
/// comes back first, or the server would refuse.
pub(in crate::operation) fn gave_way(
    world: &World,
    table: &TableName,
    name: &str,
    columns: &[String],
) -> Vec<Draft> {
    let known = world.table(table);
    let keys: Vec<&Constraint> = known
        .map_or(&[][..], |t| &t.constraints)
        .iter()
        .filter(|c| c.kind == ConstraintKind::ForeignKey)
        .collect();
    let gave_way = known
        .map_or(&[][..], |t| &t.indexes)
        .iter()
        .filter(|i| !i.unique && !i.definition.is_empty())
        .filter(|i| keys.iter().any(|key| key.columns == i.columns))
        .filter(|i| columns.starts_with(&i.columns));
    gave_way
        .map(|i| {
            let mut again = build_index(world, table, &i.name, &i.definition);
            again.title = format!(
                "Build index {} on {table} again, if {name} took its place",
                i.name
            );
            again
        })
        .collect()
}

/// Drops a constraint; one that is not known by the word that fits all kinds.
pub(in crate::operation) fn drop_constraint(
    world: &World,
    table: &TableName,
    name: &str,
    kind: Option<ConstraintKind>,
) -> Draft {
    let engine = world.engine;
    let word = match (kind, engine) {
        (Some(ConstraintKind::Unique | ConstraintKind::Exclude), _) => "INDEX",
        (Some(ConstraintKind::ForeignKey), _) => "FOREIGN KEY",
        (Some(ConstraintKind::Check), Engine::MySql) => "CHECK",
        (Some(ConstraintKind::Check) | None, _) => "CONSTRAINT",
    };
    let action = format!("DROP {word} {}", quote::name(engine, name));
    ddl(
        format!("Drop constraint {name} of {table}"),
        table,
        alter(world, table, &action, How::Online(Work::Brief)),
        &format!("NOT {}", catalogue::constraint(engine, table, name)),
    )
}

/// Adds a foreign key, for new rows: with the checks on, the server would copy the table while
/// writers wait. What the rows of before point to is for a check of the phase.
pub(in crate::operation) fn add_foreign_key(
    world: &World,
    table: &TableName,
    name: &str,
    definition: &str,
    title: String,
) -> Draft {
    let engine = world.engine;
    let action = format!("ADD CONSTRAINT {} {definition}", quote::name(engine, name));
    let mut statement = alter(world, table, &action, How::Online(Work::Brief));
    statement.sql = match engine {
        Engine::MariaDb => format!("SET STATEMENT foreign_key_checks = 0 FOR {}", statement.sql),
        Engine::MySql | Engine::PostgreSql | Engine::Sqlite => format!(
            "SET SESSION foreign_key_checks = 0; {}; SET SESSION foreign_key_checks = 1",
            statement.sql
        ),
    };
    ddl(
        title,
        table,
        statement,
        &catalogue::constraint(engine, table, name),
    )
}

/// The constraint again that was dropped.
pub(in crate::operation) fn constraint_again(
    world: &World,
    table: &TableName,
    known: &Constraint,
    index: Option<&Index>,
) -> Vec<Draft> {
    let engine = world.engine;
    let title = format!("Add constraint {} to {table} again", known.name);
    let add = format!(
        "ADD CONSTRAINT {} {}",
        quote::name(engine, &known.name),
        known.definition
    );
    let there = catalogue::constraint(engine, table, &known.name);
    let again = match (known.kind, index) {
        (ConstraintKind::ForeignKey, _) => {
            add_foreign_key(world, table, &known.name, &known.definition, title)
        }
        (ConstraintKind::Unique | ConstraintKind::Exclude, Some(index)) => {
            build_index(world, table, &known.name, &index.definition)
        }
        (ConstraintKind::Unique | ConstraintKind::Exclude, None) => ddl(
            title,
            table,
            alter(world, table, &add, How::Online(Work::Index)),
            &there,
        ),
        (ConstraintKind::Check, _) => {
            ddl(title, table, alter(world, table, &add, How::Copy), &there)
        }
    };
    let renamed = index_made_for(world, table, known)
        .map(|index| name_key_index(world, table, &known.name, &index.name));
    iter::once(again).chain(renamed).collect()
}

/// The index that the server made for the foreign key, under another name than the key's: for the
/// key that comes back it makes one under the key's name, and drops this one in silence.
fn index_made_for<'w>(world: &'w World, table: &TableName, key: &Constraint) -> Option<&'w Index> {
    let known = world
        .table(table)
        .filter(|_| key.kind == ConstraintKind::ForeignKey)?;
    let own = known.indexes.iter().any(|i| i.name == key.name);
    known
        .indexes
        .iter()
        .filter(|_| !own)
        .find(|i| !i.unique && !i.expressions && i.columns == key.columns)
}

/// Gives an index that the server made for a foreign key another name, where it made one.
pub(in crate::operation) fn name_key_index(
    world: &World,
    table: &TableName,
    made: &str,
    name: &str,
) -> Draft {
    let engine = world.engine;
    let action = format!(
        "RENAME INDEX {} TO {}",
        quote::name(engine, made),
        quote::name(engine, name)
    );
    ddl(
        format!("Give the index of {name} its name"),
        table,
        alter(world, table, &action, How::Online(Work::Brief)),
        &format!(
            "(NOT {} OR {})",
            catalogue::index(engine, table, made),
            catalogue::index(engine, table, name)
        ),
    )
}
