//! People and their roles.

use async_trait::async_trait;
use bellows::access::Grant;
use serde::{Deserialize, Serialize};

use super::Answer;

/// A person, as an admin sees them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonView {
    /// Their id.
    pub id: String,
    /// The name that they sign in with.
    pub login: String,
    /// As others see them.
    pub name: String,
    /// Their roles.
    pub grants: Vec<Grant>,
    /// Since when, in microseconds since 1970.
    pub created_at: i64,
}

/// What the form sends.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewPerson {
    /// `[a-z0-9._-]+`, unique.
    pub login: String,
    /// As others see them.
    pub name: String,
    /// At least 12 characters, and none of the common ones.
    pub password: String,
    /// Their roles.
    pub grants: Vec<Grant>,
}

/// People and their roles.
#[async_trait]
pub trait PeopleBackend {
    /// All of them.
    async fn people(&self) -> Answer<Vec<PersonView>>;
    /// Registers one.
    async fn add_person(&self, person: NewPerson) -> Answer<PersonView>;
    /// Replaces someone's roles; their sessions see it at once.
    async fn set_grants(&self, id: String, grants: Vec<Grant>) -> Answer<()>;
}
