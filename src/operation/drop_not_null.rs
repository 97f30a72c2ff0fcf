//! drop_not_null: a column takes NULL again.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::{SetNotNull, mysql, postgres, sqlite};
use crate::dialect::column_definition;
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::schema::{Refusal, TableName, World};

/// Allow NULL in a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropNotNull {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
}

impl DropNotNull {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "drop_not_null",
        title: "Allow NULL in a column",
        help: "Allows NULL in a column.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::required("column", "Column", FieldKind::Column, "The column."),
        ],
    };
}

impl Behave for DropNotNull {
    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Expand
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
        if let Some(column) = world.column_mut(&table, "column", &self.column)? {
            column.nullable = true;
            if let Some(definition) = &column.definition {
                column.definition = Some(column_definition::with_null(engine, definition, true));
            }
        }
        world.edit_text(&table, "column", |text| text.drop_not_null(&self.column))
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let title = format!("Allow NULL in {table}.{}", self.column);
        Ok(vec![match before.engine {
            Engine::PostgreSql => Draft::transaction(
                title,
                &table,
                vec![postgres::alter_column(
                    &table,
                    &self.column,
                    "DROP NOT NULL",
                )],
            ),
            Engine::MySql | Engine::MariaDb => {
                mysql::modify_null(before, &table, &self.column, true, title)?
            }
            Engine::Sqlite => sqlite::rebuild(before, &table, "column", title, |text| {
                text.drop_not_null(&self.column)
            })?,
        }])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        let was_nullable = before
            .column(&table, &self.column)
            .is_some_and(|c| c.nullable);
        if was_nullable {
            return Ok(Undo::nothing());
        }
        match before.engine {
            Engine::PostgreSql => {
                let mut between = before.clone();
                self.apply(&mut between)?;
                let set = SetNotNull {
                    table: self.table.clone(),
                    column: self.column.clone(),
                };
                Ok(Undo::whole(set.compile(&between)?))
            }
            Engine::MySql | Engine::MariaDb => {
                let title = format!("Forbid NULL in {table}.{} again", self.column);
                Ok(Undo::whole(vec![mysql::modify_null(
                    before,
                    &table,
                    &self.column,
                    false,
                    title,
                )?]))
            }
            Engine::Sqlite => {
                let title = format!("Forbid NULL in {table}.{} again", self.column);
                Ok(Undo::whole(vec![sqlite::restore(before, &table, title)?]))
            }
        }
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            column: "name".into(),
        }
    }
}
