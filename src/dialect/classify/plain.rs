//! Statements that do no harm whatever stands behind their first words: where nobody parses what
//! people wrote, all others are taken to do some.

use super::Cursor;
use crate::dialect::lexer::{self, Kind};
use crate::dialect::split::Piece;
use crate::document::Engine;

/// Words before a parenthesis that call nothing.
const NO_CALLS: [&str; 18] = [
    "in", "values", "exists", "any", "all", "some", "and", "or", "not", "on", "using", "as",
    "from", "where", "table", "key", "check", "select",
];

/// Whether the piece is known to hold nobody up, to break and to destroy nothing.
pub fn is_plain(engine: Engine, piece: &Piece) -> bool {
    if piece.inside.is_some() {
        return false;
    }
    let Ok(tokens) = lexer::significant(engine, &piece.sql) else {
        return false;
    };
    plain(Cursor {
        engine,
        tokens: &tokens,
    })
}

fn plain(mut c: Cursor<'_, '_>) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| c.has(&[word]));
    if c.sees(&["select"]) || c.sees(&["values"]) {
        return !calls(&c) && !has(&["into", "for", "lock"]);
    }
    if c.sees(&["insert", "into"]) {
        return !calls(&c) && c.has(&["values"]) && !has(&["select", "with"]);
    }
    if c.take(&["create"]) {
        return c.sees(&["view"]) || c.sees(&["schema"]);
    }
    match c.engine {
        Engine::PostgreSql => {
            if c.take(&["set"]) {
                c.take(&["local"]);
                return c.sees(&["lock_timeout"]) || c.sees(&["statement_timeout"]);
            }
            c.sees(&["grant"]) || c.sees(&["show"]) || c.sees(&["comment", "on", "table"])
        }
        Engine::MySql | Engine::MariaDb => c.sees(&["show"]),
        Engine::Sqlite => false,
    }
}

/// Whether it calls a function, as far as a name before a parenthesis tells.
fn calls(c: &Cursor<'_, '_>) -> bool {
    c.tokens.iter().enumerate().any(|(at, token)| {
        let named = matches!(token.kind, Kind::Word | Kind::QuotedName);
        let opens = c.tokens.get(at + 1).is_some_and(|t| t.is_symbol("("));
        // INSERT INTO t (a, b), INSERT INTO s.t (a, b).
        let before = |back: usize| at.checked_sub(back).and_then(|at| c.tokens.get(at));
        let table = before(1).is_some_and(|t| t.is("into"))
            || (before(1).is_some_and(|t| t.is_symbol("."))
                && before(3).is_some_and(|t| t.is("into")));
        named && opens && !table && !NO_CALLS.iter().any(|word| token.is(word))
    })
}
