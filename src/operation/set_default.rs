//! set_default: what new rows get where they say nothing.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::{DefaultValue, mysql, postgres, sqlite};
use crate::dialect::{expression, quote};
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::schema::{Refusal, TableName, World};

/// Set a column's default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SetDefault {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The default.
    pub default_value: DefaultValue,
}

impl SetDefault {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "set_default",
        title: "Set a column's default",
        help: "New rows get this value where they give none; rows that are there stay as they are.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::required("column", "Column", FieldKind::Column, "The column."),
            Field::required(
                "defaultValue",
                "Default",
                FieldKind::Default,
                "A literal, or an SQL expression.",
            ),
        ],
    };
}

/// Puts a column's default back to what it is in the world before.
pub(super) fn default_undo(
    before: &World,
    table: &TableName,
    column: &str,
) -> Result<Undo, Refusal> {
    let title = format!("Give {table}.{column} its default back");
    match before.engine {
        Engine::PostgreSql => {
            let Some(was) = before.column(table, column) else {
                return Ok(Undo::nothing());
            };
            let action = match &was.default {
                Some(default) => format!("SET DEFAULT {default}"),
                None => "DROP DEFAULT".to_owned(),
            };
            Ok(Undo::whole(vec![Draft::transaction(
                title,
                table,
                vec![postgres::alter_column(table, column, &action)],
            )]))
        }
        Engine::MySql | Engine::MariaDb => {
            let Some(was) = before.column(table, column) else {
                return Ok(Undo::nothing());
            };
            let mut draft = mysql::put_default(before, table, column, was.default.as_deref());
            draft.title = title;
            Ok(Undo::whole(vec![draft]))
        }
        Engine::Sqlite => Ok(Undo::whole(vec![sqlite::restore(before, table, title)?])),
    }
}

/// While two columns are kept in step, the triggers hold their defaults.
pub(super) fn refuse_held_default(
    world: &World,
    table: &TableName,
    column: &str,
) -> Result<(), Refusal> {
    if world.engine != Engine::Sqlite && !world.dual_writes(table, column).is_empty() {
        return Err(Refusal::new(
            "column",
            format!(
                "the default of {table}.{column} is held by its dual write; change it before enable_dual_write, or after the columns are parted"
            ),
        ));
    }
    Ok(())
}

impl Behave for SetDefault {
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
        let default = quote::default_value(world.engine, &self.default_value);
        if let Some(problem) = expression::expression_problem(world.engine, &default) {
            return Err(Refusal::new("defaultValue", problem));
        }
        refuse_held_default(world, &table, &self.column)?;
        if world.engine.is_mysql_family() {
            mysql::note_default(world, &table, &self.column, Some(&default))?;
        } else if let Some(column) = world.column_mut(&table, "column", &self.column)? {
            column.default = Some(default.clone());
        }
        world.edit_text(&table, "column", |text| {
            text.set_default(&self.column, &default)
        })
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let default = quote::default_value(before.engine, &self.default_value);
        let title = format!("Set the default of {table}.{}", self.column);
        Ok(vec![match before.engine {
            Engine::PostgreSql => Draft::transaction(
                title,
                &table,
                vec![postgres::alter_column(
                    &table,
                    &self.column,
                    &format!("SET DEFAULT {default}"),
                )],
            ),
            Engine::MySql | Engine::MariaDb => {
                mysql::put_default(before, &table, &self.column, Some(&default))
            }
            Engine::Sqlite => sqlite::rebuild(before, &table, "column", title, |text| {
                text.set_default(&self.column, &default)
            })?,
        }])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        default_undo(before, &TableName::parse(&self.table), &self.column)
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            column: "email".into(),
            default_value: DefaultValue::Literal("unknown".into()),
        }
    }
}
