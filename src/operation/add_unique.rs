//! add_unique: no two rows with the same values, by an index that is built first.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::drop_constraint::{add_to, refuse_taken, undo_added};
use super::{mysql, postgres, sqlite};
use crate::dialect::quote;
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::schema::{Constraint, ConstraintKind, Index, Refusal, TableName, World};

/// Adds a UNIQUE constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddUnique {
    /// The table.
    pub table: String,
    /// The constraint's name, and its index's.
    pub constraint_name: String,
    /// The columns, in order.
    pub columns: Vec<String>,
}

impl AddUnique {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "add_unique",
        title: "Add a unique constraint",
        help: "No two rows may have the same values; NULL equals nothing.",
        fields: &[
            Field::required("table", "Table", FieldKind::Table, "The table."),
            Field::required(
                "constraintName",
                "Constraint name",
                FieldKind::NewName,
                "The constraint's name, and its index's.",
            ),
            Field::required(
                "columns",
                "Columns",
                FieldKind::Columns,
                "The columns, in order.",
            ),
        ],
    };
}

impl AddUnique {
    fn definition(&self, engine: Engine) -> String {
        format!("UNIQUE ({})", quote::names(engine, &self.columns))
    }
}

impl Behave for AddUnique {
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
        if self.columns.is_empty() {
            return Err(Refusal::new(
                "columns",
                "a unique constraint needs a column",
            ));
        }
        for column in &self.columns {
            world.need_column(&table, "columns", column)?;
        }
        refuse_taken(world, &table, &self.constraint_name)?;
        if world.engine == Engine::PostgreSql {
            if world.table(&table).is_some_and(|t| t.partitioned) {
                return Err(Refusal::new(
                    "table",
                    format!(
                        "{table} is partitioned, and PostgreSQL builds no index on such a table concurrently; make the constraint on each partition"
                    ),
                ));
            }
            world.add_relation("constraintName", &table, &self.constraint_name)?;
            let definition = self.index_sql(false);
            world.table_mut("table", &table)?.indexes.push(Index {
                name: self.constraint_name.clone(),
                columns: self.columns.clone(),
                unique: true,
                method: "btree".to_owned(),
                valid: true,
                definition,
                constraint: Some(self.constraint_name.clone()),
                ..Index::default()
            });
        }
        if world.engine.is_mysql_family() {
            for column in &self.columns {
                mysql::refuse_long_key(world, &table, "columns", column)?;
            }
            world.add_relation("constraintName", &table, &self.constraint_name)?;
            let engine = world.engine;
            let definition = mysql::index_definition(
                engine,
                &table,
                &self.constraint_name,
                true,
                &self.keys(engine),
            );
            world.table_mut("table", &table)?.indexes.push(Index {
                name: self.constraint_name.clone(),
                columns: self.columns.clone(),
                unique: true,
                method: "btree".to_owned(),
                valid: true,
                definition,
                ..Index::default()
            });
            return mysql::note_unique(world, &table, &self.constraint_name, &self.columns);
        }
        let constraint = Constraint {
            name: self.constraint_name.clone(),
            kind: ConstraintKind::Unique,
            columns: self.columns.clone(),
            definition: self.definition(world.engine),
            validated: true,
            references: None,
        };
        add_to(world, &table, constraint)
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let name = quote::name(before.engine, &self.constraint_name);
        let title = format!("Add unique constraint {} to {table}", self.constraint_name);
        match before.engine {
            Engine::PostgreSql => Ok(vec![
                postgres::build_index(before, &table, &self.constraint_name, self.index_sql(true)),
                Draft::transaction(
                    title,
                    &table,
                    vec![postgres::alter(
                        &table,
                        &format!("ADD CONSTRAINT {name} UNIQUE USING INDEX {name}"),
                    )],
                ),
            ]),
            Engine::MySql | Engine::MariaDb => {
                let definition = mysql::index_definition(
                    before.engine,
                    &table,
                    &self.constraint_name,
                    true,
                    &self.keys(before.engine),
                );
                let mut draft =
                    mysql::build_index(before, &table, &self.constraint_name, &definition);
                draft.title = title;
                Ok(vec![draft])
            }
            Engine::Sqlite => Ok(vec![sqlite::rebuild(
                before,
                &table,
                "columns",
                title,
                |text| {
                    text.add_constraint(&format!(
                        "CONSTRAINT {name} {}",
                        self.definition(before.engine)
                    ));
                    Ok(())
                },
            )?]),
        }
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        if before.engine.is_mysql_family() {
            let name = &self.constraint_name;
            let mut drafts = mysql::gave_way(before, &table, name, &self.columns);
            drafts.push(mysql::drop_constraint(
                before,
                &table,
                name,
                Some(ConstraintKind::Unique),
            ));
            return Ok(Undo::whole(drafts));
        }
        let mut undo = undo_added(before, &table, &self.constraint_name)?;
        if before.engine == Engine::PostgreSql {
            // Where only the index was built, there is no constraint to take it along.
            undo.drafts
                .push(postgres::drop_index(&table, &self.constraint_name));
        }
        Ok(undo)
    }

    fn sample() -> Self {
        Self {
            table: "users".into(),
            constraint_name: "users_email_key".into(),
            columns: vec!["email".into()],
        }
    }
}

impl AddUnique {
    fn keys(&self, engine: Engine) -> Vec<String> {
        self.columns
            .iter()
            .map(|c| quote::name(engine, c))
            .collect()
    }

    fn index_sql(&self, concurrently: bool) -> String {
        let table = TableName::parse(&self.table);
        format!(
            "CREATE UNIQUE INDEX {}{} ON {} ({})",
            if concurrently { "CONCURRENTLY " } else { "" },
            quote::name(Engine::PostgreSql, &self.constraint_name),
            quote::table(Engine::PostgreSql, &table),
            quote::names(Engine::PostgreSql, &self.columns)
        )
    }
}
