//! disable_dual_write: the triggers that keep columns in step go.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::dual_write::{self, Written};
use super::enable_dual_write::{FIELDS, both};
use super::mysql;
use crate::document::{Conversion, Engine, PhaseKind, Shape};
use crate::schema::{DualWrite, Refusal, TableName, World};

/// Lets columns go their own ways. It names them as [`super::EnableDualWrite`] does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DisableDualWrite {
    /// The table.
    pub table: String,
    /// The column that old applications write; absent where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_column: Option<String>,
    /// The column that new applications write; absent where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_column: Option<String>,
    /// As it was enabled; its keys name the new columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Conversion>,
    /// As it was enabled; its keys name the old columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backward: Option<Conversion>,
}

impl DisableDualWrite {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "disable_dual_write",
        title: "Stop keeping columns in step",
        help: "Takes the triggers away and gives the columns their defaults back.",
        fields: FIELDS,
    };

    /// For two columns.
    pub fn pair(table: &str, old_column: &str, new_column: &str) -> Self {
        Self {
            table: table.to_owned(),
            old_column: Some(old_column.to_owned()),
            new_column: Some(new_column.to_owned()),
            forward: None,
            backward: None,
        }
    }

    fn written(&self) -> Written<'_> {
        Written {
            word: Self::SHAPE.word,
            table: &self.table,
            old_column: self.old_column.as_ref(),
            new_column: self.new_column.as_ref(),
            forward: self.forward.as_ref(),
            backward: self.backward.as_ref(),
        }
    }

    /// As the world knows it; without a target, by its name alone.
    fn definition(&self, world: &World) -> Result<(DualWrite, bool), Refusal> {
        let table = TableName::parse(&self.table);
        self.written().form()?;
        if let Some(known) = self.written().known(world) {
            return Ok((known.clone(), true));
        }
        let sides = self.written().sides(world)?;
        let mut bare = dual_write::definition(world, &table, sides);
        for column in bare.old.iter_mut().chain(&mut bare.new) {
            column.default = None;
        }
        Ok((bare, false))
    }

    /// Each column with the default that it is left with.
    fn defaults(&self, world: &World, definition: &DualWrite) -> Vec<(String, String)> {
        let table = TableName::parse(&self.table);
        if world.engine == Engine::Sqlite {
            return Vec::new();
        }
        definition
            .columns()
            .filter_map(|c| {
                dual_write::inherited_default(world, &table, definition, &c.column)
                    .map(|default| (c.column.clone(), default))
            })
            .collect()
    }
}

impl Behave for DisableDualWrite {
    fn form(&self) -> Result<(), Refusal> {
        self.written().form()
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
            self.written().subject(),
        )
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let table = TableName::parse(&self.table);
        world.table_mut("table", &table)?;
        for (field, column) in [
            ("oldColumn", &self.old_column),
            ("newColumn", &self.new_column),
        ] {
            if let Some(column) = column {
                world.need_column(&table, field, column)?;
            }
        }
        let (definition, known) = self.definition(world)?;
        if !known && !world.may_be_there(&table) {
            let field = if self.new_column.is_some() {
                "newColumn"
            } else {
                "forward"
            };
            return Err(Refusal::new(
                field,
                format!("{} are not kept in step", both(&table, &definition)),
            ));
        }
        let defaults = self.defaults(world, &definition);
        let entry = world.table_mut("table", &table)?;
        dual_write::forget(entry, &definition);
        if world.engine.is_mysql_family() {
            for (name, default) in defaults {
                mysql::note_default(world, &table, &name, Some(&default))?;
            }
            return Ok(());
        }
        let entry = world.table_mut("table", &table)?;
        for (name, default) in defaults {
            if let Some(column) = entry.columns.iter_mut().find(|c| c.name == name) {
                column.default = Some(default);
            }
        }
        Ok(())
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let (definition, _) = self.definition(before)?;
        if before.engine.is_mysql_family() {
            let mut drafts: Vec<Draft> = self
                .defaults(before, &definition)
                .iter()
                .map(|(column, default)| mysql::put_default(before, &table, column, Some(default)))
                .collect();
            drafts.extend(dual_write::mysql::remove(before, &table, &definition));
            return Ok(drafts);
        }
        let mut statements = dual_write::remove(before.engine, &table, &definition);
        for (column, default) in self.defaults(before, &definition) {
            statements.push(dual_write::put_default(&table, &column, Some(&default)));
        }
        Ok(vec![Draft::transaction(
            format!("Stop keeping {} in step", both(&table, &definition)),
            &table,
            statements,
        )])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        let (definition, known) = self.definition(before)?;
        if !known {
            return Ok(Undo::nothing());
        }
        let given = self.defaults(before, &definition);
        let defaults: Vec<&str> = given.iter().map(|(column, _)| column.as_str()).collect();
        if before.engine.is_mysql_family() {
            return Ok(Undo::whole(dual_write::mysql::install(
                before,
                &table,
                &definition,
                &defaults,
            )));
        }
        // Whatever was half done goes first: the trigger must not be there twice.
        let mut statements = dual_write::remove(before.engine, &table, &definition);
        statements.extend(dual_write::install(before, &table, &definition, &defaults));
        Ok(Undo::whole(vec![Draft::transaction(
            format!("Keep {} in step again", both(&table, &definition)),
            &table,
            statements,
        )]))
    }

    fn sample() -> Self {
        Self::pair("users", "login", "handle")
    }
}
