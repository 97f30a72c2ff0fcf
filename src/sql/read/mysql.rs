//! MySQL and MariaDB. What changes tables is read here, word by word: sqlparser knows neither
//! ALGORITHM=INSTANT nor most of what MariaDB has of its own. Queries are its part.

mod alter;
mod create;
mod drop;
mod foreign;

use super::column;
use super::cursor::Cursor;
use super::unknown;

pub(super) use create::create_table;

use crate::dialect::lexer::{self, Kind, Token};
use crate::document::Engine;
use crate::plan::Lock;
use crate::sql::act::{Act, Control, Online, Verb};
#[cfg(feature = "sql")]
use crate::sql::simulate::Parsed;
use crate::sql::unknown::Unknown;

/// Reads a text.
#[cfg(feature = "sql")]
pub(super) fn parse(engine: Engine, text: &str) -> Parsed {
    super::cut::parsed(engine, text, statement)
}

/// One statement.
pub(super) fn statement(c: Cursor<'_, '_>) -> Act {
    if let Some(act) = conditional(c) {
        return act;
    }
    if let Some(words) = foreign::words(c) {
        return Act::Unknown(Unknown::Elsewhere { words });
    }
    let mut rest = c;
    act(&mut rest).unwrap_or_else(|| unknown(&c))
}

/// `/*!50100 ... */`, which the server reads as if it were no comment: as far as its version goes,
/// and nobody counts on a server that old.
fn conditional(c: Cursor<'_, '_>) -> Option<Act> {
    let versioned = |t: &Token<'_>| {
        t.kind == Kind::Symbol && (t.text.starts_with("/*!") || t.text.starts_with("/*M!"))
    };
    if !c.tokens.iter().any(versioned) {
        return None;
    }
    let mut text = String::new();
    for token in c.tokens {
        let inner = token
            .text
            .strip_prefix("/*M!")
            .or_else(|| token.text.strip_prefix("/*!"))
            .and_then(|t| t.strip_suffix("*/"));
        match inner {
            // Of no version that there is: `/*M!999999\- enable the sandbox mode */` of dumps.
            Some(inner) if inner.starts_with("99999") => {}
            Some(inner) => text.push_str(inner.trim_start_matches(|c: char| c.is_ascii_digit())),
            None => text.push_str(token.text),
        }
        text.push(' ');
    }
    let Ok(tokens) = lexer::significant(c.engine, &text) else {
        return Some(Act::Unknown(Unknown::Syntax));
    };
    // One within another is nothing that anybody writes.
    if tokens.iter().any(versioned) || tokens.iter().any(|t| t.is_symbol(";")) {
        return Some(unknown(&c));
    }
    if tokens.is_empty() {
        return Some(Act::Session { word: "comment" });
    }
    Some(statement(Cursor {
        engine: c.engine,
        text: &text,
        tokens: &tokens,
    }))
}

fn act(c: &mut Cursor<'_, '_>) -> Option<Act> {
    let whole = *c;
    if let Some(act) = transaction(c) {
        return Some(act);
    }
    if [
        "select", "with", "insert", "replace", "update", "delete", "values", "table",
    ]
    .iter()
    .any(|w| c.sees(&[w]))
        || c.peek().is_some_and(|t| t.is_symbol("("))
    {
        return Some(super::rows_act(whole));
    }
    if c.take(&["set", "statement"]) {
        let at = c.tokens.iter().position(|t| t.is("for"))?;
        c.skip(at + 1);
        return act(c);
    }
    if c.take(&["set"]) {
        return Some(set(c));
    }
    if let Some(word) = c.any(&["show", "describe", "desc", "use", "help", "kill", "do"]) {
        // DO calls functions, and so may SHOW not.
        return (word != "do" || !c.tokens.iter().any(|t| t.is_symbol("(")))
            .then_some(Act::Session { word: "show" });
    }
    if c.take(&["explain"]) {
        // ANALYZE runs the statement.
        if c.take(&["analyze"]) {
            if c.take(&["format"]) {
                c.symbol("=");
                c.skip(1);
            }
            return act(c).map(|inner| Act::Explain {
                analyze: true,
                inner: Box::new(inner),
            });
        }
        return Some(Act::Session { word: "explain" });
    }
    if c.take(&["create"]) {
        return create::act(c);
    }
    if c.take(&["drop"]) {
        return drop::act(c);
    }
    if c.take(&["alter"]) {
        return alter::act(c);
    }
    if c.take(&["rename", "table"]) || c.take(&["rename", "tables"]) {
        return rename(c);
    }
    if c.take(&["truncate"]) {
        c.take(&["table"]);
        let tables = c.tables();
        return (!tables.is_empty()).then_some(Act::Truncate {
            tables,
            cascade: false,
            restart_identity: true,
        });
    }
    if let Some(verb) = c.any(&["optimize", "analyze", "check", "checksum", "repair"]) {
        let _ = c.any(&["no_write_to_binlog", "local"]);
        if c.any(&["table", "tables"]).is_none() {
            // ANALYZE of a statement runs it.
            return (verb == "analyze").then(|| super::rows_act(*c));
        }
        let tables = c.tables();
        return Some(match verb {
            "optimize" | "repair" => Act::Vacuum { tables, full: true },
            "analyze" if !c.has(&["persistent"]) => Act::Analyze { tables },
            // CHECK, CHECKSUM and ANALYZE ... PERSISTENT read every row.
            _ => Act::Select {
                reads: tables,
                locks_rows: Vec::new(),
                inner: Vec::new(),
                bounded: false,
                calls: Vec::new(),
            },
        });
    }
    if c.take(&["lock"]) {
        return lock(c);
    }
    if c.take(&["unlock"]) {
        return Some(Act::Session { word: "unlock" });
    }
    if c.take(&["flush"]) {
        return flush(c);
    }
    if c.take(&["grant"]) {
        return Some(Act::Grant {
            on: on(c),
            tables: Vec::new(),
        });
    }
    if c.take(&["revoke"]) {
        return Some(Act::Revoke {
            on: on(c),
            tables: Vec::new(),
        });
    }
    if c.take(&["load", "data"]) || c.take(&["load", "xml"]) {
        let at = c
            .tokens
            .windows(2)
            .position(|w| w[0].is("into") && w[1].is("table"))?;
        c.skip(at + 2);
        return Some(Act::Copy {
            table: c.table(),
            reads: Vec::new(),
            writes: true,
            program: false,
        });
    }
    if c.take(&["call"]) {
        return Some(Act::Unknown(Unknown::Procedure { name: c.words() }));
    }
    if c.take(&["prepare"]) || c.take(&["execute"]) {
        return Some(Act::Unknown(Unknown::DynamicSql));
    }
    None
}

fn on(c: &Cursor<'_, '_>) -> String {
    let mut rest = *c;
    let at = rest.tokens.iter().position(|t| t.is("on"));
    rest.skip(at.map_or(0, |at| at + 1));
    let until = rest.tokens.iter().position(|t| t.is("to") || t.is("from"));
    rest.tokens = rest
        .tokens
        .get(..until.unwrap_or(rest.tokens.len()))
        .unwrap_or_default();
    rest.words()
}

pub(super) fn transaction(c: &mut Cursor<'_, '_>) -> Option<Act> {
    let control = if c.take(&["begin"]) || c.take(&["start", "transaction"]) {
        Control::Begin
    } else if c.take(&["commit"]) || (c.engine == Engine::Sqlite && c.take(&["end"])) {
        Control::Commit {
            chain: c.has(&["and", "chain"]),
        }
    } else if c.take(&["rollback"]) {
        let _ = c.any(&["work", "transaction"]);
        if c.take(&["to"]) {
            c.take(&["savepoint"]);
            Control::RollbackTo { name: c.name()? }
        } else {
            Control::Rollback {
                chain: c.has(&["and", "chain"]),
            }
        }
    } else if c.take(&["savepoint"]) {
        Control::Savepoint { name: c.name()? }
    } else if c.take(&["release"]) {
        c.take(&["savepoint"]);
        Control::Release { name: c.name()? }
    } else if c.take(&["set", "transaction"]) {
        Control::Mode
    } else {
        return None;
    };
    Some(Act::Transaction(control))
}

fn set(c: &mut Cursor<'_, '_>) -> Act {
    let local = c.any(&["session", "local"]).is_some();
    while c.symbol("@") {}
    if c.sees(&["session"]) && c.tokens.get(1).is_some_and(|t| t.is_symbol(".")) {
        c.skip(2);
    }
    let global = c.any(&["global", "persist"]).is_some();
    c.symbol(".");
    if c.take(&["names"]) || c.take(&["character", "set"]) || c.sees(&["transaction"]) {
        return Act::Session { word: "set" };
    }
    // Of several at once, the one that matters here.
    let items = c.items();
    let matters = |item: &&Cursor<'_, '_>| {
        let (name, _) = assigned(item);
        name.is_some_and(|name| {
            [
                "lock_wait_timeout",
                "foreign_key_checks",
                "unique_checks",
                "max_statement_time",
                "sql_log_bin",
                "autocommit",
            ]
            .contains(&name.as_str())
        })
    };
    let Some(item) = items.iter().find(matters).or(items.first()).copied() else {
        return Act::Session { word: "set" };
    };
    let (name, mut item) = assigned(&item);
    // A variable of the client's own is no setting.
    let Some(name) = name else {
        return Act::Session { word: "set" };
    };
    item.symbol(":");
    item.symbol("=");
    let value = item.words();
    let value = value.trim_matches(['\'', '"']).to_owned();
    // For everybody, and not for this session.
    let name = if global {
        format!("global {name}")
    } else {
        name
    };
    Act::Set {
        name,
        value: (!value.eq_ignore_ascii_case("default")).then_some(value),
        local,
    }
}

/// The setting that a part of SET is about, in lower case, and the rest of it; none for `@variable`.
fn assigned<'c, 't>(item: &Cursor<'c, 't>) -> (Option<String>, Cursor<'c, 't>) {
    let mut rest = *item;
    let _ = rest.any(&["session", "local"]);
    let mut signs = 0;
    while rest.symbol("@") {
        signs += 1;
    }
    if rest.any(&["session", "local"]).is_some() {
        rest.symbol(".");
    }
    let name = rest.name().filter(|_| signs != 1);
    (name.map(|name| name.to_lowercase()), rest)
}

/// What locks no table.
fn object(c: &mut Cursor<'_, '_>, verb: Verb) -> Option<Act> {
    if c.any(&["database", "schema"]).is_some() {
        c.take(&["if", "not", "exists"]);
        c.take(&["if", "exists"]);
        let name = c.name().unwrap_or_default();
        return Some(match verb {
            Verb::Create => Act::CreateSchema { name: Some(name) },
            Verb::Drop => Act::DropSchemas {
                names: vec![name],
                cascade: true,
            },
            Verb::Alter => Act::Cluster {
                verb,
                kind: "database",
                name,
            },
        });
    }
    let kind = c.any(&["user", "role", "event", "server"])?;
    let kind = match kind {
        "user" => "user",
        "role" => "role",
        "event" => "event",
        _ => "server",
    };
    c.take(&["if", "not", "exists"]);
    c.take(&["if", "exists"]);
    Some(Act::Object {
        verb,
        kind,
        name: c.first_words(),
        cascade: false,
    })
}

fn rename(c: &mut Cursor<'_, '_>) -> Option<Act> {
    c.take(&["if", "exists"]);
    let mut pairs = Vec::new();
    loop {
        let from = c.table()?;
        if c.take(&["wait"]) {
            c.skip(1);
        }
        c.take(&["nowait"]);
        if !c.take(&["to"]) {
            return None;
        }
        pairs.push((from, c.table()?));
        if !c.symbol(",") {
            return c.done().then_some(Act::RenameTables { pairs });
        }
    }
}

fn lock(c: &mut Cursor<'_, '_>) -> Option<Act> {
    c.any(&["tables", "table"])?;
    let mut tables = Vec::new();
    for mut item in c.items() {
        let table = item.table()?;
        let write = item.has(&["write"]) && !item.has(&["concurrent"]);
        let lock = if write {
            Lock::MetadataExclusive
        } else {
            Lock::MetadataNoWrite
        };
        tables.push((table, lock));
    }
    Some(Act::LockTables { tables })
}

fn flush(c: &mut Cursor<'_, '_>) -> Option<Act> {
    let _ = c.any(&["no_write_to_binlog", "local"]);
    if c.any(&["tables", "table"]).is_none() {
        return Some(Act::Session { word: "flush" });
    }
    // WITH READ LOCK stops every writer of the server.
    if !c.has(&["with", "read", "lock"]) && !c.has(&["for", "export"]) {
        return Some(Act::Session { word: "flush" });
    }
    let tables: Vec<_> = c
        .tables()
        .into_iter()
        .map(|table| (table, Lock::MetadataNoWrite))
        .collect();
    (!tables.is_empty()).then_some(Act::LockTables { tables })
}

/// ALGORITHM and LOCK to the end; nothing where other words stand there.
fn online(c: &mut Cursor<'_, '_>) -> Option<Online> {
    let mut online = Online::default();
    while !c.done() {
        column::options(c);
        if !algorithm(c, &mut online) {
            if c.take(&["wait"]) {
                c.skip(1);
            } else if !c.take(&["nowait"]) && !c.done() {
                return None;
            }
        }
    }
    Some(online)
}

/// Takes ALGORITHM or LOCK off.
fn algorithm(c: &mut Cursor<'_, '_>, online: &mut Online) -> bool {
    let slot = match c.any(&["algorithm", "lock"]) {
        Some("algorithm") => &mut online.algorithm,
        Some(_) => &mut online.lock,
        None => return false,
    };
    c.symbol("=");
    let value = c.name().map(|value| value.to_uppercase());
    *slot = value.filter(|value| value != "DEFAULT");
    true
}
