//! What the lists of a form's fields offer: names from the live schema, the engine's types.

use std::sync::Arc;

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

const POSTGRESQL: &[&str] = &[
    "bigint",
    "boolean",
    "bytea",
    "date",
    "double precision",
    "integer",
    "interval",
    "jsonb",
    "numeric(12,2)",
    "smallint",
    "text",
    "text[]",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "varchar(255)",
];

const MYSQL: &[&str] = &[
    "bigint",
    "bigint unsigned",
    "binary(16)",
    "blob",
    "char(36)",
    "date",
    "datetime",
    "datetime(6)",
    "decimal(12,2)",
    "double",
    "float",
    "int",
    "int unsigned",
    "json",
    "longblob",
    "longtext",
    "mediumtext",
    "smallint",
    "text",
    "time",
    "timestamp",
    "tinyint",
    "tinyint(1)",
    "varbinary(255)",
    "varchar(255)",
];

const MARIADB: &[&str] = &[
    "bigint",
    "bigint unsigned",
    "binary(16)",
    "blob",
    "char(36)",
    "date",
    "datetime",
    "datetime(6)",
    "decimal(12,2)",
    "double",
    "float",
    "inet6",
    "int",
    "int unsigned",
    "json",
    "longblob",
    "longtext",
    "mediumtext",
    "smallint",
    "text",
    "time",
    "timestamp",
    "tinyint",
    "tinyint(1)",
    "uuid",
    "varbinary(255)",
    "varchar(255)",
];

const SQLITE: &[&str] = &["BLOB", "INTEGER", "NUMERIC", "REAL", "TEXT"];

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
                let types = match self.engine.get() {
                    Engine::PostgreSql => POSTGRESQL,
                    Engine::MySql => MYSQL,
                    Engine::MariaDb => MARIADB,
                    Engine::Sqlite => SQLITE,
                };
                types.iter().map(|&word| word.to_owned()).collect()
            }
        }
    }
}
