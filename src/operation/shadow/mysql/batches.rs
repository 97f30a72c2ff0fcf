//! The batches that copy a table to another one and compare the two, for the executor.

use super::super::list;
use super::{NO_VALUE, Texts};
use crate::dialect::column_definition;
use crate::dialect::quote;
use crate::document::Engine;
use crate::estimate::Kind;
use crate::operation::backfill::bounds;
use crate::plan::{Lock, RowLock, Statement, TableCopy, Wait, WalkKey};

impl Texts<'_> {
    /// The condition that a row which is there is the one that is copied.
    fn itself(&self) -> String {
        let same: Vec<String> = self
            .shadow
            .key
            .iter()
            .map(|c| format!("{0}.{1} <=> VALUES({1})", self.target(), self.name(c)))
            .collect();
        same.join(" AND ")
    }

    /// The copy for the executor.
    pub(in crate::operation) fn copy(&self, key: WalkKey) -> TableCopy {
        let engine = self.world.engine;
        let rows = self.world.rows(self.source);
        let key_copies: Vec<String> = match &key {
            WalkKey::Key { columns } => columns
                .iter()
                .filter_map(|(c, _)| self.shadow.takes(engine, c))
                .map(|c| self.name(c))
                .collect(),
            WalkKey::RowId { .. } | WalkKey::Ctid | WalkKey::Unknown => Vec::new(),
        };
        let all = matches!(&key, WalkKey::Key { columns } if columns.len() == key_copies.len());
        let conflict: Vec<String> = self.shadow.key.iter().map(|c| self.name(c)).collect();
        let condition = match &self.shadow.filter {
            Some(_) => format!("{} AND {}", bounds(engine, &key), self.filter()),
            None => bounds(engine, &key),
        };
        let locking = match engine {
            Engine::MySql => "FOR SHARE NOWAIT",
            Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite => "LOCK IN SHARE MODE NOWAIT",
        };
        let first = match conflict.first() {
            Some(c) => format!(
                "{0}.{c} = IF({1}, {0}.{c}, {NO_VALUE})",
                self.target(),
                self.itself()
            ),
            None => "/* its key as it is */".to_owned(),
        };
        let source = quote::table(engine, self.source);
        let shown = Statement {
            scans_table: true,
            wait: Wait::Patient,
            ..Statement::brief(
                format!(
                    "{} {locking} ON DUPLICATE KEY UPDATE {first}",
                    self.select(&source, &condition)
                ),
                Lock::MetadataWrite,
            )
            .doing(Kind::Copy, rows)
        };
        TableCopy {
            table: self.source.clone(),
            table_sql: source,
            alias: self.alias(),
            shadow: self.shadow.target.clone(),
            shadow_sql: self.target(),
            columns: self.columns().map(|(c, sql)| (c, sql.to_owned())).collect(),
            conflict,
            filter: self.shadow.filter.clone(),
            each: self.shadow.each.clone(),
            key,
            key_copies: if all { key_copies } else { Vec::new() },
            trigger: self.shadow.trigger.clone(),
            lock: RowLock::Share,
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
        let place: Vec<String> = copy
            .conflict
            .iter()
            .map(|c| format!("kept.{c} = said.{c}"))
            .collect();
        let known = self.world.table(&self.shadow.target);
        let other: Vec<String> = self
            .shadow
            .columns
            .iter()
            .filter(|(c, _)| !self.shadow.key.contains(c))
            .map(|(c, _)| {
                let data_type = known
                    .and_then(|t| t.column(c))
                    .map_or("int", |c| c.data_type.as_str());
                let name = self.name(c);
                let (left, right) = (format!("kept.{name}"), format!("said.{name}"));
                column_definition::differ(Some(data_type), &left, &right)
            })
            .collect();
        let mut wrong = vec![match copy.conflict.first() {
            Some(c) => format!("kept.{c} IS NULL"),
            None => "/* it is not there */ false".to_owned(),
        }];
        wrong.extend(other);
        let condition = match &self.shadow.filter {
            Some(_) => format!("{bounds} AND {}", self.filter()),
            None => bounds,
        };
        copy.shown = Statement {
            sql: format!(
                "SELECT * FROM (SELECT {} FROM {} WHERE {condition}) AS said LEFT JOIN {} AS kept ON {} WHERE {} LIMIT 1",
                list(&values, "its columns"),
                self.from(&quote::table(self.world.engine, self.source)),
                self.target(),
                if place.is_empty() {
                    "/* its key */ true".to_owned()
                } else {
                    place.join(" AND ")
                },
                wrong.join(" OR ")
            ),
            lock: Lock::MetadataRead,
            ..copy.shown.doing(Kind::Compare, copy.estimated_rows)
        };
        copy
    }
}
