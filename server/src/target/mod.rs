//! The databases that are migrated: how to reach them, what is in them, who they are.

mod facts;
mod facts_mysql;
mod facts_postgres;
mod facts_sqlite;
mod fault;
mod inspect_attached;
mod inspect_kin;
mod inspect_mysql;
mod inspect_mysql_grants;
mod inspect_mysql_keys;
mod inspect_postgres;
mod inspect_sqlite;
mod layout;
mod link;
mod mysql;
mod mysql_text;
mod row;
mod sqlite_text;
mod url;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bellows::document::Engine;
use bellows::schema::Schema;
use sqlx::mysql::{MySqlConnectOptions, MySqlPool};
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, PgPool, SqlitePool};

use crate::pool;
pub use fault::{Fault, fault};
pub use link::{Arg, Link, on_conflict, ours};
pub use row::{Found, Row};
pub use url::TargetUrl;

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The address cannot be read.
    #[error("{0}")]
    Url(String),
    /// The target was not reached.
    #[error("{address} cannot be reached: {source}")]
    Connect {
        /// Without user and password.
        address: String,
        /// What the driver says.
        source: sqlx::Error,
    },
    /// The server is older than what Bellows knows.
    #[error("{found} is too old; Bellows needs {needed}")]
    Version {
        /// What was found.
        found: String,
        /// What is needed.
        needed: &'static str,
    },
    /// The target refused a statement of ours.
    #[error("{0}")]
    Query(#[from] sqlx::Error),
    /// Somebody has locked a table against everybody, and nobody sees its definition meanwhile.
    #[error(
        "somebody has locked a table of this database against everybody (an ALTER TABLE that is \
         at work or was not committed, a VACUUM FULL, LOCK TABLE), and its definition is not to be \
         seen until they are done: {0}"
    )]
    Hidden(sqlx::Error),
    /// Bellows' records were made by another database: this one is a copy of it.
    #[error(
        "this database is a copy of another one: Bellows' records in it belong to {known}, and \
         this is {here}. If it has taken that one's place, adopt it"
    )]
    Cloned {
        /// Whom the records belong to.
        known: String,
        /// What this is.
        here: String,
    },
    /// Bellows' records on the target have a newer form than this binary knows.
    #[error(
        "Bellows' records on this target have version {found}, and this bellows knows {known}: \
         use the newer bellows"
    )]
    Newer {
        /// Version found.
        found: i64,
        /// Version known.
        known: i64,
    },
}

impl TargetError {
    /// Whether a lock was not had.
    pub fn is_locked(&self) -> bool {
        match self {
            TargetError::Connect { source, .. } => fault(source) == Fault::Lock,
            TargetError::Query(error) => fault(error) == Fault::Lock,
            TargetError::Hidden(_) => true,
            TargetError::Url(_)
            | TargetError::Version { .. }
            | TargetError::Cloned { .. }
            | TargetError::Newer { .. } => false,
        }
    }
}

/// A database that is migrated. Cheap to clone; clones share a few connections for looking, while
/// whoever changes something opens a connection of its own.
#[derive(Clone)]
pub enum Target {
    /// A PostgreSQL database.
    Postgres(Arc<PostgresTarget>),
    /// A database on a MySQL or MariaDB server.
    MySql(Arc<MySqlTarget>),
    /// A SQLite file.
    Sqlite(Arc<SqliteTarget>),
}

/// What is known of a PostgreSQL target.
pub struct PostgresTarget {
    pub(crate) options: PgConnectOptions,
    pub(crate) pool: PgPool,
    address: String,
    /// The whole address, for the server's own tools.
    pub(crate) url: TargetUrl,
}

/// What is known of a target on MySQL or MariaDB.
pub struct MySqlTarget {
    pub(crate) options: MySqlConnectOptions,
    pub(crate) pool: MySqlPool,
    address: String,
    /// The whole address, for the server's own tools.
    pub(crate) url: TargetUrl,
    /// Which of the two, as its version says.
    engine: Engine,
}

/// What is known of a SQLite target.
pub struct SqliteTarget {
    pub(crate) options: SqliteConnectOptions,
    pub(crate) pool: SqlitePool,
    /// Absolute, symbolic links resolved: one file has one name here.
    pub(crate) path: PathBuf,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({})", self.address())
    }
}

impl Target {
    /// Reaches the target and looks at its version. A SQLite file must be there already.
    pub async fn connect(url: &TargetUrl) -> Result<Self, TargetError> {
        let unreachable = |source| TargetError::Connect {
            address: url.address(),
            source,
        };
        let target = match (url.postgres(), url.mysql(), url.sqlite_path()) {
            (_, Some(options), _) => Target::MySql(Arc::new(mysql::reach(url, options).await?)),
            (Some(options), _, _) => {
                let options = options
                    .clone()
                    .application_name("bellows")
                    .disable_statement_logging();
                let pool: PgPool = pool::options()
                    .max_connections(3)
                    .acquire_timeout(Duration::from_secs(10))
                    .connect_with(options.clone())
                    .await
                    .map_err(unreachable)?;
                Target::Postgres(Arc::new(PostgresTarget {
                    options,
                    pool,
                    address: url.address(),
                    url: url.clone(),
                }))
            }
            (None, None, path) => {
                let path = path.cloned().unwrap_or_default();
                let path = std::fs::canonicalize(&path).map_err(|e| unreachable(e.into()))?;
                // Foreign keys are as an application that asks for them has them: a statement
                // that would leave orphans behind must fail here too.
                let options = SqliteConnectOptions::new()
                    .filename(&path)
                    .create_if_missing(false)
                    .foreign_keys(true)
                    .busy_timeout(Duration::from_millis(250))
                    .disable_statement_logging();
                let pool: SqlitePool = pool::options()
                    .max_connections(2)
                    .connect_with(options.clone().busy_timeout(Duration::from_secs(10)))
                    .await
                    .map_err(unreachable)?;
                Target::Sqlite(Arc::new(SqliteTarget {
                    options,
                    pool,
                    path,
                }))
            }
        };
        let version = target.version().await?;
        match target.engine() {
            Engine::PostgreSql if version < 120_000 => Err(TargetError::Version {
                found: format!("PostgreSQL {}", version / 10_000),
                needed: "PostgreSQL 12",
            }),
            Engine::Sqlite if version < 3_035_000 => Err(TargetError::Version {
                found: format!("SQLite {version}"),
                needed: "SQLite 3.35",
            }),
            Engine::MySql if version < 80_013 => Err(TargetError::Version {
                found: format!("MySQL {}", dotted(version)),
                needed: "MySQL 8.0.13",
            }),
            Engine::MariaDb if version < 100_600 => Err(TargetError::Version {
                found: format!("MariaDB {}", dotted(version)),
                needed: "MariaDB 10.6",
            }),
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb | Engine::Sqlite => Ok(target),
        }
    }

    /// The engine.
    pub fn engine(&self) -> Engine {
        match self {
            Target::Postgres(_) => Engine::PostgreSql,
            Target::MySql(target) => target.engine,
            Target::Sqlite(_) => Engine::Sqlite,
        }
    }

    /// Where it is, without user and password.
    pub fn address(&self) -> String {
        match self {
            Target::Postgres(target) => target.address.clone(),
            Target::MySql(target) => target.address.clone(),
            Target::Sqlite(target) => format!("sqlite:{}", target.path.display()),
        }
    }

    /// `server_version_num` (150018), MySQL's or MariaDB's number (80036, 101114), or SQLite's
    /// (3040001).
    pub async fn version(&self) -> Result<u32, TargetError> {
        let mut link = self.look().await?;
        let row = link
            .fetch_one(
                match self {
                    Target::Postgres(_) => "SELECT current_setting('server_version_num')::bigint",
                    Target::MySql(_) => "SELECT version()",
                    Target::Sqlite(_) => "SELECT sqlite_version()",
                },
                &[],
            )
            .await?;
        Ok(match self {
            Target::Postgres(_) => u32::try_from(row.int(0)?.unwrap_or(0)).unwrap_or(0),
            Target::MySql(_) => mysql::read_version(&row.text(0)?.unwrap_or_default()).1,
            Target::Sqlite(_) => row
                .text(0)?
                .unwrap_or_default()
                .split('.')
                .map(|part| part.parse::<u32>().unwrap_or(0))
                .fold(0, |sum, part| sum * 1000 + part),
        })
    }

    /// The whole live schema; Bellows' own objects are left out. [`TargetError::Hidden`], soon,
    /// where somebody keeps a table locked: people wait for the answer.
    pub async fn inspect(&self) -> Result<Schema, TargetError> {
        let version = self.version().await?;
        let seen = match self {
            Target::Postgres(target) => inspect_postgres::inspect(&target.pool, version).await,
            Target::MySql(target) => {
                inspect_mysql::inspect(&target.pool, target.engine, version).await
            }
            Target::Sqlite(target) => inspect_sqlite::inspect(&target.pool, version).await,
        };
        seen.map_err(|error| match error {
            TargetError::Query(error)
                if self.engine() != Engine::Sqlite && fault(&error) == Fault::Lock =>
            {
                TargetError::Hidden(error)
            }
            error @ (TargetError::Url(_)
            | TargetError::Connect { .. }
            | TargetError::Version { .. }
            | TargetError::Query(_)
            | TargetError::Cloned { .. }
            | TargetError::Newer { .. }
            | TargetError::Hidden(_)) => error,
        })
    }

    /// The target's own id, a UUID kept in Bellows' records on it, which are made where they are
    /// not there yet. [`TargetError::Cloned`] where the records came from another database.
    pub async fn identity(&self) -> Result<String, TargetError> {
        let mut link = self.open().await?;
        layout::ensure(&mut link).await?;
        layout::identity(&mut link).await
    }

    /// Makes a copy a target of its own: a new id, and no lease of anybody. A person must ask for
    /// this after [`TargetError::Cloned`].
    pub async fn adopt(&self) -> Result<String, TargetError> {
        let mut link = self.open().await?;
        layout::ensure(&mut link).await?;
        layout::adopt(&mut link).await
    }

    /// A connection for looking, from the few that clones share.
    pub(crate) async fn look(&self) -> Result<Link, TargetError> {
        Link::shared(self).await
    }

    /// A connection of one's own, for changing things.
    pub(crate) async fn open(&self) -> Result<Link, TargetError> {
        Link::own(self).await
    }
}

/// 80036 as 8.0.36.
fn dotted(version: u32) -> String {
    format!(
        "{}.{}.{}",
        version / 10_000,
        version / 100 % 100,
        version % 100
    )
}

/// What a table's rows are called where Bellows counts them, by which statistics of statements know
/// whose the statement was.
pub(crate) const COUNTED: &str = "bellows_counted";

pub(crate) use layout::LOCK_SPACE;
pub(crate) use layout::ensure as ensure_layout;
pub(crate) use layout::has_measures as layout_has_measures;
pub(crate) use layout::has_snapshots as layout_has_snapshots;
pub(crate) use layout::identity as identity_on;
pub(crate) use layout::named_lock;
pub(crate) use layout::present as layout_present;
