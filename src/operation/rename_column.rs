//! rename_column: another name for a column, at once.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::{mysql, postgres, sqlite};
use crate::dialect::statement::Work;
use crate::dialect::{catalogue, quote};
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::schema::{Refusal, TableName, World};

/// Renames a column. Running applications know the old name only: the pattern rename-column is
/// the way for a table in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenameColumn {
    /// The table.
    pub table: String,
    /// The column as it is called now.
    pub old_column: String,
    /// What it will be called.
    pub new_column: String,
    /// Its type, for the pattern that takes this one's place where no target says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_type: Option<String>,
}

impl RenameColumn {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "rename_column",
        title: "Rename a column at once",
        help: "Applications that run know the old name only, and fail: the pattern rename-column lets both names live side by side.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::required(
                "oldColumn",
                "Old column",
                FieldKind::Column,
                "The column as it is called now.",
            ),
            Field::required(
                "newColumn",
                "New column",
                FieldKind::NewName,
                "What it will be called.",
            ),
            Field::optional(
                "dataType",
                "Data type",
                FieldKind::DataType,
                "Its type, for the pattern that takes this one's place.",
            ),
        ],
    };

    fn draft(world: &World, table: &TableName, from: &str, to: &str) -> Result<Draft, Refusal> {
        let sql = format!(
            "RENAME COLUMN {} TO {}",
            quote::name(world.engine, from),
            quote::name(world.engine, to)
        );
        let statement = match world.engine {
            Engine::PostgreSql => postgres::alter(table, &sql),
            Engine::MySql | Engine::MariaDb => {
                return Ok(mysql::ddl(
                    format!("Rename column {table}.{from} to {to}"),
                    table,
                    mysql::alter(world, table, &sql, mysql::How::Online(Work::Brief)),
                    &catalogue::column(world.engine, table, to),
                ));
            }
            Engine::Sqlite => sqlite::write(format!(
                "ALTER TABLE {} {sql}",
                quote::table(world.engine, table)
            )),
        };
        Ok(Draft::transaction(
            format!("Rename column {table}.{from} to {to}"),
            table,
            vec![statement],
        ))
    }
}

impl Behave for RenameColumn {
    fn data_types(&self) -> Vec<&str> {
        self.data_type.iter().map(String::as_str).collect()
    }

    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Contract
    }

    fn tables(&self) -> Vec<TableName> {
        vec![TableName::parse(&self.table)]
    }

    fn subject(&self) -> Subject {
        (
            Some(TableName::parse(&self.table)),
            Some(self.new_column.clone()),
        )
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let table = TableName::parse(&self.table);
        world.need_no_copied_column("oldColumn", &table, &self.old_column, true)?;
        if let Some(data_type) = &self.data_type {
            world.check_type("dataType", data_type)?;
        }
        if !world.dual_writes(&table, &self.old_column).is_empty() {
            return Err(Refusal::new(
                "oldColumn",
                format!(
                    "triggers keep {table}.{} in step with other columns under that name; use disable_dual_write first",
                    self.old_column
                ),
            ));
        }
        world.need_no_trigger_on("oldColumn", &table, &self.old_column)?;
        world.need_no_view("oldColumn", &table, Some(&self.old_column))?;
        world.rename_column(&table, &self.old_column, &self.new_column)
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        Ok(vec![Self::draft(
            before,
            &table,
            &self.old_column,
            &self.new_column,
        )?])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        Ok(Undo::whole(vec![Self::draft(
            before,
            &table,
            &self.new_column,
            &self.old_column,
        )?]))
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            old_column: "nickname".into(),
            new_column: "alias".into(),
            data_type: None,
        }
    }
}
