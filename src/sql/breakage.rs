//! What of an application that runs meanwhile, or runs on unchanged afterwards, a statement breaks.

use serde::{Deserialize, Serialize};

use crate::schema::TableName;

/// One thing that breaks. SQLSTATEs are PostgreSQL's, as seen on 15.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Breakage {
    /// Prepared `SELECT *` fails once per connection (0A000: cached plan must not change result
    /// type).
    PreparedSelect {
        /// The table.
        table: TableName,
    },
    /// `INSERT ... ON CONFLICT` finds no unique constraint or index (42P10).
    OnConflict {
        /// The table.
        table: TableName,
        /// The constraint or index that goes, or the column that it is on.
        name: String,
    },
    /// INSERTs that leave the column out fail (23502).
    InsertWithout {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },
    /// INSERTs that leave the column out no longer get what they got.
    DefaultChanged {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },
    /// Code that names the column fails (42703).
    ColumnGone {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
        /// Its new name, where it has one.
        renamed_to: Option<String>,
    },
    /// Code that names the table or view fails (42P01).
    TableGone {
        /// The table.
        table: TableName,
        /// Its new name, where it has one.
        renamed_to: Option<TableName>,
    },
    /// Code that names some other object (a function, type, sequence, schema) fails.
    ObjectGone {
        /// `function`, `type`, ...
        kind: String,
        /// The object.
        name: String,
        /// Its new name, where it has one.
        renamed_to: Option<String>,
    },
    /// Rows are gone.
    RowsGone {
        /// The table.
        table: TableName,
    },
    /// Privileges are taken away (42501).
    PrivilegesRevoked {
        /// On what, as written.
        object: String,
    },
    /// Row-level security without a policy: everybody but the owner sees no row.
    RowsHidden {
        /// The table.
        table: TableName,
    },
    /// A policy changes which rows are seen and may be written.
    PolicyChanged {
        /// The table.
        table: TableName,
    },
    /// Writes that went through so far are refused (23514, 23505, 23503, 23502).
    StricterConstraint {
        /// The table.
        table: TableName,
        /// The constraint, as far as it has a name, else what it is on.
        constraint: String,
    },
    /// What the column gives back or takes is of another type.
    TypeChanged {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },
    /// Values that were generated must be given, or those that are given are refused.
    GenerationChanged {
        /// The table.
        table: TableName,
        /// The column.
        column: String,
    },
    /// A function gives something else from now on; whoever calls or replaces it at that very
    /// moment may fail (XX000: tuple concurrently updated).
    FunctionChanged {
        /// The function.
        name: String,
    },
    /// A view shows something else from now on.
    ViewChanged {
        /// The view.
        view: TableName,
    },
    /// The label of an enum has another name (22P02).
    EnumValueRenamed {
        /// The type.
        name: String,
        /// The old label.
        value: String,
    },
    /// Triggers no longer run, foreign keys may no longer be kept.
    TriggersOff {
        /// The table.
        table: TableName,
    },
    /// From now on a trigger or rule runs with each write.
    TriggerAdded {
        /// The table.
        table: TableName,
    },
    /// Foreign keys or checks are no longer kept.
    ConstraintGone {
        /// The table.
        table: TableName,
        /// The constraint.
        constraint: String,
    },
    /// Queries that relied on an index get slow.
    IndexGone {
        /// The index.
        index: TableName,
    },
    /// The table's rows do not outlive a crash, and are not on replicas.
    NotLogged {
        /// The table.
        table: TableName,
    },
}

impl std::fmt::Display for Breakage {
    /// Who runs into it, and how, in a few words.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Breakage::PreparedSelect { table } => {
                write!(
                    f,
                    "prepared SELECT * from {table} fails once per connection"
                )
            }
            Breakage::OnConflict { table, name } => {
                write!(
                    f,
                    "INSERT INTO {table} ... ON CONFLICT that relies on {name} fails"
                )
            }
            Breakage::InsertWithout { table, column } => {
                write!(f, "INSERT INTO {table} that leaves {column} out fails")
            }
            Breakage::DefaultChanged { table, column } => {
                write!(
                    f,
                    "INSERT INTO {table} without {column} gets another value, or none"
                )
            }
            Breakage::ColumnGone {
                table,
                column,
                renamed_to: None,
            } => write!(f, "code that uses {table}.{column} fails"),
            Breakage::ColumnGone {
                table,
                column,
                renamed_to: Some(to),
            } => write!(
                f,
                "code that uses {table}.{column}, which is then called {to}, fails"
            ),
            Breakage::TableGone {
                table,
                renamed_to: None,
            } => write!(f, "code that uses {table} fails"),
            Breakage::TableGone {
                table,
                renamed_to: Some(to),
            } => write!(
                f,
                "code that uses {table}, which is then called {to}, fails"
            ),
            Breakage::ObjectGone {
                kind,
                name,
                renamed_to: None,
            } => write!(f, "code that uses the {kind} {name} fails"),
            Breakage::ObjectGone {
                kind,
                name,
                renamed_to: Some(to),
            } => write!(
                f,
                "code that uses the {kind} {name}, which is then called {to}, fails"
            ),
            Breakage::RowsGone { table } => write!(f, "the rows of {table} are gone"),
            Breakage::PrivilegesRevoked { object } => {
                write!(f, "privileges on {object} are taken away")
            }
            Breakage::RowsHidden { table } => {
                write!(f, "everybody but the owner of {table} sees no row of it")
            }
            Breakage::PolicyChanged { table } => {
                write!(
                    f,
                    "which rows of {table} are seen and may be written changes"
                )
            }
            Breakage::StricterConstraint { table, constraint } => {
                write!(f, "writes to {table} that {constraint} forbids fail")
            }
            Breakage::TypeChanged { table, column } => {
                write!(f, "code that takes {table}.{column} for what it was fails")
            }
            Breakage::GenerationChanged { table, column } => {
                write!(
                    f,
                    "INSERT INTO {table} that gives {column}, or leaves it out, fails"
                )
            }
            Breakage::FunctionChanged { name } => write!(f, "what {name} gives changes"),
            Breakage::ViewChanged { view } => write!(f, "what {view} shows changes"),
            Breakage::EnumValueRenamed { name, value } => {
                write!(f, "code that uses the value {value} of {name} fails")
            }
            Breakage::TriggersOff { table } => {
                write!(f, "triggers of {table} no longer run")
            }
            Breakage::TriggerAdded { table } => {
                write!(f, "each write to {table} runs a trigger or a rule more")
            }
            Breakage::ConstraintGone { table, constraint } => {
                write!(f, "{constraint} of {table} is no longer kept")
            }
            Breakage::IndexGone { index } => write!(f, "queries that rely on {index} get slow"),
            Breakage::NotLogged { table } => {
                write!(
                    f,
                    "the rows of {table} do not outlive a crash, and are not on replicas"
                )
            }
        }
    }
}
