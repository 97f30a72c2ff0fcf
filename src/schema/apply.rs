//! What an operation does to a schema in memory.

use super::{Refusal, Schema, World};
use crate::operation::Operation;

impl Schema {
    /// Does the operation to the schema in memory. Refused where the schema shows that it cannot
    /// be done; the schema is then as it was.
    pub fn apply(&mut self, operation: &Operation) -> Result<(), Refusal> {
        let touched = operation.tables();
        let mut world = World::new(self.engine, Some(self), &touched);
        operation.apply(&mut world)?;
        for name in touched {
            if let Some(table) = world.table(&name) {
                self.tables.insert(name, table.clone());
            }
        }
        Ok(())
    }
}
