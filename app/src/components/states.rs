//! States as words with a colour; the word alone says it too.

use bellows::document::Engine;
use bellows::lint::Severity;
use bellows::run::{ExecutionState, PhaseState};
use leptos::prelude::*;

use crate::backend::{Decision, ReviewState};

/// Where an execution stands.
#[component]
pub fn ExecutionBadge(
    /// The state.
    state: ExecutionState,
) -> impl IntoView {
    let (class, word) = match state {
        ExecutionState::Running => ("badge run", "running"),
        ExecutionState::Waiting => ("badge wait", "waiting"),
        ExecutionState::Paused => ("badge wait", "paused"),
        ExecutionState::RollingBack => ("badge warn", "rolling back"),
        ExecutionState::Completed => ("badge good", "completed"),
        ExecutionState::Failed => ("badge bad", "failed"),
        ExecutionState::RolledBack => ("badge warn", "rolled back"),
        ExecutionState::Cancelled => ("badge off", "cancelled"),
    };
    view! { <span class=class>{word}</span> }
}

/// Where a phase stands.
#[component]
pub fn PhaseBadge(
    /// The state.
    state: PhaseState,
) -> impl IntoView {
    let (class, word) = match state {
        PhaseState::Pending => ("badge off", "not started"),
        PhaseState::Running => ("badge run", "running"),
        PhaseState::Paused => ("badge wait", "paused"),
        PhaseState::Completed => ("badge good", "completed"),
        PhaseState::Failed => ("badge bad", "failed"),
        PhaseState::RolledBack => ("badge warn", "rolled back"),
    };
    view! { <span class=class>{word}</span> }
}

/// Where a version stands.
#[component]
pub fn ReviewBadge(
    /// The state.
    state: ReviewState,
) -> impl IntoView {
    let (class, word) = match state {
        ReviewState::Draft => ("badge off", "draft"),
        ReviewState::InReview => ("badge run", "in review"),
        ReviewState::Rejected => ("badge bad", "rejected"),
    };
    view! { <span class=class>{word}</span> }
}

/// What an approver said.
#[component]
pub fn DecisionBadge(
    /// What they said.
    decision: Decision,
) -> impl IntoView {
    let (class, word) = match decision {
        Decision::Approved => ("badge good", "approved"),
        Decision::Rejected => ("badge bad", "rejected"),
    };
    view! { <span class=class>{word}</span> }
}

/// How bad a finding is.
#[component]
pub fn SeverityBadge(
    /// How bad.
    severity: Severity,
) -> impl IntoView {
    let (class, word) = match severity {
        Severity::Info => ("badge run", "info"),
        Severity::Warning => ("badge warn", "warning"),
        Severity::Error => ("badge bad", "error"),
    };
    view! { <span class=class>{word}</span> }
}

/// An engine.
#[component]
pub fn EngineBadge(
    /// Which.
    engine: Engine,
) -> impl IntoView {
    view! { <span class="badge plain">{engine.title()}</span> }
}
