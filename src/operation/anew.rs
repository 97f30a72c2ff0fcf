//! Changes that ALTER TABLE makes on MySQL and MariaDB only by copying the table while writers
//! wait. They are made to an empty copy of the table instead, which is filled, kept in step and
//! compared beside the writers, and then takes the table's place. The old table stays, in step,
//! for the way back, until it is dropped.

use super::behave::{Behave, Draft, Undo};
use super::copy_table::CopyTable;
use super::mysql::{How, ddl, drop_whole, make};
use super::swap_tables::SwapTables;
use crate::dialect::quote;
use crate::plan::Action;
use crate::schema::{ConstraintKind, Refusal, Table, TableName, World};

/// A change of a table by a copy of it.
pub(super) struct Anew<'a> {
    /// The table.
    pub(super) table: &'a TableName,
    /// What is done to the empty copy, as ALTER TABLE says it.
    pub(super) action: String,
    /// For people: `Add check c`.
    pub(super) title: String,
    /// The condition that it is done, about a table of that name.
    pub(super) done: &'a dyn Fn(&TableName) -> String,
    /// What it makes of the copy in memory.
    pub(super) change: &'a dyn Fn(&mut World, &TableName) -> Result<(), Refusal>,
    /// The field to blame where it cannot be.
    pub(super) field: &'static str,
}

/// The worlds between the steps.
struct Stages {
    /// Before the copy begins.
    made: World,
    /// Before the swap.
    copied: World,
    after: World,
}

/// The name of the copy, and that of the old table afterwards.
pub(super) fn names(table: &TableName) -> [TableName; 2] {
    ["new", "old"].map(|word| TableName {
        schema: table.schema.clone(),
        name: quote::made_up(&format!("{}__{word}", table.name)),
    })
}

/// The table as CREATE TABLE ... LIKE makes it.
fn like(table: &Table) -> Table {
    Table {
        columns: table.columns.clone(),
        primary_key: table.primary_key.clone(),
        indexes: table.indexes.clone(),
        constraints: table
            .constraints
            .iter()
            .filter(|c| c.kind != ConstraintKind::ForeignKey)
            .cloned()
            .collect(),
        partitioned: table.partitioned,
        ..Table::default()
    }
}

impl Anew<'_> {
    fn copy(&self) -> CopyTable {
        let [shadow, _] = names(self.table);
        CopyTable {
            table: self.table.to_string(),
            shadow: shadow.to_string(),
            columns: None,
            filter: None,
            each: None,
            key: None,
            batch_size: None,
            pause_ms: 0,
        }
    }

    fn swap(&self) -> SwapTables {
        let [shadow, old] = names(self.table);
        SwapTables {
            table: self.table.to_string(),
            shadow: shadow.to_string(),
            old_name: old.name,
            backward: None,
        }
    }

    fn stages(&self, before: &World) -> Result<Stages, Refusal> {
        let [shadow, old] = names(self.table);
        let mut world = before.clone();
        let known = world.table_mut("table", self.table)?.clone();
        for name in [&shadow, &old] {
            world.need_free("table", name).map_err(|refusal| {
                Refusal::new(
                    "table",
                    format!(
                        "{}; {} is made anew by way of it: drop it first, where it is the old table of a change before this one",
                        refusal.message, self.table
                    ),
                )
            })?;
        }
        if world.is_whole(self.table) {
            world.create_table(&shadow, like(&known))?;
        }
        (self.change)(&mut world, &shadow)?;
        let blame = |refusal: Refusal| Refusal {
            field: self.field,
            message: format!(
                "{} does this only by a copy of the table, and beside its writers there can be none: {}",
                before.engine.title(),
                refusal.message
            ),
        };
        let made = world.clone();
        self.copy().apply(&mut world).map_err(blame)?;
        let copied = world.clone();
        self.swap().apply(&mut world).map_err(blame)?;
        Ok(Stages {
            made,
            copied,
            after: world,
        })
    }

    /// The world with the change.
    pub(super) fn apply(&self, world: &mut World) -> Result<(), Refusal> {
        *world = self.stages(world)?.after;
        Ok(())
    }

    /// The whole way.
    pub(super) fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
        let stages = self.stages(before)?;
        let engine = before.engine;
        let [shadow, _] = names(self.table);
        let sql = format!(
            "CREATE TABLE {} LIKE {}",
            quote::table(engine, &shadow),
            quote::table(engine, self.table)
        );
        let title = format!("Make {shadow} as {} is", self.table);
        let mut drafts = vec![
            make(before, title, &shadow, sql),
            ddl(
                self.title.clone(),
                &shadow,
                // Empty, and nobody knows of it.
                How::Copy.unused(engine, &shadow, &self.action),
                &(self.done)(&shadow),
            ),
        ];
        drafts.extend(self.copy().compile(&stages.made)?);
        // The swap compares once more, and nothing lies between.
        drafts.pop_if(|draft| matches!(draft.action, Action::Compare(_)));
        drafts.extend(self.swap().compile(&stages.copied)?);
        Ok(drafts)
    }

    /// And back, with what was written since.
    pub(super) fn undo(&self, before: &World) -> Result<Undo, Refusal> {
        let stages = self.stages(before)?;
        let [shadow, _] = names(self.table);
        let mut drafts = self.swap().undo(&stages.copied)?.drafts;
        drafts.extend(self.copy().undo(&stages.made)?.drafts);
        drafts.push(drop_whole(before, "table", &shadow));
        Ok(Undo::whole(drafts))
    }
}
