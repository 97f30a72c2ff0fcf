//! enable_dual_write: triggers keep two columns in step, whoever writes which.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::dual_write;
use crate::dialect::expression;
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::schema::{DualWrite, Refusal, TableName, World};

/// Keeps two columns in step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnableDualWrite {
    /// The table.
    pub table: String,
    /// The column that old applications write.
    pub old_column: String,
    /// The column that new applications write.
    pub new_column: String,
    /// The new value, as an expression over the old column; identity where both are absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<String>,
    /// The old value, as an expression over the new column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backward: Option<String>,
}

impl EnableDualWrite {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "enable_dual_write",
        title: "Keep two columns in step",
        help: "Triggers carry what is written to one column over to the other, in both directions.",
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
            Field::optional(
                "forward",
                "Forward",
                FieldKind::Sql,
                "The new value, as an expression over the old column; the same value where absent.",
            ),
            Field::optional(
                "backward",
                "Backward",
                FieldKind::Sql,
                "The old value, as an expression over the new column; the same value where both are absent.",
            ),
        ],
    };
}

impl EnableDualWrite {
    fn definition(&self, world: &World) -> DualWrite {
        dual_write::definition(
            world,
            &TableName::parse(&self.table),
            (&self.old_column, &self.new_column),
            (self.forward.as_ref(), self.backward.as_ref()),
        )
    }

    /// Whether what new applications write reaches the old column.
    pub fn goes_back(&self) -> bool {
        self.backward.is_some() || self.forward.is_none()
    }

    /// Triggers of SQLite run after the row was written: what the row must already satisfy
    /// cannot be filled by them.
    fn sqlite_refuses(&self, world: &World, table: &TableName) -> Result<(), Refusal> {
        for (field, name) in [("oldColumn", &self.old_column), ("newColumn", &self.new_column)] {
            let Some(column) = world.column(table, name) else {
                continue;
            };
            if !column.nullable {
                return Err(Refusal::new(
                    field,
                    format!(
                        "{table}.{name} is NOT NULL, and SQLite's triggers can fill a column only after its row was written; use drop_not_null on it in a phase before this one"
                    ),
                ));
            }
            if column.default.is_some() {
                return Err(Refusal::new(
                    field,
                    format!(
                        "{table}.{name} has a default, and SQLite's triggers cannot tell it from a value that was written; use drop_default on it in a phase before this one"
                    ),
                ));
            }
        }
        Ok(())
    }
}

impl Behave for EnableDualWrite {
    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Migrate
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
        if self.old_column == self.new_column {
            return Err(Refusal::new(
                "newColumn",
                "a column cannot be kept in step with itself",
            ));
        }
        for (field, sql) in [("forward", &self.forward), ("backward", &self.backward)] {
            let problem = sql
                .as_deref()
                .and_then(|sql| expression::expression_problem(world.engine, sql));
            if let Some(problem) = problem {
                return Err(Refusal::new(field, problem));
            }
        }
        for (field, name) in [("oldColumn", &self.old_column), ("newColumn", &self.new_column)] {
            let generated = world
                .column_mut(&table, field, name)?
                .is_some_and(|c| c.generated);
            if generated {
                return Err(Refusal::new(
                    field,
                    format!("{table}.{name} is generated: nobody can write it"),
                ));
            }
        }
        if world.engine == Engine::Sqlite {
            self.sqlite_refuses(world, &table)?;
        }
        let definition = self.definition(world);
        let entry = world.table_mut("table", &table)?;
        let there = entry
            .dual_writes
            .iter()
            .any(|d| d.old_column == self.old_column && d.new_column == self.new_column);
        if there {
            return Err(Refusal::new(
                "newColumn",
                format!(
                    "{table}.{} and {table}.{} are kept in step already",
                    self.old_column, self.new_column
                ),
            ));
        }
        let texts = dual_write::trigger_texts(Some(entry), &table, &definition);
        entry.dual_writes.push(definition);
        let postgres = world.engine == Engine::PostgreSql;
        let entry = world.table_mut("table", &table)?;
        if postgres {
            for column in &mut entry.columns {
                if column.name == self.old_column || column.name == self.new_column {
                    column.default = None;
                }
            }
        } else {
            entry.dependents.extend(texts);
        }
        Ok(())
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let definition = self.definition(before);
        let mut defaults = Vec::new();
        if definition.old_default.is_some() {
            defaults.push(self.old_column.as_str());
        }
        if definition.new_default.is_some() {
            defaults.push(self.new_column.as_str());
        }
        Ok(vec![Draft::transaction(
            format!(
                "Keep {table}.{} and {table}.{} in step",
                self.old_column, self.new_column
            ),
            &table,
            dual_write::install(before, &table, &definition, &defaults),
        )])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        let definition = self.definition(before);
        let mut statements = dual_write::remove(before.engine, &table, &definition);
        for (column, default) in [
            (&self.old_column, &definition.old_default),
            (&self.new_column, &definition.new_default),
        ] {
            if let Some(default) = default {
                statements.push(dual_write::put_default(&table, column, Some(default)));
            }
        }
        Ok(Undo::whole(vec![Draft::transaction(
            format!(
                "Stop keeping {table}.{} and {table}.{} in step",
                self.old_column, self.new_column
            ),
            &table,
            statements,
        )]))
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            old_column: "email".into(),
            new_column: "nickname".into(),
            forward: Some("lower(email)".into()),
            backward: Some("nickname".into()),
        }
    }
}
