//! DROP of MySQL and MariaDB.

use super::{object, online};
use crate::schema::TableName;
use crate::sql::act::{Act, Attachment, Verb};
use crate::sql::read::cursor::Cursor;

/// Behind DROP.
pub(super) fn act(c: &mut Cursor<'_, '_>) -> Option<Act> {
    let temporary = c.take(&["temporary"]);
    if c.any(&["table", "tables"]).is_some() {
        let if_exists = c.take(&["if", "exists"]);
        let tables = c.tables();
        if tables.is_empty() {
            return None;
        }
        if temporary {
            return Some(Act::Session { word: "drop" });
        }
        return Some(Act::DropTables {
            tables,
            if_exists,
            cascade: false,
        });
    }
    if c.take(&["index"]) {
        let if_exists = c.take(&["if", "exists"]);
        let index = c.name()?;
        if !c.take(&["on"]) {
            return None;
        }
        let table = c.table()?;
        let online = online(c)?;
        return Some(Act::DropIndexes {
            indexes: vec![TableName {
                schema: table.schema.clone(),
                name: index,
            }],
            table: Some(table),
            concurrently: false,
            if_exists,
            cascade: false,
            online,
        });
    }
    if c.take(&["view"]) {
        let if_exists = c.take(&["if", "exists"]);
        return Some(Act::DropViews {
            views: c.tables(),
            materialized: false,
            if_exists,
            cascade: false,
        });
    }
    if c.take(&["trigger"]) {
        let if_exists = c.take(&["if", "exists"]);
        return Some(Act::Detach {
            what: Attachment::Trigger,
            name: c.table()?.name,
            table: None,
            if_exists,
        });
    }
    if c.any(&["procedure", "function"]).is_some() {
        c.take(&["if", "exists"]);
        return Some(Act::DropFunctions {
            names: c.tables(),
            cascade: false,
        });
    }
    if c.take(&["sequence"]) {
        c.take(&["if", "exists"]);
        return Some(Act::DropSequences {
            sequences: c.tables(),
            cascade: false,
        });
    }
    object(c, Verb::Drop)
}
