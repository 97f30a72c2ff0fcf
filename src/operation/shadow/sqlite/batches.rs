//! The batches that copy a table of SQLite to another one and compare the two, for the executor.

use super::{Link, list, named, same};
use crate::document::Engine;
use crate::estimate::Kind;
use crate::operation::backfill::bounds;
use crate::operation::sqlite::{without_rowid, write};
use crate::plan::{RowLock, Statement, TableCopy, Wait, WalkKey};
use crate::schema::Table;

impl Link<'_> {
    /// The copy for the executor.
    pub(in crate::operation) fn copy(&self, key: WalkKey) -> TableCopy {
        let rows = self.world.rows(self.source);
        let bounds = bounds(Engine::Sqlite, &key);
        let origin = format!("(SELECT * FROM {} WHERE {bounds})", self.source());
        let shown = Statement {
            scans_table: true,
            // The batches hold the writer's lock one by one, each for a moment.
            blocks_writes: false,
            wait: Wait::Patient,
            ..write(format!(
                "{} ON CONFLICT ({}) DO NOTHING",
                self.insert(&origin, "true"),
                list(&self.key(), "its key")
            ))
            .doing(Kind::Copy, rows)
        };
        TableCopy {
            table: self.source.clone(),
            table_sql: self.source(),
            alias: self.source(),
            shadow: self.shadow.target.clone(),
            shadow_sql: self.target(),
            columns: self
                .shadow
                .columns
                .iter()
                .map(|(c, sql)| (named(c), sql.clone()))
                .collect(),
            conflict: self.key(),
            filter: self.shadow.filter.clone(),
            each: self.shadow.each.clone(),
            key_copies: self.key_copies(&key),
            key,
            trigger: self.shadow.trigger.clone(),
            lock: RowLock::Share,
            batch_size: None,
            pause_ms: 0,
            estimated_rows: rows,
            shown,
        }
    }

    /// Where the rowid is in the copy, where both tables have it as their one key.
    fn key_copies(&self, key: &WalkKey) -> Vec<String> {
        let is_rowid = |table: &Table, column: &str| {
            !without_rowid(table)
                && table.primary_key == [column.to_owned()]
                && table
                    .column(column)
                    .is_some_and(|c| c.data_type.eq_ignore_ascii_case("integer"))
        };
        let (WalkKey::RowId { .. }, [place]) = (key, self.shadow.key.as_slice()) else {
            return Vec::new();
        };
        let from = self.taken(place).filter(|_| self.is_plain());
        let both = from.is_some_and(|from| {
            self.entry().is_some_and(|t| is_rowid(t, from))
                && self
                    .world
                    .table(&self.shadow.target)
                    .is_some_and(|t| is_rowid(t, place))
        });
        both.then(|| named(place)).into_iter().collect()
    }

    /// The comparison for the executor.
    pub(in crate::operation) fn compare(&self, key: WalkKey) -> TableCopy {
        let mut copy = self.copy(key);
        let bounds = bounds(Engine::Sqlite, &copy.key);
        let said: Vec<String> = copy
            .columns
            .iter()
            .map(|(c, sql)| format!("{sql} AS {c}"))
            .collect();
        let same: Vec<String> = copy
            .columns
            .iter()
            .map(|(c, _)| same(c, copy.conflict.contains(c)))
            .collect();
        let origin = format!("(SELECT * FROM {} WHERE {bounds})", self.source());
        copy.shown = Statement {
            sql: format!(
                "SELECT * FROM (SELECT {} FROM {} WHERE true{}) AS said WHERE NOT EXISTS (SELECT 1 FROM {} AS kept WHERE {}) LIMIT 1",
                list(&said, "its columns"),
                self.from(&origin),
                self.filter(),
                self.target(),
                if same.is_empty() {
                    "/* its columns are the same */ true".to_owned()
                } else {
                    same.join(" AND ")
                }
            ),
            ..copy.shown.doing(Kind::Compare, copy.estimated_rows)
        };
        copy
    }
}
