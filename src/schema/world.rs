//! The tables of a document as its operations change them, before anything runs.
//!
//! With a live schema the world is closed: what is not there is refused. Without one it is open:
//! a table is taken to be as the document says. Custom SQL that may make tables opens it too.

use std::collections::{BTreeMap, BTreeSet};

use super::texts::Texts;
use super::{Column, Constraint, DualWrite, Schema, Table, TableName, View};
use crate::dialect::create_table::{CreateTable, EditError};
use crate::dialect::expression;
use crate::dialect::quote::{CHARACTER_LIMIT, NAME_LIMIT};
use crate::dialect::types::{self, Verdict};
use crate::document::{Engine, Problem};
use crate::estimate::ASSUMED_ROWS;

/// Why an operation cannot be: the field that is to blame, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The operation's key: `column`.
    pub field: &'static str,
    /// What is the matter and what to do.
    pub message: String,
}

impl Refusal {
    /// A refusal that blames that field.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self {
            field,
            message: message.into(),
        }
    }

    /// The same one as a problem of the document; `at` is the operation's path.
    pub fn at(self, at: &str) -> Problem {
        Problem {
            line: None,
            column: None,
            path: format!("{at}.{}", self.field),
            message: self.message,
        }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct World {
    /// The engine.
    pub engine: Engine,
    /// As in [`Schema::version`].
    pub version: u32,
    /// Whether a live schema was given.
    pub live: bool,
    /// Whether SQL that people wrote is read by its first words, the parsers being left out.
    pub by_words: bool,
    /// What the copies are called by that the operation in hand keeps of what it destroys; absent
    /// where it is to keep none.
    pub saving: Option<String>,
    /// Whether custom SQL may have made what is not known.
    pub(super) loose: bool,
    pub(super) tables: BTreeMap<TableName, Table>,
    /// Tables that the live schema holds, or the document made: their columns are all known.
    pub(super) whole: BTreeSet<TableName>,
    /// Tables that the document made: nobody has written to them when they are changed.
    pub(super) made: BTreeSet<TableName>,
    /// Tables and views that the document took away, and how.
    pub(super) gone: BTreeMap<TableName, String>,
    pub(super) views: BTreeMap<TableName, View>,
    /// The types that people made; none where nobody knows them.
    types: Option<BTreeSet<String>>,
    /// Every table of the live schema, to find the nearest name.
    pub(super) names: Vec<TableName>,
    /// Names that an index may not take, by their scope: see [`scope`].
    pub(super) relations: BTreeSet<(Option<String>, String)>,
    /// Columns that the document added, with the default that the rows of then got.
    pub(super) added: BTreeMap<(TableName, String), Option<String>>,
    /// Columns that the document dropped.
    pub(super) dropped: BTreeSet<(TableName, String)>,
    /// SQLite: what is known of its texts beside them.
    pub(super) texts: Texts,
    /// Tables and columns that the document drops sooner or later.
    doomed: BTreeSet<(TableName, Option<String>)>,
}

impl World {
    /// The world before the document.
    pub fn new(engine: Engine, schema: Option<&Schema>, touched: &[TableName]) -> Self {
        let nothing = Schema::empty(engine);
        let known = schema.unwrap_or(&nothing);
        // The other ends of foreign keys belong to it: they change with these tables.
        let ends = touched
            .iter()
            .filter_map(|name| known.table(name))
            .flat_map(|table| {
                let targets = table
                    .constraints
                    .iter()
                    .filter_map(|c| c.references.as_ref());
                targets.chain(table.referenced_by.iter().map(|(name, _)| name))
            });
        // So do the tables whose triggers write one of these.
        let sources = known
            .tables
            .iter()
            .filter(|(_, table)| table.shadows.iter().any(|s| touched.contains(&s.target)))
            .map(|(name, _)| name);
        let tables: BTreeMap<TableName, Table> = touched
            .iter()
            .chain(ends)
            .chain(sources)
            .filter_map(|name| Some((name.clone(), known.table(name)?.clone())))
            .collect();
        let relations = known
            .tables
            .iter()
            .flat_map(|(name, table)| {
                let indexes = table.indexes.iter().map(|i| i.name.clone());
                let own = (!engine.is_mysql_family()).then(|| name.name.clone());
                indexes
                    .chain(own)
                    .map(|relation| (scope(engine, name), relation))
            })
            .chain(
                known
                    .views
                    .keys()
                    .filter(|_| !engine.is_mysql_family())
                    .map(|view| (view.schema.clone(), view.name.clone())),
            )
            .collect();
        Self {
            engine,
            version: known.version,
            live: schema.is_some(),
            by_words: false,
            saving: None,
            loose: false,
            whole: tables.keys().cloned().collect(),
            tables,
            made: BTreeSet::new(),
            gone: BTreeMap::new(),
            views: known.views.clone(),
            types: schema.map(|s| s.types.clone()),
            names: known.tables.keys().cloned().collect(),
            relations,
            added: BTreeMap::new(),
            dropped: BTreeSet::new(),
            texts: Texts::new(known),
            doomed: BTreeSet::new(),
        }
    }

    /// Notes what the document drops sooner or later.
    pub fn doom(&mut self, doomed: BTreeSet<(TableName, Option<String>)>) {
        self.doomed = doomed;
    }

    /// Whether the rows that a foreign key points to lose what it points to before the document is
    /// over: when it comes back they are gone, or without their values.
    pub fn is_doomed(&self, key: &Constraint) -> bool {
        let Some(target) = &key.references else {
            return false;
        };
        self.doomed.iter().any(|(table, column)| {
            table == target
                && column.as_ref().is_none_or(|column| {
                    expression::mentions_after(self.engine, &key.definition, "references", column)
                })
        })
    }

    /// The table, as far as it is known.
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        self.tables.get(name)
    }

    /// The column, as far as it is known.
    pub fn column(&self, table: &TableName, column: &str) -> Option<&Column> {
        self.table(table)?.column(column)
    }

    /// Rows of the table; the worst plausible number where nobody knows.
    pub fn rows(&self, name: &TableName) -> u64 {
        match self.table(name) {
            Some(table) if self.whole.contains(name) => table.rows,
            Some(_) | None => ASSUMED_ROWS,
        }
    }

    /// Whether the live schema shows the table.
    pub fn is_whole(&self, name: &TableName) -> bool {
        self.whole.contains(name)
    }

    /// Whether the document added the column; the default that the rows of then got.
    pub fn added(&self, table: &TableName, column: &str) -> Option<Option<&str>> {
        self.added
            .get(&(table.clone(), column.to_owned()))
            .map(Option::as_deref)
    }

    /// The dual writes that name the column.
    pub fn dual_writes(&self, table: &TableName, column: &str) -> Vec<&DualWrite> {
        self.table(table)
            .map(|t| t.dual_writes.iter().filter(|d| d.names(column)).collect())
            .unwrap_or_default()
    }

    /// Custom SQL ran whose effect on tables is not known: nothing is refused for being absent.
    pub fn loosen(&mut self) {
        self.loose = true;
    }

    /// The table to change; refused where the live schema shows that it is not there.
    pub fn table_mut(
        &mut self,
        field: &'static str,
        name: &TableName,
    ) -> Result<&mut Table, Refusal> {
        if !self.tables.contains_key(name)
            && let Some(how) = self.gone.get(name)
        {
            return Err(Refusal::new(field, format!("{name} {how}")));
        }
        if self.live && !self.loose && !self.tables.contains_key(name) {
            let nearest = nearest(
                &name.to_string(),
                self.names.iter().map(ToString::to_string),
            );
            return Err(Refusal::new(
                field,
                format!("the target has no table {name}{nearest}"),
            ));
        }
        Ok(self.tables.entry(name.clone()).or_default())
    }

    /// The column to change, `None` where it is not known; refused where it is known not to be
    /// there.
    pub fn column_mut(
        &mut self,
        table_name: &TableName,
        field: &'static str,
        column: &str,
    ) -> Result<Option<&mut Column>, Refusal> {
        let dropped = self
            .dropped
            .contains(&(table_name.clone(), column.to_owned()));
        let closed = self.whole.contains(table_name) && !self.loose;
        let table = self.table_mut("table", table_name)?;
        let at = table.columns.iter().position(|c| c.name == column);
        match at {
            Some(at) => Ok(table.columns.get_mut(at)),
            None if dropped => Err(Refusal::new(
                field,
                format!("{table_name}.{column} was dropped earlier in this document"),
            )),
            None if closed => {
                let nearest = nearest(column, table.columns.iter().map(|c| c.name.clone()));
                Err(Refusal::new(
                    field,
                    format!("{table_name} has no column {column}{nearest}"),
                ))
            }
            None => Ok(None),
        }
    }

    /// Refuses a column that is known not to be there.
    pub fn need_column(
        &mut self,
        table: &TableName,
        field: &'static str,
        column: &str,
    ) -> Result<(), Refusal> {
        self.column_mut(table, field, column).map(|_| ())
    }

    /// Refuses a type that neither the engine nor, as far as is known, the target has.
    pub fn check_type(&self, field: &'static str, text: &str) -> Result<(), Refusal> {
        match self.judge_type(text) {
            Verdict::Known | Verdict::Unsure(_) => Ok(()),
            Verdict::Wrong(message) => Err(Refusal::new(field, message)),
        }
    }

    /// What can be said of a type here. SQL of one's own may have made any.
    pub fn judge_type(&self, text: &str) -> Verdict {
        let made = self.types.as_ref().filter(|_| !self.loose);
        types::judge(self.engine, text, made)
    }

    /// Refuses a name that is longer than the engine takes, or an empty one.
    pub fn check_name(&self, field: &'static str, name: &str) -> Result<(), Refusal> {
        if name.trim().is_empty() {
            return Err(Refusal::new(field, "the name is empty"));
        }
        let too_long = match self.engine {
            Engine::PostgreSql if name.len() > NAME_LIMIT => Some(format!(
                "the name has {} bytes, and PostgreSQL cuts names off after {NAME_LIMIT}; choose a shorter one",
                name.len()
            )),
            Engine::MySql | Engine::MariaDb if name.chars().count() > CHARACTER_LIMIT => {
                Some(format!(
                    "the name has {} characters, and {} takes {CHARACTER_LIMIT} at most; choose a shorter one",
                    name.chars().count(),
                    self.engine.title()
                ))
            }
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb | Engine::Sqlite => None,
        };
        if let Some(message) = too_long {
            return Err(Refusal::new(field, message));
        }
        if name.contains('\0') {
            return Err(Refusal::new(field, "a name cannot hold the character 0"));
        }
        Ok(())
    }

    /// Puts a column in, under a name that must be free.
    pub fn add_column(&mut self, name: &TableName, column: Column) -> Result<(), Refusal> {
        self.check_name("column", &column.name)?;
        let default = column.default.clone();
        let own = column.name.clone();
        let table = self.table_mut("table", name)?;
        if table.column(&own).is_some() {
            return Err(Refusal::new(
                "column",
                format!("{name} already has a column {own}"),
            ));
        }
        table.columns.push(column);
        self.dropped.remove(&(name.clone(), own.clone()));
        self.added.insert((name.clone(), own), default);
        Ok(())
    }

    /// Takes the name of an index, which must be free.
    pub fn add_relation(
        &mut self,
        field: &'static str,
        table: &TableName,
        name: &str,
    ) -> Result<(), Refusal> {
        self.check_name(field, name)?;
        let fresh = self
            .relations
            .insert((scope(self.engine, table), name.to_owned()));
        if fresh {
            Ok(())
        } else {
            Err(Refusal::new(
                field,
                format!("the name {name} is taken by another index or table"),
            ))
        }
    }

    /// Whether nothing is known of a constraint or index that is not there.
    pub fn may_be_there(&self, table: &TableName) -> bool {
        self.loose || !self.whole.contains(table)
    }

    /// Edits SQLite's text of the table, where it is known.
    pub fn edit_text(
        &mut self,
        name: &TableName,
        field: &'static str,
        edit: impl FnOnce(&mut CreateTable) -> Result<(), EditError>,
    ) -> Result<(), Refusal> {
        if self.engine != Engine::Sqlite {
            return Ok(());
        }
        let table = self.table_mut("table", name)?;
        let Some(sql) = &table.create_sql else {
            return Ok(());
        };
        let refuse = |e: EditError| Refusal::new(field, format!("{name}: {e}"));
        let mut text = CreateTable::parse(sql).map_err(refuse)?;
        edit(&mut text).map_err(refuse)?;
        table.create_sql = Some(text.text(&name.name));
        Ok(())
    }
}

/// Where the name of an index must be free: PostgreSQL and SQLite have one list for the tables
/// and indexes of a schema, MySQL and MariaDB one for the indexes of each table.
pub(super) fn scope(engine: Engine, table: &TableName) -> Option<String> {
    if engine.is_mysql_family() {
        Some(table.to_string())
    } else {
        table.schema.clone()
    }
}

/// `; did you mean users?`, where something comes near.
pub(super) fn nearest(word: &str, known: impl Iterator<Item = String>) -> String {
    known
        .map(|name| (strsim::damerau_levenshtein(word, &name), name))
        .filter(|(distance, name)| *distance <= 2.max(name.len() / 3))
        .min()
        .map(|(_, name)| format!("; did you mean {name}?"))
        .unwrap_or_default()
}
