//! SQLite.

use super::column;
use super::cursor::Cursor;
use super::mysql::{create_table, transaction};
use super::unknown;
use crate::dialect::reads;
#[cfg(feature = "sql")]
use crate::document::Engine;
use crate::sql::act::{Act, Attachment, Change, NewIndex, NewTable, Online, Scope};
#[cfg(feature = "sql")]
use crate::sql::simulate::Parsed;

/// Reads a text.
#[cfg(feature = "sql")]
pub(super) fn parse(engine: Engine, text: &str) -> Parsed {
    super::cut::parsed(engine, text, statement)
}

/// One statement.
pub(super) fn statement(c: Cursor<'_, '_>) -> Act {
    let mut rest = c;
    act(&mut rest).unwrap_or_else(|| unknown(&c))
}

fn act(c: &mut Cursor<'_, '_>) -> Option<Act> {
    let whole = *c;
    if let Some(act) = transaction(c) {
        return Some(act);
    }
    if [
        "select", "with", "insert", "replace", "update", "delete", "values",
    ]
    .iter()
    .any(|w| c.sees(&[w]))
    {
        return Some(super::rows_act(whole));
    }
    if c.take(&["explain"]) {
        return Some(Act::Session { word: "explain" });
    }
    if c.take(&["create"]) {
        return create(c);
    }
    if c.take(&["drop"]) {
        return drop(c);
    }
    if c.take(&["alter", "table"]) {
        let table = c.table()?;
        let change = alter(c)?;
        return Some(Act::AlterTable {
            table,
            only: false,
            if_exists: false,
            changes: vec![change],
            online: Online::default(),
        });
    }
    if c.take(&["reindex"]) {
        let scope = match c.table() {
            Some(name) => Scope::Named(name),
            None => Scope::Database,
        };
        return Some(Act::Reindex {
            scope,
            concurrently: false,
        });
    }
    if c.take(&["analyze"]) {
        return Some(Act::Analyze { tables: c.tables() });
    }
    if c.take(&["vacuum"]) {
        return Some(Act::Vacuum {
            tables: Vec::new(),
            // INTO writes another file, and leaves this one alone.
            full: !c.has(&["into"]),
        });
    }
    if c.take(&["pragma"]) {
        return pragma(c);
    }
    if c.any(&["attach", "detach"]).is_some() {
        return Some(Act::Session { word: "attach" });
    }
    None
}

/// Whether the text names the table `main.name` anywhere.
fn says_main(text: &str, name: &str) -> bool {
    let flat: String = text
        .chars()
        .filter(|c| !matches!(c, '"' | '`' | '[' | ']'))
        .collect();
    let wanted = format!("main.{name}").to_lowercase();
    flat.to_lowercase().contains(&wanted)
}

fn create(c: &mut Cursor<'_, '_>) -> Option<Act> {
    let temporary = c.any(&["temp", "temporary"]).is_some();
    if c.take(&["table"]) {
        let mut new = create_table(c, temporary)?;
        new.temporary |= new.name.schema.as_deref() == Some("temp");
        // Where the text tells the two apart, the bare name is taken for the one that others use.
        if temporary && new.name.schema.is_none() && says_main(c.text, &new.name.name) {
            new.name.schema = Some("temp".to_owned());
        }
        return Some(Act::CreateTable(new));
    }
    if c.take(&["virtual", "table"]) {
        let if_not_exists = c.take(&["if", "not", "exists"]);
        let name = c.table()?;
        return c.take(&["using"]).then_some(Act::CreateTable(NewTable {
            if_not_exists,
            // Its module says what is in it.
            query: Some(Vec::new()),
            ..NewTable::named(name)
        }));
    }
    let unique = c.take(&["unique"]);
    if c.take(&["index"]) {
        let if_not_exists = c.take(&["if", "not", "exists"]);
        let name = c.table()?;
        if !c.take(&["on"]) {
            return None;
        }
        let table = c.table()?;
        let columns = c.columns()?;
        let predicate = c.take(&["where"]).then(|| c.words());
        if predicate.is_none() && !c.done() {
            return None;
        }
        return Some(Act::CreateIndex {
            table,
            only: false,
            index: NewIndex {
                name: Some(name.name),
                unique,
                if_not_exists,
                columns,
                predicate,
                ..NewIndex::default()
            },
            online: Online::default(),
        });
    }
    if c.take(&["view"]) {
        let if_not_exists = c.take(&["if", "not", "exists"]);
        return Some(Act::CreateView {
            view: c.table()?,
            materialized: false,
            replace: false,
            if_not_exists,
            with_data: false,
            reads: reads::tables(c.engine, &c.words()),
        });
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
            replace: false,
            from: None,
        });
    }
    None
}

fn drop(c: &mut Cursor<'_, '_>) -> Option<Act> {
    let what = c.any(&["table", "index", "view", "trigger"])?;
    let if_exists = c.take(&["if", "exists"]);
    let name = c.table()?;
    if !c.done() {
        return None;
    }
    Some(match what {
        "table" => Act::DropTables {
            tables: vec![name],
            if_exists,
            cascade: false,
        },
        "index" => Act::DropIndexes {
            indexes: vec![name],
            table: None,
            concurrently: false,
            if_exists,
            cascade: false,
            online: Online::default(),
        },
        "view" => Act::DropViews {
            views: vec![name],
            materialized: false,
            if_exists,
            cascade: false,
        },
        _ => Act::Detach {
            what: Attachment::Trigger,
            name: name.name,
            table: None,
            if_exists,
        },
    })
}

/// The one action that an ALTER TABLE has.
fn alter(c: &mut Cursor<'_, '_>) -> Option<Change> {
    let words = c.words();
    let change = read_alter(c);
    match change {
        Some(change) if c.done() => Some(change),
        // Other databases know it; SQLite says "syntax error".
        Some(_) | None => Some(Change::Unknown { words }),
    }
}

fn read_alter(c: &mut Cursor<'_, '_>) -> Option<Change> {
    if c.take(&["rename", "to"]) {
        return Some(Change::Rename { to: c.table()? });
    }
    if c.take(&["rename"]) {
        c.take(&["column"]);
        let from = c.name()?;
        c.take(&["to"]).then_some(())?;
        return Some(Change::RenameColumn {
            from,
            to: c.name()?,
        });
    }
    if c.take(&["drop", "constraint"]) {
        return Some(Change::DropConstraint {
            name: c.name()?,
            if_exists: false,
            cascade: false,
        });
    }
    if c.take(&["drop"]) {
        c.take(&["column"]);
        return Some(Change::DropColumn {
            column: c.name()?,
            if_exists: false,
            cascade: false,
        });
    }
    if c.take(&["alter"]) {
        c.take(&["column"]);
        let column = c.name()?;
        if c.take(&["set", "not", "null"]) {
            return Some(Change::SetNotNull { column });
        }
        return c
            .take(&["drop", "not", "null"])
            .then_some(Change::DropNotNull { column });
    }
    if !c.take(&["add"]) {
        return None;
    }
    let mut probe = *c;
    if let Some(column::Item::Constraint(constraint)) = column::table_item(&mut probe) {
        *c = probe;
        return Some(Change::AddConstraint(constraint));
    }
    c.take(&["column"]);
    if c.sees(&["if", "not", "exists"]) || c.peek().is_some_and(|t| t.is_symbol("(")) {
        return None;
    }
    // A second ADD behind a comma is no attribute of the first one's column.
    if c.items().len() > 1 {
        return None;
    }
    let (column, unknown) = column::column(c)?;
    unknown.is_none().then_some(Change::AddColumn {
        column,
        if_not_exists: false,
    })
}

fn pragma(c: &mut Cursor<'_, '_>) -> Option<Act> {
    let name = c.table()?.name.to_lowercase();
    let value = if c.symbol("=") {
        Some(c.words())
    } else {
        c.group().map(|group| group.words())
    };
    let checks = [
        "foreign_key_check",
        "integrity_check",
        "quick_check",
        "optimize",
    ];
    if checks.contains(&name.as_str()) {
        return Some(Act::Select {
            reads: Vec::new(),
            locks_rows: Vec::new(),
            inner: Vec::new(),
            bounded: false,
            calls: Vec::new(),
        });
    }
    match value {
        Some(value) => Some(Act::Set {
            name,
            value: Some(value.trim_matches(['\'', '"']).to_owned()),
            local: false,
        }),
        None => Some(Act::Session { word: "pragma" }),
    }
}
