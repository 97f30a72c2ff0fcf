//! disable_dual_write: the triggers that keep two columns in step go.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::dual_write;
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::schema::{DualWrite, Refusal, TableName, World};

/// Lets two columns go their own ways.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DisableDualWrite {
    /// The table.
    pub table: String,
    /// The column that old applications write.
    pub old_column: String,
    /// The column that new applications write.
    pub new_column: String,
}

impl DisableDualWrite {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "disable_dual_write",
        title: "Stop keeping two columns in step",
        help: "Takes the triggers away and gives both columns their defaults back.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::required(
                "oldColumn",
                "Old column",
                FieldKind::Column,
                "The column that old applications write.",
            ),
            Field::required(
                "newColumn",
                "New column",
                FieldKind::Column,
                "The column that new applications write.",
            ),
        ],
    };
}

impl DisableDualWrite {
    /// As the world knows it; without a target, by its name alone.
    fn definition(&self, world: &World) -> (DualWrite, bool) {
        let table = TableName::parse(&self.table);
        let known = world.table(&table).and_then(|t| {
            t.dual_writes
                .iter()
                .find(|d| d.old_column == self.old_column && d.new_column == self.new_column)
        });
        match known {
            Some(known) => (known.clone(), true),
            None => {
                let columns = (self.old_column.as_str(), self.new_column.as_str());
                let mut bare = dual_write::definition(world, &table, columns, (None, None));
                bare.old_default = None;
                bare.new_default = None;
                (bare, false)
            }
        }
    }

    /// Each column with the default that it is left with.
    fn defaults(&self, world: &World, definition: &DualWrite) -> Vec<(String, String)> {
        let table = TableName::parse(&self.table);
        if world.engine == Engine::Sqlite {
            return Vec::new();
        }
        [&self.old_column, &self.new_column]
            .into_iter()
            .filter_map(|column| {
                dual_write::inherited_default(world.engine, &table, definition, column)
                    .map(|default| (column.clone(), default))
            })
            .collect()
    }
}

impl Behave for DisableDualWrite {
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
        world.need_column(&table, "oldColumn", &self.old_column)?;
        world.need_column(&table, "newColumn", &self.new_column)?;
        let (definition, known) = self.definition(world);
        if !known && !world.may_be_there(&table) {
            return Err(Refusal::new(
                "newColumn",
                format!(
                    "{table}.{} and {table}.{} are not kept in step",
                    self.old_column, self.new_column
                ),
            ));
        }
        let defaults = self.defaults(world, &definition);
        let names = dual_write::sqlite_names(&definition);
        let entry = world.table_mut("table", &table)?;
        entry
            .dual_writes
            .retain(|d| d.trigger != definition.trigger);
        entry
            .dependents
            .retain(|sql| !names.iter().any(|name| sql.contains(name.as_str())));
        for (name, default) in defaults {
            if let Some(column) = entry.columns.iter_mut().find(|c| c.name == name) {
                column.default = Some(default);
            }
        }
        Ok(())
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let (definition, _) = self.definition(before);
        let mut statements = dual_write::remove(before.engine, &table, &definition);
        for (column, default) in self.defaults(before, &definition) {
            statements.push(dual_write::put_default(&table, &column, Some(&default)));
        }
        Ok(vec![Draft::transaction(
            format!(
                "Stop keeping {table}.{} and {table}.{} in step",
                self.old_column, self.new_column
            ),
            &table,
            statements,
        )])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        let (definition, known) = self.definition(before);
        if !known {
            return Ok(Undo::nothing());
        }
        let given = self.defaults(before, &definition);
        let defaults: Vec<&str> = given.iter().map(|(column, _)| column.as_str()).collect();
        // Whatever was half done goes first: the trigger must not be there twice.
        let mut statements = dual_write::remove(before.engine, &table, &definition);
        statements.extend(dual_write::install(before, &table, &definition, &defaults));
        Ok(Undo::whole(vec![Draft::transaction(
            format!(
                "Keep {table}.{} and {table}.{} in step again",
                self.old_column, self.new_column
            ),
            &table,
            statements,
        )]))
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            old_column: "login".into(),
            new_column: "handle".into(),
        }
    }
}
