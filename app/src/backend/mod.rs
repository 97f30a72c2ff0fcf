//! What the page needs of the server, as one trait a resource.
//!
//! The server provides an `Arc<dyn Backend>` in Leptos' context, made anew for every request and
//! bound to whoever asks; a server function takes it from there and makes a single call. Every
//! call checks the permission itself, and every refusal is recorded.

mod audit;
mod backups;
mod executions;
mod left;
mod migrations;
mod people;
mod saved;
mod session;
mod targets;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use audit::{AuditBackend, AuditEntry, AuditFilter, AuditPage, ChainVerdict};
pub use backups::{BackupBackend, BackupView, RestorePreview, RestoreResult, TableRows};
pub use executions::{
    BlockedBy, Control, ExecutionBackend, ExecutionDetail, ExecutionSummary, StartRequest,
};
pub use left::{LeftBackend, LeftBehindView, LeftView, UnfinishedView};
pub use migrations::{
    ApprovalView, Decision, MigrationBackend, MigrationDetail, MigrationSummary, PhaseView,
    PreviewRequest, ReviewState, SaveRequest, Saved, VersionView, WaiveRequest,
};
pub use people::{NewPerson, PeopleBackend, PersonView};
pub use saved::{SavedCopyBackend, SavedCopyView};
pub use session::{Dashboard, Me, SessionBackend, SignIn};
pub use targets::{EnvironmentView, NewTarget, TargetBackend, TargetSummary};

/// Everything that the page can ask.
pub trait Backend:
    SessionBackend
    + MigrationBackend
    + ExecutionBackend
    + TargetBackend
    + AuditBackend
    + BackupBackend
    + LeftBackend
    + SavedCopyBackend
    + PeopleBackend
    + Send
    + Sync
{
}

/// As it stands in Leptos' context.
pub type SharedBackend = Arc<dyn Backend>;

/// The stable codes of what can go wrong; one table turns them into HTTP statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Nobody is signed in. 401.
    SignedOut,
    /// Signed in, and not permitted. 403.
    Forbidden,
    /// No such thing. 404.
    NotFound,
    /// What was sent is wrong. 422.
    Invalid,
    /// Somebody was faster, or the state does not allow it. 409.
    Conflict,
    /// The guard says no; the details hold its reasons. 409.
    Blocked,
    /// Too many tries. 429.
    Throttled,
    /// The target cannot be reached. 502.
    Target,
    /// A fault of the server's; it is in its log. 500.
    Internal,
}

/// An answer that is not the one hoped for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[serde(rename_all = "camelCase")]
pub struct ApiError {
    /// What kind.
    pub code: ErrorCode,
    /// What is the matter and what to do, for people.
    pub message: String,
    /// One line each: a form's fields, a document's problems, the guard's reasons.
    #[serde(default)]
    pub details: Vec<String>,
}

impl ErrorCode {
    /// The HTTP status of the code.
    pub fn status(self) -> u16 {
        match self {
            ErrorCode::SignedOut => 401,
            ErrorCode::Forbidden => 403,
            ErrorCode::NotFound => 404,
            ErrorCode::Invalid => 422,
            ErrorCode::Conflict | ErrorCode::Blocked => 409,
            ErrorCode::Throttled => 429,
            ErrorCode::Target => 502,
            ErrorCode::Internal => 500,
        }
    }
}

impl ApiError {
    /// An error without details.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Vec::new(),
        }
    }
}

/// The result of every call.
pub type Answer<T> = Result<T, ApiError>;
