//! What hangs on a table of PostgreSQL beside its columns, indexes and constraints: what another
//! table must take over before it can stand in its place.

use serde::{Deserialize, Serialize};

use super::TableName;
use crate::dialect::{expression, reads, reword};
use crate::document::Engine;

/// What hangs on a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attached {
    /// The owner, quoted as SQL.
    #[serde(default)]
    pub owner: Option<String>,
    /// Privileges on the table as `(grantee quoted as SQL, privilege, grantable)`, without the
    /// owner's own.
    #[serde(default)]
    pub grants: Vec<(String, String, bool)>,
    /// The table's comment.
    #[serde(default)]
    pub comment: Option<String>,
    /// Triggers that are not Bellows' own.
    #[serde(default)]
    pub triggers: Vec<AttachedTrigger>,
    /// Row security policies.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// Whether row security is on.
    #[serde(default)]
    pub row_security: bool,
    /// Whether it binds the owner too.
    #[serde(default)]
    pub force_row_security: bool,
    /// REPLICA IDENTITY FULL or NOTHING, where it is not the default.
    #[serde(default)]
    pub replica_identity: Option<String>,
    /// Sequences that belong to columns.
    #[serde(default)]
    pub sequences: Vec<AttachedSequence>,
    /// Columns that the server computes from others.
    #[serde(default)]
    pub computed: Vec<String>,
    /// Options of the views that read the table, as `(view quoted as SQL, options)`.
    #[serde(default)]
    pub view_options: Vec<(String, String)>,
    /// What no other table can take over, in words: `the rule r`, `the publication p`.
    #[serde(default)]
    pub anchors: Vec<String>,
    /// The primary key.
    #[serde(default)]
    pub primary_key: Option<AttachedKey>,
    /// UNLOGGED.
    #[serde(default)]
    pub unlogged: bool,
    /// Storage parameters, those of its TOAST table too: `fillfactor=70`.
    #[serde(default)]
    pub options: Vec<String>,
    /// Extended statistics.
    #[serde(default)]
    pub statistics: Vec<AttachedStatistics>,
    /// Comments on what has a name of its own.
    #[serde(default)]
    pub comments: Vec<AttachedComment>,
    /// The index that CLUSTER goes by.
    #[serde(default)]
    pub clustered: Option<String>,
    /// The index that is the replica identity.
    #[serde(default)]
    pub replica_index: Option<String>,
    /// What a table that is made again lacks beside its anchors, in words: `the tablespace fast`.
    #[serde(default)]
    pub unrestored: Vec<String>,
}

/// A primary key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachedKey {
    /// Its name.
    pub name: String,
    /// `PRIMARY KEY (...)`, as the catalogue prints it.
    pub definition: String,
}

/// Extended statistics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachedStatistics {
    /// Their name with its schema, quoted as SQL.
    pub name: String,
    /// CREATE STATISTICS, as the catalogue prints it.
    pub definition: String,
    /// The columns that they are over, beside expressions.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Their target, where one was set.
    #[serde(default)]
    pub target: Option<i32>,
    /// Their owner, quoted as SQL.
    #[serde(default)]
    pub owner: Option<String>,
    /// Their comment.
    #[serde(default)]
    pub comment: Option<String>,
}

/// What an attached comment is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Commented {
    /// An index.
    Index,
    /// A constraint.
    Constraint,
    /// A trigger.
    Trigger,
    /// A policy.
    Policy,
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachedComment {
    /// What it is on.
    pub on: Commented,
    /// The name of that.
    pub name: String,
    /// The comment.
    pub text: String,
}

/// A trigger as it can be made again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachedTrigger {
    /// Its name.
    pub name: String,
    /// CREATE TRIGGER, as the catalogue prints it.
    pub definition: String,
    /// When it fires: `O` origin, `A` always, `R` replica, `D` never.
    pub enabled: String,
}

/// A row security policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// PERMISSIVE rather than RESTRICTIVE.
    pub permissive: bool,
    /// ALL, SELECT, INSERT, UPDATE or DELETE.
    pub command: String,
    /// Roles, quoted as SQL.
    pub roles: Vec<String>,
    /// USING.
    #[serde(default)]
    pub using: Option<String>,
    /// WITH CHECK.
    #[serde(default)]
    pub check: Option<String>,
}

/// A sequence that belongs to a column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachedSequence {
    /// The column.
    pub column: String,
    /// The sequence with its schema, quoted as SQL.
    pub sequence: String,
    /// `ALWAYS` or `BY DEFAULT` of an identity; absent for a sequence that a default reads.
    #[serde(default)]
    pub identity: Option<String>,
    /// How it counts: `START WITH 1 INCREMENT BY 1 ...`.
    #[serde(default)]
    pub options: Option<String>,
    /// Its type, where it is not that of an identity's column.
    #[serde(default)]
    pub data_type: Option<String>,
    /// Its comment.
    #[serde(default)]
    pub comment: Option<String>,
    /// Privileges on it, as those on a table.
    #[serde(default)]
    pub grants: Vec<(String, String, bool)>,
}

impl Attached {
    /// The table has another name, by which texts know it.
    pub(super) fn rename_table(&mut self, from: &TableName, to: &TableName) {
        let engine = Engine::PostgreSql;
        for trigger in &mut self.triggers {
            trigger.definition = reword::on_table(engine, &trigger.definition, from, to);
        }
        for statistics in &mut self.statistics {
            statistics.definition = reword::from_table(engine, &statistics.definition, from, to);
        }
        for sql in self.policies.iter_mut().flat_map(Policy::expressions) {
            *sql = reads::renamed(engine, sql, from, to);
        }
    }

    /// A column of the table has another name.
    pub(super) fn rename_column(&mut self, table: &TableName, from: &str, to: &str) {
        let engine = Engine::PostgreSql;
        for trigger in &mut self.triggers {
            trigger.definition = reword::trigger_column(engine, &trigger.definition, from, to);
        }
        for statistics in &mut self.statistics {
            let definition = &statistics.definition;
            statistics.definition = reword::statistics_column(engine, definition, from, to);
        }
        for sql in self.policies.iter_mut().flat_map(Policy::expressions) {
            *sql = reword::expression_column(engine, sql, table, from, to);
        }
        if let Some(key) = &mut self.primary_key {
            key.definition = reword::constraint_column(engine, &key.definition, false, from, to);
        }
        let sequences = self.sequences.iter_mut().map(|s| &mut s.column);
        let statistics = self.statistics.iter_mut().flat_map(|s| &mut s.columns);
        for column in sequences.chain(statistics).chain(&mut self.computed) {
            if column == from {
                to.clone_into(column);
            }
        }
    }

    /// A column goes, with what cannot be without it.
    pub(super) fn drop_column(&mut self, column: &str) {
        self.sequences.retain(|s| s.column != column);
        self.computed.retain(|c| c != column);
        let within = |sql: &str| expression::mentions(Engine::PostgreSql, sql, column);
        self.statistics
            .retain(|s| !s.columns.iter().any(|c| c == column) && !within(&s.definition));
        if self
            .primary_key
            .as_ref()
            .is_some_and(|key| within(&key.definition))
        {
            self.primary_key = None;
        }
    }

    /// What a swap puts on the table that takes the place of the one with this.
    pub(super) fn take_over(&mut self, old: &Attached) {
        self.owner.clone_from(&old.owner);
        self.grants.clone_from(&old.grants);
        self.comment.clone_from(&old.comment);
        self.policies.clone_from(&old.policies);
        self.row_security = old.row_security;
        self.force_row_security = old.force_row_security;
        self.replica_identity.clone_from(&old.replica_identity);
        self.view_options.clone_from(&old.view_options);
    }

    /// Something with a name of its own goes, with its comment.
    pub fn drop_named(&mut self, what: Commented, name: &str) {
        self.comments.retain(|c| c.on != what || c.name != name);
        if what == Commented::Index {
            self.clustered = self.clustered.take().filter(|i| i != name);
            self.replica_index = self.replica_index.take().filter(|i| i != name);
        }
    }
}

impl Policy {
    fn expressions(&mut self) -> impl Iterator<Item = &mut String> {
        self.using.iter_mut().chain(&mut self.check)
    }
}
