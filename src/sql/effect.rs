//! What one statement does to a database and to the traffic on it.

use serde::{Deserialize, Serialize};

use super::breakage::Breakage;
use super::object::{Object, ObjectLock, Role};
use super::unknown::{Assumption, Failure, Unknown};
use crate::plan::Lock;
use crate::schema::TableName;

/// How long something lasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lasts {
    /// A moment, however many rows there are.
    #[default]
    Moment,
    /// It grows with the rows or bytes of some table.
    Grows,
    /// Nobody can know.
    Unknown,
}

/// Who has to wait while a statement runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocks {
    /// Whether readers of some table that was there before wait.
    pub reads: bool,
    /// Whether its writers wait.
    pub writes: bool,
    /// For how long.
    pub lasts: Lasts,
}

impl Blocks {
    /// Whether anybody waits longer than a moment.
    pub fn lastingly(self) -> bool {
        (self.reads || self.writes) && self.lasts != Lasts::Moment
    }
}

/// What is done to the rows or the files of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkKind {
    /// Every row is written anew (PostgreSQL: another relfilenode; MySQL: a copy).
    Rewrite,
    /// Every row is read.
    Scan,
    /// An index is built that was not there.
    BuildIndex,
    /// Indexes that were there are built anew.
    RebuildIndex,
    /// Rows are inserted, updated or deleted, as many as there are.
    ChangeRows,
}

/// Work that grows with a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// What is done.
    pub kind: WorkKind,
    /// To what.
    pub object: Object,
    /// Which of the statement's changes asks for it: the index into [`super::act::Act::changes`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<usize>,
    /// Whether the same text made the object: there is nothing in it, or what the text put there.
    #[serde(default)]
    pub made_here: bool,
}

/// How a statement stands to transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionRule {
    /// Runs inside one.
    #[default]
    Allowed,
    /// The server refuses it inside of one.
    Refused,
    /// MySQL and MariaDB: commits what is open, before and after itself.
    Commits,
    /// BEGIN, COMMIT, SAVEPOINT and the like.
    Controls,
}

/// How UPDATE, DELETE and the like are bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// No WHERE: every row.
    Everything,
    /// A WHERE that may hold for any number of rows.
    Condition,
    /// A LIMIT, a key's value, a range of the key, or a condition that never holds.
    Batch,
}

/// ALGORITHM of MySQL and MariaDB, from the mildest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// In the catalogue alone.
    Instant,
    /// Without writing the table anew (MariaDB's word).
    NoCopy,
    /// By the storage engine.
    InPlace,
    /// Row by row into another table.
    Copy,
}

impl Algorithm {
    /// As the clause spells it.
    pub fn word(self) -> &'static str {
        match self {
            Algorithm::Instant => "INSTANT",
            Algorithm::NoCopy => "NOCOPY",
            Algorithm::InPlace => "INPLACE",
            Algorithm::Copy => "COPY",
        }
    }
}

/// What one statement does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Effect {
    /// The table that it is about, where it is about one.
    pub table: Option<TableName>,
    /// Every object that it locks, strictest lock of each, the main one first.
    pub locks: Vec<ObjectLock>,
    /// What it does to rows and files.
    pub work: Vec<Work>,
    /// Who waits meanwhile, of those who use what was there before the text.
    pub blocks: Blocks,
    /// How long it takes, whoever waits.
    pub lasts: Lasts,
    /// Whether it can run in a transaction.
    pub transaction: TransactionRule,
    /// Whether it makes, changes or drops tables, columns or anything else in the catalogue that
    /// a document can name.
    pub changes_schema: bool,
    /// MySQL and MariaDB: the mildest ALGORITHM that the server takes for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<Algorithm>,
    /// UPDATE, DELETE, MERGE: how they are bounded.
    pub rows: Option<Bound>,
    /// Tables that it makes, and that were not there.
    pub creates: Vec<TableName>,
    /// What of running applications it breaks.
    pub breaks: Vec<Breakage>,
    /// What was assumed, for nothing said otherwise: always the worst that is plausible.
    pub assumed: Vec<Assumption>,
    /// What about it cannot be known. Such a statement is never safe.
    pub unknown: Option<Unknown>,
    /// Why the server will refuse it, where that is certain, or certain but for an empty table.
    pub fails: Vec<Failure>,
}

impl Effect {
    /// A statement of which nothing is known.
    pub fn unknown(why: Unknown) -> Self {
        Self {
            lasts: Lasts::Unknown,
            blocks: Blocks {
                reads: true,
                writes: true,
                lasts: Lasts::Unknown,
            },
            changes_schema: true,
            unknown: Some(why),
            ..Self::default()
        }
    }

    /// The strictest lock on any table; [`Lock::Unknown`] where that cannot be known.
    pub fn strictest(&self) -> Lock {
        if self.unknown.is_some() {
            return Lock::Unknown;
        }
        self.locks
            .iter()
            .map(|l| l.lock)
            .max()
            .unwrap_or(Lock::None)
    }

    /// The lock on the object that the statement is about, or else the strictest one.
    pub fn main_lock(&self) -> Lock {
        if self.unknown.is_some() {
            return Lock::Unknown;
        }
        self.locks
            .iter()
            .filter(|l| l.role == Role::Itself)
            .map(|l| l.lock)
            .max()
            .unwrap_or_else(|| self.strictest())
    }

    /// The lock on that table, where it takes one.
    pub fn lock_on(&self, table: &TableName) -> Option<Lock> {
        self.locks
            .iter()
            .filter(|l| l.object.table() == Some(table))
            .map(|l| l.lock)
            .max()
    }

    /// Whether it does that to any object that was there before.
    pub fn does(&self, kind: WorkKind) -> bool {
        self.work.iter().any(|w| w.kind == kind && !w.made_here)
    }
}
