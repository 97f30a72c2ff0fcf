//! Targets as connections: opened when they are needed, kept while they answer.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bellows_app::backend::{Answer, ApiError, ErrorCode};
use tokio::time::timeout;

use super::not_found;
use crate::executor::ExecuteError;
use crate::state::AppState;
use crate::store::targets;
use crate::target::{Target, TargetError, TargetUrl};

/// A target that says nothing for so long cannot be reached.
const PATIENCE: Duration = Duration::from_secs(10);

/// The targets that were reached, by id.
#[derive(Debug, Default)]
pub struct Reached(Mutex<HashMap<String, Target>>);

impl Reached {
    fn get(&self, id: &str) -> Option<Target> {
        let reached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reached.get(id).cloned()
    }

    fn put(&self, id: &str, target: &Target) {
        let mut reached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reached.insert(id.to_owned(), target.clone());
    }

    /// Forgets the connection: the target is somewhere else now.
    pub fn forget(&self, id: &str) {
        let mut reached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reached.remove(id);
    }
}

/// The target, connected.
pub async fn target(state: &AppState, id: &str) -> Answer<Target> {
    if let Some(target) = state.reached.get(id) {
        return Ok(target);
    }
    let mut tx = state.store.read().await?;
    let sealed = targets::credentials(&mut tx, id)
        .await?
        .ok_or_else(|| not_found("target"))?;
    drop(tx);
    let url: TargetUrl = state
        .secrets
        .open_sealed(id, &sealed)?
        .parse()
        .map_err(|error: TargetError| unreachable(&error))?;
    let target = connect(&url).await?;
    state.reached.put(id, &target);
    Ok(target)
}

/// Connects, or says within [`PATIENCE`] why not.
pub async fn connect(url: &TargetUrl) -> Answer<Target> {
    within(Target::connect(url))
        .await?
        .map_err(|error| unreachable(&error))
}

/// What a target answers, or that it says nothing.
pub async fn within<T>(asked: impl Future<Output = T>) -> Answer<T> {
    timeout(PATIENCE, asked).await.map_err(|_| {
        ApiError::new(
            ErrorCode::Target,
            "The target does not answer. Is it running, and can the server reach it?",
        )
    })
}

/// The target said no, or nothing.
pub fn unreachable(error: &TargetError) -> ApiError {
    tracing::warn!(%error, "a target cannot be used");
    ApiError::new(
        ErrorCode::Target,
        format!("The target cannot be used: {error}"),
    )
}

/// What the executor refused.
pub fn refused(error: &ExecuteError) -> ApiError {
    match error {
        ExecuteError::Target(error) => unreachable(error),
        ExecuteError::NotFound(_) => not_found("execution"),
        ExecuteError::NoPhase(_)
        | ExecuteError::Predecessor { .. }
        | ExecuteError::Successor { .. }
        | ExecuteError::Over { .. }
        | ExecuteError::Superseded { .. }
        | ExecuteError::DocumentChanged { .. }
        | ExecuteError::Drift { .. }
        | ExecuteError::NotHeld(_)
        | ExecuteError::NothingToRollBack(_) => ApiError::new(ErrorCode::Conflict, sentence(error)),
        ExecuteError::Backup(_) | ExecuteError::Saved(_) => {
            ApiError::new(ErrorCode::Conflict, sentence(error))
        }
        ExecuteError::Records(_) | ExecuteError::Sink(_) | ExecuteError::Soak(_) => {
            super::internal(error)
        }
    }
}

/// An error's words as a sentence.
fn sentence(error: &ExecuteError) -> String {
    let words = error.to_string();
    let mut chars = words.chars();
    match chars.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), chars.as_str()),
        None => words,
    }
}
