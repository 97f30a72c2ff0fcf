//! Words that the one of MySQL and MariaDB knows and the other takes for a syntax error, as MySQL 9.7
//! and MariaDB 10.11 were seen to do.

use crate::dialect::expression::nesting;
use crate::document::Engine;
use crate::sql::read::cursor::Cursor;

/// What stands in the statement and this server does not know.
pub(super) fn words(c: Cursor<'_, '_>) -> Option<String> {
    match c.engine {
        Engine::MySql => mariadbs(c),
        Engine::MariaDb => mysqls(c),
        Engine::PostgreSql | Engine::Sqlite => None,
    }
}

fn mariadbs(c: Cursor<'_, '_>) -> Option<String> {
    let found = |words: &str| Some(words.to_owned());
    let mut rest = c;
    if rest.take(&["create", "or", "replace"]) {
        let view = rest.has(&["view"]);
        let bodies = ["procedure", "function", "trigger", "event", "table"];
        if !view || bodies.iter().any(|word| rest.sees(&[word])) {
            return found("OR REPLACE");
        }
    }
    if c.sees(&["set", "statement"]) {
        return found("SET STATEMENT");
    }
    if c.sees(&["alter", "online"]) {
        return found("ONLINE");
    }
    for verb in ["create", "alter", "drop"] {
        if c.sees(&[verb, "sequence"]) {
            return found("SEQUENCE");
        }
    }
    let changes = c.sees(&["alter", "table"]);
    let renames = c.sees(&["rename", "table"]);
    let index = [
        &["create", "index"][..],
        &["create", "unique"],
        &["create", "fulltext"],
        &["create", "spatial"],
        &["drop", "index"],
    ];
    let clauses: &[&[&str]] = if changes || renames || index.iter().any(|words| c.sees(words)) {
        &[
            &["if", "exists"],
            &["if", "not", "exists"],
            &["system", "versioning"],
            &["wait"],
            &["nowait"],
            &["persistent"],
            &["ignored"],
        ]
    } else if ["insert", "replace", "delete"].iter().any(|w| c.sees(&[w])) {
        &[&["returning"]]
    } else if c.sees(&["create", "table"]) {
        &[
            &["system", "versioning"],
            &["persistent"],
            &["page_compressed"],
        ]
    } else if c.sees(&["drop", "table"]) {
        &[&["wait"], &["nowait"]]
    } else if c.sees(&["analyze"]) {
        &[&["persistent"]]
    } else {
        &[]
    };
    let own = if changes {
        &[
            &["encrypted"][..],
            &["page_compressed"],
            &["page_checksum"],
            &["transactional"],
            &["convert", "partition"],
        ][..]
    } else {
        &[]
    };
    clauses
        .iter()
        .chain(own)
        .find(|words| stand(c, words))
        .map(|words| words.join(" ").to_uppercase())
}

fn mysqls(c: Cursor<'_, '_>) -> Option<String> {
    let clauses: &[&[&str]] = if c.sees(&["alter", "table"]) {
        &[
            &["not", "enforced"],
            &["drop", "check"],
            &["visible"],
            &["encryption", "="],
        ]
    } else if c.sees(&["explain"]) {
        &[&["explain", "analyze"]]
    } else if c.sees(&["table"]) {
        &[&["table"]]
    } else if c.sees(&["create", "table"]) {
        &[&["not", "enforced"]]
    } else {
        &[]
    };
    clauses
        .iter()
        .find(|words| stand(c, words))
        .map(|words| words.join(" ").to_uppercase())
}

/// Whether the words stand together in the statement, in no parentheses and for no name.
fn stand(c: Cursor<'_, '_>, words: &[&str]) -> bool {
    let mut depth = 0;
    c.tokens.iter().enumerate().any(|(at, token)| {
        depth += nesting(token);
        let rest = c.tokens.get(at..).unwrap_or_default();
        let here = depth == 0
            && rest.len() >= words.len()
            && words
                .iter()
                .zip(rest)
                .all(|(word, t)| t.is(word) || t.is_symbol(word));
        // `ADD COLUMN wait int`, `DROP COLUMN visible`: a name follows these.
        let before = at.checked_sub(1).and_then(|at| c.tokens.get(at));
        let names = [
            "column", "add", "drop", "modify", "change", "after", "table", "index", "key", "to",
            "rename", "alter", "on", "from", "into",
        ];
        let named = words.len() == 1
            && before.is_some_and(|t| names.iter().any(|w| t.is(w)) || t.is_symbol("."));
        here && !named
    })
}
