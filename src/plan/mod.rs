//! The plan: the steps that a document compiles to, as data.
//!
//! Dry run, preview, approval and execution read the same steps, and planning changes nothing.

mod check;
mod compile;
mod copy;
mod doomed;
mod effects;
mod hash;
mod kind;
mod known;
mod saved;
pub mod text;
pub mod wire;

use serde::{Deserialize, Serialize};

#[cfg(all(test, feature = "sql"))]
pub(crate) use compile::planned;
pub use compile::{plan, plan_with};
pub use copy::{RowLock, TableCopy};
pub(crate) use effects::{Back, Place, Told};
pub use known::{Known, OtherLock};
pub use saved::{Need, SavedCopy};

use crate::document::{Check, Engine, Expect, Gate, PhaseKind};
use crate::estimate::{Estimate, Load, Span};
use crate::lint::Finding;
use crate::schema::TableName;
use crate::sql::Breakage;

/// Changes whenever the same document would compile to other statements; part of a plan's hash.
pub const COMPILER_VERSION: u32 = 4;

/// A lock on a table, weakest first within an engine. SQLite has one word of its own, for its
/// writers take the whole file; MySQL and MariaDB have those of their metadata locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lock {
    /// Takes no table lock.
    #[serde(rename = "NONE")]
    None,
    /// Plain reads.
    #[serde(rename = "ACCESS SHARE")]
    AccessShare,
    /// SELECT ... FOR UPDATE and the like, and the table that a foreign key points to.
    #[serde(rename = "ROW SHARE")]
    RowShare,
    /// INSERT, UPDATE, DELETE.
    #[serde(rename = "ROW EXCLUSIVE")]
    RowExclusive,
    /// VALIDATE, concurrent index builds: blocks DDL and vacuum only.
    #[serde(rename = "SHARE UPDATE EXCLUSIVE")]
    ShareUpdateExclusive,
    /// CREATE INDEX: blocks writes.
    #[serde(rename = "SHARE")]
    Share,
    /// CREATE TRIGGER, ADD FOREIGN KEY: blocks writes.
    #[serde(rename = "SHARE ROW EXCLUSIVE")]
    ShareRowExclusive,
    /// Blocks writes and locking reads.
    #[serde(rename = "EXCLUSIVE")]
    Exclusive,
    /// Blocks everybody.
    #[serde(rename = "ACCESS EXCLUSIVE")]
    AccessExclusive,
    /// SQLite: the one writer of the file; readers go on in WAL mode.
    #[serde(rename = "DATABASE WRITE")]
    DatabaseWrite,
    /// MySQL and MariaDB: SELECT (metadata locks: MySQL 8.0 manual, 10.11.4 "Metadata Locking").
    #[serde(rename = "METADATA SHARED READ")]
    MetadataRead,
    /// MySQL and MariaDB: INSERT, UPDATE, DELETE.
    #[serde(rename = "METADATA SHARED WRITE")]
    MetadataWrite,
    /// MySQL and MariaDB: online DDL with LOCK=NONE while it works (MySQL 8.0 manual, 17.12.2;
    /// MariaDB, "InnoDB Online DDL Overview"). Blocks nobody but other DDL; yet at its beginning
    /// and its end it takes METADATA EXCLUSIVE for a moment, and while it waits for that one,
    /// behind an open transaction, everybody waits behind it.
    #[serde(rename = "METADATA SHARED UPGRADABLE")]
    MetadataUpgradable,
    /// MySQL and MariaDB: DDL with LOCK=SHARED: keeps writers out while it works.
    #[serde(rename = "METADATA SHARED NO WRITE")]
    MetadataNoWrite,
    /// MySQL and MariaDB: everybody waits: ALGORITHM=INSTANT for a moment, CREATE TRIGGER, and
    /// what copies a table with LOCK=EXCLUSIVE all the time.
    #[serde(rename = "METADATA EXCLUSIVE")]
    MetadataExclusive,
    /// Not to be known from the text: treated as the worst.
    #[serde(rename = "UNKNOWN")]
    Unknown,
}

/// How a statement may wait for its lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// Its queued lock would hold traffic up: a short lock timeout, and tries with backoff.
    Short,
    /// Blocks nobody while it waits (concurrent builds, VALIDATE): waits up to the policy's bound.
    Patient,
}

/// One statement as it will be sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// The text sent, without a final semicolon.
    pub sql: String,
    /// The strictest lock it takes on the main table.
    pub lock: Lock,
    /// Whether that keeps readers out.
    pub blocks_reads: bool,
    /// Whether that keeps writers out.
    pub blocks_writes: bool,
    /// Whether it writes the whole table anew.
    pub rewrites_table: bool,
    /// Whether it reads the whole table.
    pub scans_table: bool,
    /// Whether it runs inside a transaction with its step's other statements.
    pub in_transaction: bool,
    /// What it has to do, on which its estimate rests.
    #[serde(default)]
    pub load: Load,
    /// How long that takes, without the wait for its lock; known once the plan is whole.
    #[serde(default)]
    pub estimate: Estimate,
    /// How it waits for its lock. Not on the wire of `plan`.
    pub wait: Wait,
    /// How it is known what it does.
    #[serde(default, skip_serializing_if = "Known::is_operation")]
    pub known: Known,
    /// What it locks beside its table; known once the plan is whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_locks: Vec<OtherLock>,
    /// What of running applications it breaks; likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<Breakage>,
}

impl Statement {
    /// Whether it is a CREATE TRIGGER; a definer may stand before the word.
    pub fn makes_trigger(&self) -> bool {
        let mut words = self.sql.split_whitespace().map(str::to_uppercase);
        words.next().as_deref() == Some("CREATE") && words.take(5).any(|word| word == "TRIGGER")
    }
}

/// What the executor does in one go. A step is done or not done, never half.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// `1.0.2`: phase, operation, step within it. Unique in the plan; rollback steps of a phase
    /// have an `r` before the operation (`1.r0.0`).
    pub id: String,
    /// Index of the operation in its phase.
    pub operation: usize,
    /// What it does, for people: `Add column users.full_name`.
    pub title: String,
    /// The tables it touches.
    pub tables: Vec<TableName>,
    /// What is done.
    pub action: Action,
    /// On the way back: the step without which it is left out, where it does not undo its operation
    /// as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
}

/// The kinds of step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Action {
    /// The statements, and the record that the step is done, in one transaction. The transaction
    /// is tried as a whole under the short lock timeout where any of them has [`Wait::Short`].
    Transaction {
        /// In order.
        statements: Vec<Statement>,
    },
    /// PostgreSQL: `CREATE INDEX CONCURRENTLY`, outside a transaction. Before it: a valid index of
    /// that name and definition is the step done; an invalid one is dropped concurrently first.
    BuildIndex {
        /// The one statement.
        statement: Statement,
        /// The index's table.
        table: TableName,
        /// The index's bare name, in the table's schema.
        index: String,
    },
    /// PostgreSQL: `DROP INDEX CONCURRENTLY`, outside a transaction; an absent index is done.
    DropIndex {
        /// The one statement.
        statement: Statement,
        /// The index's table.
        table: TableName,
        /// The index's bare name.
        index: String,
    },
    /// A statement that refuses to run in a transaction, or brings its own: intent is recorded,
    /// then it runs, then done is recorded. Whether it took effect when the connection was lost in
    /// between nobody can know: the run stops and asks.
    Outside {
        /// The one statement (or a block with its own BEGIN and COMMIT).
        statement: Statement,
    },
    /// A statement that commits by itself, as all DDL does on MySQL and MariaDB, and what PostgreSQL
    /// does concurrently: intent is recorded, then it runs, then done is recorded. It is taken back
    /// by another such step, never by ROLLBACK. Every try for its lock is this one statement.
    Ddl {
        /// The one statement.
        statement: Statement,
        /// A query that gives one row with one integer: 1 where the statement's effect is there
        /// already, 0 where it is not. Asked before the statement where the step's intent is on
        /// record and its end is not; 1 is taken as done. In a rollback likewise.
        done_sql: String,
    },
    /// Batches in key order, each with its checkpoint in its own transaction.
    Backfill(Backfill),
    /// Rows copied to another table in batches as a backfill's; a row that is there
    /// already, because a writer or an earlier try put it there, is left as it is.
    Copy(TableCopy),
    /// Every row compared with its copy, in batches; the first difference fails the
    /// phase. It changes nothing, so nothing of it is ever undone.
    Compare(TableCopy),
    /// SQLite: the table rebuild of its manual (section 7 of `lang_altertable`): foreign keys off,
    /// then the statements and the done record in one transaction with `foreign_key_check` before
    /// its end, then foreign keys as they were.
    Rebuild {
        /// The table that is made anew.
        table: TableName,
        /// From CREATE of the new table to the last dependent.
        statements: Vec<Statement>,
    },
}

/// A backfill, ready to be cut into batches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Backfill {
    /// The table, quoted for SQL by `table_sql`.
    pub table: TableName,
    /// The table as SQL.
    pub table_sql: String,
    /// The SET list as written.
    pub set_sql: String,
    /// Which rows have work left, as an SQL condition; always there.
    pub pending_sql: String,
    /// The key that it walks.
    pub key: WalkKey,
    /// Rows a batch starts with; absent: the executor's own start.
    pub batch_size: Option<u32>,
    /// Milliseconds of rest after each batch.
    pub pause_ms: u64,
    /// Whether dual-write triggers must be told to stand aside.
    pub past_triggers: bool,
    /// Rows of the table, estimated; for time left before the walk has counted.
    pub estimated_rows: u64,
    /// The statement as people read it, with `$1` and `$2` for the batch's ends.
    pub shown: Statement,
}

/// What a backfill walks along.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum WalkKey {
    /// The primary key: columns with their SQL types, in key order.
    Key {
        /// `(column, type)`.
        columns: Vec<(String, String)>,
    },
    /// SQLite's rowid, under a name that no column of the table hides.
    RowId {
        /// `rowid`, `_rowid_` or `oid`.
        name: String,
    },
    /// PostgreSQL without a key: page ranges, and sweeps until no row is left.
    Ctid,
    /// No target was looked at: the plan can be read and not run.
    Unknown,
}

/// How a phase is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollbackMethod {
    /// By the inverse of every operation.
    Inverse,
    /// From a copy saved before the phase.
    SavedCopy,
    /// Only from a backup.
    Backup,
}

/// What a rollback puts at stake (table in the seeds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Nothing that was there before.
    Low,
    /// A name, a moment.
    Medium,
    /// Values.
    High,
}

/// One check as it will be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedCheck {
    /// What is asked.
    pub check: Check,
    /// The query; it gives one row with one value.
    pub sql: String,
    /// How its value is judged; absent: a boolean must be true, a number must be 0.
    pub expect: Option<Expect>,
    /// What a person reads when it fails.
    pub error_message: String,
    /// A query for what is wrong, whose first rows are shown when it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
}

/// One phase of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PhasePlan {
    /// 1, 2, 3, ...
    pub phase: u32,
    /// As written, or inferred.
    pub kind: PhaseKind,
    /// The author's words.
    pub description: String,
    /// SHA-256 of the phase's canonical JSON, `sha256:...`.
    pub hash: String,
    /// How long its statements take one after the other.
    #[serde(default)]
    pub estimate: Span,
    /// What must be true before it starts.
    pub gate: Option<Gate>,
    /// The document's bound for blocking statements, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// What takes it back, in the order it is run; a step of the phase that was never done must
    /// be skipped: each rollback step names in `operation` the operation that it undoes.
    pub rollback: Vec<Step>,
    /// How it is taken back.
    pub rollback_method: RollbackMethod,
    /// What that puts at stake.
    pub rollback_risk: Risk,
    /// Whether the inverse brings everything back.
    pub reversible: bool,
    /// What it keeps beside the database for that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub saved: Vec<SavedCopy>,
    /// What must hold afterwards.
    pub validation: Vec<PlannedCheck>,
    /// The tables it touches.
    pub tables: Vec<TableName>,
}

/// A document compiled for an engine, a server version and a schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The document's name.
    pub migration: String,
    /// The document's engine.
    pub database: Engine,
    /// SHA-256 of the document, `sha256:...`.
    pub hash: String,
    /// SHA-256 over the compiler version, engine, server version and every statement.
    pub plan_hash: String,
    /// How long its phases take one after the other.
    #[serde(default)]
    pub estimate: Span,
    /// When the facts were read that the estimates rest on, by the target's clock, in microseconds
    /// since 1970; absent where there were none.
    #[serde(default)]
    pub facts_read_at: Option<i64>,
    /// In order.
    pub phases: Vec<PhasePlan>,
    /// What the linter says.
    pub findings: Vec<Finding>,
    /// No finding is an error.
    pub safe: bool,
}

impl Action {
    /// The same, to be changed.
    pub(crate) fn statements_mut(&mut self) -> Vec<&mut Statement> {
        match self {
            Action::Transaction { statements } | Action::Rebuild { statements, .. } => {
                statements.iter_mut().collect()
            }
            Action::BuildIndex { statement, .. }
            | Action::DropIndex { statement, .. }
            | Action::Outside { statement }
            | Action::Ddl { statement, .. } => vec![statement],
            Action::Backfill(backfill) => vec![&mut backfill.shown],
            Action::Copy(copy) | Action::Compare(copy) => vec![&mut copy.shown],
        }
    }

    /// Whether it puts a trigger on a table.
    pub fn makes_trigger(&self) -> bool {
        self.statements().iter().any(|s| s.makes_trigger())
    }

    /// Every statement of the action as people read it.
    pub fn statements(&self) -> Vec<&Statement> {
        match self {
            Action::Transaction { statements } | Action::Rebuild { statements, .. } => {
                statements.iter().collect()
            }
            Action::BuildIndex { statement, .. }
            | Action::DropIndex { statement, .. }
            | Action::Outside { statement }
            | Action::Ddl { statement, .. } => vec![statement],
            Action::Backfill(backfill) => vec![&backfill.shown],
            Action::Copy(copy) | Action::Compare(copy) => vec![&copy.shown],
        }
    }
}
