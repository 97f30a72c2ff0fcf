//! What every operation answers for, and what it answers with.

use crate::document::PhaseKind;
use crate::estimate::Kind;
use crate::plan::{Action, PlannedCheck, SavedCopy, Statement};
use crate::schema::{Refusal, TableName, World};

/// The table and the name in it that an operation is about.
pub type Subject = (Option<TableName>, Option<String>);

/// A step without its number.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What it does, for people.
    pub title: String,
    /// The tables it touches.
    pub tables: Vec<TableName>,
    /// What is done.
    pub action: Action,
    /// On a way back: which step of the way forth it undoes, where it is not all of them.
    pub undoes: Option<usize>,
}

impl Draft {
    /// One step about one table.
    pub fn new(title: impl Into<String>, table: &TableName, action: Action) -> Self {
        Self {
            title: title.into(),
            tables: vec![table.clone()],
            action,
            undoes: None,
        }
    }

    /// Statements in one transaction.
    pub fn transaction(
        title: impl Into<String>,
        table: &TableName,
        statements: Vec<Statement>,
    ) -> Self {
        Self::new(title, table, Action::Transaction { statements })
    }

    /// The same one, which looks every row up in another table.
    pub fn looking_up(mut self) -> Self {
        for statement in self.action.statements_mut() {
            if statement.load.kind == Kind::Scan {
                statement.load.kind = Kind::LookUp;
            }
        }
        self
    }

    /// The same one, which is left out of a way back unless that step of the way forth was begun.
    pub fn undoing(mut self, step: usize) -> Self {
        self.undoes = Some(step);
        self
    }

    /// The same one, with another table that it locks too.
    pub fn touching(mut self, table: &TableName) -> Self {
        if !self.tables.contains(table) {
            self.tables.push(table.clone());
        }
        self
    }
}

/// What cannot be brought back by statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Nothing.
    Nothing,
    /// Nobody said how to undo it.
    NotSaid,
    /// Values that were there before the migration.
    Values,
}

/// How an operation is taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct Undo {
    /// What is sent, in order.
    pub drafts: Vec<Draft>,
    /// What that does not bring back.
    pub loss: Loss,
    /// What it needs that was kept beside the database, each with the step of the way forth that
    /// destroys what is kept.
    pub saved: Vec<(usize, SavedCopy)>,
}

impl Undo {
    /// Brings everything back.
    pub fn whole(drafts: Vec<Draft>) -> Self {
        Self {
            drafts,
            loss: Loss::Nothing,
            saved: Vec::new(),
        }
    }

    /// There is nothing to take back, or without a target nobody can say what was there.
    pub fn nothing() -> Self {
        Self::whole(Vec::new())
    }
}

/// What every operation answers for. Not a trait object anywhere: the list of operations
/// dispatches by a match.
pub(super) trait Behave {
    /// What is wrong with its fields taken together, whatever the engine and the schema.
    fn form(&self) -> Result<(), Refusal> {
        Ok(())
    }

    /// The types that it names.
    fn data_types(&self) -> Vec<&str> {
        Vec::new()
    }

    fn phase_kind(&self) -> PhaseKind;
    fn tables(&self) -> Vec<TableName>;
    fn subject(&self) -> Subject;
    fn apply(&self, world: &mut World) -> Result<(), Refusal>;
    fn compile(&self, before: &World) -> Result<Vec<Draft>, Refusal>;
    fn undo(&self, before: &World) -> Result<Undo, Refusal>;
    /// What must hold once it is done, asked at the end of its phase: where the engine takes its
    /// word for the rows that were there before.
    fn checks(&self, _before: &World) -> Vec<PlannedCheck> {
        Vec::new()
    }

    fn sample() -> Self;
}
