//! add_check: a condition that every row must meet.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::drop_constraint::{add_to, refuse_taken, undo_added};
use super::{mysql, postgres, sqlite};
use crate::dialect::{expression, lexer, quote};
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
        if world.engine.is_mysql_family() {
            let title = world.engine.title();
            return Err(Refusal::new(
                "sql",
                format!(
                    "{title} adds a check only by copying {table} while writers wait; {}",
                    mysql::BY_COPY
                ),
            ));
        }
        refuse_taken(world, &table, &self.constraint_name)?;
        let engine = world.engine;
        let definition = self.definition(engine);
        let entry = world.table_mut("table", &table)?;
        let columns = entry
            .columns
            .iter()
            .map(|c| c.name.clone())
            .filter(|c| expression::mentions(engine, &definition, c))
            .collect();
        let constraint = Constraint {
            name: self.constraint_name.clone(),
            kind: ConstraintKind::Check,
            columns,
            definition,
            validated: true,
            references: None,
        };
        add_to(world, &table, constraint)
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
            // Refused where the world is changed.
            Engine::MySql | Engine::MariaDb => Ok(Vec::new()),
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
        undo_added(
            before,
            &TableName::parse(&self.table),
            &self.constraint_name,
        )
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            constraint_name: "users_email_has_at".into(),
            sql: "email LIKE '%@%'".into(),
        }
    }
}
