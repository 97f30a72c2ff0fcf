//! What the lists of a form's fields offer: names from the live schema, the engine's types.

use std::sync::Arc;

use bellows::dialect::types;
use bellows::document::Engine;
use bellows::schema::{Schema, TableName};
use leptos::prelude::*;

/// Where the lists come from.
#[derive(Clone, Copy)]
pub struct Offers {
    /// The engine.
    pub engine: Signal<Engine>,
    /// The live schema, once it is there.
    pub schema: Signal<Option<Arc<Schema>>>,
    /// The table that the form's other fields are about; empty where none is chosen.
    pub table: Signal<String>,
    /// Columns that the document itself adds to that table.
    pub added: Signal<Vec<String>>,
}

/// What a list offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offered {
    Nothing,
    Tables,
    Columns,
    Indexes,
    Types,
}

impl Offers {
    pub(super) fn list(self, offered: Offered) -> Vec<String> {
        let schema = self.schema.get();
        let table = || {
            let name = TableName::parse(&self.table.get());
            schema.as_ref().and_then(|schema| schema.table(&name))
        };
        match offered {
            Offered::Nothing => Vec::new(),
            Offered::Tables => schema
                .as_ref()
                .map(|schema| schema.tables.keys().map(ToString::to_string).collect())
                .unwrap_or_default(),
            Offered::Columns => {
                let mut columns: Vec<String> = table()
                    .map(|table| table.columns.iter().map(|c| c.name.clone()).collect())
                    .unwrap_or_default();
                for column in self.added.get() {
                    if !columns.contains(&column) {
                        columns.push(column);
                    }
                }
                columns
            }
            Offered::Indexes => table()
                .map(|table| table.indexes.iter().map(|i| i.name.clone()).collect())
                .unwrap_or_default(),
            Offered::Types => {
                let made = schema.as_ref().map(|schema| schema.types.iter().cloned());
                types::offered(self.engine.get())
                    .iter()
                    .map(|&word| word.to_owned())
                    .chain(made.into_iter().flatten())
                    .collect()
            }
        }
    }
}
