//! add_check: a condition that every row must meet.

use serde::{Deserialize, Serialize};

use super::anew::Anew;
use super::behave::{Behave, Draft, Subject, Undo};
use super::drop_constraint::{add_to, refuse_taken, undo_added};
use super::{mysql, postgres, sqlite};
use crate::dialect::{catalogue, expression, lexer, quote};
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::schema::{Constraint, ConstraintKind, Refusal, TableName, World};

/// Adds a CHECK constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddCheck {
    /// The table.
    pub table: String,
    /// The constraint's name.
    pub constraint_name: String,
    /// The condition, with or without `CHECK (...)` around it.
    pub sql: String,
}

impl AddCheck {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "add_check",
        title: "Add a check",
        help: "Every row must meet the condition; rows that are there are checked without holding up writers.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::required(
                "constraintName",
                "Constraint name",
                FieldKind::NewName,
                "The constraint's name.",
            ),
            Field::required(
                "sql",
                "Condition",
                FieldKind::Sql,
                "What must hold for every row: price > 0.",
            ),
        ],
    };
}

impl AddCheck {
    /// `CHECK (condition)`.
    fn definition(&self, engine: Engine) -> String {
        let sql = self.sql.trim();
        let has_word = lexer::significant(engine, sql).is_ok_and(
            |tokens| matches!(tokens.as_slice(), [a, b, ..] if a.is("check") && b.is_symbol("(")),
        );
        if has_word {
            sql.to_owned()
        } else {
            format!("CHECK ({sql})")
        }
    }
}

/// Puts a check to a table of the world.
fn note(world: &mut World, table: &TableName, name: &str, definition: &str) -> Result<(), Refusal> {
    let engine = world.engine;
    let entry = world.table_mut("table", table)?;
    let columns = entry
        .columns
        .iter()
        .map(|c| c.name.clone())
        .filter(|c| expression::mentions(engine, definition, c))
        .collect();
    let constraint = Constraint {
        name: name.to_owned(),
        kind: ConstraintKind::Check,
        columns,
        definition: definition.to_owned(),
        validated: true,
        references: None,
    };
    add_to(world, table, constraint)
}

/// What is done with the check's way by a copy of the table, on MySQL and MariaDB: they add it to
/// the rows that are there only by another such copy, while writers wait.
pub(super) fn by_copy<T>(
    engine: Engine,
    table: &TableName,
    name: &str,
    definition: &str,
    then: impl FnOnce(&Anew<'_>) -> T,
) -> T {
    then(&Anew {
        table,
        action: format!("ADD CONSTRAINT {} {definition}", quote::name(engine, name)),
        title: format!("Add check {name} to the copy of {table}"),
        done: &|copy| catalogue::constraint(engine, copy, name),
        change: &|world, copy| note(world, copy, name, definition),
        field: "sql",
    })
}

impl Behave for AddCheck {
    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Contract
    }

    fn tables(&self) -> Vec<TableName> {
        vec![TableName::parse(&self.table)]
    }

    fn subject(&self) -> Subject {
        (
            Some(TableName::parse(&self.table)),
            Some(self.constraint_name.clone()),
        )
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let table = TableName::parse(&self.table);
        if let Some(problem) = expression::expression_problem(world.engine, &self.sql) {
            return Err(Refusal::new("sql", problem));
        }
        refuse_taken(world, &table, &self.constraint_name)?;
        if world.engine.is_mysql_family() && !world.is_made(&table) {
            let definition = self.definition(world.engine);
            return by_copy(
                world.engine,
                &table,
                &self.constraint_name,
                &definition,
                |anew| anew.apply(world),
            );
        }
        let definition = self.definition(world.engine);
        note(world, &table, &self.constraint_name, &definition)
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let name = quote::name(before.engine, &self.constraint_name);
        let definition = self.definition(before.engine);
        let add = format!("CONSTRAINT {name} {definition}");
        let title = format!("Add check {} to {table}", self.constraint_name);
        match before.engine {
            Engine::PostgreSql => Ok(vec![
                Draft::transaction(
                    title,
                    &table,
                    vec![postgres::alter(&table, &format!("ADD {add} NOT VALID"))],
                ),
                postgres::validate(before, &table, &self.constraint_name),
            ]),
            Engine::MySql | Engine::MariaDb if before.is_made(&table) => Ok(vec![mysql::ddl(
                title,
                &table,
                mysql::How::Copy.unused(before.engine, &table, &format!("ADD {add}")),
                &catalogue::constraint(before.engine, &table, &self.constraint_name),
            )]),
            Engine::MySql | Engine::MariaDb => by_copy(
                before.engine,
                &table,
                &self.constraint_name,
                &definition,
                |anew| anew.compile(before),
            ),
            Engine::Sqlite => Ok(vec![sqlite::rebuild(
                before,
                &table,
                "sql",
                title,
                |text| {
                    text.add_constraint(&add);
                    Ok(())
                },
            )?]),
        }
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        if before.engine.is_mysql_family() && !before.is_made(&table) {
            let definition = self.definition(before.engine);
            return by_copy(
                before.engine,
                &table,
                &self.constraint_name,
                &definition,
                |anew| anew.undo(before),
            );
        }
        undo_added(before, &table, &self.constraint_name)
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            constraint_name: "users_email_has_at".into(),
            sql: "email LIKE '%@%'".into(),
        }
    }
}
