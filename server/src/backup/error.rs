//! Why a backup cannot be taken, listed or restored.

use std::path::PathBuf;

use crate::target::TargetError;

/// What is wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A tool of the engine's is not on this machine.
    #[error("{tool} is not on this machine: install {package} where bellows runs")]
    Missing {
        /// The program.
        tool: &'static str,
        /// The package that has it.
        package: String,
    },
    /// A tool is there, and does not know the server.
    #[error(
        "{tool} {found} is older than the server, which is {server}: install {package} where \
         bellows runs"
    )]
    Old {
        /// The program.
        tool: &'static str,
        /// Its version.
        found: String,
        /// The server's.
        server: String,
        /// The package that has a newer one.
        package: String,
    },
    /// A tool failed, in its own words.
    #[error("{tool} failed: {words}")]
    Tool {
        /// The program.
        tool: &'static str,
        /// What it said.
        words: String,
    },
    /// Too little room for the file.
    #[error(
        "there is too little room for a backup in {}: {free} are free, and it may need {needed}",
        folder.display()
    )]
    Room {
        /// Where.
        folder: PathBuf,
        /// What is free, for people.
        free: String,
        /// What it may take.
        needed: String,
    },
    /// The file system.
    #[error("{}: {source}", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no such backup here.
    #[error("there is no backup {id} in {}", folder.display())]
    NotFound {
        /// Its id.
        id: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The file is not what was written.
    #[error("backup {id} is damaged: its file has the SHA-256 {found}, and {expected} was written")]
    Damaged {
        /// Its id.
        id: String,
        /// What the file has now.
        found: String,
        /// What it had.
        expected: String,
    },
    /// It cannot be restored onto this target, or not now.
    #[error("{0}")]
    Refused(String),
    /// The target.
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl BackupError {
    /// For `map_err`: an error of the file system, with the path it is about.
    pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| BackupError::File { path, source }
    }
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        BackupError::Target(error.into())
    }
}
