//! SQLite's triggers that keep another table in step, and the batches of a copy there.
//!
//! Triggers run in the statement that fires them, and there is one writer at a time: between two
//! batches writers get in, and what they write is in both tables or in none. Two of SQLite's ways
//! need care. `OR REPLACE` takes rows away without firing a trigger (unless
//! `recursive_triggers` is on): their copies are found by the unique keys that both tables have
//! (manual, `lang_conflict`). And `OR IGNORE` of the statement that fires a trigger holds inside of
//! it (`lang_createtrigger`): each trigger looks whether its row is there, so that nothing is left
//! out in silence.

mod batches;
mod unique;

use super::{equal, list};
use crate::dialect::quote;
use crate::dialect::statement::Work;
use crate::document::Engine;
use crate::operation::sqlite::{must, rowid, without_rowid, write};
use crate::plan::{Lock, Statement};
use crate::schema::{Shadow, Table, TableName, World};

use unique::others;
pub(in crate::operation) use unique::refuse;

fn named(name: &str) -> String {
    quote::name(Engine::Sqlite, name)
}

/// Columns of the target with their sources, and the predicate.
type SharedKey = (Vec<(String, String)>, Option<String>);

/// The texts of one link.
pub(in crate::operation) struct Link<'a> {
    world: &'a World,
    source: &'a TableName,
    shadow: &'a Shadow,
}

impl<'a> Link<'a> {
    pub(in crate::operation) fn new(
        world: &'a World,
        source: &'a TableName,
        shadow: &'a Shadow,
    ) -> Self {
        Self {
            world,
            source,
            shadow,
        }
    }

    /// The table as SQL, and what expressions call it.
    fn source(&self) -> String {
        named(&self.source.name)
    }

    fn target(&self) -> String {
        named(&self.shadow.target.name)
    }

    fn entry(&self) -> Option<&'a Table> {
        self.world
            .table(self.source)
            .filter(|t| !t.columns.is_empty())
    }

    fn expression(&self, column: &str) -> &str {
        self.shadow.expression(column).unwrap_or("NULL")
    }

    /// FROM for rows of that origin.
    fn from(&self, origin: &str) -> String {
        let each = match &self.shadow.each {
            Some(each) => format!(", {}", each.trim()),
            None => String::new(),
        };
        format!("{origin} AS {}{each}", self.source())
    }

    fn filter(&self) -> String {
        match &self.shadow.filter {
            Some(sql) => format!(" AND ({})", sql.trim()),
            None => String::new(),
        }
    }

    /// The condition that finds the row which fired the trigger.
    fn own(&self, row: &str) -> String {
        let alias = self.source();
        let by = |columns: &[String]| {
            equal(columns.iter().map(|c| {
                let c = named(c);
                (format!("{alias}.{c}"), format!("{row}.{c}"))
            }))
        };
        match self.entry() {
            Some(table) if without_rowid(table) => by(&table.primary_key),
            Some(table) => match rowid(table) {
                Some(rowid) => format!("{alias}.{rowid} = {row}.{rowid}"),
                None => by(&table.primary_key),
            },
            None => format!("{alias}.rowid = {row}.rowid"),
        }
    }

    fn key(&self) -> Vec<String> {
        self.shadow.key.iter().map(|c| named(c)).collect()
    }

    /// The columns that are written, and what is written to them.
    fn values(&self) -> (Vec<String>, Vec<&str>) {
        self.shadow
            .columns
            .iter()
            .map(|(column, sql)| (named(column), sql.as_str()))
            .unzip()
    }

    fn insert(&self, origin: &str, condition: &str) -> String {
        let (columns, values) = self.values();
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM {} WHERE {condition}{}",
            self.target(),
            list(&columns, "its columns"),
            list(&values, "its columns"),
            self.from(origin),
            self.filter()
        )
    }

    fn upsert(&self) -> String {
        let set: Vec<String> = self
            .shadow
            .columns
            .iter()
            .filter(|(c, _)| !self.shadow.key.contains(c))
            .map(|(c, _)| format!("{0} = excluded.{0}", named(c)))
            .collect();
        let then = if set.is_empty() {
            "NOTHING".to_owned()
        } else {
            format!("UPDATE SET {}", set.join(", "))
        };
        format!("ON CONFLICT ({}) DO {then}", list(&self.key(), "its key"))
    }

    /// Whether the row has its place in the copy by columns of its own, as they are.
    fn is_plain(&self) -> bool {
        self.shadow.each.is_none() && self.shadow.key.iter().all(|c| self.taken(c).is_some())
    }

    /// The column of the source that a column of the target is, as it stands.
    fn taken(&self, column: &str) -> Option<&'a str> {
        let sql = self.shadow.expression(column)?;
        let columns = &self.entry()?.columns;
        let alias = self.source();
        let found = columns.iter().find(|c| {
            let own = named(&c.name);
            own == sql || format!("{alias}.{own}") == sql
        })?;
        Some(found.name.as_str())
    }

    /// A condition that no row of the table has its place where the copy's row is; `row` is the
    /// row which had.
    fn nobody_there(&self, row: &str) -> String {
        let (alias, target) = (self.source(), self.target());
        let same = equal(self.shadow.key.iter().map(|c| {
            let place = match self.taken(c).filter(|_| self.shadow.each.is_none()) {
                Some(column) => format!("{alias}.{}", named(column)),
                None => format!("({})", self.expression(c)),
            };
            (place, format!("{target}.{}", named(c)))
        }));
        // An expression has no index: the row is found by its own key.
        let row = if self.is_plain() {
            String::new()
        } else {
            format!("{} AND ", self.own(row))
        };
        format!(
            "NOT EXISTS (SELECT 1 FROM {} WHERE {row}{same}{})",
            self.from(&self.source()),
            self.filter()
        )
    }

    /// Takes the copies of what the row was away, where no row has their place any more.
    fn delete(&self, condition: &str) -> String {
        let columns: Vec<String> = self
            .entry()
            .map(|t| t.columns.as_slice())
            .unwrap_or_default()
            .iter()
            .map(|c| format!("OLD.{0} AS {0}", named(&c.name)))
            .collect();
        let places: Vec<String> = self
            .shadow
            .key
            .iter()
            .map(|c| self.expression(c).to_owned())
            .collect();
        let was = format!("(SELECT {})", list(&columns, "its columns"));
        let key = list(&self.key(), "its key");
        let key = if self.shadow.key.len() == 1 {
            key
        } else {
            format!("({key})")
        };
        format!(
            "DELETE FROM {} WHERE {condition}{key} IN (SELECT {} FROM {})\n    AND {}",
            self.target(),
            list(&places, "its key"),
            self.from(&was),
            self.nobody_there("OLD")
        )
    }

    /// The unique keys that the two tables share beside the one that the copy goes by: columns of
    /// the target with their sources, and the predicate.
    fn shared(&self) -> Vec<SharedKey> {
        let Some(table) = self.entry().filter(|_| self.is_plain()) else {
            return Vec::new();
        };
        others(table, &self.shadow.source_key)
            .into_iter()
            .filter_map(|unique| {
                let pairs = unique
                    .columns
                    .iter()
                    .map(|c| Some((self.takes(c)?, c.clone())))
                    .collect::<Option<Vec<_>>>()?;
                Some((pairs, unique.predicate))
            })
            .collect()
    }

    fn takes(&self, source: &str) -> Option<String> {
        let found = self.shadow.columns.iter().find(|(c, _)| {
            self.taken(c)
                .is_some_and(|t| t.eq_ignore_ascii_case(source))
        })?;
        Some(found.0.clone())
    }

    /// What REPLACE took away without a word, found by the keys for which it did.
    fn replaced(&self) -> Vec<String> {
        self.shared()
            .into_iter()
            .map(|(pairs, predicate)| {
                let (theirs, own): (Vec<String>, Vec<String>) = pairs
                    .iter()
                    .map(|(target, source)| {
                        (
                            format!("{}.{}", self.target(), named(target)),
                            format!("NEW.{}", named(source)),
                        )
                    })
                    .unzip();
                let predicate = predicate.map(|p| format!(" AND ({p})")).unwrap_or_default();
                format!(
                    "DELETE FROM {} WHERE {}{predicate}\n    AND {}",
                    self.target(),
                    equal(theirs.into_iter().zip(own)),
                    self.nobody_there("NEW")
                )
            })
            .chain(self.of_the_row_before())
            .collect()
    }

    /// Where one row becomes several: what a row that was replaced had left of them under the same
    /// key.
    fn of_the_row_before(&self) -> Option<String> {
        if self.is_plain() {
            return None;
        }
        let pairs: Vec<(String, String)> = self
            .shadow
            .key
            .iter()
            .filter_map(|c| {
                let theirs = format!("{}.{}", self.target(), named(c));
                Some((theirs, format!("NEW.{}", named(self.taken(c)?))))
            })
            .collect();
        let whole = self
            .shadow
            .source_key
            .iter()
            .all(|c| self.shadow.key.iter().any(|k| self.taken(k) == Some(c)));
        if pairs.is_empty() || !whole {
            return None;
        }
        Some(format!(
            "DELETE FROM {} WHERE {}\n    AND {}",
            self.target(),
            equal(pairs.into_iter()),
            self.nobody_there("NEW")
        ))
    }

    /// `OR IGNORE` would leave a row out that the copy does not take.
    fn is_there(&self) -> String {
        let (columns, values) = self.values();
        let said: Vec<String> = columns
            .iter()
            .zip(values)
            .map(|(c, sql)| format!("{sql} AS {c}"))
            .collect();
        let key = self.key();
        let same: Vec<String> = columns.iter().map(|c| same(c, key.contains(c))).collect();
        let message = format!(
            "{} does not take what {} does",
            self.shadow.target, self.source
        );
        format!(
            "SELECT RAISE(ABORT, {}) FROM (SELECT {} FROM {} WHERE {}{}) AS said\n    WHERE NOT EXISTS (SELECT 1 FROM {} AS kept WHERE {})",
            quote::literal(Engine::Sqlite, &message),
            list(&said, "its columns"),
            self.from(&self.source()),
            self.own("NEW"),
            self.filter(),
            self.target(),
            if same.is_empty() {
                "/* its columns are the same */ true".to_owned()
            } else {
                same.join(" AND ")
            }
        )
    }

    /// The triggers.
    pub(in crate::operation) fn triggers(&self) -> Vec<String> {
        let [insert, update, delete] = self.shadow.sqlite_triggers();
        let mut copy: Vec<String> = self.replaced();
        copy.push(format!(
            "{}\n    {}",
            self.insert(&self.source(), &self.own("NEW")),
            self.upsert()
        ));
        copy.push(self.is_there());
        let moved = if self.is_plain() && self.shadow.filter.is_none() {
            let changed: Vec<String> = self
                .shadow
                .key
                .iter()
                .filter_map(|c| self.taken(c))
                .map(|c| format!("OLD.{0} IS NOT NEW.{0}", named(c)))
                .collect();
            format!("({}) AND ", changed.join(" OR "))
        } else {
            String::new()
        };
        let mut changed = vec![self.delete(&moved)];
        changed.extend(copy.clone());
        // JSON may spell a slash as an escape, and must here: `*/` would end the comment.
        let marker = self.shadow.marker().replace('/', "\\/");
        let trigger = |name: &str, event: &str, body: &[String]| {
            let body: String = body.iter().map(|s| format!("  {s};\n")).collect();
            format!(
                "CREATE TRIGGER {} AFTER {event} ON {}\nBEGIN\n  /* {marker} */\n{body}END",
                named(name),
                self.source()
            )
        };
        vec![
            trigger(&insert, "INSERT", &copy),
            trigger(&update, "UPDATE", &changed),
            trigger(&delete, "DELETE", &[self.delete("")]),
        ]
    }

    /// What installs them.
    pub(in crate::operation) fn install(&self) -> Vec<Statement> {
        self.triggers().into_iter().map(write).collect()
    }

    /// What the triggers will do, done to no row: one that cannot run would fail every write of the
    /// applications.
    pub(in crate::operation) fn tried(&self) -> Statement {
        let insert = self.insert(&self.source(), "false");
        write(format!("{insert} {}", self.upsert()))
    }

    /// What takes them away, where they are there.
    pub(in crate::operation) fn remove(&self) -> Vec<Statement> {
        let drop = |name: &String| write(format!("DROP TRIGGER IF EXISTS {}", named(name)));
        self.shadow.sqlite_triggers().iter().map(drop).collect()
    }

    /// Fails, when it is sent, where the copy does not follow the table any more.
    pub(in crate::operation) fn must_be_in_step(&self) -> Statement {
        let text = |text: &String| quote::literal(Engine::Sqlite, text);
        let names: Vec<String> = self.shadow.sqlite_triggers().iter().map(text).collect();
        must(
            &format!(
                "(SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = {} COLLATE NOCASE AND name IN ({})) = 3",
                text(&self.source.name),
                names.join(", ")
            ),
            &format!(
                "{} is not kept in step with {} any more, and cannot take its place",
                self.shadow.target, self.source
            ),
        )
    }

    /// Fails, when it is sent, where the copy holds rows already: they would stay beside the copied
    /// ones.
    pub(in crate::operation) fn must_be_empty(&self) -> Statement {
        must(
            &format!("NOT EXISTS (SELECT 1 FROM {})", self.target()),
            &format!(
                "{} holds rows already; a copy begins with an empty table",
                self.shadow.target
            ),
        )
    }

    /// Empties the copy.
    pub(in crate::operation) fn empty(&self) -> Statement {
        Statement::new(
            format!("DELETE FROM {}", self.target()),
            Lock::DatabaseWrite,
            Work::Rewrite,
            self.world.rows(self.source),
        )
    }
}

/// A column of the copy holds what was said, to the letter.
fn same(column: &str, key: bool) -> String {
    if key {
        format!("kept.{column} = said.{column}")
    } else {
        format!("kept.{column} COLLATE BINARY IS said.{column}")
    }
}
