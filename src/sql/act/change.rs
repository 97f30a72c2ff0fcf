//! What ALTER TABLE changes.

use super::part::{Default, NewColumn, NewConstraint, NewIndex};
use crate::schema::TableName;

/// Which triggers or rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one of that name.
    Named(String),
    /// ALL: those that keep foreign keys, too.
    All,
    /// USER.
    User,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// ADD COLUMN.
    AddColumn {
        /// The column.
        column: NewColumn,
        /// IF NOT EXISTS.
        if_not_exists: bool,
    },
    /// DROP COLUMN.
    DropColumn {
        /// The column.
        column: String,
        /// IF EXISTS.
        if_exists: bool,
        /// CASCADE.
        cascade: bool,
    },
    /// RENAME COLUMN.
    RenameColumn {
        /// From.
        from: String,
        /// To.
        to: String,
    },
    /// ALTER COLUMN ... TYPE.
    SetType {
        /// The column.
        column: String,
        /// The new type as written.
        to: String,
        /// COLLATE.
        collation: Option<String>,
        /// USING.
        using: Option<String>,
    },
    /// MODIFY COLUMN, CHANGE COLUMN: everything about a column anew.
    Redefine {
        /// Its name so far.
        column: String,
        /// What it is from now on.
        to: NewColumn,
    },
    /// SET DEFAULT.
    SetDefault {
        /// The column.
        column: String,
        /// The default.
        default: Default,
    },
    /// DROP DEFAULT.
    DropDefault {
        /// The column.
        column: String,
    },
    /// SET NOT NULL.
    SetNotNull {
        /// The column.
        column: String,
    },
    /// DROP NOT NULL.
    DropNotNull {
        /// The column.
        column: String,
    },
    /// ADD GENERATED ... AS IDENTITY.
    AddIdentity {
        /// The column.
        column: String,
    },
    /// SET GENERATED, RESTART and the sequence's options.
    SetIdentity {
        /// The column.
        column: String,
    },
    /// DROP IDENTITY.
    DropIdentity {
        /// The column.
        column: String,
    },
    /// SET EXPRESSION (PostgreSQL 17).
    SetExpression {
        /// The column.
        column: String,
    },
    /// DROP EXPRESSION.
    DropExpression {
        /// The column.
        column: String,
    },
    /// SET STATISTICS, SET (...), RESET (...) of a column.
    ColumnOptions {
        /// The column.
        column: String,
    },
    /// SET STORAGE, SET COMPRESSION.
    SetStorage {
        /// The column.
        column: String,
    },
    /// ADD CONSTRAINT.
    AddConstraint(NewConstraint),
    /// DROP CONSTRAINT; DROP FOREIGN KEY, DROP CHECK.
    DropConstraint {
        /// The constraint.
        name: String,
        /// IF EXISTS.
        if_exists: bool,
        /// CASCADE.
        cascade: bool,
    },
    /// DROP PRIMARY KEY (MySQL and MariaDB).
    DropPrimaryKey,
    /// VALIDATE CONSTRAINT.
    ValidateConstraint {
        /// The constraint.
        name: String,
    },
    /// ALTER CONSTRAINT.
    AlterConstraint {
        /// The constraint.
        name: String,
        /// ENFORCED: the rows are read (PostgreSQL 18).
        enforces: bool,
    },
    /// RENAME CONSTRAINT.
    RenameConstraint {
        /// From.
        from: String,
        /// To.
        to: String,
    },
    /// ADD INDEX (MySQL and MariaDB).
    AddIndex(NewIndex),
    /// DROP INDEX (MySQL and MariaDB).
    DropIndex {
        /// The index.
        name: String,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// RENAME INDEX (MySQL and MariaDB), IGNORED and INVISIBLE.
    AlterIndex {
        /// The index.
        name: String,
    },
    /// RENAME TO, SET SCHEMA.
    Rename {
        /// The new name.
        to: TableName,
    },
    /// OWNER TO.
    Owner,
    /// SET (...) and RESET (...) of the table, by the names of the options in lower case.
    Options {
        /// Their names.
        names: Vec<String>,
    },
    /// SET LOGGED.
    SetLogged,
    /// SET UNLOGGED.
    SetUnlogged,
    /// SET TABLESPACE.
    SetTablespace,
    /// SET ACCESS METHOD.
    SetAccessMethod {
        /// Its name; absent for DEFAULT.
        method: Option<String>,
    },
    /// CLUSTER ON.
    ClusterOn {
        /// The index.
        index: String,
    },
    /// SET WITHOUT CLUSTER.
    WithoutCluster,
    /// SET WITHOUT OIDS: nothing since PostgreSQL 12, which knows no OIDs.
    WithoutOids,
    /// ENABLE and DISABLE TRIGGER.
    Triggers {
        /// Which.
        which: Which,
        /// ENABLE, in any of its forms.
        enable: bool,
    },
    /// ENABLE and DISABLE RULE.
    Rules {
        /// Which.
        which: Which,
        /// ENABLE, in any of its forms.
        enable: bool,
    },
    /// ENABLE and DISABLE ROW LEVEL SECURITY.
    RowSecurity {
        /// ENABLE.
        enable: bool,
    },
    /// FORCE and NO FORCE ROW LEVEL SECURITY.
    ForceRowSecurity {
        /// FORCE.
        force: bool,
    },
    /// REPLICA IDENTITY.
    ReplicaIdentity {
        /// USING INDEX.
        index: Option<String>,
    },
    /// INHERIT.
    Inherit {
        /// The parent.
        parent: TableName,
    },
    /// NO INHERIT.
    NoInherit {
        /// The parent.
        parent: TableName,
    },
    /// OF.
    OfType {
        /// The composite type.
        name: TableName,
    },
    /// NOT OF.
    NotOfType,
    /// ATTACH PARTITION.
    AttachPartition {
        /// The table that becomes one.
        partition: TableName,
        /// DEFAULT.
        default: bool,
        /// The bounds as written.
        bounds: String,
    },
    /// DETACH PARTITION.
    DetachPartition {
        /// The partition.
        partition: TableName,
        /// CONCURRENTLY.
        concurrently: bool,
        /// FINALIZE.
        finalize: bool,
    },
    /// SPLIT and MERGE PARTITIONS (PostgreSQL 19); ADD, DROP, REORGANIZE, COALESCE, EXCHANGE of
    /// MySQL and MariaDB.
    Repartition {
        /// The partitions that are taken, as far as they are tables.
        partitions: Vec<TableName>,
        /// The words, in upper case: `SPLIT`, `MERGE`, `DROP`, ...
        how: String,
    },
    /// ENGINE, ROW_FORMAT, CHARACTER SET, CONVERT TO, AUTO_INCREMENT and the other options of
    /// MySQL's and MariaDB's tables.
    TableOption {
        /// Its name, in lower case.
        name: String,
        /// Its value, as written.
        value: String,
    },
    /// FORCE, ORDER BY: MySQL and MariaDB write the table anew.
    Rebuild,
    /// What is not known here.
    Unknown {
        /// Its words.
        words: String,
    },
}
