//! ALTER of MySQL and MariaDB.

use super::{algorithm, object};
use crate::document::Engine;
use crate::sql::act::{Act, Change, Online, Verb};
use crate::sql::read::column::{self, Item};
use crate::sql::read::cursor::Cursor;

/// Behind ALTER.
pub(super) fn act(c: &mut Cursor<'_, '_>) -> Option<Act> {
    let mut online = Online::default();
    if c.take(&["online"]) {
        online.lock = Some("NONE".to_owned());
    }
    // IGNORE leaves out, and so deletes, the rows that do not fit.
    if c.sees(&["ignore"]) {
        return None;
    }
    if c.take(&["table"]) {
        return table(c, online);
    }
    if c.has(&["view"]) && !c.sees(&["event"]) {
        let at = c.tokens.iter().position(|t| t.is("view"))?;
        c.skip(at + 1);
        return Some(Act::CreateView {
            view: c.table()?,
            materialized: false,
            replace: true,
            if_not_exists: false,
            with_data: false,
            reads: crate::dialect::reads::tables(c.engine, &c.words()),
        });
    }
    if c.take(&["sequence"]) {
        c.take(&["if", "exists"]);
        return Some(Act::AlterSequence {
            sequence: c.table()?,
            owner: None,
            renamed_to: None,
        });
    }
    object(c, Verb::Alter)
}

fn table(c: &mut Cursor<'_, '_>, mut online: Online) -> Option<Act> {
    let if_exists = c.take(&["if", "exists"]);
    let table = c.table()?;
    if c.take(&["wait"]) {
        c.skip(1);
    }
    c.take(&["nowait"]);
    let mut changes = Vec::new();
    // These stand alone, and their own commas part no actions.
    let mut alone = *c;
    let adds = alone.sees(&["add", "partition"]) || alone.sees(&["drop", "partition"]);
    if adds || alone.sees(&["order", "by"]) {
        changes.extend(change(&mut alone).unwrap_or_default());
        *c = alone;
    } else if let Some(found) = partition(&mut alone) {
        changes.push(found);
        *c = alone;
    }
    for mut item in c.items() {
        // ALGORITHM may stand before an action without a comma, and partitions behind one.
        while algorithm(&mut item, &mut online) {}
        while !item.done() {
            let words = item.words();
            let left = item.tokens.len();
            match change(&mut item) {
                Some(found) => changes.extend(found),
                None => {
                    changes.push(Change::Unknown { words });
                    break;
                }
            }
            while algorithm(&mut item, &mut online) {}
            if item.tokens.len() == left {
                changes.push(Change::Unknown { words });
                break;
            }
        }
    }
    Some(Act::AlterTable {
        table,
        only: false,
        if_exists,
        changes,
        online,
    })
}

fn change(c: &mut Cursor<'_, '_>) -> Option<Vec<Change>> {
    if c.take(&["add"]) {
        return add(c);
    }
    if c.take(&["drop"]) {
        return drop(c).map(|change| vec![change]);
    }
    one(c).map(|change| vec![change])
}

fn one(c: &mut Cursor<'_, '_>) -> Option<Change> {
    if c.take(&["modify"]) {
        c.take(&["column"]);
        c.take(&["if", "exists"]);
        let (to, unknown) = column::column(c)?;
        return Some(match unknown {
            Some(words) => {
                c.tokens = &[];
                Change::Unknown { words }
            }
            None => Change::Redefine {
                column: to.name.clone(),
                to,
            },
        });
    }
    if c.take(&["change"]) {
        c.take(&["column"]);
        c.take(&["if", "exists"]);
        let column = c.name()?;
        let (to, unknown) = column::column(c)?;
        return Some(match unknown {
            Some(words) => {
                c.tokens = &[];
                Change::Unknown { words }
            }
            None => Change::Redefine { column, to },
        });
    }
    if c.take(&["alter"]) {
        return alter(c);
    }
    if c.take(&["rename", "column"]) {
        c.take(&["if", "exists"]);
        let from = c.name()?;
        c.take(&["to"]).then_some(())?;
        return Some(Change::RenameColumn {
            from,
            to: c.name()?,
        });
    }
    if c.take(&["rename", "index"]) || c.take(&["rename", "key"]) {
        c.take(&["if", "exists"]);
        let name = c.name()?;
        c.take(&["to"]);
        c.name()?;
        return Some(Change::AlterIndex { name });
    }
    if c.take(&["rename"]) {
        let _ = c.any(&["to", "as"]);
        c.symbol("=");
        return Some(Change::Rename { to: c.table()? });
    }
    if c.take(&["convert", "to", "character", "set"]) || c.take(&["convert", "to", "charset"]) {
        let charset = c.name()?;
        let collation = if c.take(&["collate"]) { c.name() } else { None };
        return Some(Change::TableOption {
            name: "convert to".to_owned(),
            value: [Some(charset), collation]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" "),
        });
    }
    if c.take(&["force"]) {
        return Some(Change::Rebuild);
    }
    if c.take(&["order", "by"]) {
        c.tokens = &[];
        return Some(Change::TableOption {
            name: "order by".to_owned(),
            value: String::new(),
        });
    }
    if let Some(word) = c.any(&["enable", "disable"]) {
        return c.take(&["keys"]).then(|| Change::TableOption {
            name: "keys".to_owned(),
            value: word.to_owned(),
        });
    }
    if let Some(word) = c.any(&["discard", "import"]) {
        c.tokens = &[];
        return Some(Change::TableOption {
            name: "tablespace".to_owned(),
            value: word.to_owned(),
        });
    }
    partition(c).or_else(|| option(c))
}

fn alter(c: &mut Cursor<'_, '_>) -> Option<Change> {
    if c.any(&["index", "key"]).is_some() {
        let name = c.name()?;
        let known: &[&str] = if c.engine == Engine::MariaDb {
            c.take(&["not"]);
            &["ignored"]
        } else {
            &["visible", "invisible"]
        };
        c.any(known)?;
        return Some(Change::AlterIndex { name });
    }
    if c.any(&["constraint", "check"]).is_some() {
        let name = c.name()?;
        let not = c.take(&["not"]);
        return c.take(&["enforced"]).then_some(Change::AlterConstraint {
            name,
            enforces: !not,
        });
    }
    c.take(&["column"]);
    c.take(&["if", "exists"]);
    let column = c.name()?;
    if c.take(&["set", "default"]) {
        let default = column::default(c);
        return Some(Change::SetDefault { column, default });
    }
    if c.take(&["drop", "default"]) {
        return Some(Change::DropDefault { column });
    }
    if c.take(&["set"]) {
        c.any(&["visible", "invisible"])?;
        return Some(Change::ColumnOptions { column });
    }
    None
}

fn add(c: &mut Cursor<'_, '_>) -> Option<Vec<Change>> {
    if c.take(&["system", "versioning"]) {
        return Some(vec![Change::TableOption {
            name: "system versioning".to_owned(),
            value: "add".to_owned(),
        }]);
    }
    if c.sees(&["partition"]) || c.sees(&["period"]) {
        let words = c.words();
        if c.take(&["period"]) {
            c.tokens = &[];
            return Some(vec![Change::Unknown { words }]);
        }
        c.take(&["partition"]);
        let how = if c.has(&["partitions"]) {
            "ADD HASH"
        } else {
            "ADD"
        };
        c.tokens = &[];
        return Some(vec![repartition(how)]);
    }
    let mut probe = *c;
    if let Some(item) = column::table_item(&mut probe) {
        *c = probe;
        return Some(vec![match item {
            Item::Constraint(constraint) => Change::AddConstraint(constraint),
            Item::Index(index) => Change::AddIndex(index),
        }]);
    }
    c.take(&["column"]);
    let if_not_exists = c.take(&["if", "not", "exists"]);
    if let Some(group) = c.group() {
        let mut out = Vec::new();
        for mut item in group.items() {
            out.extend(added(&mut item, if_not_exists)?);
        }
        return Some(out);
    }
    added(c, if_not_exists)
}

fn added(c: &mut Cursor<'_, '_>, if_not_exists: bool) -> Option<Vec<Change>> {
    let mut probe = *c;
    if let Some(item) = column::table_item(&mut probe) {
        *c = probe;
        return Some(vec![match item {
            Item::Constraint(constraint) => Change::AddConstraint(constraint),
            Item::Index(index) => Change::AddIndex(index),
        }]);
    }
    let (column, unknown) = column::column(c)?;
    let mut out = vec![Change::AddColumn {
        column,
        if_not_exists,
    }];
    if let Some(words) = unknown {
        c.tokens = &[];
        out.push(Change::Unknown { words });
    }
    Some(out)
}

fn drop(c: &mut Cursor<'_, '_>) -> Option<Change> {
    if c.take(&["primary", "key"]) {
        return Some(Change::DropPrimaryKey);
    }
    if c.take(&["system", "versioning"]) {
        return Some(Change::TableOption {
            name: "system versioning".to_owned(),
            value: "drop".to_owned(),
        });
    }
    if c.take(&["partition"]) {
        c.tokens = &[];
        return Some(repartition("DROP"));
    }
    if c.any(&["index", "key"]).is_some() {
        let if_exists = c.take(&["if", "exists"]);
        return Some(Change::DropIndex {
            name: c.name()?,
            if_exists,
        });
    }
    if c.take(&["foreign", "key"]) || c.any(&["constraint", "check"]).is_some() {
        let if_exists = c.take(&["if", "exists"]);
        return Some(Change::DropConstraint {
            name: c.name()?,
            if_exists,
            cascade: false,
        });
    }
    c.take(&["column"]);
    let if_exists = c.take(&["if", "exists"]);
    let column = c.name()?;
    let _ = c.any(&["restrict", "cascade"]);
    Some(Change::DropColumn {
        column,
        if_exists,
        cascade: false,
    })
}

fn repartition(how: &str) -> Change {
    Change::Repartition {
        partitions: Vec::new(),
        how: how.to_owned(),
    }
}

/// What is done to partitions; it stands alone, and goes to the end of the statement's item.
fn partition(c: &mut Cursor<'_, '_>) -> Option<Change> {
    let how = if c.take(&["remove", "partitioning"]) {
        "REMOVE"
    } else if c.take(&["partition", "by"]) {
        "PARTITION BY"
    } else {
        let verb = c.any(&[
            "truncate",
            "reorganize",
            "rebuild",
            "optimize",
            "analyze",
            "check",
            "repair",
            "exchange",
            "convert",
            "coalesce",
        ])?;
        if !c.take(&["partition"]) {
            return None;
        }
        if verb == "exchange" {
            let at = c.tokens.iter().position(|t| t.is("table"))?;
            c.skip(at + 1);
            let partitions = vec![c.table()?];
            c.tokens = &[];
            return Some(Change::Repartition {
                partitions,
                how: "EXCHANGE".to_owned(),
            });
        }
        c.tokens = &[];
        return Some(repartition(&verb.to_uppercase()));
    };
    c.tokens = &[];
    Some(repartition(how))
}

/// A table's option: `ENGINE = InnoDB`. Several may stand behind each other.
fn option(c: &mut Cursor<'_, '_>) -> Option<Change> {
    c.take(&["default"]);
    let name = if c.take(&["character", "set"]) || c.take(&["charset"]) {
        "character set".to_owned()
    } else {
        c.name()?.to_lowercase()
    };
    let known = [
        "character set",
        "collate",
        "auto_increment",
        "comment",
        "engine",
        "row_format",
        "key_block_size",
        "encrypted",
        "encryption_key_id",
        "page_compressed",
        "page_compression_level",
        "stats_persistent",
        "stats_auto_recalc",
        "stats_sample_pages",
        "avg_row_length",
        "max_rows",
        "min_rows",
        "checksum",
        "pack_keys",
        "delay_key_write",
        "encryption",
        "compression",
        "tablespace",
    ];
    if !known.contains(&name.as_str()) {
        return None;
    }
    c.symbol("=");
    let value = c.peek()?.text.to_owned();
    c.skip(1);
    Some(Change::TableOption { name, value })
}
