//! What can go wrong on the command line, and the one table from that to exit statuses.

use std::path::PathBuf;

use bellows::document::Problem;
use bellows::pattern::FieldError;

use super::fields::option_name;
use crate::backup::BackupError;
use crate::executor::ExecuteError;
use crate::http::ServeError;
use crate::store::StoreError;
use crate::target::TargetError;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Safe, or done.
    Done,
    /// Unsafe, or failed.
    Failed,
    /// The input is wrong.
    Wrong,
    /// Stopped where it can go on.
    Stopped,
}

impl Exit {
    /// The exit status.
    pub fn status(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Wrong => 2,
            Exit::Stopped => 3,
        }
    }
}

/// Why a command could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A file that cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A document with mistakes: one line for each.
    #[error("{}", lines(problems, |p| problem_line(file, p)))]
    Document {
        /// The document's file, as it was given.
        file: String,
        /// Every mistake.
        problems: Vec<Problem>,
    },
    /// The fields of a pattern cannot be used: one line for each.
    #[error("{}", lines(errors, field_line))]
    Fields {
        /// Every field that is wrong.
        errors: Vec<FieldError>,
    },
    /// What was asked cannot be asked.
    #[error("{0}")]
    Usage(String),
    /// The database.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The execution.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// A backup.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The command line's own records.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The server.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The output was closed, or is full.
    #[error("the output: {0}")]
    Output(std::io::Error),
}

impl CliError {
    /// How a command that met this ends: the table.
    pub fn exit(&self) -> Exit {
        match self {
            CliError::File { .. }
            | CliError::Document { .. }
            | CliError::Fields { .. }
            | CliError::Usage(_) => Exit::Wrong,
            CliError::Output(_) | CliError::Store(_) | CliError::Serve(_) => Exit::Failed,
            CliError::Target(error) => of_target(error),
            CliError::Execute(error) => of_execution(error),
            CliError::Backup(error) => of_backup(error),
        }
    }

    /// Whether whoever read the output went away.
    pub fn is_closed_pipe(&self) -> bool {
        match self {
            CliError::Output(error) => error.kind() == std::io::ErrorKind::BrokenPipe,
            CliError::File { .. }
            | CliError::Document { .. }
            | CliError::Fields { .. }
            | CliError::Usage(_)
            | CliError::Target(_)
            | CliError::Execute(_)
            | CliError::Backup(_)
            | CliError::Store(_)
            | CliError::Serve(_) => false,
        }
    }

    /// For `map_err`: an error of the file system, with the path it is about.
    pub fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| CliError::File { path, source }
    }
}

fn of_target(error: &TargetError) -> Exit {
    match error {
        // Nothing was done, and it can go on once whoever has the lock is done.
        error if error.is_locked() => Exit::Stopped,
        TargetError::Url(_) | TargetError::Version { .. } => Exit::Wrong,
        TargetError::Connect { .. }
        | TargetError::Query(_)
        | TargetError::Hidden(_)
        | TargetError::Cloned { .. }
        | TargetError::Newer { .. } => Exit::Failed,
    }
}

fn of_execution(error: &ExecuteError) -> Exit {
    match error {
        ExecuteError::Target(error) => of_target(error),
        ExecuteError::NotFound(_)
        | ExecuteError::NoPhase(_)
        | ExecuteError::Predecessor { .. }
        | ExecuteError::Successor { .. }
        | ExecuteError::Over { .. }
        | ExecuteError::Superseded { .. }
        | ExecuteError::DocumentChanged { .. }
        | ExecuteError::NotHeld(_)
        | ExecuteError::Soak(_) => Exit::Wrong,
        // What was asked for is so already.
        ExecuteError::NothingToRollBack(_) => Exit::Done,
        ExecuteError::Drift { .. } | ExecuteError::Saved(_) | ExecuteError::Records(_) => {
            Exit::Failed
        }
        ExecuteError::Backup(error) => of_backup(error),
        // The run stopped; the target says where to go on.
        ExecuteError::Sink(_) => Exit::Stopped,
    }
}

fn of_backup(error: &BackupError) -> Exit {
    match error {
        BackupError::Target(error) => of_target(error),
        BackupError::NotFound { .. } => Exit::Wrong,
        BackupError::Missing { .. }
        | BackupError::Old { .. }
        | BackupError::Tool { .. }
        | BackupError::Room { .. }
        | BackupError::File { .. }
        | BackupError::Damaged { .. }
        | BackupError::Refused(_) => Exit::Failed,
    }
}

fn lines<T>(all: &[T], line: impl Fn(&T) -> String) -> String {
    all.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `FILE:LINE:COLUMN: message`, as compilers write it and editors read it.
fn problem_line(file: &str, problem: &Problem) -> String {
    let place = match (problem.line, problem.column) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
        (Some(line), None) => format!("{file}:{line}"),
        (None, Some(_) | None) if problem.path.is_empty() => file.to_owned(),
        (None, Some(_) | None) => format!("{file}: {}", problem.path),
    };
    format!("{place}: {}", problem.message)
}

fn field_line(error: &FieldError) -> String {
    if error.field.is_empty() {
        error.message.clone()
    } else {
        format!("--{}: {}", option_name(&error.field), error.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_as_a_compiler_would() {
        let error = CliError::Document {
            file: "a.yaml".to_owned(),
            problems: vec![
                Problem {
                    line: Some(3),
                    column: Some(7),
                    path: "migration.naem".to_owned(),
                    message: "unknown key `naem`".to_owned(),
                },
                Problem {
                    line: None,
                    column: None,
                    path: "phases[0]".to_owned(),
                    message: "no such table".to_owned(),
                },
            ],
        };
        assert_eq!(
            error.to_string(),
            "a.yaml:3:7: unknown key `naem`\na.yaml: phases[0]: no such table"
        );
        assert_eq!(error.exit().status(), 2);
    }
}
