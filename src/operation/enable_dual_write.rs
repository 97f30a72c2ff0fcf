//! enable_dual_write: triggers keep columns in step, whoever writes which.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::dual_write::{self, Written};
use super::mysql;
use crate::document::{Conversion, Engine, Field, FieldKind, PhaseKind, Shape};
use crate::schema::{DualWrite, Refusal, TableName, World};

/// Keeps columns in step: one with one; one with several, by a `forward` of several expressions;
/// several with one, by a `backward` of several or by what `forward` reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnableDualWrite {
    /// The table.
    pub table: String,
    /// The column that old applications write; absent where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_column: Option<String>,
    /// The column that new applications write; absent where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_column: Option<String>,
    /// The new value over the old columns, or one for each new column; identity where both are
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Conversion>,
    /// The old value over the new columns, or one for each old column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backward: Option<Conversion>,
}

/// The fields of both operations about dual writes.
pub(super) const FIELDS: &[Field] = &[
    Field::required("table", "Table", FieldKind::Table, "The table."),
    Field::optional(
        "oldColumn",
        "Old column",
        FieldKind::Column,
        "The column that old applications write; absent where there are several.",
    ),
    Field::optional(
        "newColumn",
        "New column",
        FieldKind::Column,
        "The column that new applications write; absent where forward names several.",
    ),
    Field::optional(
        "forward",
        "Forward",
        FieldKind::Conversion,
        "The new value, as an expression over the old column; the same value where absent. A map of column to expression splits.",
    ),
    Field::optional(
        "backward",
        "Backward",
        FieldKind::Conversion,
        "The old value, as an expression over the new column; the same value where both are absent. A map of column to expression takes a merge back.",
    ),
];

impl EnableDualWrite {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "enable_dual_write",
        title: "Keep columns in step",
        help: "Triggers carry what is written to one side over to the other, in both directions.",
        fields: FIELDS,
    };

    /// The same values in both columns.
    pub fn pair(table: &str, old_column: &str, new_column: &str) -> Self {
        Self {
            table: table.to_owned(),
            old_column: Some(old_column.to_owned()),
            new_column: Some(new_column.to_owned()),
            forward: None,
            backward: None,
        }
    }

    pub(super) fn written(&self) -> Written<'_> {
        Written {
            word: Self::SHAPE.word,
            table: &self.table,
            old_column: self.old_column.as_ref(),
            new_column: self.new_column.as_ref(),
            forward: self.forward.as_ref(),
            backward: self.backward.as_ref(),
        }
    }

    fn definition(&self, world: &World) -> Result<DualWrite, Refusal> {
        let sides = self.written().sides(world)?;
        Ok(dual_write::definition(
            world,
            &TableName::parse(&self.table),
            sides,
        ))
    }

    /// Whether what new applications write reaches the old columns.
    pub fn goes_back(&self) -> bool {
        self.backward.is_some() || self.forward.is_none()
    }

    /// The old and the new columns, in the world before it; `None` where they cannot be told,
    /// which is refused elsewhere.
    pub fn columns(&self, before: &World) -> Option<(Vec<String>, Vec<String>)> {
        let sides = self.written().sides(before).ok()?;
        Some((sides.old, sides.new))
    }

    /// Triggers of SQLite run after the row was written: what the row must already satisfy
    /// cannot be filled by them.
    fn sqlite_refuses(
        &self,
        world: &World,
        table: &TableName,
        definition: &DualWrite,
    ) -> Result<(), Refusal> {
        for (field, name) in fields(self, definition) {
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

/// Every column, with the key of the document that names it.
fn fields<'d>(
    operation: &EnableDualWrite,
    definition: &'d DualWrite,
) -> Vec<(&'static str, &'d str)> {
    let key = |one: &Option<String>, own, map: &Option<Conversion>, key| {
        match (one, map) {
            (Some(_), _) => own,
            (None, Some(_)) => key,
            // The old columns that only forward reads.
            (None, None) => "forward",
        }
    };
    let old = key(
        &operation.old_column,
        "oldColumn",
        &operation.backward,
        "backward",
    );
    let new = key(
        &operation.new_column,
        "newColumn",
        &operation.forward,
        "forward",
    );
    let side = |field, columns: &'d [crate::schema::HeldColumn]| {
        columns.iter().map(move |c| (field, c.column.as_str()))
    };
    side(old, &definition.old)
        .chain(side(new, &definition.new))
        .collect()
}

/// `users.name and users.full_name`, `users.name and users.(first, last)`.
pub(super) fn both(table: &TableName, definition: &DualWrite) -> String {
    let side = |columns: &[crate::schema::HeldColumn]| {
        let names: Vec<&str> = columns.iter().map(|c| c.column.as_str()).collect();
        match names.as_slice() {
            [one] => format!("{table}.{one}"),
            several => format!("{table}.({})", several.join(", ")),
        }
    };
    format!("{} and {}", side(&definition.old), side(&definition.new))
}

impl Behave for EnableDualWrite {
    fn form(&self) -> Result<(), Refusal> {
        self.written().form()
    }

    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Migrate
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
        let definition = self.definition(world)?;
        for (field, name) in fields(self, &definition) {
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
            self.sqlite_refuses(world, &table, &definition)?;
        }
        if world.engine.is_mysql_family() {
            for (field, name) in fields(self, &definition) {
                if let Some(problem) = dual_write::mysql::problem(world, &table, name) {
                    return Err(Refusal::new(field, problem));
                }
            }
        }
        let entry = world.table_mut("table", &table)?;
        if entry
            .dual_writes
            .iter()
            .any(|d| d.trigger == definition.trigger)
        {
            let field = if self.new_column.is_some() {
                "newColumn"
            } else {
                "forward"
            };
            return Err(Refusal::new(
                field,
                format!("{} are kept in step already", both(&table, &definition)),
            ));
        }
        let texts = dual_write::trigger_texts(Some(entry), &table, &definition);
        entry.dual_writes.push(definition.clone());
        match world.engine {
            Engine::PostgreSql => {
                for column in &mut world.table_mut("table", &table)?.columns {
                    if definition.names(&column.name) {
                        column.default = None;
                    }
                }
            }
            Engine::MySql | Engine::MariaDb => {
                for column in dual_write::held(&definition) {
                    mysql::note_default(world, &table, column, None)?;
                }
            }
            Engine::Sqlite => world.table_mut("table", &table)?.dependents.extend(texts),
        }
        Ok(())
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let definition = self.definition(before)?;
        if before.engine.is_mysql_family() {
            let held = dual_write::held(&definition);
            return Ok(dual_write::mysql::install(
                before,
                &table,
                &definition,
                &held,
            ));
        }
        Ok(vec![Draft::transaction(
            format!("Keep {} in step", both(&table, &definition)),
            &table,
            dual_write::install(before, &table, &definition, &dual_write::held(&definition)),
        )])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        let definition = self.definition(before)?;
        if before.engine.is_mysql_family() {
            let mut drafts: Vec<Draft> = definition
                .columns()
                .filter(|c| c.default.is_some())
                .map(|c| mysql::put_default(before, &table, &c.column, c.default.as_deref()))
                .collect();
            drafts.extend(dual_write::mysql::remove(before, &table, &definition));
            return Ok(Undo::whole(drafts));
        }
        let mut statements = dual_write::remove(before.engine, &table, &definition);
        for column in definition.columns() {
            if let Some(default) = &column.default {
                statements.push(dual_write::put_default(
                    &table,
                    &column.column,
                    Some(default),
                ));
            }
        }
        Ok(Undo::whole(vec![Draft::transaction(
            format!("Stop keeping {} in step", both(&table, &definition)),
            &table,
            statements,
        )]))
    }

    fn sample() -> Self {
        Self {
            forward: Some("lower(email)".into()),
            backward: Some("nickname".into()),
            ..Self::pair("users", "email", "nickname")
        }
    }
}
