//! Why a run leaves the straight way: to stop, to fail, to be cancelled, to reconnect.

use bellows::run::StopReason;

use crate::target::{Fault, TargetError, fault};

use super::record::{ExecuteError, SinkError};

/// The inner counterpart of an outcome: what broke the flow of a run.
#[derive(Debug)]
pub(super) enum Halt {
    /// It stops where it can go on.
    Stop(StopReason, String),
    /// The phase failed and must be taken back.
    Fail(String),
    /// A person cancelled.
    Cancel,
    /// The connection is gone: what was done must be read from the target.
    Lost(String),
    /// The run itself broke.
    Error(ExecuteError),
}

/// Errors of statements of our own: where one is wrong, the run is, not the migration.
impl From<sqlx::Error> for Halt {
    fn from(error: sqlx::Error) -> Self {
        match fault(&error) {
            Fault::Lock => Halt::Stop(
                StopReason::Lock,
                format!("a lock on the target was not had: {error}"),
            ),
            Fault::Lost => Halt::Lost(error.to_string()),
            Fault::Disk => disk(&error),
            Fault::Cancelled | Fault::Statement => Halt::Error(error.into()),
        }
    }
}

impl From<ExecuteError> for Halt {
    fn from(error: ExecuteError) -> Self {
        if error.is_lost() {
            return Halt::Lost(error.to_string());
        }
        if let ExecuteError::Target(TargetError::Query(error)) = error {
            return error.into();
        }
        Halt::Error(error)
    }
}

impl From<TargetError> for Halt {
    fn from(error: TargetError) -> Self {
        ExecuteError::from(error).into()
    }
}

impl From<SinkError> for Halt {
    fn from(error: SinkError) -> Self {
        Halt::Error(error.into())
    }
}

/// Errors of a statement of the plan: where one is wrong, the migration is.
pub(super) fn of_plan(error: &sqlx::Error, sql: &str) -> Halt {
    match fault(error) {
        // Callers that can try again look at the fault before they ask here.
        Fault::Lock => Halt::Stop(StopReason::Lock, format!("a lock was not had: {error}")),
        Fault::Lost => Halt::Lost(error.to_string()),
        Fault::Disk => disk(error),
        Fault::Cancelled => Halt::Fail(format!(
            "the statement was cancelled, by its time limit or by a person: {error}; it was: {sql}"
        )),
        Fault::Statement => Halt::Fail(format!("{}; the statement was: {sql}", words(error))),
    }
}

fn disk(error: &sqlx::Error) -> Halt {
    Halt::Stop(
        StopReason::Disk,
        format!("the target's disk is full; make room and go on: {error}"),
    )
}

/// The server's own words with its detail and hint, which the driver's text leaves out.
fn words(error: &sqlx::Error) -> String {
    let Some(database) = error.as_database_error() else {
        return error.to_string();
    };
    let mut text = database.message().to_owned();
    if let Some(postgres) = database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
        for more in [postgres.detail(), postgres.hint()].into_iter().flatten() {
            text += &format!(" ({more})");
        }
    }
    text
}
