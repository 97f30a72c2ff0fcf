//! What people can ask for: one file a resource, each checking the permission, asking the core,
//! changing the store and recording it, in that order.
//!
//! [`RequestBackend`] is what the page's traits are implemented on: the server's state and
//! whoever asks. The command line and the demonstration use it just so.

mod audit;
mod backups;
mod blockers;
mod drift;
mod evidence;
mod executions;
mod facts;
mod guard;
mod hold;
mod migrations;
mod people;
mod reach;
mod recovery;
mod reviews;
mod runs;
mod saved;
mod session;
mod targets;
mod told;
mod views;
mod waivers;

use std::sync::atomic::Ordering;

use bellows::access::{self, Action};
use bellows_app::backend::{Answer, ApiError, Backend, ErrorCode};
use tower_sessions::Session;

use crate::audit::{Entry, record};
use crate::auth::Actor;
use crate::auth::password::PasswordError;
use crate::auth::sessions::SessionError;
use crate::secrets::SecretError;
use crate::state::AppState;
use crate::store::people::Person;
use crate::store::{Store, StoreError, people as rows};

pub use backups::expire;
pub use evidence::watch;
pub use reach::Reached;
pub use recovery::recover;
pub use runs::{Runs, come_to_rest};
pub use saved::expire as expire_saved_copies;
pub(crate) use saved::removal;
pub use targets::readdress_target;

/// The server's side of one request: bound to whoever asks.
#[derive(Clone)]
pub struct RequestBackend {
    state: AppState,
    actor: Actor,
    cookie: Option<Session>,
}

impl Backend for RequestBackend {}

impl RequestBackend {
    /// For that actor.
    pub fn new(state: AppState, actor: Actor) -> Self {
        Self {
            state,
            actor,
            cookie: None,
        }
    }

    /// With the cookie's session, in which a sign-in is kept.
    pub fn with_cookie(mut self, cookie: Session) -> Self {
        self.cookie = Some(cookie);
        self
    }

    fn store(&self) -> &Store {
        &self.state.store
    }

    /// The person who asks; refused where nobody is signed in.
    async fn signed_in(&self, action: Action, subject: &str) -> Answer<&Person> {
        match &self.actor.person {
            Some(person) => Ok(person),
            None => {
                // Whoever opens a page without being signed in is sent to sign in; only what
                // would have changed something is worth a record.
                if action != Action::Read {
                    self.refuse(action, subject, "nobody is signed in").await?;
                }
                Err(ApiError::new(ErrorCode::SignedOut, "Sign in first."))
            }
        }
    }

    /// Refuses whoever holds no role at all that permits the action, anywhere: asked before it is
    /// looked up what it is about, so that nothing shows whether that is there.
    async fn may_at_all(&self, action: Action, subject: &str) -> Answer<&Person> {
        let person = self.signed_in(action, subject).await?;
        let somewhere = person
            .grants
            .iter()
            .any(|grant| access::permits(grant.role, action));
        if somewhere {
            Ok(person)
        } else {
            self.forbid(action, subject).await
        }
    }

    /// Refuses whoever the permission table does not let do it there.
    async fn require(
        &self,
        action: Action,
        environment: Option<&str>,
        subject: &str,
    ) -> Answer<&Person> {
        let person = self.signed_in(action, subject).await?;
        if access::allowed(&person.grants, action, environment) {
            Ok(person)
        } else {
            self.forbid(action, subject).await
        }
    }

    async fn forbid<T>(&self, action: Action, subject: &str) -> Answer<T> {
        self.refuse(action, subject, "no role permits it").await?;
        Err(forbidden(action))
    }

    /// Records a refusal in a transaction of its own.
    async fn refuse(&self, action: Action, subject: &str, reason: &str) -> Answer<()> {
        self.state.counters.refusals.fetch_add(1, Ordering::Relaxed);
        let entry = Entry::refusal(refused_action(action), subject, reason);
        Ok(record(self.store(), &self.actor, entry).await?)
    }
}

/// A registered person as an actor, by login: for the command line and the demonstration.
pub async fn actor_by_login(state: &AppState, login: &str) -> Answer<Actor> {
    let mut tx = state.store.read().await?;
    let person = rows::all(&mut tx)
        .await?
        .into_iter()
        .find(|person| person.login == login)
        .ok_or_else(|| not_found("person"))?;
    Ok(Actor::person(
        person,
        crate::auth::Origin::CommandLine,
        None,
    ))
}

fn permission_words(action: Action) -> &'static str {
    match action {
        Action::Read => "read this",
        Action::Author => "write migrations here",
        Action::Approve => "approve here",
        Action::Execute => "start phases or confirm gates here",
        Action::Control => "control executions here",
        Action::Audit => "read the audit log",
        Action::ManageTargets => "manage targets and environments",
        Action::ManagePeople => "manage people",
        Action::Restore => "restore backups here",
    }
}

/// What the audit calls a refusal by the permission table.
fn refused_action(action: Action) -> &'static str {
    match action {
        Action::Read => "read.refused",
        Action::Author => "authoring.refused",
        Action::Approve => "approval.refused",
        Action::Execute => "execution.refused",
        Action::Control => "control.refused",
        Action::Audit => "audit.refused",
        Action::ManageTargets => "targets.refused",
        Action::ManagePeople => "people.refused",
        Action::Restore => "restore.refused",
    }
}

fn forbidden(action: Action) -> ApiError {
    ApiError::new(
        ErrorCode::Forbidden,
        format!(
            "Your roles do not permit you to {}.",
            permission_words(action)
        ),
    )
}

fn not_found(what: &str) -> ApiError {
    ApiError::new(ErrorCode::NotFound, format!("There is no such {what}."))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::Invalid, message)
}

fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::Conflict, message)
}

fn with_details(mut error: ApiError, details: Vec<String>) -> ApiError {
    error.details = details;
    error
}

/// A fault of the server's: its words go to the log, not to the browser.
fn internal(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(%error, "a request failed");
    ApiError::new(
        ErrorCode::Internal,
        "The server could not do this. Its log says why.",
    )
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        internal(&error)
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        internal(&error)
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        internal(&error)
    }
}

impl From<SecretError> for ApiError {
    fn from(error: SecretError) -> Self {
        internal(&error)
    }
}
