//! What hangs on a table of PostgreSQL beside its columns, indexes and constraints: what another
//! table must take over before it can stand in its place.

use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachedSequence {
    /// The column.
    pub column: String,
    /// The sequence with its schema, quoted as SQL.
    pub sequence: String,
    /// `ALWAYS` or `BY DEFAULT` of an identity; absent for a sequence that a default reads.
    #[serde(default)]
    pub identity: Option<String>,
}
