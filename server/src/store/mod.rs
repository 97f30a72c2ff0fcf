//! Bellows' own records: people, versions, approvals, events, audit; in a SQLite file or in
//! PostgreSQL. One file a resource; rows stay in here.
//!
//! Queries are written once, with `$N` placeholders, and run by the macros of [`tx`] on whichever
//! of the two is there.

#[macro_use]
mod tx;

pub mod attempts;
pub mod audit;
pub mod environments;
pub mod events;
pub mod executions;
pub mod migrations;
pub mod people;
pub mod reviews;
pub mod sessions;
pub mod targets;
pub mod waivers;
mod words;

use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};

use crate::pool;
pub use tx::Tx;

/// What can go wrong with the records.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database said no, or could not be reached.
    #[error("the store: {0}")]
    Database(#[from] sqlx::Error),
    /// Its schema could not be brought up to date.
    #[error("the store's schema: {0}")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// A record is there that this version of Bellows cannot read.
    #[error("a record of the store cannot be read ({what}): {why}")]
    Unreadable {
        /// Which.
        what: String,
        /// What the reader said.
        why: String,
    },
    /// The folder of the file could not be made.
    #[error("the store's folder: {0}")]
    Folder(#[from] std::io::Error),
}

impl StoreError {
    /// A record that cannot be read.
    pub fn unreadable(what: impl Into<String>, why: impl ToString) -> Self {
        StoreError::Unreadable {
            what: what.into(),
            why: why.to_string(),
        }
    }

    /// Whether a row with that name is there already.
    pub fn is_duplicate(&self) -> bool {
        match self {
            StoreError::Database(sqlx::Error::Database(error)) => error.is_unique_violation(),
            StoreError::Database(_)
            | StoreError::Schema(_)
            | StoreError::Unreadable { .. }
            | StoreError::Folder(_) => false,
        }
    }
}

/// The file in a data directory that holds the records.
pub const FILE: &str = "bellows.db";

/// The result of every access.
pub type Stored<T> = Result<T, StoreError>;

/// Where the records are. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Store {
    /// A file: one connection writes, several read.
    Sqlite {
        /// The one that writes.
        writer: SqlitePool,
        /// Those that read.
        readers: SqlitePool,
    },
    /// A server, which several Bellows may share.
    Postgres(PgPool),
}

impl Store {
    /// Opens the store and brings its schema up to date. `place` is a `postgres://` URL or the
    /// path of a SQLite file, which is made where it is missing.
    pub async fn open(place: &str) -> Stored<Store> {
        let store = if place.starts_with("postgres://") || place.starts_with("postgresql://") {
            Self::open_postgres(place).await?
        } else {
            Self::open_sqlite(Path::new(place.strip_prefix("sqlite:").unwrap_or(place))).await?
        };
        match &store {
            Store::Sqlite { writer, .. } => {
                sqlx::migrate!("../migrations/sqlite").run(writer).await?;
            }
            Store::Postgres(pool) => sqlx::migrate!("../migrations/postgres").run(pool).await?,
        }
        Ok(store)
    }

    async fn open_sqlite(path: &Path) -> Stored<Store> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10));
        let writer = pool::options()
            .max_connections(1)
            .connect_with(options.clone())
            .await?;
        let readers = pool::options()
            .max_connections(4)
            .connect_lazy_with(options);
        Ok(Store::Sqlite { writer, readers })
    }

    async fn open_postgres(url: &str) -> Stored<Store> {
        let pool = pool::options()
            .max_connections(10)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(PgConnectOptions::from_str(url)?.application_name("bellows store"))
            .await?;
        Ok(Store::Postgres(pool))
    }

    /// A transaction that only reads; what it sees does not change under it on SQLite, and may on
    /// PostgreSQL.
    pub async fn read(&self) -> Stored<Tx> {
        Ok(match self {
            Store::Sqlite { readers, .. } => Tx::Sqlite(readers.begin().await?),
            Store::Postgres(pool) => Tx::Postgres(pool.begin_with("BEGIN READ ONLY").await?),
        })
    }

    /// A transaction that writes. Dropped without [`Tx::commit`] it leaves nothing.
    pub async fn write(&self) -> Stored<Tx> {
        Ok(match self {
            Store::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Store::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Ends every connection; what is written is on the disk.
    pub async fn close(&self) {
        match self {
            Store::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Store::Postgres(pool) => pool.close().await,
        }
    }
}

/// Microseconds since 1970, UTC.
pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        })
}

/// A new id: UUIDv7, as text.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
