//! PostgreSQL's statements.

use super::postgres_table::{alter_table, create_table};
use crate::dialect::reads;
use crate::plan::Lock;
use crate::schema::TableName;
use crate::sql::act::{Act, Attachment, IndexChange, NewIndex, Online, Verb, Volatility};
use crate::sql::read::cursor::{self, Cursor};

/// One statement; nothing where it has none of the forms that operations send.
pub(super) fn act(c: &mut Cursor<'_, '_>) -> Option<Act> {
    if c.take(&["alter", "table"]) {
        return alter_table(c);
    }
    if c.take(&["create"]) {
        return create(c);
    }
    if c.take(&["drop"]) {
        return drop(c);
    }
    if c.take(&["alter", "view"]) {
        return alter_view(c);
    }
    if c.take(&["alter", "index"]) {
        let index = table(c)?;
        let change = if c.take(&["rename", "to"]) {
            IndexChange::Rename { to: c.name()? }
        } else if c.take(&["attach", "partition"]) {
            IndexChange::AttachPartition { index: table(c)? }
        } else {
            IndexChange::Options
        };
        return Some(Act::AlterIndex { index, change });
    }
    if c.take(&["truncate"]) {
        c.take(&["table"]);
        return Some(Act::Truncate {
            tables: tables(c)?,
            cascade: c.has(&["cascade"]),
            restart_identity: c.has(&["restart", "identity"]),
        });
    }
    if c.take(&["lock", "table"]) {
        let tables = tables(c)?;
        c.has(&["access", "exclusive", "mode"]).then_some(())?;
        let lock = Lock::AccessExclusive;
        return Some(Act::LockTables {
            tables: tables.into_iter().map(|table| (table, lock)).collect(),
        });
    }
    if c.take(&["comment", "on"]) {
        return Some(comment(c));
    }
    if c.take(&["grant"]) {
        let on = on(c);
        let tables = cursor::granted(&on);
        return Some(Act::Grant { on, tables });
    }
    if c.take(&["revoke"]) {
        let on = on(c);
        let tables = cursor::granted(&on);
        return Some(Act::Revoke { on, tables });
    }
    None
}

/// A table's name; `public` is where what has no schema is.
pub(super) fn table(c: &mut Cursor<'_, '_>) -> Option<TableName> {
    let mut name = c.table()?;
    name.schema = name.schema.filter(|schema| schema != "public");
    Some(name)
}

fn tables(c: &mut Cursor<'_, '_>) -> Option<Vec<TableName>> {
    let mut out = vec![table(c)?];
    while c.symbol(",") {
        out.push(table(c)?);
    }
    Some(out)
}

/// What GRANT and REVOKE are about, as written.
fn on(c: &Cursor<'_, '_>) -> String {
    let mut rest = *c;
    let from = rest.tokens.iter().position(|t| t.is("on"));
    rest.skip(from.map_or(0, |at| at + 1));
    let until = rest
        .tokens
        .iter()
        .position(|t| t.is("to") || t.is("from"))
        .unwrap_or(rest.tokens.len());
    rest.tokens = rest.tokens.get(..until).unwrap_or_default();
    rest.words()
}

fn comment(c: &mut Cursor<'_, '_>) -> Act {
    let kind = c.any(&[
        "table",
        "view",
        "materialized",
        "column",
        "constraint",
        "index",
    ]);
    let mut about = (None, None);
    match kind {
        Some("table" | "view") => about.0 = table(c),
        Some("materialized") => {
            c.take(&["view"]);
            about.0 = table(c);
        }
        Some("column") => {
            // The table's name, and the column's behind it.
            let first = c.name();
            c.symbol(".");
            let second = c.name();
            let schema = c.symbol(".").then_some(first.clone()).flatten();
            let name = if schema.is_some() { second } else { first };
            about.0 = name.map(|name| TableName {
                schema: schema.filter(|s| s != "public"),
                name,
            });
        }
        Some("index") => about.1 = table(c),
        Some(_) | None => {}
    }
    Act::Comment {
        table: about.0,
        index: about.1,
    }
}

fn create(c: &mut Cursor<'_, '_>) -> Option<Act> {
    let replace = c.take(&["or", "replace"]);
    let unlogged = c.take(&["unlogged"]);
    if c.take(&["table"]) {
        return create_table(c, unlogged).map(Act::CreateTable);
    }
    let unique = c.take(&["unique"]);
    if c.take(&["index"]) {
        return create_index(c, unique);
    }
    if c.take(&["view"]) {
        let view = table(c)?;
        return Some(Act::CreateView {
            view,
            materialized: false,
            replace,
            if_not_exists: false,
            with_data: true,
            reads: reads::tables(c.engine, &c.words()),
        });
    }
    c.take(&["constraint"]);
    let attachment = [
        ("trigger", Attachment::Trigger),
        ("policy", Attachment::Policy),
    ];
    for (word, what) in attachment {
        if c.take(&[word]) {
            let name = c.name()?;
            let at = c.tokens.iter().position(|t| t.is("on"))?;
            c.skip(at + 1);
            return Some(Act::Attach {
                what,
                name,
                table: table(c)?,
                replace,
                from: None,
            });
        }
    }
    if c.any(&["function", "procedure"]).is_some() {
        return Some(Act::CreateFunction {
            name: table(c)?,
            replace,
            volatility: Volatility::Volatile,
        });
    }
    if c.take(&["sequence"]) {
        c.take(&["if", "not", "exists"]);
        return Some(Act::CreateSequence {
            sequence: table(c)?,
            owner: None,
        });
    }
    if c.take(&["statistics"]) {
        c.take(&["if", "not", "exists"]);
        let name = table(c);
        let at = c.tokens.iter().rposition(|t| t.is("from"))?;
        c.skip(at + 1);
        return Some(Act::Statistics {
            verb: Verb::Create,
            name,
            table: table(c),
        });
    }
    None
}

fn create_index(c: &mut Cursor<'_, '_>, unique: bool) -> Option<Act> {
    let concurrently = c.take(&["concurrently"]);
    let if_not_exists = c.take(&["if", "not", "exists"]);
    let name = c.name()?;
    if !c.take(&["on"]) {
        return None;
    }
    let only = c.take(&["only"]);
    let table = table(c)?;
    let method = if c.take(&["using"]) { c.name() } else { None };
    let columns = c.group()?.items().into_iter().map(|mut item| {
        let whole = item.words();
        // An operator class, an order and a collation are no part of the column's name.
        match item.name() {
            Some(name) if !item.peek().is_some_and(|t| t.is_symbol("(")) => name,
            Some(_) | None => whole,
        }
    });
    let columns = columns.collect();
    let at = c.tokens.iter().position(|t| t.is("where"));
    let predicate = at.map(|at| {
        c.skip(at + 1);
        c.words()
    });
    Some(Act::CreateIndex {
        table,
        only,
        index: NewIndex {
            name: Some(name),
            unique,
            concurrently,
            if_not_exists,
            method,
            columns,
            predicate,
        },
        online: Online::default(),
    })
}

fn alter_view(c: &mut Cursor<'_, '_>) -> Option<Act> {
    c.take(&["if", "exists"]);
    let view = table(c)?;
    let renamed_to = if c.take(&["rename", "to"]) {
        Some(TableName {
            schema: view.schema.clone(),
            name: c.name()?,
        })
    } else {
        None
    };
    let renamed_column = if c.take(&["rename"]) {
        c.take(&["column"]);
        let from = c.name()?;
        c.take(&["to"]);
        Some((from, c.name()?))
    } else {
        None
    };
    Some(Act::AlterView {
        view,
        materialized: false,
        renamed_to,
        renamed_column,
        rewrites: false,
    })
}

fn drop(c: &mut Cursor<'_, '_>) -> Option<Act> {
    let materialized = c.take(&["materialized"]);
    let what = c.any(&[
        "table",
        "index",
        "view",
        "trigger",
        "policy",
        "function",
        "sequence",
        "statistics",
    ])?;
    let concurrently = c.take(&["concurrently"]);
    let if_exists = c.take(&["if", "exists"]);
    if what == "trigger" || what == "policy" {
        let name = c.name()?;
        c.take(&["on"]).then_some(())?;
        return Some(Act::Detach {
            what: if what == "trigger" {
                Attachment::Trigger
            } else {
                Attachment::Policy
            },
            name,
            table: Some(table(c)?),
            if_exists,
        });
    }
    let names = tables(c)?;
    let cascade = c.has(&["cascade"]);
    Some(match what {
        "table" => Act::DropTables {
            tables: names,
            if_exists,
            cascade,
        },
        "index" => Act::DropIndexes {
            indexes: names,
            table: None,
            concurrently,
            if_exists,
            cascade,
            online: Online::default(),
        },
        "view" => Act::DropViews {
            views: names,
            materialized,
            if_exists,
            cascade,
        },
        "function" => Act::DropFunctions { names, cascade },
        "sequence" => Act::DropSequences {
            sequences: names,
            cascade,
        },
        _ => Act::Statistics {
            verb: Verb::Drop,
            name: names.into_iter().next(),
            table: None,
        },
    })
}
