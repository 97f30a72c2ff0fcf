//! A text of statements, read together.

use serde::{Deserialize, Serialize};

use super::act::Act;
use super::effect::{Blocks, Effect};
use super::object::{Object, ObjectLock};
use crate::document::Engine;
use crate::schema::{Schema, TableName};

/// What is known beside the text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'s> {
    /// The live schema, where there is a target.
    pub schema: Option<&'s Schema>,
    /// SQL that made what is there (a dump of the schema, the migrations before this one): it is
    /// there before the text, and in use.
    pub before: Option<&'s str>,
    /// The server's version, as in [`Schema::version`], where it is known without a target.
    pub version: Option<u32>,
    /// Whether whoever runs the text wraps it all in one transaction.
    pub in_transaction: bool,
}

/// A place in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// Byte offset of the first byte.
    pub start: usize,
    /// Byte offset behind the last one, without the semicolon.
    pub end: usize,
    /// The line of the start, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
}

/// A place where the text cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyntaxError {
    /// What the parser says.
    pub message: String,
    /// Byte offset.
    pub at: usize,
    /// The line, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
}

/// A timeout of the session, as the statements before have set it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "ms")]
pub enum Timeout {
    /// The text does not set it: the server's own, which is none as it is delivered.
    #[default]
    Unset,
    /// Set to 0 or to DEFAULT, or set to what cannot be read.
    Off,
    /// Milliseconds.
    Set(u64),
}

/// One statement of a text, at its place among the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Where it stands.
    pub span: Span,
    /// What it says.
    pub act: Act,
    /// What it does, by itself, in the world that the statements before it left.
    pub effect: Effect,
    /// The transaction that it runs in, an index into [`Script::transactions`]; none where it runs
    /// by itself.
    pub transaction: Option<usize>,
    /// What that transaction holds already.
    pub held: Vec<ObjectLock>,
    /// Who waits while it runs, those included who wait for what is held.
    pub blocks: Blocks,
    /// The session's `lock_timeout` (`lock_wait_timeout`, `busy_timeout`).
    pub lock_timeout: Timeout,
    /// The session's `statement_timeout` (`max_statement_time`).
    pub statement_timeout: Timeout,
}

/// A transaction of the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    /// Its first statement's index, BEGIN included.
    pub first: usize,
    /// Its last statement's index, COMMIT or ROLLBACK included.
    pub last: usize,
    /// How it ends.
    pub end: TransactionEnd,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionEnd {
    /// COMMIT.
    Committed,
    /// ROLLBACK.
    RolledBack,
    /// The text ends, and whoever runs it commits.
    Around,
    /// The text ends before it does.
    Open,
}

/// What statements do together that none does alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Hazard {
    /// A statement takes long while its transaction holds a lock that an earlier one took, and
    /// which keeps more people out than its own.
    HeldWhile {
        /// The long statement.
        statement: usize,
        /// The one that took the lock.
        since: usize,
        /// On what.
        object: Object,
    },
    /// A constraint is validated in the transaction that added it: its rows are read under the lock
    /// of the addition.
    ValidatedWhereAdded {
        /// VALIDATE.
        statement: usize,
        /// The addition.
        since: usize,
        /// The table.
        table: TableName,
        /// The constraint.
        constraint: String,
    },
    /// A transaction locks a table against others, having locked another one: whoever takes the two
    /// the other way round makes a deadlock with it.
    TwoTables {
        /// The first lock's statement.
        first: usize,
        /// On what.
        first_object: Object,
        /// The second lock's statement.
        second: usize,
        /// On what.
        second_object: Object,
    },
    /// Two transactions of the text take the same two in different order: run at the same time
    /// (two tries of the same deployment) they make a deadlock.
    OrderDiffers {
        /// The statement that takes the second one in the first transaction.
        first: usize,
        /// The statement that takes the second one in the second transaction.
        second: usize,
        /// The one that the first transaction takes first.
        object: Object,
        /// The other one.
        other: Object,
    },
    /// A transaction takes a stricter lock on what it has locked already: two of its kind, or
    /// traffic between the two statements, make a deadlock.
    Upgrade {
        /// The weaker lock's statement.
        first: usize,
        /// The stricter one's.
        second: usize,
        /// On what.
        object: Object,
    },
    /// SQLite: a table is made anew as its manual says, in one transaction and with foreign keys off:
    /// another one, its rows copied, the old one dropped, the new one renamed.
    Rebuilt {
        /// The table.
        table: TableName,
        /// CREATE TABLE of the new one.
        create: usize,
        /// INSERT ... SELECT.
        copy: usize,
        /// DROP TABLE of the old one.
        drop: usize,
        /// ALTER TABLE ... RENAME TO.
        rename: usize,
        /// Columns whose values are not in the new one, where the old one is known.
        lost: Vec<String>,
        /// Columns that running INSERTs leave out and that must have a value.
        required: Vec<String>,
    },
    /// A transaction is begun and not ended.
    NeverEnded {
        /// BEGIN.
        statement: usize,
    },
    /// BEGIN in a transaction (a warning, and nothing else), COMMIT or ROLLBACK outside of one.
    Nesting {
        /// The statement.
        statement: usize,
    },
}

/// A text, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The engine it was read for.
    pub engine: Engine,
    /// The version that was assumed or known, as in [`Schema::version`].
    pub version: u32,
    /// Its statements, in order.
    pub statements: Vec<Reading>,
    /// Its transactions, in order.
    pub transactions: Vec<Transaction>,
    /// What they do together.
    pub hazards: Vec<Hazard>,
    /// Where it cannot be parsed. Statements around such a place are read nevertheless, as far as
    /// the parser finds into step again.
    pub errors: Vec<SyntaxError>,
}

impl Span {
    /// The text that it spans.
    pub fn of<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.start..self.end).unwrap_or_default()
    }
}
