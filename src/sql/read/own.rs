//! What operations send, read without the parsers: those forms alone, and nothing of what people
//! write. Where the parsers are at hand, tests hold that they read the same.

mod postgres;
mod postgres_column;
mod postgres_table;

use super::cursor::Cursor;
use super::{mysql, sqlite};
use crate::dialect::lexer;
use crate::document::Engine;
use crate::sql::act::Act;

/// Statements about rows; what they lock beside their table is known to the step that they are of.
const ROWS: [&str; 8] = [
    "select", "with", "insert", "replace", "update", "delete", "values", "do",
];

/// What a statement of an operation says; nothing where it is about rows, or is a program.
pub(crate) fn own(engine: Engine, sql: &str) -> Option<Act> {
    let tokens = lexer::significant(engine, sql).ok()?;
    let mut c = Cursor {
        engine,
        text: sql,
        tokens: &tokens,
    };
    // The bodies of triggers and functions hold statements of their own.
    let several = !c.sees(&["create"]) && tokens.iter().any(|t| t.is_symbol(";"));
    if several || ROWS.iter().any(|word| c.sees(&[word])) {
        return None;
    }
    let act = match engine {
        Engine::PostgreSql => postgres::act(&mut c)?,
        Engine::MySql | Engine::MariaDb => mysql::statement(c),
        Engine::Sqlite => sqlite::statement(c),
    };
    (!matches!(act, Act::Unknown(_))).then_some(act)
}
