//! A database's tables in memory: what the catalogue says, and what a document makes of it.
//!
//! The server reads a [`Schema`] from the target; the page gets the same value over the wire.
//! Both hand it to the planner.

mod apply;
mod attached;
mod copies;
mod drops;
mod dual_write;
mod fingerprint;
mod relations;
mod renames;
#[cfg(test)]
pub(crate) mod sample;
mod shadow;
mod texts;
mod triggers;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use attached::{
    Attached, AttachedComment, AttachedKey, AttachedSequence, AttachedStatistics, AttachedTrigger,
    Commented, Policy,
};
pub use dual_write::{TRIGGER_STEM, is_dual_write_trigger};
pub use shadow::{SHADOW_STEM, Shadow, is_shadow_trigger, sqlite_shadow_triggers};
pub(crate) use texts::{created, is_bellows_trigger};
pub use world::{Refusal, World};

use crate::document::Engine;

/// A table's name, qualified where its schema is not the engine's default one
/// (`public` on PostgreSQL, `main` on SQLite).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct TableName {
    /// Absent for the default schema.
    pub schema: Option<String>,
    /// The bare name, as the catalogue spells it.
    pub name: String,
}

impl From<String> for TableName {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

impl From<TableName> for String {
    fn from(name: TableName) -> Self {
        name.to_string()
    }
}

impl TableName {
    /// Reads `table` or `schema.table`. A part that is wholly in double quotes is what stands in
    /// them, dots and all; a quote anywhere else is a character of the name. `public.t` and
    /// `main.t` are `t`.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let (first, rest) = match quoted(text) {
            Some((first, "")) => (first, None),
            Some((first, rest)) if rest.starts_with('.') => (first, Some(&rest[1..])),
            Some(_) | None => match text.split_once('.') {
                Some((first, rest)) => (first.to_owned(), Some(rest)),
                None => (text.to_owned(), None),
            },
        };
        let Some(rest) = rest else {
            return Self {
                schema: None,
                name: first,
            };
        };
        let name = match quoted(rest) {
            Some((name, "")) => name,
            Some(_) | None => rest.to_owned(),
        };
        Self {
            schema: Some(first).filter(|s| s != "public" && s != "main"),
            name,
        }
    }
}

/// The name in the double quotes that a text begins with, and what follows them.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text.strip_prefix('"')?;
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

impl std::fmt::Display for TableName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |text: &str| {
            if text.contains(['.', '"']) || text.trim() != text {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text.to_owned()
            }
        };
        match &self.schema {
            Some(schema) => write!(f, "{}.{}", part(schema), part(&self.name)),
            None => f.write_str(&part(&self.name)),
        }
    }
}

/// Everything of a database that a plan looks at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    /// The engine it was read from.
    pub engine: Engine,
    /// PostgreSQL: `server_version_num` (150018); MySQL: 80036 for 8.0.36; MariaDB: 101106 for
    /// 10.11.6; SQLite: 3040001.
    pub version: u32,
    /// Every table, without Bellows' own.
    pub tables: BTreeMap<TableName, Table>,
    /// Every view, whatever it reads.
    #[serde(default)]
    pub views: BTreeMap<TableName, View>,
    /// PostgreSQL: the types that people and extensions made, as a document names them (`mood`,
    /// `billing.state`).
    #[serde(default)]
    pub types: BTreeSet<String>,
    /// PostgreSQL: those of them that are domains.
    #[serde(default)]
    pub domains: BTreeMap<TableName, Domain>,
    /// PostgreSQL: the functions that people and extensions made; of several with one name the one
    /// that keeps the least.
    #[serde(default)]
    pub functions: BTreeMap<TableName, Stability>,
    /// MySQL and MariaDB: why the account that looked may make no triggers, and what it lacks.
    #[serde(default)]
    pub trigger_problem: Option<String>,
}

/// A domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Domain {
    /// The type that it is over, as `format_type` prints it.
    pub base: String,
    /// Whether it, or a domain that it is over, has a CHECK or is NOT NULL.
    pub constrained: bool,
}

/// What a function keeps to, as it says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stability {
    /// The same for the same arguments, for ever.
    Immutable,
    /// The same within a statement.
    Stable,
    /// Nothing.
    Volatile,
}

/// A version as people write it (`17`, `8.0.36`, `3.45.1`) as it stands in [`Schema::version`].
pub fn version_number(engine: Engine, text: &str) -> Option<u32> {
    let parts: Vec<u32> = text
        .trim()
        .split('.')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let [first, second, third] = [0, 1, 2].map(|at| parts.get(at).copied().unwrap_or(0));
    let fits = (1..=99).contains(&first) && second < 100 && third < 100 && parts.len() <= 3;
    fits.then_some(match engine {
        Engine::PostgreSql => first * 10_000 + second,
        Engine::MySql | Engine::MariaDb => first * 10_000 + second * 100 + third,
        Engine::Sqlite => first * 1_000_000 + second * 1_000 + third,
    })
}

/// One view.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// Its SELECT, as the catalogue prints it.
    pub definition: String,
    /// A materialized view.
    #[serde(default)]
    pub materialized: bool,
    /// SQLite: the names of its columns, where they are written before the SELECT.
    #[serde(default)]
    pub columns: Vec<String>,
    /// PostgreSQL: its options: `security_barrier=true`. MySQL and MariaDB: what stands before VIEW
    /// and behind the query: `ALGORITHM=MERGE`, `SQL SECURITY INVOKER`, `WITH CASCADED CHECK OPTION`.
    #[serde(default)]
    pub options: Vec<String>,
    /// PostgreSQL: privileges as `(grantee quoted as SQL, privilege, grantable)`.
    #[serde(default)]
    pub grants: Vec<(String, String, bool)>,
    /// PostgreSQL: its comment.
    #[serde(default)]
    pub comment: Option<String>,
    /// PostgreSQL: the owner, quoted as SQL.
    #[serde(default)]
    pub owner: Option<String>,
    /// PostgreSQL: privileges on columns as `(column, grantee, privilege, grantable)`.
    #[serde(default)]
    pub column_grants: Vec<(String, String, String, bool)>,
    /// PostgreSQL: comments on columns.
    #[serde(default)]
    pub column_comments: Vec<(String, String)>,
    /// PostgreSQL: defaults of its columns, for those who insert into it.
    #[serde(default)]
    pub column_defaults: Vec<(String, String)>,
    /// PostgreSQL: its triggers.
    #[serde(default)]
    pub triggers: Vec<AttachedTrigger>,
    /// The tables and views that it reads, as far as is known.
    #[serde(default)]
    pub reads: Vec<TableName>,
}

/// One table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// In the table's order.
    pub columns: Vec<Column>,
    /// The primary key's columns in the key's order; empty where there is none.
    pub primary_key: Vec<String>,
    /// Every index but the primary key's own.
    pub indexes: Vec<Index>,
    /// CHECK, UNIQUE and FOREIGN KEY constraints (not the primary key).
    pub constraints: Vec<Constraint>,
    /// Dual writes installed by Bellows, by the document or as found.
    #[serde(default)]
    pub dual_writes: Vec<DualWrite>,
    /// Tables that triggers of Bellows keep in step with this one.
    #[serde(default)]
    pub shadows: Vec<Shadow>,
    /// PostgreSQL: what else hangs on it.
    #[serde(default)]
    pub attached: Attached,
    /// Names of the triggers that are not Bellows' own.
    #[serde(default)]
    pub triggers: Vec<String>,
    /// Views that read the table.
    #[serde(default)]
    pub views: Vec<ViewUse>,
    /// Foreign keys of other tables that point here: `(table, constraint)`.
    #[serde(default)]
    pub referenced_by: Vec<(TableName, String)>,
    /// Rows, as the statistics estimate them; exact on SQLite. Not part of the fingerprint.
    pub rows: u64,
    /// Bytes with indexes, where the engine says. Not part of the fingerprint.
    pub bytes: u64,
    /// SQLite: the text of CREATE TABLE, which a rebuild edits; else absent.
    #[serde(default)]
    pub create_sql: Option<String>,
    /// SQLite: the CREATE statements of the table's indexes, triggers (Bellows' own included) and
    /// of the views that read it, which a rebuild drops and makes again. MySQL and MariaDB: those of
    /// the triggers that stand on the table or name it, without Bellows' own.
    #[serde(default)]
    pub dependents: Vec<String>,
    /// PostgreSQL: a partitioned parent.
    #[serde(default)]
    pub partitioned: bool,
    /// PostgreSQL: its partitions, or the tables that inherit from it. Not part of the
    /// fingerprint: partitions come and go by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heirs: Vec<TableName>,
    /// PostgreSQL: the tables that it is a partition or an heir of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<TableName>,
    /// PostgreSQL: which of its partitions is the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_partition: Option<TableName>,
    /// MySQL and MariaDB: all that stands behind the columns in SHOW CREATE TABLE but the counter:
    /// engine, character set, collation, row format, comment, partitions.
    #[serde(default)]
    pub options: String,
    /// MySQL and MariaDB: the next value of its counter. Not part of the fingerprint.
    #[serde(default)]
    pub auto_increment: Option<u64>,
}

/// One column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Column {
    /// As the catalogue spells it.
    pub name: String,
    /// As the engine prints it (`format_type`, `COLUMN_TYPE`, or SQLite's declared type).
    pub data_type: String,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// The default as an SQL expression, as the catalogue prints it.
    pub default: Option<String>,
    /// Generated or identity: never written by us.
    #[serde(default)]
    pub generated: bool,
    /// PostgreSQL: what makes it so: `GENERATED ALWAYS AS IDENTITY`.
    #[serde(default)]
    pub generated_as: Option<String>,
    /// PostgreSQL: the column's comment.
    #[serde(default)]
    pub comment: Option<String>,
    /// PostgreSQL: column privileges as `(grantee quoted as SQL, privilege, grantable)`.
    #[serde(default)]
    pub grants: Vec<(String, String, bool)>,
    /// PostgreSQL: the statistics target, where one was set.
    #[serde(default)]
    pub statistics: Option<i32>,
    /// A collation other than the type's own, as SQL.
    #[serde(default)]
    pub collation: Option<String>,
    /// PostgreSQL: what ALTER COLUMN says to make its storage as it is: `SET STORAGE EXTERNAL`.
    #[serde(default)]
    pub settings: Vec<String>,
    /// MySQL and MariaDB: all that stands behind the name in the column's line of SHOW CREATE
    /// TABLE, without the comma (`varchar(255) NOT NULL DEFAULT 'x' COMMENT 'y'`): what MODIFY
    /// COLUMN says anew, or the column loses it.
    #[serde(default)]
    pub definition: Option<String>,
}

/// One index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Bare; it lives in its table's schema.
    pub name: String,
    /// Key columns in order; an expression stands as its SQL text, flagged by `expressions`.
    pub columns: Vec<String>,
    /// Whether some key is an expression, or has an order, operator class or collation of its own:
    /// such an index is carried over by its definition, not by its columns.
    #[serde(default)]
    pub expressions: bool,
    /// UNIQUE. On MySQL and MariaDB such an index is a constraint of its name as well.
    pub unique: bool,
    /// `btree`, `gin`, ...
    pub method: String,
    /// The predicate of a partial index.
    #[serde(default)]
    pub predicate: Option<String>,
    /// Columns that only ride along (INCLUDE).
    #[serde(default)]
    pub include: Vec<String>,
    /// False for what a failed concurrent build leaves behind.
    pub valid: bool,
    /// The whole CREATE INDEX, as the catalogue prints it (SQLite: empty for automatic ones).
    pub definition: String,
    /// The constraint that it backs, where it does.
    #[serde(default)]
    pub constraint: Option<String>,
}

/// One constraint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Constraint {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ConstraintKind,
    /// The columns of this table that it names.
    pub columns: Vec<String>,
    /// `CHECK (...)`, `FOREIGN KEY ...`, as the catalogue prints it, without NOT VALID.
    pub definition: String,
    /// False for NOT VALID.
    pub validated: bool,
    /// For a foreign key: the table it points to.
    #[serde(default)]
    pub references: Option<TableName>,
}

/// The kinds of constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintKind {
    /// CHECK.
    Check,
    /// UNIQUE.
    Unique,
    /// FOREIGN KEY.
    ForeignKey,
    /// EXCLUDE.
    Exclude,
}

/// Columns that triggers of Bellows keep in step: one with one, one with the parts that it is
/// split into, or parts with the one that they are merged to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DualWrite {
    /// The columns that old applications write.
    pub old: Vec<HeldColumn>,
    /// The columns that new applications write.
    pub new: Vec<HeldColumn>,
    /// For each new column, its value as an expression over the old ones.
    pub forward: BTreeMap<String, String>,
    /// For each old column, its value as an expression over the new ones; empty where what new
    /// applications write never gets there.
    pub backward: BTreeMap<String, String>,
    /// The trigger's name; on SQLite the stem of its two triggers' names.
    pub trigger: String,
}

/// A column of a dual write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldColumn {
    /// Its name.
    pub column: String,
    /// The default that the trigger holds for it while both sides are there.
    #[serde(default)]
    pub default: Option<String>,
}

/// A view that reads a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ViewUse {
    /// The view.
    pub view: TableName,
    /// The columns of the table that it reads.
    pub columns: Vec<String>,
    /// Its SELECT, as the catalogue prints it.
    pub definition: String,
    /// A materialized view.
    #[serde(default)]
    pub materialized: bool,
}

impl Schema {
    /// A schema without tables: what a plan assumes where there is no target.
    pub fn empty(engine: Engine) -> Self {
        let version = match engine {
            Engine::PostgreSql => 150_000,
            Engine::MySql => 80_036,
            Engine::MariaDb => 101_100,
            Engine::Sqlite => 3_040_000,
        };
        Self {
            engine,
            version,
            tables: BTreeMap::new(),
            views: BTreeMap::new(),
            types: BTreeSet::new(),
            domains: BTreeMap::new(),
            functions: BTreeMap::new(),
            trigger_problem: None,
        }
    }

    /// The table, where it is there.
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        self.tables.get(name)
    }
}

impl Table {
    /// The column, where it is there.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The columns that tell its rows apart: the primary key; without one, on MySQL and MariaDB,
    /// those of a unique index that are all NOT NULL, which InnoDB keeps the rows by.
    pub fn row_key(&self, engine: Engine) -> &[String] {
        if !self.primary_key.is_empty() || !engine.is_mysql_family() {
            return &self.primary_key;
        }
        let whole = |index: &&Index| {
            index.unique
                && index.valid
                && !index.expressions
                && index.method != "hash"
                // No statement may use one that is hidden.
                && !index.definition.ends_with(" IGNORED")
                && !index.definition.ends_with(" INVISIBLE")
                && index
                    .columns
                    .iter()
                    .all(|c| self.column(c).is_some_and(|c| !c.nullable))
        };
        self.indexes
            .iter()
            .find(whole)
            .map_or(&[], |index| index.columns.as_slice())
    }
}
