//! What an event makes of a state. The server's store and the page both go by this table.

use super::{EventKind, ExecutionState, FinalStatus, PhaseState, StopReason};

/// An event that cannot come in that state: somebody's account of a run is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot come while {state}")]
pub struct IllegalTransition {
    /// The event's word.
    pub event: &'static str,
    /// The state's, in words.
    pub state: String,
}

/// What the event makes of an execution; `None` stands for one that is not made yet.
///
/// # Errors
/// The event cannot come in that state.
pub fn next(
    state: Option<ExecutionState>,
    event: &EventKind,
) -> Result<ExecutionState, IllegalTransition> {
    use ExecutionState as S;
    let illegal = || IllegalTransition {
        event: event.word(),
        state: match state {
            None => "the execution is not made yet".to_owned(),
            Some(state) => format!("the execution is {state:?}"),
        },
    };
    let Some(state) = state else {
        return match event {
            EventKind::ExecutionCreated { .. } => Ok(S::Waiting),
            EventKind::PhaseStarted { .. }
            | EventKind::Recovered { .. }
            | EventKind::StepStarted { .. }
            | EventKind::StepCompleted { .. }
            | EventKind::LockWaiting { .. }
            | EventKind::BlockerEnded { .. }
            | EventKind::Progress { .. }
            | EventKind::Throttled { .. }
            | EventKind::Released { .. }
            | EventKind::CheckPassed { .. }
            | EventKind::CheckFailed { .. }
            | EventKind::Stopped { .. }
            | EventKind::PhaseCompleted { .. }
            | EventKind::PhaseFailed { .. }
            | EventKind::RollbackStarted { .. }
            | EventKind::PhaseRolledBack { .. }
            | EventKind::BackupProgress { .. }
            | EventKind::BackupTaken { .. }
            | EventKind::BackupSkipped { .. }
            | EventKind::GoSaid { .. }
            | EventKind::Restored { .. }
            | EventKind::Notice { .. }
            | EventKind::Finished { .. } => Err(illegal()),
        };
    };
    // A backup puts back what is over as well.
    if let EventKind::Restored { state, .. } = event {
        return Ok(*state);
    }
    if state.is_over() {
        return match event {
            // What was done is there to be taken back, whatever the end was.
            EventKind::RollbackStarted { .. } => Ok(S::RollingBack),
            EventKind::Recovered { .. } | EventKind::Notice { .. } => Ok(state),
            EventKind::ExecutionCreated { .. }
            | EventKind::PhaseStarted { .. }
            | EventKind::StepStarted { .. }
            | EventKind::StepCompleted { .. }
            | EventKind::LockWaiting { .. }
            | EventKind::BlockerEnded { .. }
            | EventKind::Progress { .. }
            | EventKind::Throttled { .. }
            | EventKind::Released { .. }
            | EventKind::CheckPassed { .. }
            | EventKind::CheckFailed { .. }
            | EventKind::Stopped { .. }
            | EventKind::PhaseCompleted { .. }
            | EventKind::PhaseFailed { .. }
            | EventKind::PhaseRolledBack { .. }
            | EventKind::BackupProgress { .. }
            | EventKind::BackupTaken { .. }
            | EventKind::BackupSkipped { .. }
            | EventKind::Restored { .. }
            | EventKind::GoSaid { .. }
            | EventKind::Finished { .. } => Err(illegal()),
        };
    }
    let legal = |when: &[S], then: S| {
        if when.contains(&state) {
            Ok(then)
        } else {
            Err(illegal())
        }
    };
    match event {
        EventKind::ExecutionCreated { .. } => Err(illegal()),
        // A killed server leaves Running behind, and the next start goes on from it.
        EventKind::PhaseStarted { .. } => legal(&[S::Waiting, S::Paused, S::Running], S::Running),
        EventKind::Recovered { .. }
        | EventKind::BackupProgress { .. }
        | EventKind::BackupTaken { .. }
        | EventKind::BackupSkipped { .. }
        | EventKind::GoSaid { .. }
        | EventKind::Notice { .. } => Ok(state),
        EventKind::Restored { state, .. } => Ok(*state),
        EventKind::StepStarted { .. }
        | EventKind::StepCompleted { .. }
        | EventKind::LockWaiting { .. }
        | EventKind::BlockerEnded { .. }
        | EventKind::Progress { .. }
        | EventKind::Throttled { .. }
        | EventKind::Released { .. } => legal(&[S::Running, S::RollingBack], state),
        EventKind::CheckPassed { .. } | EventKind::CheckFailed { .. } => {
            legal(&[S::Running], state)
        }
        EventKind::Stopped { reason, .. } => match (state, reason) {
            // What is being taken back stays so until it is.
            (S::RollingBack, _) => Ok(S::RollingBack),
            // Nothing of the phase has begun.
            (_, StopReason::Gate | StopReason::Soak | StopReason::InUse) => {
                legal(&[S::Running, S::Waiting], S::Waiting)
            }
            (
                S::Waiting,
                StopReason::Paused
                | StopReason::Held
                | StopReason::Busy
                | StopReason::Lock
                | StopReason::Throttle
                | StopReason::Connection
                | StopReason::Disk
                | StopReason::Unknown,
            ) => Ok(S::Waiting),
            (
                _,
                StopReason::Paused
                | StopReason::Held
                | StopReason::Busy
                | StopReason::Lock
                | StopReason::Throttle
                | StopReason::Connection
                | StopReason::Disk
                | StopReason::Unknown,
            ) => legal(&[S::Running, S::Paused], S::Paused),
        },
        EventKind::PhaseCompleted { .. } => legal(&[S::Running], S::Waiting),
        EventKind::PhaseFailed { .. } => legal(&[S::Running, S::Paused], S::RollingBack),
        EventKind::RollbackStarted { .. } => Ok(S::RollingBack),
        // The next one goes back, or that was all: then the execution ends, or, where a person asked
        // for this phase alone, waits for it again.
        EventKind::PhaseRolledBack { .. } => legal(&[S::RollingBack], S::Waiting),
        EventKind::Finished { status, .. } => match status {
            FinalStatus::Completed => legal(&[S::Running, S::Waiting], S::Completed),
            FinalStatus::Failed => legal(
                &[S::Running, S::Waiting, S::Paused, S::RollingBack],
                S::Failed,
            ),
            FinalStatus::RolledBack => legal(&[S::RollingBack, S::Waiting], S::RolledBack),
            FinalStatus::Cancelled => Ok(S::Cancelled),
        },
    }
}

/// What an event that names the phase, or none, makes of it. A phase that is being taken back keeps
/// its state until it is.
///
/// # Errors
/// The event cannot come in that state.
pub fn next_phase(state: PhaseState, event: &EventKind) -> Result<PhaseState, IllegalTransition> {
    use PhaseState as S;
    let legal = |when: &[S], then: S| {
        if when.contains(&state) {
            Ok(then)
        } else {
            Err(IllegalTransition {
                event: event.word(),
                state: format!("the phase is {state:?}"),
            })
        }
    };
    match event {
        EventKind::PhaseStarted { resumed: false, .. } => {
            legal(&[S::Pending, S::RolledBack], S::Running)
        }
        EventKind::PhaseStarted { resumed: true, .. } => legal(
            &[S::Pending, S::Running, S::Paused, S::RolledBack],
            S::Running,
        ),
        EventKind::StepStarted { .. } | EventKind::StepCompleted { .. } => {
            legal(&[S::Running, S::Paused, S::Completed, S::Failed], state)
        }
        EventKind::CheckPassed { .. } | EventKind::CheckFailed { .. } => {
            legal(&[S::Running], state)
        }
        EventKind::Stopped { .. } => match state {
            S::Running | S::Paused => Ok(S::Paused),
            S::Pending | S::Completed | S::Failed | S::RolledBack => Ok(state),
        },
        EventKind::PhaseCompleted { .. } => legal(&[S::Running], S::Completed),
        EventKind::PhaseFailed { .. } => legal(&[S::Running, S::Paused], S::Failed),
        EventKind::RollbackStarted { .. } => {
            legal(&[S::Running, S::Paused, S::Completed, S::Failed], state)
        }
        EventKind::PhaseRolledBack { .. } => legal(
            &[S::Running, S::Paused, S::Completed, S::Failed],
            S::RolledBack,
        ),
        EventKind::ExecutionCreated { .. }
        | EventKind::Recovered { .. }
        | EventKind::LockWaiting { .. }
        | EventKind::BlockerEnded { .. }
        | EventKind::Progress { .. }
        | EventKind::BackupProgress { .. }
        | EventKind::BackupTaken { .. }
        | EventKind::BackupSkipped { .. }
        | EventKind::GoSaid { .. }
        | EventKind::Restored { .. }
        | EventKind::Throttled { .. }
        | EventKind::Released { .. }
        | EventKind::Notice { .. }
        | EventKind::Finished { .. } => Ok(state),
    }
}
