//! Targets: the databases that are migrated, and their environments.

use async_trait::async_trait;
use bellows::access::Policy;
use bellows::document::Engine;
use bellows::estimate::TargetFacts;
use bellows::schema::Schema;
use serde::{Deserialize, Serialize};

use super::Answer;

/// A target, without its credentials: those never leave the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetSummary {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its environment.
    pub environment: String,
    /// Its engine.
    pub engine: Engine,
    /// Where it is, without user and password.
    pub address: String,
    /// When it was registered, in microseconds since 1970.
    pub created_at: i64,
}

/// An environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentView {
    /// `dev`, `staging`, `production`.
    pub name: String,
    /// What it asks for before a phase starts.
    pub policy: Policy,
}

/// What the form sends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewTarget {
    /// Its name, unique.
    pub name: String,
    /// Its environment; made with the default policy where it is new.
    pub environment: String,
    /// `postgres://user:password@host/database`, `mysql://...`, `mariadb://...` or `sqlite:PATH`. Tried before it is kept.
    pub url: String,
}

/// Targets and environments.
#[async_trait]
pub trait TargetBackend {
    /// All of them.
    async fn targets(&self) -> Answer<Vec<TargetSummary>>;
    /// All environments.
    async fn environments(&self) -> Answer<Vec<EnvironmentView>>;
    /// The live schema.
    async fn target_schema(&self, id: String) -> Answer<Schema>;
    /// What it holds at the moment: sizes, sessions, how fast it was.
    async fn target_facts(&self, id: String) -> Answer<TargetFacts>;
    /// Registers one.
    async fn add_target(&self, target: NewTarget) -> Answer<TargetSummary>;
    /// Changes an environment's policy.
    async fn set_policy(&self, environment: String, policy: Policy) -> Answer<()>;
}
