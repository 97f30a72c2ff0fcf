//! rename_table: another name for a table, at once.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::{mysql, postgres, sqlite};
use crate::dialect::{catalogue, quote};
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::plan::{Lock, Statement};
use crate::schema::{Refusal, TableName, World};

/// Renames a table within its schema. Running applications know the old name only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RenameTable {
    /// The table as it is called now.
    pub table: String,
    /// What it will be called.
    pub new_table: String,
}

impl RenameTable {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "rename_table",
        title: "Rename a table at once",
        help: "Applications that run know the old name only, and fail until they know the new one.",
        fields: &[
            Field::required(
                "table",
                "Table",
                FieldKind::Table,
                "The table as it is called now.",
            ),
            Field::required(
                "newTable",
                "New name",
                FieldKind::NewName,
                "What it will be called.",
            ),
        ],
    };

    /// The new name, in the schema of the old one where it says none.
    fn target(&self) -> TableName {
        let from = TableName::parse(&self.table);
        let to = TableName::parse(&self.new_table);
        TableName {
            schema: to.schema.or(from.schema),
            name: to.name,
        }
    }

    fn draft(world: &World, from: &TableName, to: &TableName) -> Result<Draft, Refusal> {
        let sql = format!("RENAME TO {}", quote::name(world.engine, &to.name));
        let statement = match world.engine {
            Engine::PostgreSql => postgres::alter(from, &sql),
            Engine::MySql | Engine::MariaDb => {
                let sql = format!(
                    "RENAME TABLE {} TO {}",
                    quote::table(world.engine, from),
                    quote::table(world.engine, to)
                );
                let draft = mysql::ddl(
                    format!("Rename table {from} to {to}"),
                    from,
                    Statement::brief(sql, Lock::MetadataExclusive).outside(),
                    &catalogue::table(world.engine, to),
                );
                return Ok(draft.touching(to));
            }
            Engine::Sqlite => sqlite::write(format!(
                "ALTER TABLE {} {sql}",
                quote::table(world.engine, from)
            )),
        };
        let title = format!("Rename table {from} to {to}");
        Ok(Draft::transaction(title, from, vec![statement]).touching(to))
    }
}

impl Behave for RenameTable {
    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Contract
    }

    fn tables(&self) -> Vec<TableName> {
        vec![TableName::parse(&self.table), self.target()]
    }

    fn subject(&self) -> Subject {
        (Some(self.target()), None)
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let (from, to) = (TableName::parse(&self.table), self.target());
        if from.schema != to.schema {
            return Err(Refusal::new(
                "newTable",
                "a table is renamed within its schema; move it with ALTER TABLE ... SET SCHEMA (custom_sql)",
            ));
        }
        if let Some(trigger) = world.upserts_into(&from) {
            return Err(Refusal::new(
                "table",
                format!(
                    "the trigger {trigger} says INSERT INTO {from} ... DO UPDATE SET ... excluded, and SQLite, when it renames the table, makes of excluded the row that is there: every upsert would change nothing without a word. Drop that trigger before this and make it again after it (custom_sql)"
                ),
            ));
        }
        world.need_no_trigger_beside("table", &from)?;
        world.need_no_view("table", &from, None)?;
        world.rename_table(&from, &to)
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        Ok(vec![Self::draft(
            before,
            &TableName::parse(&self.table),
            &self.target(),
        )?])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        Ok(Undo::whole(vec![Self::draft(
            before,
            &self.target(),
            &TableName::parse(&self.table),
        )?]))
    }

    fn sample() -> Self {
        Self {
            table: "teams".into(),
            new_table: "groups".into(),
        }
    }
}
