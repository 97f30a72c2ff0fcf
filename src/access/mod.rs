//! Who may do what: roles, actions and an environment's policy. One table, for page, command
//! line and API alike.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::run::Throttle;

/// What a person is here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Writes, verifies, starts what is approved, controls runs.
    Engineer,
    /// Signs off or rejects phases.
    Approver,
    /// Reads everything, verifies and exports the audit log; changes nothing.
    Auditor,
    /// People, roles, targets, environments, policies.
    Admin,
}

impl Role {
    /// Every role, in the order that lists show them.
    pub const ALL: [Role; 4] = [Role::Engineer, Role::Approver, Role::Auditor, Role::Admin];

    /// The word: `engineer`.
    pub fn word(self) -> &'static str {
        match self {
            Role::Engineer => "engineer",
            Role::Approver => "approver",
            Role::Auditor => "auditor",
            Role::Admin => "admin",
        }
    }
}

/// A role, everywhere or in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The role.
    pub role: Role,
    /// The environment it is for; absent: all of them.
    pub environment: Option<String>,
}

/// What can be asked of the server by a person who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// See migrations, plans, approvals, executions, their events, targets and their schema.
    Read,
    /// Save a version of a document; ask for review.
    Author,
    /// Sign off or reject a phase.
    Approve,
    /// Start a phase, confirm a gate.
    Execute,
    /// Pause, resume, cancel, roll back.
    Control,
    /// Read, verify and export the audit log.
    Audit,
    /// Register and change targets, environments and policies.
    ManageTargets,
    /// Register people and give roles.
    ManagePeople,
    /// Restore a backup.
    Restore,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 9] = [
        Action::Read,
        Action::Author,
        Action::Approve,
        Action::Execute,
        Action::Control,
        Action::Audit,
        Action::ManageTargets,
        Action::ManagePeople,
        Action::Restore,
    ];
}

/// Whether the role may do it: the permission table.
pub fn permits(role: Role, action: Action) -> bool {
    match action {
        Action::Read => true,
        Action::Author | Action::Execute | Action::Control => role == Role::Engineer,
        Action::Approve => role == Role::Approver,
        Action::Audit => matches!(role, Role::Auditor | Role::Admin),
        Action::ManageTargets | Action::ManagePeople | Action::Restore => role == Role::Admin,
    }
}

/// Whether one of the grants permits the action in the environment. An action that belongs to no
/// environment (`None`) is permitted by a grant for any of them when it only reads or writes
/// drafts, and needs a grant for all of them otherwise.
pub fn allowed(grants: &[Grant], action: Action, environment: Option<&str>) -> bool {
    let anywhere = matches!(action, Action::Read | Action::Author);
    grants.iter().any(|grant| {
        permits(grant.role, action)
            && match (&grant.environment, environment) {
                (None, _) => true,
                (Some(of), Some(asked)) => of == asked,
                (Some(_), None) => anywhere,
            }
    })
}

/// When a backup is taken before a phase's first statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupRule {
    /// Before a phase that destroys values, unless a person says that none is needed.
    #[default]
    Destroying,
    /// Before the first phase of every execution and before every phase that destroys values.
    /// Nobody can do without.
    Required,
}

/// What an environment asks for before a phase may start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Distinct approvals that a phase needs; 0 for none.
    pub approvals: u32,
    /// Whether someone who approved the phase may also start it.
    pub approver_may_execute: bool,
    /// Findings of this severity or worse keep a phase from starting.
    pub blocking: crate::lint::Severity,
    /// When a backup is taken.
    #[serde(default)]
    pub backup: BackupRule,
    /// Whether backups hold the whole database, and not only the tables that the migration touches.
    #[serde(default)]
    pub backup_whole: bool,
    /// Days for which backups are kept; absent: until somebody removes them.
    #[serde(default)]
    pub backup_days: Option<u32>,
    /// Days for which saved copies of what a phase destroyed are kept; absent: until somebody
    /// removes them.
    #[serde(default = "saved_copy_days")]
    pub saved_copy_days: Option<u32>,
    /// Rules that weigh more or less here than elsewhere, by id.
    #[serde(default)]
    pub severities: BTreeMap<String, crate::lint::Severity>,
    /// Minutes for which nobody may have used what a contract phase takes away; absent: as long as
    /// the phase's soak.
    #[serde(default)]
    pub quiet_minutes: Option<u32>,
    /// Whether every cut-over and every contract phase is held until a person says go.
    #[serde(default)]
    pub hold_cut_over: bool,
    /// What holds backfills and copies back, where it differs from the usual.
    #[serde(default)]
    pub throttle: Throttle,
}

/// Long enough to see what is missed, and not for ever, since the copies take the target's room.
#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn saved_copy_days() -> Option<u32> {
    Some(30)
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            approvals: 1,
            approver_may_execute: false,
            blocking: crate::lint::Severity::Error,
            backup: BackupRule::default(),
            backup_whole: false,
            backup_days: None,
            saved_copy_days: saved_copy_days(),
            severities: BTreeMap::new(),
            quiet_minutes: None,
            hold_cut_over: false,
            throttle: Throttle::default(),
        }
    }
}

impl Policy {
    /// How long what a phase takes away has to be quiet before it goes, in milliseconds.
    pub fn quiet_ms(&self, soak_ms: u64) -> u64 {
        self.quiet_minutes
            .map_or(soak_ms, |minutes| u64::from(minutes) * 60_000)
    }
}

/// Whether the person wrote or edited the version, or one that it came from: then they may not
/// approve it, whatever roles they hold. `authors` are the ids of everyone in the lineage.
pub fn lineage_bars(authors: &[String], person: &str) -> bool {
    authors.iter().any(|author| author == person)
}
