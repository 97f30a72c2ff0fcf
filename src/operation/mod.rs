//! One file per operation: its fields, what it compiles to per engine, its inverse, a sample.

use serde::{Deserialize, Serialize};

pub use behave::{Draft, Loss, Subject, Undo};

use crate::document::{PhaseKind, Shape};
use crate::plan::PlannedCheck;
use crate::schema::{Refusal, TableName, World};
use behave::Behave;

mod anew;
mod behave;
mod dual_write;
mod mysql;
#[cfg(test)]
mod names;
mod postgres;
#[cfg(test)]
mod refusals;
mod restore;
mod saved;
mod shadow;
mod sqlite;
mod swap;
#[cfg(test)]
pub(crate) mod tests;

/// The one list of operations: from it come the modules, the enum and the dispatch.
macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident in $module:ident,)*) => {
        $(mod $module;)*
        $(pub use $module::$variant;)*

        /// An operation of a phase.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        pub enum Operation {
            $($(#[$doc])* $variant($variant),)*
        }

        /// The shapes of all operations, in the order that menus show them.
        pub fn shapes() -> &'static [&'static Shape] {
            &[$(&$variant::SHAPE),*]
        }

        impl Operation {
            /// Refuses fields that do not go together, whatever the engine and the schema.
            pub fn form(&self) -> Result<(), Refusal> {
                match self {
                    $(Operation::$variant(operation) => operation.form(),)*
                }
            }

            /// The types that it names.
            pub fn data_types(&self) -> Vec<&str> {
                match self {
                    $(Operation::$variant(operation) => operation.data_types(),)*
                }
            }

            /// What it does to the schema as the applications see it.
            pub fn phase_kind(&self) -> PhaseKind {
                match self {
                    $(Operation::$variant(operation) => operation.phase_kind(),)*
                }
            }

            /// The tables it touches.
            pub fn tables(&self) -> Vec<TableName> {
                match self {
                    $(Operation::$variant(operation) => operation.tables(),)*
                }
            }

            /// The table and the name in it that it is about, to find what undoes what.
            pub fn subject(&self) -> Subject {
                match self {
                    $(Operation::$variant(operation) => operation.subject(),)*
                }
            }

            /// Does it to the world in memory.
            pub fn apply(&self, world: &mut World) -> Result<(), Refusal> {
                match self {
                    $(Operation::$variant(operation) => operation.apply(world),)*
                }
            }

            /// What is sent to do it, in the world before it.
            pub fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal> {
                match self {
                    $(Operation::$variant(operation) => operation.compile(before),)*
                }
            }

            /// What takes it back, in the world before it.
            pub fn undo(&self, before: &World) -> Result<Undo, Refusal> {
                match self {
                    $(Operation::$variant(operation) => operation.undo(before),)*
                }
            }

            /// What is asked at the end of its phase, in the world before it.
            pub(crate) fn checks(&self, before: &World) -> Vec<PlannedCheck> {
                match self {
                    $(Operation::$variant(operation) => operation.checks(before),)*
                }
            }

            /// Its fields, as the reader and the form know them.
            pub fn shape(&self) -> &'static Shape {
                match self {
                    $(Operation::$variant(_) => &$variant::SHAPE,)*
                }
            }
        }

        /// One example of every operation, on the table `users` with the columns `id`, `name` and
        /// `email` and the table `teams` with `id`.
        pub fn samples() -> Vec<Operation> {
            vec![$($variant::sample().into()),*]
        }

        $(impl From<$variant> for Operation {
            fn from(operation: $variant) -> Self {
                Operation::$variant(operation)
            }
        })*
    };
}

operations! {
    /// See [`AddColumn`].
    AddColumn in add_column,
    /// See [`DropColumn`].
    DropColumn in drop_column,
    /// See [`RenameColumn`].
    RenameColumn in rename_column,
    /// See [`ChangeColumnType`].
    ChangeColumnType in change_column_type,
    /// See [`SetNotNull`].
    SetNotNull in set_not_null,
    /// See [`DropNotNull`].
    DropNotNull in drop_not_null,
    /// See [`SetDefault`].
    SetDefault in set_default,
    /// See [`DropDefault`].
    DropDefault in drop_default,
    /// See [`AddIndex`].
    AddIndex in add_index,
    /// See [`DropIndex`].
    DropIndex in drop_index,
    /// See [`AddConstraint`].
    AddConstraint in add_constraint,
    /// See [`AddCheck`].
    AddCheck in add_check,
    /// See [`AddForeignKey`].
    AddForeignKey in add_foreign_key,
    /// See [`AddUnique`].
    AddUnique in add_unique,
    /// See [`DropConstraint`].
    DropConstraint in drop_constraint,
    /// See [`CreateTable`].
    CreateTable in create_table,
    /// See [`DropTable`].
    DropTable in drop_table,
    /// See [`RenameTable`].
    RenameTable in rename_table,
    /// See [`CreateView`].
    CreateView in create_view,
    /// See [`DropView`].
    DropView in drop_view,
    /// See [`Backfill`].
    Backfill in backfill,
    /// See [`EnableDualWrite`].
    EnableDualWrite in enable_dual_write,
    /// See [`DisableDualWrite`].
    DisableDualWrite in disable_dual_write,
    /// See [`CopyTable`].
    CopyTable in copy_table,
    /// See [`SwapTables`].
    SwapTables in swap_tables,
    /// See [`CustomSql`].
    CustomSql in custom_sql,
}

pub(crate) use add_foreign_key::ACTIONS as REFERENTIAL_ACTIONS;
pub use add_foreign_key::ReferentialAction;
pub use create_table::{NewColumn, NewConstraint};
pub(crate) use create_view::again as view_again;
pub(crate) use drop_table::{comes_back, is_kept};
pub(crate) use saved::column::clean_up as clean_up_saved;

impl Operation {
    /// The word of the document: `add_column`.
    pub fn word(&self) -> &'static str {
        self.shape().word
    }
}

/// A literal, or an expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum DefaultValue {
    /// `{sql: "now()"}`.
    Expression {
        /// The expression, kept verbatim.
        sql: String,
    },
    /// `active`, `false`, `0`; a string is quoted, unless it is wholly a quoted literal.
    Literal(serde_json::Value),
}

impl DefaultValue {
    /// An expression, kept verbatim.
    pub fn sql(expression: &str) -> Self {
        DefaultValue::Expression {
            sql: expression.to_owned(),
        }
    }
}

/// What a literal in Rust is as a literal of a document.
macro_rules! literals {
    ($($of:ty),*) => {
        $(impl From<$of> for DefaultValue {
            fn from(value: $of) -> Self {
                DefaultValue::Literal(value.into())
            }
        })*
    };
}

literals!(&str, String, bool, i32, i64, u32, u64);

impl From<f64> for DefaultValue {
    /// What is no number in JSON (infinity, NaN) is the word that the engines read as it.
    fn from(value: f64) -> Self {
        let number = serde_json::Number::from_f64(value);
        DefaultValue::Literal(number.map_or_else(|| value.to_string().into(), Into::into))
    }
}

/// Defaults of fields, for serde.
mod default {
    pub(super) fn yes() -> bool {
        true
    }

    pub(super) fn is_yes(value: &bool) -> bool {
        *value
    }

    pub(super) fn is_no(value: &bool) -> bool {
        !*value
    }

    pub(super) fn is_zero(value: &u64) -> bool {
        *value == 0
    }
}
