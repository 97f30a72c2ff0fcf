//! The migration document: what people write, in the form, as YAML or through the builder.

mod conversion;
mod duration;
mod emit;
mod hash;
mod json_schema;
mod list;
mod locate;
mod names;
mod project;
mod read;
mod read_parts;
mod read_value;
mod scalar;
mod scan_error;
mod shape;
mod shapes;
mod tree;
mod waive;

use serde::{Deserialize, Serialize};

pub use conversion::Conversion;
pub use duration::soak_ms;
pub use emit::{emit, emit_draft};
pub use hash::{hash, phase_hash};
pub use json_schema::json_schema;
pub use list::{has_gap, read_list, write_list};
pub use locate::locate;
pub use names::{NAME_MAX, name_problem, nearest, slug};
pub use project::{PROJECT_FILE, read_project};
pub use read::{PROBLEMS_MAX, check, parse, read_draft};
pub use shape::{Field, FieldKind, Part, Shape};
pub use shapes::{GATE, MIGRATION, PHASE, WAIVER, checks};
pub use waive::waive_in_text;

use crate::operation::Operation;
use crate::schema::Refusal;

/// Something wrong in a document: what, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// 1-based line of the text; absent where the document did not come from one.
    pub line: Option<usize>,
    /// 1-based column, in characters.
    pub column: Option<usize>,
    /// Where in the document: `phases[1].operations[0].dataType`.
    pub path: String,
    /// What is the matter and what to do, in one or two sentences.
    pub message: String,
}

impl Problem {
    /// A problem at a place of the text.
    pub(in crate::document) fn at(
        place: impl Into<Option<tree::Place>>,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let place = place.into();
        Self {
            line: place.map(|p| p.line),
            column: place.map(|p| p.column),
            path: path.into(),
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Problem {
    /// `line 7, column 9: phases[0].operations[0]: ...`, what is absent left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}")?;
            if let Some(column) = self.column {
                write!(f, ", column {column}")?;
            }
            f.write_str(": ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// The engines that a document can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// PostgreSQL 12 to 18.
    #[serde(rename = "postgresql")]
    PostgreSql,
    /// MySQL 8.0.13 and later.
    MySql,
    /// MariaDB 10.6 and later.
    MariaDb,
    /// SQLite 3.35 and later.
    Sqlite,
}

impl Engine {
    /// Every engine, in the order that lists show them.
    pub const ALL: [Engine; 4] = [
        Engine::PostgreSql,
        Engine::MySql,
        Engine::MariaDb,
        Engine::Sqlite,
    ];

    /// The word of the document: `postgresql`, `mysql`, `mariadb`, `sqlite`.
    pub fn word(self) -> &'static str {
        match self {
            Engine::PostgreSql => "postgresql",
            Engine::MySql => "mysql",
            Engine::MariaDb => "mariadb",
            Engine::Sqlite => "sqlite",
        }
    }

    /// Its own name, for sentences.
    pub fn title(self) -> &'static str {
        match self {
            Engine::PostgreSql => "PostgreSQL",
            Engine::MySql => "MySQL",
            Engine::MariaDb => "MariaDB",
            Engine::Sqlite => "SQLite",
        }
    }

    /// Whether it is MySQL or MariaDB, which share a lexer, a catalogue and DDL that commits by
    /// itself.
    pub fn is_mysql_family(self) -> bool {
        match self {
            Engine::MySql | Engine::MariaDb => true,
            Engine::PostgreSql | Engine::Sqlite => false,
        }
    }
}

/// One migration: a name, an engine and phases in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Migration {
    /// `[a-z0-9-]+`, unique in a workspace.
    pub name: String,
    /// The engine that the document is written for.
    pub database: Engine,
    /// What the migration is for, in the author's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Who wrote it, in their own words; not an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Free labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Findings about the document as a whole that are accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    /// The phases, numbered 1, 2, 3, ... in order.
    pub phases: Vec<Phase>,
}

/// A finding that is accepted as it is, and why. It stays in the document, so that whoever approves
/// a phase approves it too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiver {
    /// The rule's id.
    pub rule: String,
    /// Index of the operation that the finding is about, from 0; absent: every one of the rule's
    /// findings where the waiver stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<usize>,
    /// Why, in the author's words.
    pub reason: String,
}

impl Migration {
    /// Whether it holds SQL that a person wrote: what that does is known only where it is parsed.
    pub fn has_raw_sql(&self) -> bool {
        self.phases.iter().any(|phase| {
            phase
                .operations
                .iter()
                .chain(phase.rollback_operations.iter().flatten())
                .any(|operation| matches!(operation, Operation::CustomSql(_)))
        })
    }
}

/// What a phase does to the schema as the applications see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhaseKind {
    /// Adds; old and new applications both run.
    Expand,
    /// Moves data.
    Migrate,
    /// Takes away or tightens.
    Contract,
}

/// One phase: started, approved and rolled back as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// 1, 2, 3, ... in order.
    pub phase: u32,
    /// Inferred from the operations where absent, see [`Phase::kind`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<PhaseKind>,
    /// What the phase does, in the author's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Milliseconds that a statement which blocks others may take, from its first try for the
    /// lock to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// What must be true before the phase starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// What it does, in order. May be empty: then it is a gate, or only checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<Operation>,
    /// What must hold once the operations are done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validation: Vec<Validation>,
    /// Takes precedence over the derived rollback where it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback_operations: Option<Vec<Operation>>,
    /// Findings about the phase that are accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
}

/// What must be true before a phase starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// A deploy that a person confirms, with a version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy: Option<String>,
    /// Time since the previous phase completed: `30s`, `15m`, `12h`, `7d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<String>,
}

impl Gate {
    /// The soak in milliseconds; 0 where there is none.
    ///
    /// # Errors
    /// What is wrong with the text; never for a document that [`check`] has passed.
    pub fn soak_ms(&self) -> Result<u64, String> {
        self.soak.as_deref().map_or(Ok(0), soak_ms)
    }
}

/// What a check asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The column is in the catalogue.
    ColumnExists,
    /// The column is not in the catalogue.
    ColumnNotExists,
    /// The index is there and valid, under its own name or its constraint's.
    IndexExists,
    /// No row has NULL in the column.
    BackfillComplete,
    /// Old and new agree on every row under the conversion; NULL equals NULL.
    ColumnsMatch,
    /// The constraint is there, and every row meets it.
    ConstraintValid,
    /// Both tables have the same number of rows, seen in one snapshot.
    RowCountMatch,
    /// The SQL returns true, or the number 0.
    Custom,
}

impl Check {
    /// The word of the document: `column_exists`.
    pub fn word(self) -> &'static str {
        match self {
            Check::ColumnExists => "column_exists",
            Check::ColumnNotExists => "column_not_exists",
            Check::IndexExists => "index_exists",
            Check::BackfillComplete => "backfill_complete",
            Check::ColumnsMatch => "columns_match",
            Check::ConstraintValid => "constraint_valid",
            Check::RowCountMatch => "row_count_match",
            Check::Custom => "custom",
        }
    }
}

/// How the value of a custom check is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", from = "ExpectWritten")]
pub enum Expect {
    /// The value is a truth and must be true.
    True,
    /// The value is a number and must be 0.
    Zero,
}

/// `expect: true` is a truth value in YAML, and a word here.
#[derive(Deserialize)]
#[serde(untagged)]
enum ExpectWritten {
    Truth(True),
    Word(ExpectWord),
}

#[derive(Deserialize)]
#[serde(try_from = "bool")]
struct True;

impl TryFrom<bool> for True {
    type Error = &'static str;

    fn try_from(value: bool) -> Result<Self, Self::Error> {
        value.then_some(True).ok_or("`true` or `zero` is expected")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ExpectWord {
    True,
    Zero,
}

impl From<ExpectWritten> for Expect {
    fn from(written: ExpectWritten) -> Self {
        match written {
            ExpectWritten::Truth(True) | ExpectWritten::Word(ExpectWord::True) => Expect::True,
            ExpectWritten::Word(ExpectWord::Zero) => Expect::Zero,
        }
    }
}

impl Validation {
    /// Refuses fields that do not go together, whatever the engine and the schema.
    ///
    /// # Errors
    /// The field to blame, and what to do.
    pub fn form(&self) -> Result<(), Refusal> {
        match self.check {
            Check::ColumnsMatch => match (&self.old_column, &self.new_column, &self.forward) {
                (_, Some(_), Some(Conversion::Columns(_))) => Err(Refusal::new(
                    "newColumn",
                    "forward names the new columns already, each with its expression; leave newColumn out, or write forward as one expression",
                )),
                (_, None, Some(Conversion::Columns(_)))
                | (Some(_), Some(_), Some(Conversion::Expression(_)) | None) => Ok(()),
                (_, None, _) => Err(Refusal::new(
                    "newColumn",
                    "columns_match needs `newColumn`: the new column; where there are several, write forward as a map of column to expression",
                )),
                (None, Some(_), _) => Err(Refusal::new(
                    "oldColumn",
                    "columns_match needs `oldColumn`: the old column",
                )),
            },
            Check::ColumnExists
            | Check::ColumnNotExists
            | Check::IndexExists
            | Check::BackfillComplete
            | Check::ConstraintValid
            | Check::RowCountMatch
            | Check::Custom => Ok(()),
        }
    }
}

/// One check of a phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Validation {
    /// What is asked.
    pub check: Check,
    /// The table asked about; absent for a custom check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// For column_exists, column_not_exists, backfill_complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// For index_exists; without it and `columns`: every index that the phase makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index_name: Option<String>,
    /// For index_exists, in place of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// For columns_match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_column: Option<String>,
    /// For columns_match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_column: Option<String>,
    /// For columns_match: the conversion from old to new, identity where absent; or a map of new
    /// column to expression, in place of both columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Conversion>,
    /// For constraint_valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint_name: Option<String>,
    /// For row_count_match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_table: Option<String>,
    /// For custom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// For custom, where the type of the value leaves it open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
    /// For custom: a query whose first rows are shown when it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// What the person reads when it fails, beside the value found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}
