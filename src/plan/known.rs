//! How it is known what a statement does, and what it locks beside its table.

use serde::{Deserialize, Serialize};

use super::Lock;
use crate::sql::Role;

/// How it is known what a statement does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known {
    /// An operation sends it, and says so.
    #[default]
    Operation,
    /// A person wrote it, and it was read by its first words: what is said of it is the worst that
    /// these allow.
    Words,
    /// A person wrote it, and a parser read it.
    Parsed,
}

impl Known {
    pub(super) fn is_operation(&self) -> bool {
        *self == Known::Operation
    }
}

/// A lock that a statement takes beside the one on its table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OtherLock {
    /// Its name, or what it is to the table: `tables that users references`.
    pub object: String,
    /// What it is to the statement.
    pub role: Role,
    /// How it is locked.
    pub lock: Lock,
}

impl OtherLock {
    /// `teams: SHARE ROW EXCLUSIVE`.
    pub fn words(&self) -> String {
        format!("{}: {}", self.object, self.lock.word())
    }
}
