//! Who is asking, and what waits for them.

use async_trait::async_trait;
use bellows::access::Grant;
use serde::{Deserialize, Serialize};

use super::{Answer, ExecutionSummary, MigrationSummary};

/// The person who is signed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// Their id.
    pub id: String,
    /// The name that they sign in with.
    pub login: String,
    /// As others see them.
    pub name: String,
    /// Their roles.
    pub grants: Vec<Grant>,
}

/// What the sign-in form sends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignIn {
    /// Login name.
    pub login: String,
    /// Password.
    pub password: String,
}

/// The first page: what waits for this person, and what runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Dashboard {
    /// Migrations in which this person can do the next thing (approve, start, confirm).
    pub waiting_for_me: Vec<MigrationSummary>,
    /// Executions that run, wait or are paused.
    pub running: Vec<ExecutionSummary>,
    /// What changed last.
    pub recent: Vec<MigrationSummary>,
}

/// Sign-in, sign-out, set-up.
#[async_trait]
pub trait SessionBackend {
    /// Who is signed in, as the request told; `None` for nobody. Public.
    fn me(&self) -> Option<Me>;
    /// Signs in; the session's id is rotated. Public, throttled by account and address.
    async fn sign_in(&self, request: SignIn) -> Answer<Me>;
    /// Signs out and ends the session. Public.
    async fn sign_out(&self) -> Answer<()>;
    /// Whether no person is registered yet. Public.
    async fn needs_setup(&self) -> Answer<bool>;
    /// Makes the first admin with the one-time token from the server's log. Public, while nobody
    /// is registered.
    async fn set_up(
        &self,
        token: String,
        login: String,
        name: String,
        password: String,
    ) -> Answer<Me>;
    /// The first page.
    async fn dashboard(&self) -> Answer<Dashboard>;
}
