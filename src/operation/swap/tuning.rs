//! What people told the server of a table so that it stores and plans it well: storage parameters
//! and statistics, there and back.

use super::{Swap, alter, block};
use crate::dialect::{lexer, quote, reword};
use crate::document::Engine;
use crate::operation::restore;
use crate::operation::shadow::{literal, named, qualified};
use crate::plan::{Lock, Statement};
use crate::schema::{AttachedStatistics, Column, TableName};

/// What stands between ON and FROM of CREATE STATISTICS.
fn over(definition: &str) -> Option<&str> {
    let tokens = lexer::significant(Engine::PostgreSql, definition).ok()?;
    let on = tokens.iter().find(|t| t.is("on"))?;
    let from = tokens.iter().find(|t| t.is("from"))?;
    definition.get(on.end()..from.start).map(str::trim)
}

impl Swap<'_> {
    /// Storage parameters, statistics targets and extended statistics.
    pub(super) fn tuning(&self) -> Vec<Statement> {
        let mut out: Vec<Statement> = self
            .tuned_columns()
            .flat_map(|(column, new)| {
                let target = column.statistics.map(|t| format!("SET STATISTICS {t}"));
                let options = column.settings.iter().filter(|s| s.starts_with("SET ("));
                target
                    .into_iter()
                    .chain(options.cloned())
                    .map(move |action| {
                        alter(
                            self.table,
                            &format!("ALTER COLUMN {} {action}", named(&new)),
                        )
                    })
            })
            .collect();
        out.extend(self.options(self.table, "SET", |table| {
            // What was made with parameters of its own keeps these.
            format!("(SELECT reloptions IS NULL FROM pg_class WHERE oid = {table})")
        }));
        out.extend(self.statistics().map(|s| self.make_statistics(&s)));
        out
    }

    /// The copy is as it was before it took the table's place.
    pub(super) fn tuning_back(&self) -> Vec<Statement> {
        let mut out: Vec<Statement> = self
            .tuned_columns()
            .flat_map(|(column, new)| {
                let target = column.statistics.map(|_| "SET STATISTICS -1".to_owned());
                let options = column.settings.iter().filter_map(|s| {
                    let names: Vec<&str> = s
                        .strip_prefix("SET (")?
                        .trim_end_matches(')')
                        .split(", ")
                        .filter_map(|o| o.split('=').next())
                        .collect();
                    Some(format!("RESET ({})", names.join(", ")))
                });
                target.into_iter().chain(options).map(move |action| {
                    alter(
                        self.shadow,
                        &format!("ALTER COLUMN {} {action}", named(&new)),
                    )
                })
            })
            .collect();
        let set: Vec<String> = self
            .known_options()
            .iter()
            .filter(|o| !o.starts_with("toast."))
            .map(|o| literal(o))
            .collect();
        out.extend(self.options(self.shadow, "RESET", |table| {
            format!(
                "(SELECT reloptions IS NOT DISTINCT FROM ARRAY[{}]::text[] FROM pg_class WHERE oid = {table})",
                set.join(", ")
            )
        }));
        out.extend(self.statistics().map(|s| self.drop_statistics(&s)));
        out
    }

    /// The old table's columns, each with what the new one calls it, that the new one was not told
    /// anything of.
    fn tuned_columns(&self) -> impl Iterator<Item = (&Column, String)> {
        let shadow = self.world.table(self.shadow);
        self.entry
            .into_iter()
            .flat_map(|t| &t.columns)
            .filter_map(move |column| {
                let new = self.link.takes(self.world.engine, &column.name)?;
                let own = shadow.and_then(|t| t.column(new));
                own.is_none_or(|c| c.statistics.is_none() && c.settings.is_empty())
                    .then(|| (column, new.to_owned()))
            })
    }

    fn known_options(&self) -> &[String] {
        self.entry
            .map(|t| t.attached.options.as_slice())
            .unwrap_or_default()
    }

    /// Sets or resets the storage parameters of a table, or of its partitions, where the condition
    /// is true: a partitioned table has none of its own.
    fn options(
        &self,
        table: &TableName,
        how: &str,
        condition: impl Fn(&str) -> String,
    ) -> Option<Statement> {
        let options = self.known_options();
        if options.is_empty() {
            return None;
        }
        let list: Vec<&str> = match how {
            "SET" => options.iter().map(String::as_str).collect(),
            _ => options.iter().filter_map(|o| o.split('=').next()).collect(),
        };
        let place = literal(&qualified(table));
        let body = format!(
            " DECLARE place regclass; BEGIN FOR place IN SELECT oid::regclass FROM pg_class WHERE oid = {place}::regclass AND relkind = 'r' UNION ALL SELECT relid FROM pg_partition_tree({place}) WHERE isleaf LOOP IF {} THEN EXECUTE format('ALTER TABLE %s {how} (%s)', place, {}); END IF; END LOOP; END ",
            condition("place"),
            literal(&list.join(", "))
        );
        let fence = quote::fence(&body);
        Some(Statement::brief(
            format!("DO {fence}{body}{fence}"),
            Lock::AccessExclusive,
        ))
    }

    /// The extended statistics that the new table's columns can have, as they are made on it.
    fn statistics(&self) -> impl Iterator<Item = AttachedStatistics> {
        let entry = self.entry.into_iter();
        entry.flat_map(move |table| {
            table.attached.statistics.iter().filter_map(move |known| {
                let mut new = known.clone();
                let mentioned: Vec<&Column> = table
                    .columns
                    .iter()
                    .filter(|c| {
                        over(&known.definition).is_some_and(|list| {
                            crate::dialect::expression::mentions(Engine::PostgreSql, list, &c.name)
                        })
                    })
                    .collect();
                for column in mentioned {
                    let to = self.link.takes(self.world.engine, &column.name)?;
                    new.definition = reword::statistics_column(
                        Engine::PostgreSql,
                        &new.definition,
                        &column.name,
                        to,
                    );
                }
                Some(new)
            })
        })
    }

    /// The name that the old table's statistics have while the new one has theirs.
    fn put_by(&self, statistics: &AttachedStatistics) -> (TableName, String) {
        let name = TableName::parse(&statistics.name);
        let aside = quote::made_up(&format!("{}_{}", name.name, self.old.name));
        (name, aside)
    }

    fn make_statistics(&self, statistics: &AttachedStatistics) -> Statement {
        let (_, aside) = self.put_by(statistics);
        let made: Vec<String> = restore::attached::statistics(statistics)
            .into_iter()
            .map(|s| format!("{};", s.sql))
            .collect();
        block(
            &format!(
                "NOT EXISTS (SELECT FROM pg_statistic_ext WHERE stxrelid = {}::regclass AND substring(pg_get_statisticsobjdef(oid) FROM ' ON (.*) FROM ') = {})",
                literal(&qualified(self.table)),
                literal(over(&statistics.definition).unwrap_or_default())
            ),
            &format!(
                "ALTER STATISTICS {} RENAME TO {}; {}",
                statistics.name,
                named(&aside),
                made.join(" ")
            ),
            Lock::ShareUpdateExclusive,
        )
    }

    fn drop_statistics(&self, statistics: &AttachedStatistics) -> Statement {
        let (name, aside) = self.put_by(statistics);
        let aside_sql = qualified(&TableName {
            schema: name.schema.clone(),
            name: aside.clone(),
        });
        block(
            &format!(
                "EXISTS (SELECT FROM pg_statistic_ext WHERE stxrelid = {}::regclass AND stxname = {})",
                literal(&qualified(self.table)),
                literal(&aside)
            ),
            &format!(
                "DROP STATISTICS {}; ALTER STATISTICS {aside_sql} RENAME TO {};",
                statistics.name,
                named(&name.name)
            ),
            Lock::ShareUpdateExclusive,
        )
    }
}
