//! set_not_null: a column refuses NULL from now on.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::{mysql, postgres, sqlite};
use crate::dialect::{column_definition, quote};
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::schema::{Refusal, TableName, World};

/// Make a column NOT NULL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetNotNull {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
}

impl SetNotNull {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "set_not_null",
        title: "Make a column NOT NULL",
        help: "Forbids NULL, after checking every row without holding up writers where the engine can.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::required("column", "Column", FieldKind::Column, "The column."),
        ],
    };
}

impl SetNotNull {
    /// The check that lets PostgreSQL skip its own scan under the lock.
    fn check_name(&self, table: &TableName) -> String {
        quote::made_up(&format!("bellows_{}_{}_not_null", table.name, self.column))
    }
}

impl Behave for SetNotNull {
    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Contract
    }

    fn tables(&self) -> Vec<TableName> {
        vec![TableName::parse(&self.table)]
    }

    fn subject(&self) -> Subject {
        (
            Some(TableName::parse(&self.table)),
            Some(self.column.clone()),
        )
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let table = TableName::parse(&self.table);
        let engine = world.engine;
        if engine.is_mysql_family() && !world.dual_writes(&table, &self.column).is_empty() {
            return Err(Refusal::new(
                "column",
                format!(
                    "{table}.{} is kept in step with other columns: {} refuses INSERT ... SELECT without such a column before a trigger could fill it; use set_not_null once the columns are parted",
                    self.column,
                    engine.title()
                ),
            ));
        }
        if let Some(column) = world.column_mut(&table, "column", &self.column)? {
            column.nullable = false;
            if let Some(definition) = &column.definition {
                column.definition = Some(column_definition::with_null(engine, definition, false));
            }
        }
        world.edit_text(&table, "column", |text| text.set_not_null(&self.column))
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let title = format!("Make {table}.{} NOT NULL", self.column);
        match before.engine {
            Engine::PostgreSql => {
                let set = postgres::alter_column(&table, &self.column, "SET NOT NULL");
                let already = before
                    .column(&table, &self.column)
                    .is_some_and(|c| !c.nullable);
                if already {
                    return Ok(vec![Draft::transaction(title, &table, vec![set])]);
                }
                let check = self.check_name(&table);
                let name = quote::name(Engine::PostgreSql, &check);
                let add = format!(
                    "ADD CONSTRAINT {name} CHECK ({} IS NOT NULL) NOT VALID",
                    quote::name(Engine::PostgreSql, &self.column)
                );
                // Each in a transaction of its own: the scan must not run under the lock of the
                // first, nor may the last wait for its lock with the scan's work at stake.
                Ok(vec![
                    Draft::transaction(
                        format!("Forbid NULL in {table}.{} for new rows", self.column),
                        &table,
                        vec![postgres::alter(&table, &add)],
                    ),
                    postgres::validate(before, &table, &check),
                    Draft::transaction(
                        title,
                        &table,
                        vec![
                            set,
                            postgres::alter(&table, &format!("DROP CONSTRAINT {name}")),
                        ],
                    ),
                ])
            }
            Engine::MySql | Engine::MariaDb => Ok(vec![mysql::modify_null(
                before,
                &table,
                &self.column,
                false,
                title,
            )?]),
            Engine::Sqlite => Ok(vec![sqlite::rebuild(
                before,
                &table,
                "column",
                title,
                |text| text.set_not_null(&self.column),
            )?]),
        }
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        let title = format!("Allow NULL in {table}.{}", self.column);
        match before.engine {
            Engine::PostgreSql => {
                let check = quote::name(Engine::PostgreSql, &self.check_name(&table));
                let was_nullable = before
                    .column(&table, &self.column)
                    .is_none_or(|c| c.nullable);
                if !was_nullable {
                    return Ok(Undo::nothing());
                }
                Ok(Undo::whole(vec![Draft::transaction(
                    title,
                    &table,
                    vec![
                        postgres::alter_column(&table, &self.column, "DROP NOT NULL"),
                        postgres::alter(&table, &format!("DROP CONSTRAINT IF EXISTS {check}")),
                    ],
                )]))
            }
            Engine::MySql | Engine::MariaDb => {
                let was_nullable = before
                    .column(&table, &self.column)
                    .is_none_or(|c| c.nullable);
                if !was_nullable {
                    return Ok(Undo::nothing());
                }
                Ok(Undo::whole(vec![mysql::modify_null(
                    before,
                    &table,
                    &self.column,
                    true,
                    title,
                )?]))
            }
            Engine::Sqlite => Ok(Undo::whole(vec![sqlite::restore(before, &table, title)?])),
        }
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            column: "email".into(),
        }
    }
}
