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
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 8] = [
        Action::Read,
        Action::Author,
        Action::Approve,
        Action::Execute,
        Action::Control,
        Action::Audit,
        Action::ManageTargets,
        Action::ManagePeople,
    ];
}

/// Whether the role may do it: the permission table.
pub fn permits(role: Role, action: Action) -> bool {
    match action {
        Action::Read => true,
        Action::Author | Action::Execute | Action::Control => role == Role::Engineer,
        Action::Approve => role == Role::Approver,
        Action::Audit => matches!(role, Role::Auditor | Role::Admin),
        Action::ManageTargets | Action::ManagePeople => role == Role::Admin,
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
    /// Rules that weigh more or less here than elsewhere, by id.
    #[serde(default)]
    pub severities: BTreeMap<String, crate::lint::Severity>,
    /// What holds backfills and copies back, where it differs from the usual.
    #[serde(default)]
    pub throttle: Throttle,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            approvals: 1,
            approver_may_execute: false,
            blocking: crate::lint::Severity::Error,
            severities: BTreeMap::new(),
            throttle: Throttle::default(),
        }
    }
}

/// Whether the person wrote or edited the version, or one that it came from: then they may not
/// approve it, whatever roles they hold. `authors` are the ids of everyone in the lineage.
pub fn lineage_bars(authors: &[String], person: &str) -> bool {
    authors.iter().any(|author| author == person)
}
