//! The batches that copy a table to another one and compare the two, for the executor.

use super::{Texts, list, named, qualified};
use crate::estimate::Kind;
use crate::operation::backfill::bounds;
use crate::plan::{Lock, Statement, TableCopy, Wait, WalkKey};

impl Texts<'_> {
    /// The copy for the executor.
    pub(in crate::operation) fn copy(&self, key: WalkKey) -> TableCopy {
        let engine = self.world.engine;
        let lock = self.lock();
        let rows = self.world.rows(self.source);
        let key_copies: Vec<String> = match &key {
            WalkKey::Key { columns } => columns
                .iter()
                .filter_map(|(c, _)| self.shadow.takes(engine, c))
                .map(named)
                .collect(),
            WalkKey::RowId { .. } | WalkKey::Ctid | WalkKey::Unknown => Vec::new(),
        };
        let all = matches!(&key, WalkKey::Key { columns } if columns.len() == key_copies.len());
        let bounds = bounds(engine, &key);
        let rows_sql = format!(
            "(SELECT * FROM {} WHERE {bounds} {})",
            qualified(self.source),
            lock.sql()
        );
        let shown = Statement {
            scans_table: true,
            wait: Wait::Patient,
            ..Statement::brief(
                format!(
                    "{}{} ON CONFLICT ({}) DO NOTHING",
                    self.insert(&rows_sql),
                    self.filter("WHERE"),
                    list(&self.conflict(), "its key")
                ),
                Lock::RowExclusive,
            )
            .doing(Kind::Copy, rows)
        };
        TableCopy {
            table: self.source.clone(),
            table_sql: qualified(self.source),
            alias: self.alias(),
            shadow: self.shadow.target.clone(),
            shadow_sql: self.target(),
            columns: self
                .shadow
                .columns
                .iter()
                .map(|(c, sql)| (named(c), sql.clone()))
                .collect(),
            conflict: self.conflict(),
            filter: self.shadow.filter.clone(),
            each: self.shadow.each.clone(),
            key,
            key_copies: if all { key_copies } else { Vec::new() },
            trigger: self.shadow.trigger.clone(),
            lock,
            batch_size: None,
            pause_ms: 0,
            estimated_rows: rows,
            shown,
        }
    }

    /// The comparison for the executor.
    pub(in crate::operation) fn compare(&self, key: WalkKey) -> TableCopy {
        let mut copy = self.copy(key);
        let bounds = bounds(self.world.engine, &copy.key);
        let values: Vec<String> = copy
            .columns
            .iter()
            .map(|(c, sql)| format!("{sql} AS {c}"))
            .collect();
        let same: Vec<String> = copy
            .columns
            .iter()
            .map(|(c, _)| format!("kept.{c} IS NOT DISTINCT FROM said.{c}"))
            .collect();
        copy.shown = Statement {
            sql: format!(
                "SELECT * FROM (SELECT {} FROM {}{}) AS said WHERE NOT EXISTS (SELECT FROM {} AS kept WHERE {}) LIMIT 1",
                list(&values, "its columns"),
                self.from(&format!(
                    "(SELECT * FROM {} WHERE {bounds})",
                    qualified(self.source)
                )),
                self.filter("WHERE"),
                self.target(),
                if same.is_empty() {
                    "/* its columns are the same */ true".to_owned()
                } else {
                    same.join(" AND ")
                }
            ),
            lock: Lock::AccessShare,
            ..copy.shown.doing(Kind::Compare, copy.estimated_rows)
        };
        copy
    }
}
