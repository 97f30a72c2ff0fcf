//! drop_default: new rows get no default any more.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::set_default::{default_undo, refuse_held_default};
use super::{mysql, postgres, sqlite};
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::schema::{Refusal, TableName, World};

/// Drop a column's default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropDefault {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
}

impl DropDefault {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "drop_default",
        title: "Drop a column's default",
        help: "New rows no longer get a value by themselves.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::required("column", "Column", FieldKind::Column, "The column."),
        ],
    };
}

impl Behave for DropDefault {
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
        refuse_held_default(world, &table, &self.column)?;
        if world.engine.is_mysql_family() {
            mysql::note_default(world, &table, &self.column, None)?;
        } else if let Some(column) = world.column_mut(&table, "column", &self.column)? {
            column.default = None;
        }
        world.edit_text(&table, "column", |text| text.drop_default(&self.column))
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let title = format!("Drop the default of {table}.{}", self.column);
        Ok(vec![match before.engine {
            Engine::PostgreSql => Draft::transaction(
                title,
                &table,
                vec![postgres::alter_column(&table, &self.column, "DROP DEFAULT")],
            ),
            Engine::MySql | Engine::MariaDb => {
                mysql::put_default(before, &table, &self.column, None)
            }
            Engine::Sqlite => sqlite::rebuild(before, &table, "column", title, |text| {
                text.drop_default(&self.column)
            })?,
        }])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        default_undo(before, &TableName::parse(&self.table), &self.column)
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            column: "name".into(),
        }
    }
}
