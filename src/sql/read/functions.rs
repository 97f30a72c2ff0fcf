//! The functions that MySQL and MariaDB bring. What else is called was made by somebody, and may do
//! anything.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::cursor::Cursor;
use crate::dialect::lexer::Kind;
use crate::document::Engine;

/// The built-in ones, after "Functions and Operators" of both manuals, and the words that stand
/// before parentheses without being functions.
static KNOWN: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("functions.txt").split_whitespace().collect());

/// What of SQLite's own does anything but give a value: it runs a library, or writes a file. All
/// others are its clients', which SQL cannot change.
const REACHING_OUT: [&str; 4] = ["load_extension", "writefile", "edit", "fts3_tokenizer"];

/// The functions that a statement calls and that nobody knows.
pub(super) fn called(c: Cursor<'_, '_>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for (at, pair) in c.tokens.windows(2).enumerate() {
        let before = at.checked_sub(1).and_then(|at| c.tokens.get(at));
        // `INTO t (a, b)`, `JOIN t USING (a)`, `WITH x (a) AS`: no calls.
        let names_table = before.is_some_and(|t| {
            [
                "into",
                "table",
                "join",
                "from",
                "as",
                "with",
                "recursive",
                "index",
                "key",
                "update",
            ]
            .iter()
            .any(|w| t.is(w))
        }) || before.is_some_and(|t| t.is_symbol("."))
            && at
                .checked_sub(3)
                .and_then(|at| c.tokens.get(at))
                .is_some_and(|t| t.is("into"));
        let named = matches!(pair[0].kind, Kind::Word | Kind::QuotedName);
        if !pair[1].is_symbol("(") || !named || names_table {
            continue;
        }
        let Some(name) = pair[0].name(c.engine) else {
            continue;
        };
        let lower = name.to_lowercase();
        let known = if c.engine == Engine::Sqlite {
            !REACHING_OUT.contains(&lower.as_str())
        } else {
            KNOWN.contains(lower.as_str())
        };
        if !known && !out.contains(&name) {
            out.push(name);
        }
    }
    out
}
