//! Triggers of MySQL and MariaDB: what their texts name. The server leaves these texts as they are
//! when a table or a column that they name is renamed or goes, and every write that fires them
//! fails from then on.

use super::lexer::{self, Token};
use crate::document::Engine;

/// `CREATE ... TRIGGER`, read as far as it matters.
struct Trigger<'a> {
    name: String,
    table: String,
    body: Vec<Token<'a>>,
}

fn read(engine: Engine, sql: &str) -> Option<Trigger<'_>> {
    let tokens = lexer::significant(engine, sql).ok()?;
    if !tokens.first()?.is("create") {
        return None;
    }
    // A definer stands before the word.
    let at = tokens.iter().take(10).position(|t| t.is("trigger"))?;
    let name = tokens.get(at + 1)?.name(engine)?;
    let on = at + tokens[at..].iter().position(|t| t.is("on"))?;
    let table = tokens.get(on + 1)?.name(engine)?;
    let row = on + tokens[on..].iter().position(|t| t.is("row"))?;
    Some(Trigger {
        name,
        table,
        body: tokens[row + 1..].to_vec(),
    })
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

impl Trigger<'_> {
    fn names(&self, engine: Engine, name: &str) -> bool {
        self.body.iter().any(|t| t.names(engine, name))
    }

    /// `NEW.column`, `OLD.column`.
    fn reads_row(&self, engine: Engine, column: &str) -> bool {
        self.body.windows(3).any(|w| {
            (w[0].is("new") || w[0].is("old")) && w[1].is_symbol(".") && w[2].names(engine, column)
        })
    }
}

/// The trigger's name, where it stands on that table.
pub fn stands_on(engine: Engine, sql: &str, table: &str) -> Option<String> {
    read(engine, sql)
        .filter(|t| same(&t.table, table))
        .map(|t| t.name)
}

/// Whether the trigger's body names the table.
pub fn names_table(engine: Engine, sql: &str, table: &str) -> bool {
    read(engine, sql).is_some_and(|t| t.names(engine, table))
}

/// The trigger's name, where it names that column of the table: as one of its own row, or beside
/// the table's name.
pub fn names_column(engine: Engine, sql: &str, table: &str, column: &str) -> Option<String> {
    let trigger = read(engine, sql)?;
    let own = same(&trigger.table, table) && trigger.reads_row(engine, column);
    let beside = trigger.names(engine, table) && trigger.names(engine, column);
    (own || beside).then_some(trigger.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGGED: &str = "CREATE DEFINER=`a b`@`%` TRIGGER `no ted` AFTER INSERT ON `people` FOR EACH ROW BEGIN INSERT INTO log (nick) VALUES (NEW.`full name`); END";

    #[test]
    fn a_row_s_columns_and_other_tables_are_found() {
        let column = |table: &str, column: &str| {
            names_column(Engine::MariaDb, LOGGED, table, column).is_some()
        };
        assert!(column("people", "full name"));
        assert!(column("PEOPLE", "Full Name"));
        assert!(column("log", "nick"));
        // It is the other table's.
        assert!(!column("people", "nick"));
        assert!(!column("log", "id"));
        assert!(names_table(Engine::MariaDb, LOGGED, "log"));
        assert!(!names_table(Engine::MariaDb, LOGGED, "people"));
        assert_eq!(
            stands_on(Engine::MariaDb, LOGGED, "people").as_deref(),
            Some("no ted")
        );
        assert_eq!(stands_on(Engine::MariaDb, LOGGED, "log"), None);
    }
}
