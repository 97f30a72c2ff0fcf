//! What can go wrong while the demo is made ready.

use std::path::PathBuf;

use bellows_app::backend::ApiError;

use crate::store::StoreError;

/// Why a part of the demo could not be made ready.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A file or folder of the data directory.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file that an earlier start wrote cannot be read any more.
    #[error("{} is damaged ({message}); remove it to have a new one made", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How.
        message: String,
    },
    /// A program of PostgreSQL would not do its work.
    #[error("{program} failed: {message}")]
    Program {
        /// Which.
        program: String,
        /// What it said.
        message: String,
    },
    /// No PostgreSQL is installed that could be started.
    #[error("no PostgreSQL server is installed here (no initdb with a postgres beside it)")]
    NoPostgres,
    /// The cluster's files belong to a version that is not installed.
    #[error(
        "{} was made by PostgreSQL {version}, which is not installed here; \
         remove it to have a new one made", folder.display()
    )]
    OtherVersion {
        /// The cluster's folder.
        folder: PathBuf,
        /// The version that made it.
        version: String,
    },
    /// There is no user but root to run PostgreSQL as.
    #[error("PostgreSQL refuses to run as root, and there is no user postgres or nobody")]
    NoUser,
    /// People are registered here who are not the demo's.
    #[error(
        "{} holds the records of a real installation; the demonstration, whose passwords are \
         printed, needs a data directory of its own", .0.display()
    )]
    NotADemo(PathBuf),
    /// A sample document is wrong for its database.
    #[error("a sample document: {}", .0.join("; "))]
    Document(Vec<String>),
    /// A use case said no.
    #[error("the demonstration: {0}")]
    Refused(#[from] ApiError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sample database said no.
    #[error("the sample database: {0}")]
    Database(#[from] sqlx::Error),
}

impl DemoError {
    /// For `map_err`: an error of the file system, with the path it is about.
    pub(super) fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| DemoError::File { path, source }
    }
}
