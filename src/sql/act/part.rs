//! Columns, constraints, indexes and tables as a statement spells them.

use crate::schema::TableName;

/// How an expression behaves from row to row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Volatility {
    /// One value for ever.
    Immutable,
    /// One value for all rows of a statement.
    Stable,
    /// Another one for each row.
    Volatile,
    /// It calls a function that is not known.
    Unknown {
        /// The function.
        function: String,
    },
}

/// A default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Default {
    /// The expression as written.
    pub sql: String,
    /// How it behaves.
    pub volatility: Volatility,
    /// DEFAULT NULL.
    pub null: bool,
}

/// How a generated column is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    /// In the row.
    Stored,
    /// Worked out when it is read.
    Virtual,
    /// Neither word: STORED must be written before PostgreSQL 18, VIRTUAL is meant everywhere else.
    Unsaid,
}

/// Where MySQL and MariaDB put a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// FIRST.
    First,
    /// AFTER.
    After(String),
}

/// A column's definition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewColumn {
    /// Its name.
    pub name: String,
    /// Its type as written; SQLite takes none, too.
    pub data_type: Option<String>,
    /// COLLATE.
    pub collation: Option<String>,
    /// NOT NULL; a primary key and an identity are so without the words.
    pub not_null: bool,
    /// DEFAULT.
    pub default: Option<self::Default>,
    /// AS IDENTITY, AUTO_INCREMENT; not serial, which is a type.
    pub identity: bool,
    /// GENERATED ALWAYS AS (...).
    pub generated: Option<Generated>,
    /// PRIMARY KEY, UNIQUE, CHECK and REFERENCES behind it.
    pub constraints: Vec<NewConstraint>,
    /// MySQL and MariaDB: FIRST, AFTER.
    pub position: Option<Position>,
    /// MySQL and MariaDB: ON UPDATE.
    pub on_update: Option<String>,
}

/// A constraint.
#[derive(Clone, Debug, PartialEq)]
pub struct NewConstraint {
    /// Its name, where it is named.
    pub name: Option<String>,
    /// What it is.
    pub shape: Shape,
    /// Its columns, as far as it names them; those of a CHECK are the ones that it mentions.
    pub columns: Vec<String>,
    /// USING INDEX.
    pub using_index: Option<String>,
    /// NOT VALID.
    pub not_valid: bool,
    /// NOT ENFORCED.
    pub not_enforced: bool,
    /// NO INHERIT.
    pub no_inherit: bool,
}

/// The kinds of constraint.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// PRIMARY KEY.
    PrimaryKey,
    /// UNIQUE.
    Unique,
    /// CHECK.
    Check {
        /// The condition as written, without the parentheses around it.
        sql: String,
    },
    /// NOT NULL as a constraint of its own (PostgreSQL 18).
    NotNull,
    /// FOREIGN KEY, REFERENCES.
    ForeignKey(ForeignKey),
    /// EXCLUDE.
    Exclude,
}

/// Where a foreign key points.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignKey {
    /// The table.
    pub table: TableName,
    /// Its columns; its primary key where none are named.
    pub columns: Vec<String>,
}

/// An index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewIndex {
    /// Its name, where it is named.
    pub name: Option<String>,
    /// UNIQUE.
    pub unique: bool,
    /// CONCURRENTLY.
    pub concurrently: bool,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// `btree`, `gin`, `fulltext`, ...; absent: the engine's own.
    pub method: Option<String>,
    /// Its columns; expressions as they are written.
    pub columns: Vec<String>,
    /// WHERE.
    pub predicate: Option<String>,
}

/// A table that is made.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTable {
    /// Its name.
    pub name: TableName,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// TEMPORARY: nobody else ever sees it.
    pub temporary: bool,
    /// UNLOGGED.
    pub unlogged: bool,
    /// Its columns.
    pub columns: Vec<NewColumn>,
    /// Its constraints.
    pub constraints: Vec<NewConstraint>,
    /// Indexes of its own (MySQL and MariaDB).
    pub indexes: Vec<NewIndex>,
    /// LIKE.
    pub like: Vec<TableName>,
    /// INHERITS.
    pub inherits: Vec<TableName>,
    /// PARTITION OF.
    pub partition_of: Option<TableName>,
    /// PARTITION OF ... DEFAULT.
    pub default_partition: bool,
    /// PARTITION BY.
    pub partitioned: bool,
    /// AS SELECT, SELECT INTO: what is read; absent where there is no query.
    pub query: Option<Vec<TableName>>,
    /// AS SELECT ... WITH NO DATA.
    pub no_data: bool,
    /// OF: a composite type.
    pub of_type: Option<TableName>,
    /// MySQL and MariaDB: the character set of its texts that say none, in lower case.
    pub charset: Option<String>,
}

impl NewTable {
    /// A table of which nothing is said but its name.
    pub fn named(name: TableName) -> Self {
        Self {
            name,
            if_not_exists: false,
            temporary: false,
            unlogged: false,
            columns: Vec::new(),
            constraints: Vec::new(),
            indexes: Vec::new(),
            like: Vec::new(),
            inherits: Vec::new(),
            partition_of: None,
            default_partition: false,
            partitioned: false,
            query: None,
            no_data: false,
            of_type: None,
            charset: None,
        }
    }
}

/// ALGORITHM and LOCK of MySQL and MariaDB, in upper case; absent where not written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Online {
    /// INSTANT, NOCOPY, INPLACE, COPY, DEFAULT.
    pub algorithm: Option<String>,
    /// NONE, SHARED, EXCLUSIVE, DEFAULT.
    pub lock: Option<String>,
}

impl NewConstraint {
    /// A constraint without a name and with nothing said of it.
    pub fn new(shape: Shape, columns: Vec<String>) -> Self {
        Self {
            name: None,
            shape,
            columns,
            using_index: None,
            not_valid: false,
            not_enforced: false,
            no_inherit: false,
        }
    }
}
