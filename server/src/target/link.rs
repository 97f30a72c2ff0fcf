//! One connection to a target, whichever engine it is, for statements that all engines know.

use std::time::Duration;

use bellows::document::Engine;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{
    Arguments, Connection, Executor, MySql, MySqlConnection, PgConnection, Postgres, Sqlite,
    SqliteConnection,
};

use super::{Fault, Row, Target, TargetError, fault, mysql};

/// A connection. Dropping it ends the session, or gives it back where it was shared.
pub enum Link {
    /// A session of one's own on PostgreSQL.
    Postgres(Box<PgConnection>),
    /// One of the shared sessions.
    SharedPostgres(PoolConnection<Postgres>),
    /// A session of one's own on MySQL or MariaDB, and which of them it is.
    MySql(Box<MySqlConnection>, Engine),
    /// One of the shared sessions there.
    SharedMySql(PoolConnection<MySql>, Engine),
    /// A connection of one's own to a SQLite file.
    Sqlite(Box<SqliteConnection>),
    /// One of the shared connections.
    SharedSqlite(PoolConnection<Sqlite>),
}

/// A value handed to a statement.
#[derive(Clone, Debug)]
pub enum Arg {
    /// Text; `None` is NULL.
    Text(Option<String>),
    /// A whole number; `None` is NULL.
    Int(Option<i64>),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Arg::Text(Some(text.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Arg::Text(Some(text))
    }
}

impl From<Option<String>> for Arg {
    fn from(text: Option<String>) -> Self {
        Arg::Text(text)
    }
}

impl From<i64> for Arg {
    fn from(number: i64) -> Self {
        Arg::Int(Some(number))
    }
}

impl From<u32> for Arg {
    fn from(number: u32) -> Self {
        Arg::Int(Some(i64::from(number)))
    }
}

impl From<u64> for Arg {
    /// Numbers beyond what the engines hold become the largest that they do.
    fn from(number: u64) -> Self {
        Arg::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

/// How often a busy SQLite file is tried again for a statement of ours, and how long between:
/// with the connection's own wait of a quarter of a second, about half a minute.
const BUSY_TRIES: u32 = 100;

const BUSY_PAUSE: Duration = Duration::from_millis(50);

enum Conn<'a> {
    Postgres(&'a mut PgConnection),
    MySql(&'a mut MySqlConnection),
    Sqlite(&'a mut SqliteConnection),
}

impl Link {
    pub(super) async fn shared(target: &Target) -> Result<Self, TargetError> {
        Ok(match target {
            Target::Postgres(target) => Link::SharedPostgres(target.pool.acquire().await?),
            Target::MySql(target) => Link::SharedMySql(target.pool.acquire().await?, target.engine),
            Target::Sqlite(target) => Link::SharedSqlite(target.pool.acquire().await?),
        })
    }

    pub(super) async fn own(target: &Target) -> Result<Self, TargetError> {
        Ok(match target {
            Target::Postgres(target) => {
                Link::Postgres(Box::new(PgConnection::connect_with(&target.options).await?))
            }
            Target::MySql(target) => Link::MySql(
                Box::new(mysql::connect(&target.options).await?),
                target.engine,
            ),
            Target::Sqlite(target) => Link::Sqlite(Box::new(
                SqliteConnection::connect_with(&target.options).await?,
            )),
        })
    }

    /// The engine at the other end.
    pub fn engine(&self) -> Engine {
        match self {
            Link::Postgres(_) | Link::SharedPostgres(_) => Engine::PostgreSql,
            Link::MySql(_, engine) | Link::SharedMySql(_, engine) => *engine,
            Link::Sqlite(_) | Link::SharedSqlite(_) => Engine::Sqlite,
        }
    }

    fn conn(&mut self) -> Conn<'_> {
        match self {
            Link::Postgres(conn) => Conn::Postgres(conn),
            Link::SharedPostgres(conn) => Conn::Postgres(conn),
            Link::MySql(conn, _) => Conn::MySql(conn),
            Link::SharedMySql(conn, _) => Conn::MySql(conn),
            Link::Sqlite(conn) => Conn::Sqlite(conn),
            Link::SharedSqlite(conn) => Conn::Sqlite(conn),
        }
    }

    /// Runs one statement of ours with values; gives the number of rows it touched. SQLite's
    /// writers, who queue for nothing, are outwaited.
    pub async fn execute(&mut self, sql: &str, args: &[Arg]) -> Result<u64, sqlx::Error> {
        for _ in 0..BUSY_TRIES {
            match self.execute_once(sql, args, false).await {
                Err(error) if self.busy(&error) => tokio::time::sleep(BUSY_PAUSE).await,
                result => return result,
            }
        }
        self.execute_once(sql, args, false).await
    }

    /// The same for a statement that is sent many times: it is prepared once.
    pub async fn execute_often(&mut self, sql: &str, args: &[Arg]) -> Result<u64, sqlx::Error> {
        self.execute_once(sql, args, true).await
    }

    async fn execute_once(
        &mut self,
        sql: &str,
        args: &[Arg],
        often: bool,
    ) -> Result<u64, sqlx::Error> {
        match self.conn() {
            Conn::Postgres(conn) => Ok(sqlx::query_with(sql, postgres_args(args)?)
                .persistent(often)
                .execute(conn)
                .await?
                .rows_affected()),
            Conn::MySql(conn) => {
                let (sql, args) = mysql::positional(sql, args)?;
                Ok(sqlx::query_with(&sql, args)
                    .persistent(often)
                    .execute(conn)
                    .await?
                    .rows_affected())
            }
            Conn::Sqlite(conn) => Ok(sqlx::query_with(sql, sqlite_args(args)?)
                .persistent(often)
                .execute(conn)
                .await?
                .rows_affected()),
        }
    }

    /// Begins a transaction that will write; on SQLite, where nobody queues, it outwaits others.
    pub async fn begin(&mut self) -> Result<(), sqlx::Error> {
        if self.engine() != Engine::Sqlite {
            return self.raw("BEGIN").await.map(|_| ());
        }
        for _ in 0..BUSY_TRIES {
            match self.raw("BEGIN IMMEDIATE").await {
                Err(error) if self.busy(&error) => tokio::time::sleep(BUSY_PAUSE).await,
                result => return result.map(|_| ()),
            }
        }
        self.raw("BEGIN IMMEDIATE").await.map(|_| ())
    }

    fn busy(&self, error: &sqlx::Error) -> bool {
        self.engine() == Engine::Sqlite && fault(error) == Fault::Lock
    }

    /// Every row of the answer to one statement of ours.
    pub async fn fetch_all(&mut self, sql: &str, args: &[Arg]) -> Result<Vec<Row>, sqlx::Error> {
        match self.conn() {
            Conn::Postgres(conn) => Ok(sqlx::query_with(sql, postgres_args(args)?)
                .persistent(false)
                .fetch_all(conn)
                .await?
                .into_iter()
                .map(Row::Postgres)
                .collect()),
            Conn::MySql(conn) => {
                let (sql, args) = mysql::positional(sql, args)?;
                Ok(sqlx::query_with(&sql, args)
                    .persistent(false)
                    .fetch_all(conn)
                    .await?
                    .into_iter()
                    .map(Row::MySql)
                    .collect())
            }
            Conn::Sqlite(conn) => Ok(sqlx::query_with(sql, sqlite_args(args)?)
                .persistent(false)
                .fetch_all(conn)
                .await?
                .into_iter()
                .map(Row::Sqlite)
                .collect()),
        }
    }

    /// The first row, where there is one.
    pub async fn fetch_optional(
        &mut self,
        sql: &str,
        args: &[Arg],
    ) -> Result<Option<Row>, sqlx::Error> {
        Ok(self.fetch_all(sql, args).await?.into_iter().next())
    }

    /// The first row; [`sqlx::Error::RowNotFound`] where there is none.
    pub async fn fetch_one(&mut self, sql: &str, args: &[Arg]) -> Result<Row, sqlx::Error> {
        self.fetch_optional(sql, args)
            .await?
            .ok_or(sqlx::Error::RowNotFound)
    }

    /// Sends SQL as it stands, several statements too; gives the rows touched.
    pub async fn raw(&mut self, sql: &str) -> Result<u64, sqlx::Error> {
        match self.conn() {
            Conn::Postgres(conn) => Ok(conn.execute(sql).await?.rows_affected()),
            Conn::MySql(conn) => Ok(conn.execute(sql).await?.rows_affected()),
            Conn::Sqlite(conn) => Ok(conn.execute(sql).await?.rows_affected()),
        }
    }

    /// Sends SQL as it stands and gives the rows of its answer.
    pub async fn raw_rows(&mut self, sql: &str) -> Result<Vec<Row>, sqlx::Error> {
        match self.conn() {
            Conn::Postgres(conn) => Ok(conn
                .fetch_all(sql)
                .await?
                .into_iter()
                .map(Row::Postgres)
                .collect()),
            Conn::MySql(conn) => Ok(conn
                .fetch_all(sql)
                .await?
                .into_iter()
                .map(Row::MySql)
                .collect()),
            Conn::Sqlite(conn) => Ok(conn
                .fetch_all(sql)
                .await?
                .into_iter()
                .map(Row::Sqlite)
                .collect()),
        }
    }
}

/// A statement of ours, written once for all engines: `{b}` stands for where Bellows' tables are
/// (`bellows.` or `_bellows_`), `{now}` for the target's clock in microseconds, `{text}` for the
/// type of texts in a CAST, `{integer}` for that of whole numbers, `{system}` for a column of that
/// name, which is a keyword of MySQL's.
pub fn ours(engine: Engine, sql: &str) -> String {
    let (prefix, now) = match engine {
        Engine::PostgreSql => (
            "bellows.",
            "(extract(epoch from clock_timestamp()) * 1000000)::bigint",
        ),
        Engine::MySql | Engine::MariaDb => (
            "_bellows_",
            "timestampdiff(microsecond, '1970-01-01', utc_timestamp(6))",
        ),
        Engine::Sqlite => (
            "_bellows_",
            "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)",
        ),
    };
    let (text, integer, system) = match engine {
        Engine::PostgreSql | Engine::Sqlite => ("text", "bigint", "system"),
        Engine::MySql | Engine::MariaDb => ("char", "signed", "`system`"),
    };
    sql.replace("{b}", prefix)
        .replace("{now}", now)
        .replace("{text}", text)
        .replace("{integer}", integer)
        .replace("{system}", system)
}

/// The end of an INSERT of ours that puts these columns into the row that is there under the same
/// key; without columns, that leaves it alone.
pub fn on_conflict(engine: Engine, key: &str, columns: &[&str]) -> String {
    let (start, value) = match engine {
        Engine::PostgreSql | Engine::Sqlite if columns.is_empty() => {
            return format!("ON CONFLICT ({key}) DO NOTHING");
        }
        Engine::PostgreSql | Engine::Sqlite => {
            (format!("ON CONFLICT ({key}) DO UPDATE SET"), "excluded.{}")
        }
        Engine::MySql | Engine::MariaDb => ("ON DUPLICATE KEY UPDATE".to_owned(), "VALUES({})"),
    };
    let first = key.split(',').next().unwrap_or(key);
    let mut list: Vec<String> = columns
        .iter()
        .map(|column| format!("{column} = {}", value.replace("{}", column)))
        .collect();
    if list.is_empty() {
        list.push(format!("{first} = {first}"));
    }
    format!("{start} {}", list.join(", "))
}

fn postgres_args(args: &[Arg]) -> Result<PgArguments, sqlx::Error> {
    let mut list = PgArguments::default();
    for arg in args {
        match arg {
            Arg::Text(text) => list.add(text.clone()),
            Arg::Int(number) => list.add(*number),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(list)
}

fn sqlite_args(args: &[Arg]) -> Result<SqliteArguments<'static>, sqlx::Error> {
    let mut list = SqliteArguments::default();
    for arg in args {
        match arg {
            Arg::Text(text) => list.add(text.clone()),
            Arg::Int(number) => list.add(*number),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(list)
}
