//! What cannot be known of a statement, what was assumed of it, and what the server will refuse.

use serde::{Deserialize, Serialize};

use crate::schema::TableName;

/// Why nobody can say what a statement does. Unknown is never safe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Unknown {
    /// A DO block: its body is a program.
    Block,
    /// SQL that is put together while it runs: PREPARE from a string, EXECUTE of something that the
    /// text does not prepare.
    DynamicSql,
    /// It calls a function whose body is not known, and which may do anything.
    Function {
        /// As it is written.
        name: String,
    },
    /// CALL.
    Procedure {
        /// As it is written.
        name: String,
    },
    /// COPY from or to a program of the server's machine.
    Program,
    /// Scripts of an extension.
    Extension {
        /// Its name.
        name: String,
    },
    /// A statement that is not known here.
    Statement {
        /// Its first words.
        words: String,
    },
    /// Words at the end of a statement, or within it, that are not known here.
    Clause {
        /// The words.
        words: String,
    },
    /// Words that another server of the same family knows, and this one takes for a syntax error.
    Elsewhere {
        /// The words.
        words: String,
    },
    /// It cannot be parsed.
    Syntax,
    /// Nested so deep that it is not read.
    TooDeep,
    /// The text is longer than what is read.
    TooLong,
}

/// What was assumed where neither the text nor a schema tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Assumption {
    /// That the table was there before, has rows and is in use.
    InUse {
        /// The table.
        table: TableName,
    },
    /// That the change of type must write every row anew: the old type is not known.
    OldType {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },
    /// That the column may hold NULL, and no validated check says otherwise.
    Nullable {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },
    /// That the column is NOT NULL.
    NotNull {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },
    /// That the constraint is not validated yet.
    NotValidated {
        /// The table.
        table: TableName,
        /// The constraint.
        constraint: String,
    },
    /// That foreign keys to or from the table hang on what is dropped.
    ForeignKeys {
        /// The table.
        table: TableName,
    },
    /// That an index hangs on the column.
    Indexes {
        /// The table.
        table: TableName,
    },
    /// That the partitioned table has a default partition.
    DefaultPartition {
        /// The table.
        table: TableName,
    },
    /// That rows of a table that becomes a partition must be read.
    PartitionBounds {
        /// The table.
        table: TableName,
    },
    /// That a type which is not built in is a domain with a constraint.
    ConstrainedDomain {
        /// The type.
        name: String,
    },
    /// That a function is VOLATILE.
    Volatile {
        /// The function.
        name: String,
    },
    /// MySQL and MariaDB: that another storage engine keeps the table so far.
    StorageEngine {
        /// The table.
        table: TableName,
    },
    /// That the session's TimeZone is not UTC.
    TimeZone,
    /// The server's version, where none was told.
    Version {
        /// As in [`crate::schema::Schema::version`].
        version: u32,
    },
}

/// Why the server will refuse a statement, whatever the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Failure {
    /// It cannot run inside a transaction (25001), and it does.
    InTransaction,
    /// The engine cannot do that at all.
    NotSupported {
        /// What, in the engine's words.
        what: String,
    },
    /// It needs a newer server.
    Version {
        /// What.
        what: String,
        /// The first version that has it, as in [`crate::schema::Schema::version`].
        needs: u32,
    },
    /// A table of that kind does not allow it (0A000, 42809, 55000).
    Partitioned {
        /// The table.
        table: TableName,
        /// What.
        what: String,
    },
    /// An enum's value is used in the transaction that added it (55P04).
    NewEnumValue {
        /// The value.
        value: String,
    },
    /// Something depends on it, and the statement says no CASCADE (2BP01, 0A000).
    InUseBy {
        /// What is used.
        what: String,
        /// What uses it.
        by: TableName,
    },
    /// Every row of a table that is not empty would break it (23502).
    NoDefault {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },
    /// What it names is not there.
    Missing {
        /// What.
        what: String,
    },
    /// What it makes is there already.
    Taken {
        /// What.
        what: String,
    },
}
