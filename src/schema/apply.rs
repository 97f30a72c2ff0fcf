//! What an operation does to a schema in memory.

use super::{Refusal, Schema, TableName, World};
use crate::operation::Operation;

impl Schema {
    /// Does the operation to the schema in memory. Refused where the schema shows that it cannot
    /// be done; the schema is then as it was.
    pub fn apply(&mut self, operation: &Operation) -> Result<(), Refusal> {
        let mut all: Vec<TableName> = self.tables.keys().cloned().collect();
        all.extend(operation.tables());
        all.sort();
        all.dedup();
        let mut world = World::new(self.engine, Some(self), &all);
        operation.apply(&mut world)?;
        for name in all {
            match world.table(&name) {
                Some(table) if world.is_whole(&name) => {
                    self.tables.insert(name, table.clone());
                }
                // The name of a view, or of a table that is no more.
                Some(_) | None => {
                    self.tables.remove(&name);
                }
            }
        }
        self.views = world.views().clone();
        Ok(())
    }
}
