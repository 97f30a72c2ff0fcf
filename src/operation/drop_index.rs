//! drop_index: an index goes, without holding up anybody where the engine can.

use serde::{Deserialize, Serialize};

use super::behave::{Behave, Draft, Subject, Undo};
use super::{default, mysql, postgres, restore, sqlite};
use crate::dialect::quote;
use crate::document::{Engine, Field, FieldKind, PhaseKind, Shape};
use crate::plan::{Lock, Statement};
use crate::schema::{ConstraintKind, Refusal, TableName, World};

/// Drops an index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DropIndex {
    /// Its bare name.
    pub index_name: String,
    /// The table that it is on.
    pub table: String,
    /// PostgreSQL: dropped concurrently.
    #[serde(default = "default::yes", skip_serializing_if = "default::is_yes")]
    pub concurrent: bool,
}

impl DropIndex {
    /// Its fields.
    pub const SHAPE: Shape = Shape {
        word: "drop_index",
        title: "Drop an index",
        help: "Drops an index while readers and writers go on.",
        fields: &[
            Field::required("indexName", "Index", FieldKind::Index, "The index."),
            Field::required("table", "Table", FieldKind::Table, "The index's table."),
            Field::optional(
                "concurrent",
                "Concurrently",
                FieldKind::Bool,
                "Dropped without holding up anybody (PostgreSQL).",
            )
            .or("true"),
        ],
    };
}

impl Behave for DropIndex {
    fn phase_kind(&self) -> PhaseKind {
        PhaseKind::Contract
    }

    fn tables(&self) -> Vec<TableName> {
        vec![TableName::parse(&self.table)]
    }

    fn subject(&self) -> Subject {
        (
            Some(TableName::parse(&self.table)),
            Some(self.index_name.clone()),
        )
    }

    fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        let table = TableName::parse(&self.table);
        let engine = world.engine;
        let entry = world.table_mut("table", &table)?;
        let index = entry.indexes.iter().find(|i| i.name == self.index_name);
        if let Some(constraint) = index.and_then(|i| i.constraint.as_ref())
            && !engine.is_mysql_family()
        {
            return Err(Refusal::new(
                "indexName",
                format!("the constraint {constraint} stands on this index; use drop_constraint"),
            ));
        }
        if index.is_none() && !world.may_be_there(&table) {
            return Err(Refusal::new(
                "indexName",
                format!("{table} has no index {}", self.index_name),
            ));
        }
        if engine.is_mysql_family() {
            // A unique one is a constraint as well.
            world
                .table_mut("table", &table)?
                .constraints
                .retain(|c| c.kind != ConstraintKind::Unique || c.name != self.index_name);
        }
        world.drop_relation(&table, &self.index_name)
    }

    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let table = TableName::parse(&self.table);
        let index = quote::within(before.engine, &table, &self.index_name);
        let sql = format!("DROP INDEX {index}");
        Ok(vec![match before.engine {
            Engine::PostgreSql if self.concurrent => postgres::drop_index(&table, &self.index_name),
            Engine::PostgreSql => Draft::transaction(
                format!("Drop index {} of {table}", self.index_name),
                &table,
                vec![Statement::brief(sql, Lock::AccessExclusive)],
            ),
            Engine::MySql | Engine::MariaDb => mysql::drop_index(before, &table, &self.index_name),
            Engine::Sqlite => Draft::transaction(
                format!("Drop index {} of {table}", self.index_name),
                &table,
                vec![sqlite::write(sql)],
            ),
        }])
    }

    fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let table = TableName::parse(&self.table);
        let known = before
            .table(&table)
            .and_then(|t| t.indexes.iter().find(|i| i.name == self.index_name));
        Ok(match known {
            Some(index) => Undo::whole(restore::index(before, &table, index)),
            None => Undo::nothing(),
        })
    }

    fn sample() -> Self {
        Self {
            index_name: "users_email_idx".into(),
            table: "users".into(),
            concurrent: true,
        }
    }
}
