//! CREATE of MySQL and MariaDB, and CREATE TABLE of SQLite.

use super::{object, online};
use crate::dialect::lexer::Kind;
use crate::dialect::reads;
use crate::sql::act::{Act, Attachment, NewIndex, NewTable, Verb, Volatility};
use crate::sql::read::column::{self, Item};
use crate::sql::read::cursor::Cursor;

/// Behind CREATE.
pub(super) fn act(c: &mut Cursor<'_, '_>) -> Option<Act> {
    let replace = c.take(&["or", "replace"]);
    let _ = c.any(&["online", "offline"]);
    let temporary = c.take(&["temporary"]);
    if c.take(&["table"]) {
        if replace {
            // Whatever was there is dropped.
            return None;
        }
        return create_table(c, temporary).map(Act::CreateTable);
    }
    let unique = c.take(&["unique"]);
    let method = c.any(&["fulltext", "spatial", "vector"]).map(str::to_owned);
    if c.take(&["index"]) {
        let if_not_exists = c.take(&["if", "not", "exists"]);
        let name = c.name();
        column::using(c);
        if !c.take(&["on"]) {
            return None;
        }
        let table = c.table()?;
        let columns = c.columns()?;
        let online = online(c)?;
        return Some(Act::CreateIndex {
            table,
            only: false,
            index: NewIndex {
                name,
                unique,
                if_not_exists,
                method,
                columns,
                ..NewIndex::default()
            },
            online,
        });
    }
    if c.sees(&["algorithm"]) {
        let at = c
            .tokens
            .iter()
            .position(|t| t.is("view") || t.is("definer") || t.is("sql"))?;
        c.skip(at);
    }
    if c.take(&["definer"]) {
        let at = c.tokens.iter().position(|t| {
            [
                "trigger",
                "procedure",
                "function",
                "view",
                "event",
                "sql",
                "aggregate",
            ]
            .iter()
            .any(|w| t.is(w))
        })?;
        c.skip(at);
    }
    if c.take(&["sql", "security"]) {
        c.skip(1);
    }
    if c.take(&["trigger"]) {
        c.take(&["if", "not", "exists"]);
        let name = c.table()?.name;
        let at = c.tokens.iter().position(|t| t.is("on"))?;
        c.skip(at + 1);
        return Some(Act::Attach {
            what: Attachment::Trigger,
            name,
            table: c.table()?,
            replace,
            from: None,
        });
    }
    if c.take(&["view"]) {
        let if_not_exists = c.take(&["if", "not", "exists"]);
        let view = c.table()?;
        return Some(Act::CreateView {
            view,
            materialized: false,
            replace,
            if_not_exists,
            with_data: false,
            reads: reads::tables(c.engine, &c.words()),
        });
    }
    c.take(&["aggregate"]);
    if c.any(&["procedure", "function"]).is_some() {
        c.take(&["if", "not", "exists"]);
        return Some(Act::CreateFunction {
            name: c.table()?,
            replace,
            volatility: Volatility::Volatile,
        });
    }
    if c.take(&["sequence"]) {
        c.take(&["if", "not", "exists"]);
        return Some(Act::CreateSequence {
            sequence: c.table()?,
            owner: None,
        });
    }
    object(c, Verb::Create)
}

/// Behind CREATE TABLE.
pub(in crate::sql::read) fn create_table(
    c: &mut Cursor<'_, '_>,
    temporary: bool,
) -> Option<NewTable> {
    let if_not_exists = c.take(&["if", "not", "exists"]);
    let mut table = NewTable {
        if_not_exists,
        temporary,
        ..NewTable::named(c.table()?)
    };
    if c.take(&["like"]) {
        table.like.push(c.table()?);
        return Some(table);
    }
    let query = |c: &Cursor<'_, '_>| {
        let starts = c.sees(&["select"]) || c.sees(&["with"]) || c.sees(&["values"]);
        starts.then(|| reads::tables(c.engine, &c.words()))
    };
    if let Some(mut group) = c.group() {
        if group.take(&["like"]) {
            table.like.push(group.table()?);
            return Some(table);
        }
        table.query = query(&group);
        if table.query.is_none() {
            for item in group.items() {
                create_item(item, &mut table)?;
            }
        }
    }
    table.charset = charset(c);
    table.partitioned = c.has(&["partition", "by"]);
    if let Some(at) = c
        .tokens
        .iter()
        .position(|t| t.is("select") || t.is("with") || t.is("values"))
        && !table.partitioned
    {
        let mut rest = *c;
        rest.skip(at);
        // WITHOUT ROWID, WITH SYSTEM VERSIONING are no queries.
        if !rest.sees(&["with", "system"]) && query(&rest).is_some() {
            table.query = query(&rest);
        }
    }
    // Nothing of what the query reads is put in, or a handful of it.
    let end = c.tokens.len().saturating_sub(2);
    if let Some([word, value]) = c.tokens.get(end..) {
        let few = word.is("limit") && value.kind == Kind::Number;
        table.no_data =
            (word.is("where") && value.is("false")) || (few && value.text.trim() == "0");
        if few && table.query.is_some() {
            table.query = Some(Vec::new());
        }
    }
    Some(table)
}

/// The character set that a table's options give its columns, by its name or by a collation's.
fn charset(c: &Cursor<'_, '_>) -> Option<String> {
    let mut collation = None;
    let mut rest = *c;
    while !rest.done() {
        if rest.take(&["charset"]) || rest.take(&["character", "set"]) {
            rest.symbol("=");
            return rest.name().map(|name| name.to_lowercase());
        }
        if rest.take(&["collate"]) {
            rest.symbol("=");
            collation = rest.name();
        } else {
            rest.skip(1);
        }
    }
    let collation = collation?.to_lowercase();
    collation.split('_').next().map(str::to_owned)
}

fn create_item(item: Cursor<'_, '_>, table: &mut NewTable) -> Option<()> {
    let mut probe = item;
    match column::table_item(&mut probe) {
        Some(Item::Constraint(constraint)) => table.constraints.push(constraint),
        Some(Item::Index(index)) => table.indexes.push(index),
        None if item.sees(&["period", "for"]) => {}
        None => {
            let mut rest = item;
            let (column, unknown) = column::column(&mut rest)?;
            if unknown.is_some() {
                return None;
            }
            table.columns.push(column);
        }
    }
    Some(())
}
