//! drop_constraint: a CHECK, UNIQUE or FOREIGN KEY constraint goes.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::{mysql, postgres, restore, sqlite};
use crate::dialect::quote;
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::schema::{Commented, Constraint, ConstraintKind, Refusal, TableName, World};

/// Drops a constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropConstraint {
    /// The table.
    pub table: String,
    /// The constraint's name.
    pub constraint_name: String,
}

impl DropConstraint {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "drop_constraint",
        title: "Drop a constraint",
        help: "Drops a check, a unique constraint or a foreign key.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::required(
                "constraintName",
                "Constraint",
                FieldKind::Text,
                "The constraint's name. On SQLite one without a name goes by its table, columns and kind: users_email_key, users_team_id_fkey, users_age_check.",
            ),
        ],
    };
}

/// Refuses the name of a constraint that the table already has.
pub(super) fn refuse_taken(
    world: &mut World,
    table: &TableName,
    name: &str,
) -> Result<(), Refusal> {
    world.check_name("constraintName", name)?;
    let taken = world
        .table_mut("table", table)?
        .constraints
        .iter()
        .any(|c| c.name == name);
    if taken {
        return Err(Refusal::new(
            "constraintName",
            format!("{table} already has a constraint {name}"),
        ));
    }
    Ok(())
}

/// Puts a constraint on a table of the world.
pub(super) fn add_to(
    world: &mut World,
    table: &TableName,
    constraint: Constraint,
) -> Result<(), Refusal> {
    let text = format!(
        "CONSTRAINT {} {}",
        quote::name(world.engine, &constraint.name),
        constraint.definition
    );
    world
        .table_mut("table", table)?
        .constraints
        .push(constraint);
    world.edit_text(table, "constraintName", |definition| {
        definition.add_constraint(&text);
        Ok(())
    })
}

/// Takes a constraint back that was added.
pub(super) fn undo_added(before: &World, table: &TableName, name: &str) -> Result<Undo, Refusal> {
    Ok(Undo::whole(vec![match before.engine {
        Engine::PostgreSql => postgres::drop_constraint(table, name),
        // A constraint of another kind than its operation adds takes its own way there.
        Engine::MySql | Engine::MariaDb => mysql::drop_constraint(before, table, name, None),
        Engine::Sqlite => {
            sqlite::restore(before, table, format!("Drop constraint {name} of {table}"))?
        }
    }]))
}

impl DropConstraint {
    fn known<'w>(&self, world: &'w World, table: &TableName) -> Option<&'w Constraint> {
        world
            .table(table)?
            .constraints
            .iter()
            .find(|c| c.name == self.constraint_name)
    }
}

impl Behave for DropConstraint {
    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Contract
    }

    fn tables(&self) -> Vec<TableName> {
        vec![TableName::parse(&self.table)]
    }

    fn subject(&self) -> Subject {
        (
            Some(TableName::parse(&self.table)),
            Some(self.constraint_name.clone()),
        )
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let table = TableName::parse(&self.table);
        world.table_mut("table", &table)?;
        let known = self.known(world, &table).cloned();
        // SQLite's catalogue lists no constraints by their names: there the table's text tells.
        let listed = world.engine != Engine::Sqlite;
        if known.is_none() && listed && !world.may_be_there(&table) {
            return Err(Refusal::new(
                "constraintName",
                format!("{table} has no constraint {}", self.constraint_name),
            ));
        }
        let unique = known
            .as_ref()
            .is_some_and(|c| c.kind == ConstraintKind::Unique);
        if let Some(target) = known.and_then(|c| c.references) {
            let own = (table.clone(), self.constraint_name.clone());
            world
                .table_mut("table", &target)?
                .referenced_by
                .retain(|r| *r != own);
        }
        // The index of a foreign key stays on MySQL and MariaDB, and may bear the same name.
        let with_index = match world.engine {
            Engine::PostgreSql => true,
            Engine::MySql | Engine::MariaDb => unique,
            Engine::Sqlite => false,
        };
        if with_index {
            world.drop_relation(&table, &self.constraint_name)?;
        }
        let entry = world.table_mut("table", &table)?;
        entry.constraints.retain(|c| c.name != self.constraint_name);
        if entry.create_sql.is_some() {
            // SQLite's automatic index goes with its constraint.
            let own = Some(&self.constraint_name);
            entry.indexes.retain(|i| i.constraint.as_ref() != own);
        }
        entry
            .attached
            .drop_named(Commented::Constraint, &self.constraint_name);
        world.edit_text(&table, "constraintName", |text| {
            text.drop_constraint(&self.constraint_name)
        })
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let title = format!("Drop constraint {} of {table}", self.constraint_name);
        let draft = match before.engine {
            Engine::PostgreSql => Draft::transaction(
                title,
                &table,
                vec![postgres::alter(
                    &table,
                    &format!(
                        "DROP CONSTRAINT {}",
                        quote::name(Engine::PostgreSql, &self.constraint_name)
                    ),
                )],
            ),
            Engine::MySql | Engine::MariaDb => mysql::drop_constraint(
                before,
                &table,
                &self.constraint_name,
                self.known(before, &table).map(|c| c.kind),
            ),
            Engine::Sqlite => sqlite::rebuild(before, &table, "constraintName", title, |text| {
                text.drop_constraint(&self.constraint_name)
            })?,
        };
        // Dropping a foreign key locks the table that it points to as well.
        let target = self
            .known(before, &table)
            .and_then(|c| c.references.as_ref());
        Ok(vec![match target {
            Some(target) => draft.touching(target),
            None => draft,
        }])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        let title = format!("Add constraint {} to {table} again", self.constraint_name);
        match before.engine {
            Engine::PostgreSql => Ok(match self.known(before, &table) {
                Some(known) => Undo::whole(restore::constraint(
                    before,
                    &table,
                    known,
                    restore::Rows::Hold,
                )),
                None => Undo::nothing(),
            }),
            Engine::MySql | Engine::MariaDb => Ok(match self.known(before, &table) {
                Some(known) => {
                    let index = before
                        .table(&table)
                        .and_then(|t| t.indexes.iter().find(|i| i.name == known.name));
                    Undo::whole(mysql::constraint_again(before, &table, known, index))
                }
                None => Undo::nothing(),
            }),
            Engine::Sqlite => Ok(Undo::whole(vec![sqlite::restore(before, &table, title)?])),
        }
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            constraint_name: "users_name_check".into(),
        }
    }
}
