//! What a statement locks, and in which part it plays.

use serde::{Deserialize, Serialize};

use crate::plan::Lock;
use crate::schema::TableName;

/// Something that can be locked. Where a statement locks what it does not name and no schema tells,
/// it stands here as what it is to something that is named.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "of")]
pub enum Object {
    /// A table.
    Table(TableName),
    /// An index.
    Index(TableName),
    /// A sequence.
    Sequence(TableName),
    /// A view, materialized or not.
    View(TableName),
    /// The row type of a composite type.
    CompositeType(TableName),
    /// A whole database: SQLite's file.
    Database,
    /// The table of an index, which is not known.
    TableOfIndex(TableName),
    /// The table that owns something (statistics, a constraint), which is not known.
    TableOf(TableName),
    /// The indexes of a table, which are not known.
    IndexesOf(TableName),
    /// The tables that a table's foreign keys point to, which are not known.
    ReferencedBy(TableName),
    /// The tables whose foreign keys point to a table, which are not known.
    Referencing(TableName),
    /// The partitions and heirs of a table, which are not known.
    PartitionsOf(TableName),
    /// The default partition of a table, which may be there.
    DefaultPartitionOf(TableName),
    /// The table that a table may be a partition or an heir of.
    ParentOf(TableName),
    /// The tables that use a type or a domain, which are not known.
    UsersOf(TableName),
    /// What depends on something and goes with it (CASCADE), which is not known.
    DependentsOf(TableName),
    /// Every table of a schema or of the database.
    Every(Option<String>),
}

/// What a locked object is to the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// What the statement is about.
    Itself,
    /// A foreign key of the statement's table points to it.
    Referenced,
    /// Its foreign key points to the statement's table.
    Referencing,
    /// A partition of the statement's table, or one that becomes one or is one no longer.
    Partition,
    /// The default partition of the statement's table.
    DefaultPartition,
    /// The statement's table is a partition or an heir of it.
    Parent,
    /// It inherits from the statement's table.
    Child,
    /// An index of the statement's table.
    Index,
    /// A sequence of the statement's table.
    Sequence,
    /// The statement reads it.
    Read,
    /// It depends on what is dropped.
    Dependent,
    /// It uses the type or domain that the statement is about.
    UsesType,
}

/// One object and its lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectLock {
    /// What is locked.
    pub object: Object,
    /// What it is to the statement.
    pub role: Role,
    /// How.
    pub lock: Lock,
    /// Whether the same text made it: nobody else knows it yet, so nobody waits for it.
    #[serde(default)]
    pub made_here: bool,
}

impl Object {
    /// The table, where it is one and is known.
    pub fn table(&self) -> Option<&TableName> {
        match self {
            Object::Table(name) => Some(name),
            Object::Index(_)
            | Object::Sequence(_)
            | Object::View(_)
            | Object::CompositeType(_)
            | Object::Database
            | Object::TableOfIndex(_)
            | Object::TableOf(_)
            | Object::IndexesOf(_)
            | Object::ReferencedBy(_)
            | Object::Referencing(_)
            | Object::PartitionsOf(_)
            | Object::DefaultPartitionOf(_)
            | Object::ParentOf(_)
            | Object::UsersOf(_)
            | Object::DependentsOf(_)
            | Object::Every(_) => None,
        }
    }
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Object::Table(name)
            | Object::Index(name)
            | Object::Sequence(name)
            | Object::View(name)
            | Object::CompositeType(name) => name.fmt(f),
            Object::Database => f.write_str("the database"),
            Object::TableOfIndex(name) => write!(f, "the table of index {name}"),
            Object::TableOf(name) => write!(f, "the table of {name}"),
            Object::IndexesOf(name) => write!(f, "the indexes of {name}"),
            Object::ReferencedBy(name) => write!(f, "tables that {name} references"),
            Object::Referencing(name) => write!(f, "tables that reference {name}"),
            Object::PartitionsOf(name) => write!(f, "partitions of {name}"),
            Object::DefaultPartitionOf(name) => write!(f, "the default partition of {name}"),
            Object::ParentOf(name) => write!(f, "the parent of {name}"),
            Object::UsersOf(name) => write!(f, "every table that uses {name}"),
            Object::DependentsOf(name) => write!(f, "what depends on {name}"),
            Object::Every(Some(schema)) => write!(f, "every table of {schema}"),
            Object::Every(None) => f.write_str("every table"),
        }
    }
}
