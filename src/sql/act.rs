//! What a statement says, in one vocabulary for all engines: what rules look at, and what effects
//! are worked out from.
//!
//! Names are as the catalogue spells them; expressions and types are as they are written.

mod change;
mod part;

pub use change::{Change, Which};
pub use part::{
    Default, ForeignKey, Generated, NewColumn, NewConstraint, NewIndex, NewTable, Online, Position,
    Shape, Volatility,
};

use super::effect::Bound;
use super::unknown::Unknown;
use crate::plan::Lock;
use crate::schema::TableName;

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// CREATE TABLE, in all its forms, SELECT INTO too.
    CreateTable(NewTable),
    /// ALTER TABLE; the statement takes the strictest of its changes' locks.
    AlterTable {
        /// The table.
        table: TableName,
        /// ONLY: without its partitions and heirs.
        only: bool,
        /// IF EXISTS.
        if_exists: bool,
        /// What is changed, in order.
        changes: Vec<Change>,
        /// MySQL and MariaDB: ALGORITHM and LOCK.
        online: Online,
    },
    /// DROP TABLE.
    DropTables {
        /// The tables.
        tables: Vec<TableName>,
        /// IF EXISTS.
        if_exists: bool,
        /// CASCADE.
        cascade: bool,
    },
    /// RENAME TABLE of MySQL and MariaDB: several at once.
    RenameTables {
        /// From and to.
        pairs: Vec<(TableName, TableName)>,
    },
    /// TRUNCATE.
    Truncate {
        /// The tables.
        tables: Vec<TableName>,
        /// CASCADE.
        cascade: bool,
        /// RESTART IDENTITY.
        restart_identity: bool,
    },
    /// CREATE INDEX.
    CreateIndex {
        /// Its table.
        table: TableName,
        /// ONLY: without the partitions.
        only: bool,
        /// The index.
        index: NewIndex,
        /// MySQL and MariaDB: ALGORITHM and LOCK.
        online: Online,
    },
    /// DROP INDEX.
    DropIndexes {
        /// The indexes.
        indexes: Vec<TableName>,
        /// The table, where the engine has it named.
        table: Option<TableName>,
        /// CONCURRENTLY.
        concurrently: bool,
        /// IF EXISTS.
        if_exists: bool,
        /// CASCADE.
        cascade: bool,
        /// MySQL and MariaDB: ALGORITHM and LOCK.
        online: Online,
    },
    /// ALTER INDEX.
    AlterIndex {
        /// The index.
        index: TableName,
        /// What is changed.
        change: IndexChange,
    },
    /// REINDEX.
    Reindex {
        /// What.
        scope: Scope,
        /// CONCURRENTLY.
        concurrently: bool,
    },
    /// CREATE VIEW, also a materialized one.
    CreateView {
        /// The view.
        view: TableName,
        /// Materialized.
        materialized: bool,
        /// OR REPLACE.
        replace: bool,
        /// IF NOT EXISTS.
        if_not_exists: bool,
        /// For a materialized one: not WITH NO DATA.
        with_data: bool,
        /// What its query reads.
        reads: Vec<TableName>,
    },
    /// DROP VIEW.
    DropViews {
        /// The views.
        views: Vec<TableName>,
        /// Materialized.
        materialized: bool,
        /// IF EXISTS.
        if_exists: bool,
        /// CASCADE.
        cascade: bool,
    },
    /// ALTER VIEW.
    AlterView {
        /// The view.
        view: TableName,
        /// Materialized.
        materialized: bool,
        /// RENAME TO or SET SCHEMA.
        renamed_to: Option<TableName>,
        /// RENAME COLUMN: from and to.
        renamed_column: Option<(String, String)>,
        /// SET TABLESPACE or SET ACCESS METHOD of a materialized one: it is written anew.
        rewrites: bool,
    },
    /// REFRESH MATERIALIZED VIEW.
    RefreshView {
        /// The view.
        view: TableName,
        /// CONCURRENTLY.
        concurrently: bool,
        /// Not WITH NO DATA.
        with_data: bool,
    },
    /// CREATE TRIGGER, RULE or POLICY.
    Attach {
        /// Which of them.
        what: Attachment,
        /// Its name.
        name: String,
        /// Its table.
        table: TableName,
        /// OR REPLACE.
        replace: bool,
        /// A constraint trigger's other table.
        from: Option<TableName>,
    },
    /// DROP TRIGGER, RULE or POLICY.
    Detach {
        /// Which of them.
        what: Attachment,
        /// Its name.
        name: String,
        /// Its table, where the engine has it named.
        table: Option<TableName>,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// ALTER TRIGGER, RULE or POLICY.
    AlterAttachment {
        /// Which of them.
        what: Attachment,
        /// Its name.
        name: String,
        /// Its table.
        table: TableName,
        /// Whether it gets another name and nothing else.
        renames: bool,
    },
    /// CREATE SEQUENCE.
    CreateSequence {
        /// The sequence.
        sequence: TableName,
        /// OWNED BY.
        owner: Option<TableName>,
    },
    /// ALTER SEQUENCE.
    AlterSequence {
        /// The sequence.
        sequence: TableName,
        /// OWNED BY.
        owner: Option<TableName>,
        /// RENAME TO or SET SCHEMA.
        renamed_to: Option<TableName>,
    },
    /// DROP SEQUENCE.
    DropSequences {
        /// The sequences.
        sequences: Vec<TableName>,
        /// CASCADE.
        cascade: bool,
    },
    /// CREATE TYPE.
    CreateType {
        /// The type.
        name: TableName,
    },
    /// ALTER TYPE.
    AlterType {
        /// The type.
        name: TableName,
        /// What is changed.
        change: TypeChange,
    },
    /// CREATE DOMAIN.
    CreateDomain {
        /// The domain.
        name: TableName,
        /// The type that it is over.
        base: String,
        /// Whether it has a CHECK or is NOT NULL.
        constrained: bool,
    },
    /// ALTER DOMAIN.
    AlterDomain {
        /// The domain.
        name: TableName,
        /// What is changed.
        change: DomainChange,
    },
    /// DROP TYPE or DROP DOMAIN.
    DropTypes {
        /// The types.
        types: Vec<TableName>,
        /// DROP DOMAIN.
        domain: bool,
        /// CASCADE.
        cascade: bool,
    },
    /// CREATE FUNCTION or PROCEDURE.
    CreateFunction {
        /// Its name.
        name: TableName,
        /// OR REPLACE.
        replace: bool,
        /// What it says of itself; VOLATILE where it says nothing.
        volatility: Volatility,
    },
    /// DROP FUNCTION, PROCEDURE, AGGREGATE or ROUTINE.
    DropFunctions {
        /// Their names.
        names: Vec<TableName>,
        /// CASCADE.
        cascade: bool,
    },
    /// CREATE SCHEMA.
    CreateSchema {
        /// Its name, where it has one.
        name: Option<String>,
    },
    /// DROP SCHEMA.
    DropSchemas {
        /// Their names.
        names: Vec<String>,
        /// CASCADE.
        cascade: bool,
    },
    /// ALTER SCHEMA ... RENAME TO.
    RenameSchema {
        /// From.
        from: String,
        /// To.
        to: String,
    },
    /// CREATE, ALTER or DROP EXTENSION.
    Extension {
        /// What is done.
        verb: Verb,
        /// Its name.
        name: String,
        /// IF NOT EXISTS.
        if_not_exists: bool,
        /// CASCADE.
        cascade: bool,
    },
    /// CREATE, ALTER or DROP of a whole database, a tablespace or a subscription.
    Cluster {
        /// What is done.
        verb: Verb,
        /// `database`, `tablespace`, `subscription`, `system`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// CREATE, ALTER or DROP of what takes no lock on any table: roles, operators, casts, text
    /// search, servers.
    Object {
        /// What is done.
        verb: Verb,
        /// `role`, `operator`, ...
        kind: &'static str,
        /// Its name, as written.
        name: String,
        /// CASCADE.
        cascade: bool,
    },
    /// GRANT.
    Grant {
        /// On what, as written.
        on: String,
        /// The tables among it.
        tables: Vec<TableName>,
    },
    /// REVOKE.
    Revoke {
        /// On what, as written.
        on: String,
        /// The tables among it.
        tables: Vec<TableName>,
    },
    /// COMMENT and SECURITY LABEL.
    Comment {
        /// The table or view that they are about, or whose column they are about.
        table: Option<TableName>,
        /// The index that it is about.
        index: Option<TableName>,
    },
    /// CREATE, ALTER or DROP STATISTICS.
    Statistics {
        /// What is done.
        verb: Verb,
        /// Its name, where it has one.
        name: Option<TableName>,
        /// Its table, where it is named.
        table: Option<TableName>,
    },
    /// CREATE, ALTER or DROP PUBLICATION.
    Publication {
        /// What is done.
        verb: Verb,
        /// Its name.
        name: String,
        /// The tables that it names.
        tables: Vec<TableName>,
        /// FOR ALL TABLES.
        all: bool,
    },
    /// LOCK TABLE (LOCK TABLES of MySQL: WRITE is METADATA EXCLUSIVE).
    LockTables {
        /// Tables and modes.
        tables: Vec<(TableName, Lock)>,
    },
    /// VACUUM, OPTIMIZE TABLE.
    Vacuum {
        /// The tables; all of them where none is named.
        tables: Vec<TableName>,
        /// FULL.
        full: bool,
    },
    /// ANALYZE.
    Analyze {
        /// The tables; all of them where none is named.
        tables: Vec<TableName>,
    },
    /// CLUSTER.
    ClusterTable {
        /// The table; all that were clustered before where none is named.
        table: Option<TableName>,
    },
    /// REPACK (PostgreSQL 19).
    Repack {
        /// The table; all where none is named.
        table: Option<TableName>,
        /// CONCURRENTLY.
        concurrently: bool,
    },
    /// INSERT, also REPLACE.
    Insert {
        /// The table.
        table: TableName,
        /// Whether the columns are named.
        columns: Option<Vec<String>>,
        /// What is read by its SELECT.
        reads: Vec<TableName>,
        /// Whether rows come from a query of which nothing says that it gives but a few.
        from_query: bool,
        /// Functions that are called and not known.
        calls: Vec<String>,
    },
    /// UPDATE.
    Update {
        /// The table.
        table: TableName,
        /// The columns that are set.
        columns: Vec<String>,
        /// What else is read.
        reads: Vec<TableName>,
        /// How it is bounded, as far as its words tell.
        bound: Bound,
        /// The columns for which its condition gives a value, or a list of them.
        given: Vec<String>,
        /// Functions that are called and not known.
        calls: Vec<String>,
    },
    /// DELETE.
    Delete {
        /// The table.
        table: TableName,
        /// What else is read.
        reads: Vec<TableName>,
        /// How it is bounded, as far as its words tell.
        bound: Bound,
        /// The columns for which its condition gives a value, or a list of them.
        given: Vec<String>,
        /// Functions that are called and not known.
        calls: Vec<String>,
    },
    /// MERGE.
    Merge {
        /// The table.
        table: TableName,
        /// What is read.
        reads: Vec<TableName>,
        /// Functions that are called and not known.
        calls: Vec<String>,
    },
    /// SELECT, VALUES, TABLE; also WITH whose parts change rows.
    Select {
        /// What is read.
        reads: Vec<TableName>,
        /// Tables whose rows FOR UPDATE and the like locks.
        locks_rows: Vec<TableName>,
        /// INSERT, UPDATE and DELETE within WITH.
        inner: Vec<Act>,
        /// Whether it looks up a row or a handful of them (a key's value, LIMIT), or no table.
        bounded: bool,
        /// Functions that are called and not known.
        calls: Vec<String>,
    },
    /// COPY, LOAD DATA.
    Copy {
        /// The table.
        table: Option<TableName>,
        /// What a query within it reads.
        reads: Vec<TableName>,
        /// Whether rows are put in.
        writes: bool,
        /// From or to a program.
        program: bool,
    },
    /// EXPLAIN; with ANALYZE the statement in it runs.
    Explain {
        /// ANALYZE.
        analyze: bool,
        /// The statement.
        inner: Box<Act>,
    },
    /// BEGIN and the like.
    Transaction(Control),
    /// SET, SET LOCAL, PRAGMA.
    Set {
        /// The variable, in lower case.
        name: String,
        /// The value as written, without its quotes; absent for DEFAULT.
        value: Option<String>,
        /// LOCAL.
        local: bool,
    },
    /// RESET; every variable where none is named.
    Reset {
        /// The variable, in lower case.
        name: Option<String>,
    },
    /// What concerns the session alone: SHOW, LISTEN, NOTIFY, DISCARD, DECLARE, FETCH, USE.
    Session {
        /// Its first word, in lower case.
        word: &'static str,
    },
    /// What a person must look at.
    Unknown(Unknown),
}

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// CREATE.
    Create,
    /// ALTER.
    Alter,
    /// DROP.
    Drop,
}

/// What hangs on a table and has a name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// A trigger.
    Trigger,
    /// A rule.
    Rule,
    /// A policy.
    Policy,
}

/// What REINDEX is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Scope {
    /// One index.
    Index(TableName),
    /// The indexes of a table.
    Table(TableName),
    /// Those of a schema.
    Schema(String),
    /// Those of the database.
    Database,
    /// SQLite: of a name that may be either's.
    Named(TableName),
}

/// What ALTER INDEX changes.
#[derive(Clone, Debug, PartialEq)]
pub enum IndexChange {
    /// RENAME TO.
    Rename {
        /// The new name.
        to: String,
    },
    /// SET or RESET of storage parameters, SET STATISTICS.
    Options,
    /// SET TABLESPACE: the index is copied.
    Tablespace,
    /// ATTACH PARTITION.
    AttachPartition {
        /// The partition's index.
        index: TableName,
    },
    /// DEPENDS ON EXTENSION.
    Depends,
}

/// What ALTER TYPE changes.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeChange {
    /// ADD VALUE.
    AddValue {
        /// The label.
        value: String,
        /// IF NOT EXISTS.
        if_not_exists: bool,
    },
    /// RENAME VALUE.
    RenameValue {
        /// From.
        from: String,
        /// To.
        to: String,
    },
    /// RENAME TO or SET SCHEMA.
    Rename {
        /// The new name.
        to: TableName,
    },
    /// ADD, DROP, ALTER or RENAME ATTRIBUTE of a composite type.
    Attribute {
        /// CASCADE: to the tables of that type.
        cascade: bool,
    },
    /// OWNER TO, SET (...).
    Other,
}

/// What ALTER DOMAIN changes.
#[derive(Clone, Debug, PartialEq)]
pub enum DomainChange {
    /// ADD CONSTRAINT.
    AddConstraint {
        /// NOT VALID.
        not_valid: bool,
    },
    /// VALIDATE CONSTRAINT.
    Validate,
    /// SET NOT NULL.
    SetNotNull,
    /// DROP CONSTRAINT.
    DropConstraint,
    /// RENAME TO or SET SCHEMA.
    Rename {
        /// The new name.
        to: TableName,
    },
    /// DROP NOT NULL, SET or DROP DEFAULT, RENAME CONSTRAINT, OWNER TO.
    Other,
}

/// What a statement does to the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// BEGIN, START TRANSACTION.
    Begin,
    /// COMMIT, END.
    Commit {
        /// AND CHAIN: the next one begins at once.
        chain: bool,
    },
    /// ROLLBACK, ABORT.
    Rollback {
        /// AND CHAIN.
        chain: bool,
    },
    /// SAVEPOINT.
    Savepoint {
        /// Its name.
        name: String,
    },
    /// ROLLBACK TO: locks taken since are let go.
    RollbackTo {
        /// The savepoint's name.
        name: String,
    },
    /// RELEASE.
    Release {
        /// The savepoint's name.
        name: String,
    },
    /// PREPARE TRANSACTION: it goes on holding its locks.
    Prepare,
    /// SET TRANSACTION, SET CONSTRAINTS.
    Mode,
}

impl Act {
    /// The changes of an ALTER TABLE; none for every other statement.
    pub fn changes(&self) -> &[Change] {
        if let Act::AlterTable { changes, .. } = self {
            changes
        } else {
            &[]
        }
    }
}
