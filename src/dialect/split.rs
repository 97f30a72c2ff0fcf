//! Cuts a text of several statements apart, and finds what must stay together: a transaction of
//! its own from BEGIN to COMMIT, the body of a trigger.

use super::lexer::{self, Token, Unclosed};
use crate::document::Engine;

/// One statement, or a transaction that brings its own BEGIN and COMMIT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text, comments included, without the final semicolon.
    pub sql: String,
    /// Byte offset of its beginning.
    pub start: usize,
    /// For a transaction of its own: the statements between BEGIN and COMMIT.
    pub inside: Option<Vec<String>>,
}

/// Splits a text into pieces. Empty statements are left out; comments stay with the statement
/// that follows them.
pub fn split(engine: Engine, sql: &str) -> Result<Vec<Piece>, Unclosed> {
    let tokens = lexer::tokens(engine, sql)?;
    let statements = statements(engine, sql, &tokens);
    let mut pieces = Vec::new();
    let mut rest = statements.into_iter();
    while let Some((start, statement)) = rest.next() {
        if !opens_transaction(engine, statement) {
            pieces.push(Piece {
                sql: statement.to_owned(),
                start,
                inside: None,
            });
            continue;
        }
        let mut inside = Vec::new();
        let mut end = start + statement.len();
        for (at, next) in rest.by_ref() {
            end = at + next.len();
            if closes_transaction(engine, next) {
                break;
            }
            inside.push(next.to_owned());
        }
        pieces.push(Piece {
            sql: sql.get(start..end).unwrap_or_default().to_owned(),
            start,
            inside: Some(inside),
        });
    }
    Ok(pieces)
}

/// The leading words of a statement, in upper case.
pub fn leading(engine: Engine, sql: &str, count: usize) -> Vec<String> {
    lexer::significant(engine, sql)
        .unwrap_or_default()
        .iter()
        .take(count)
        .map(|t| t.text.to_uppercase())
        .collect()
}

fn opens_transaction(engine: Engine, sql: &str) -> bool {
    let words = leading(engine, sql, 2);
    match words.first().map(String::as_str) {
        Some("BEGIN") => true,
        Some("START") => words.get(1).is_some_and(|w| w == "TRANSACTION"),
        Some(_) | None => false,
    }
}

fn closes_transaction(engine: Engine, sql: &str) -> bool {
    let words = leading(engine, sql, 2);
    match words.first().map(String::as_str) {
        Some("COMMIT" | "END") => true,
        // ROLLBACK TO SAVEPOINT goes on inside.
        Some("ROLLBACK" | "ABORT") => words.get(1).is_none_or(|w| w != "TO"),
        Some(_) | None => false,
    }
}

/// The statements, and where each begins.
fn statements<'a>(engine: Engine, sql: &'a str, tokens: &[Token<'a>]) -> Vec<(usize, &'a str)> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut body = Body::default();
    for token in tokens {
        if token.is_symbol(";") && !body.is_open() {
            push(engine, &mut out, start, &sql[start..token.start]);
            start = token.end();
            body = Body::default();
        } else if token.counts() {
            body.meet(token);
        }
    }
    push(engine, &mut out, start, &sql[start..]);
    out
}

fn push<'a>(engine: Engine, out: &mut Vec<(usize, &'a str)>, start: usize, statement: &'a str) {
    let says_something =
        lexer::significant(engine, statement).is_ok_and(|tokens| !tokens.is_empty());
    if says_something {
        let blank = statement.len() - statement.trim_start().len();
        out.push((start + blank, statement.trim()));
    }
}

/// Semicolons inside do not end the statement: `CREATE TRIGGER ... BEGIN ...; END` on SQLite,
/// `CREATE FUNCTION ... BEGIN ATOMIC ...; END` on PostgreSQL, the bodies of triggers and procedures
/// on MySQL and MariaDB, CASE ... END within any of them.
#[derive(Default)]
pub(crate) struct Body {
    words: Vec<String>,
    creates: bool,
    depth: u32,
    /// Whether the last word was END: IF, CASE and the like after it belong to it.
    ended: bool,
}

impl Body {
    /// Whether a semicolon is one of the body.
    pub(crate) fn is_open(&self) -> bool {
        self.depth > 0
    }

    /// Reads a token that counts.
    pub(crate) fn meet(&mut self, token: &Token<'_>) {
        // `CREATE DEFINER = ada@localhost TRIGGER`.
        let defined = self.words.get(1).is_some_and(|w| w == "DEFINER");
        if self.words.len() < if defined { 10 } else { 5 } {
            self.words.push(token.text.to_uppercase());
            self.creates = self.words.first().is_some_and(|w| w == "CREATE")
                && self
                    .words
                    .iter()
                    .any(|w| matches!(w.as_str(), "TRIGGER" | "FUNCTION" | "PROCEDURE" | "EVENT"));
        }
        if !self.creates {
            return;
        }
        let ended = std::mem::replace(&mut self.ended, token.is("END"));
        if ended && token.is("CASE") {
            return;
        }
        let opens = token.is("BEGIN") || (self.depth > 0 && token.is("CASE"));
        // `END IF` ends no BEGIN.
        let inner = ["IF", "LOOP", "WHILE", "REPEAT", "FOR"];
        if opens || (ended && inner.iter().any(|w| token.is(w))) {
            self.depth += 1;
        } else if token.is("END") {
            self.depth = self.depth.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sqls(engine: Engine, sql: &str) -> Vec<String> {
        split(engine, sql)
            .unwrap()
            .into_iter()
            .map(|p| p.sql)
            .collect()
    }

    #[test]
    fn semicolons_in_strings_and_comments_do_not_split() {
        assert_eq!(
            sqls(
                Engine::PostgreSql,
                "SELECT ';'; -- a;b\nDO $$ BEGIN PERFORM 1; END $$;; /* ; */"
            ),
            ["SELECT ';'", "-- a;b\nDO $$ BEGIN PERFORM 1; END $$"]
        );
    }

    #[test]
    fn bodies_on_mysql_stay_together() {
        let trigger = "CREATE DEFINER = ada@localhost TRIGGER t BEFORE INSERT ON u FOR EACH ROW \
            BEGIN IF NEW.a IS NULL THEN SET NEW.a = CASE WHEN 1 THEN 2 END; END IF; \
            CASE NEW.b WHEN 1 THEN SET NEW.b = 2; END CASE; END";
        assert_eq!(
            sqls(
                Engine::MySql,
                &format!("{trigger}; SELECT 1 # ;\n; SELECT ';\\';'")
            ),
            [trigger, "SELECT 1 # ;", "SELECT ';\\';'"]
        );
    }

    #[test]
    fn a_transaction_of_its_own_is_one_piece() {
        let pieces = split(
            Engine::PostgreSql,
            "SELECT 1; BEGIN; ALTER TABLE a RENAME TO b; SAVEPOINT s; ROLLBACK TO s; COMMIT; SELECT 2",
        )
        .unwrap();
        assert_eq!(pieces.len(), 3);
        assert_eq!(
            pieces[1].inside.as_deref(),
            Some(
                &[
                    "ALTER TABLE a RENAME TO b".to_owned(),
                    "SAVEPOINT s".to_owned(),
                    "ROLLBACK TO s".to_owned()
                ][..]
            )
        );
        assert!(pieces[1].sql.starts_with("BEGIN;") && pieces[1].sql.ends_with("COMMIT"));
    }

    #[test]
    fn a_trigger_of_sqlite_keeps_its_body() {
        let trigger = "CREATE TEMP TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET x = CASE WHEN 1 THEN 2 END; SELECT 1; END";
        assert_eq!(
            sqls(Engine::Sqlite, &format!("{trigger}; DROP TABLE u;")),
            [trigger, "DROP TABLE u"]
        );
    }

    #[test]
    fn an_sql_standard_function_body_stays_whole() {
        let function =
            "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END";
        assert_eq!(
            sqls(Engine::PostgreSql, &format!("{function}; SELECT 3")),
            [function, "SELECT 3"]
        );
    }

    #[test]
    fn nothing_but_comments_is_nothing() {
        assert!(sqls(Engine::Sqlite, " -- only this\n ; /* and this */ ").is_empty());
    }
}
