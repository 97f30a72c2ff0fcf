//! Saved copies: what would be gone for good is kept beside the database, for the way back.

pub(super) mod column;
pub(super) mod table;

use crate::dialect::{catalogue, quote};
use crate::document::{Engine, Field, FieldKind};
use crate::schema::TableName;

/// The schema of Bellows' own records on PostgreSQL.
const OURS: &str = "bellows";

/// The key of a document that says whether a copy is kept.
pub(super) const FIELD: Field = Field::optional(
    "savedCopy",
    "Saved copy",
    FieldKind::Bool,
    "Whether what goes is kept beside the database, so that a rollback brings it back, until the environment's policy has it removed.",
);

/// Whether a copy is kept of what goes.
pub(super) enum Saved<T> {
    /// It is not wanted, or nothing would be lost.
    No,
    /// It cannot be had, and why.
    Cannot(String),
    /// It is kept.
    Kept(T),
}

impl<T> Saved<T> {
    /// The title of a step that destroys, with why nothing is kept of it.
    pub(super) fn title(&self, title: String) -> String {
        match self {
            Saved::Cannot(why) => format!("{title}, of which no copy can be saved: {why}"),
            Saved::No | Saved::Kept(_) => title,
        }
    }

    /// What is kept.
    pub(super) fn kept(&self) -> Option<&T> {
        match self {
            Saved::Kept(kept) => Some(kept),
            Saved::No | Saved::Cannot(_) => None,
        }
    }
}

/// What holds a copy: a table of Bellows' own, which `word` tells from others.
fn place(engine: Engine, word: &str) -> TableName {
    match engine {
        Engine::PostgreSql => TableName {
            schema: Some(OURS.into()),
            name: cut(format!("saved_{word}")),
        },
        Engine::MySql | Engine::MariaDb | Engine::Sqlite => TableName {
            schema: None,
            name: cut(format!("_bellows_saved_{word}")),
        },
    }
}

/// Letters and digits, as many as every engine takes for a name.
fn cut(name: String) -> String {
    name.to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .take(60)
        .collect()
}

/// A query for whether a table is there.
fn present(engine: Engine, place: &TableName) -> String {
    match engine {
        Engine::PostgreSql => {
            let name = quote::literal(engine, &quote::table(engine, place));
            format!("SELECT to_regclass({name}) IS NOT NULL")
        }
        Engine::MySql | Engine::MariaDb => {
            format!("SELECT {}", catalogue::table(engine, place))
        }
        Engine::Sqlite => {
            let name = quote::literal(engine, &place.name);
            format!("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = {name})")
        }
    }
}

/// A query for the bytes that it takes.
fn bytes(engine: Engine, place: &TableName) -> String {
    match engine {
        Engine::PostgreSql => {
            let name = quote::literal(engine, &quote::table(engine, place));
            format!("SELECT coalesce(pg_total_relation_size(to_regclass({name})), 0)::bigint")
        }
        Engine::MySql | Engine::MariaDb => {
            let name = quote::literal(engine, &place.name);
            format!(
                "SELECT CAST(coalesce(sum(data_length + index_length), 0) AS signed) FROM information_schema.tables WHERE table_schema = database() AND table_name = {name}"
            )
        }
        Engine::Sqlite => {
            let name = quote::literal(engine, &place.name);
            format!("SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = {name}")
        }
    }
}
