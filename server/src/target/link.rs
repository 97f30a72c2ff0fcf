//! One connection to a target, whichever engine it is, for statements that both engines know.

use std::time::Duration;

use bellows::document::Engine;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{
    Arguments, Connection, Executor, PgConnection, Postgres, Row as _, Sqlite, SqliteConnection,
    TypeInfo, Value, ValueRef,
};

use super::{Fault, Target, TargetError, fault};

/// A connection. Dropping it ends the session, or gives it back where it was shared.
pub enum Link {
    /// A session of one's own on PostgreSQL.
    Postgres(Box<PgConnection>),
    /// One of the shared sessions.
    SharedPostgres(PoolConnection<Postgres>),
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

/// A row of an answer.
pub enum Row {
    /// From PostgreSQL.
    Postgres(PgRow),
    /// From SQLite.
    Sqlite(SqliteRow),
}

/// A value as it came, for checks, whose type decides how they are judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// NULL.
    Null,
    /// A truth; SQLite has none.
    Bool(bool),
    /// A number, as the engine prints it.
    Number(String),
    /// Anything else, as the engine prints it.
    Other(String),
}

/// How often a busy SQLite file is tried again for a statement of ours, and how long between:
/// with the connection's own wait of a quarter of a second, about half a minute.
const BUSY_TRIES: u32 = 100;

const BUSY_PAUSE: Duration = Duration::from_millis(50);

enum Conn<'a> {
    Postgres(&'a mut PgConnection),
    Sqlite(&'a mut SqliteConnection),
}

impl Link {
    pub(super) async fn shared(target: &Target) -> Result<Self, TargetError> {
        Ok(match target {
            Target::Postgres(target) => Link::SharedPostgres(target.pool.acquire().await?),
            Target::Sqlite(target) => Link::SharedSqlite(target.pool.acquire().await?),
        })
    }

    pub(super) async fn own(target: &Target) -> Result<Self, TargetError> {
        Ok(match target {
            Target::Postgres(target) => {
                Link::Postgres(Box::new(PgConnection::connect_with(&target.options).await?))
            }
            Target::Sqlite(target) => Link::Sqlite(Box::new(
                SqliteConnection::connect_with(&target.options).await?,
            )),
        })
    }

    /// The engine at the other end.
    pub fn engine(&self) -> Engine {
        match self {
            Link::Postgres(_) | Link::SharedPostgres(_) => Engine::PostgreSql,
            Link::Sqlite(_) | Link::SharedSqlite(_) => Engine::Sqlite,
        }
    }

    fn conn(&mut self) -> Conn<'_> {
        match self {
            Link::Postgres(conn) => Conn::Postgres(conn),
            Link::SharedPostgres(conn) => Conn::Postgres(conn),
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
            Conn::Sqlite(conn) => Ok(sqlx::query_with(sql, sqlite_args(args)?)
                .persistent(often)
                .execute(conn)
                .await?
                .rows_affected()),
        }
    }

    /// Begins a transaction that will write; on SQLite, where nobody queues, it outwaits others.
    pub async fn begin(&mut self) -> Result<(), sqlx::Error> {
        if self.engine() == Engine::PostgreSql {
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
            Conn::Sqlite(conn) => Ok(conn
                .fetch_all(sql)
                .await?
                .into_iter()
                .map(Row::Sqlite)
                .collect()),
        }
    }
}

impl Row {
    /// Number of values in the row.
    pub fn width(&self) -> usize {
        match self {
            Row::Postgres(row) => row.len(),
            Row::Sqlite(row) => row.len(),
        }
    }

    /// The value as text. On PostgreSQL the statement must give it the type text.
    pub fn text(&self, index: usize) -> Result<Option<String>, sqlx::Error> {
        match self {
            Row::Postgres(row) => row.try_get(index),
            Row::Sqlite(row) => row.try_get(index),
        }
    }

    /// The value as a whole number. On PostgreSQL the statement must give it the type bigint.
    pub fn int(&self, index: usize) -> Result<Option<i64>, sqlx::Error> {
        match self {
            Row::Postgres(row) => row.try_get(index),
            Row::Sqlite(row) => row.try_get(index),
        }
    }

    /// The value as a truth.
    pub fn truth(&self, index: usize) -> Result<bool, sqlx::Error> {
        match self {
            Row::Postgres(row) => Ok(row.try_get::<Option<bool>, _>(index)?.unwrap_or(false)),
            Row::Sqlite(row) => Ok(row.try_get::<Option<i64>, _>(index)?.unwrap_or(0) != 0),
        }
    }

    /// The value as it came from [`Link::raw_rows`], with what its type says.
    pub fn found(&self, index: usize) -> Result<Found, sqlx::Error> {
        match self {
            Row::Postgres(row) => {
                let value = row.try_get_raw(index)?;
                if value.is_null() {
                    return Ok(Found::Null);
                }
                let name = value.type_info().name().to_owned();
                let text = value.as_str().map_err(sqlx::Error::Decode)?.to_owned();
                Ok(match name.as_str() {
                    "BOOL" => Found::Bool(text == "t"),
                    "INT2" | "INT4" | "INT8" | "FLOAT4" | "FLOAT8" | "NUMERIC" | "OID" => {
                        Found::Number(text)
                    }
                    _ => Found::Other(text),
                })
            }
            Row::Sqlite(row) => {
                let value = row.try_get_raw(index)?.to_owned();
                if value.is_null() {
                    return Ok(Found::Null);
                }
                Ok(match value.type_info().name() {
                    "INTEGER" | "BOOLEAN" | "BIGINT" => {
                        Found::Number(value.try_decode::<i64>()?.to_string())
                    }
                    "REAL" => Found::Number(value.try_decode::<f64>()?.to_string()),
                    "BLOB" => Found::Other("a blob".into()),
                    _ => Found::Other(value.try_decode::<String>()?),
                })
            }
        }
    }
}

/// A statement of ours, written once for both engines: `{b}` stands for where Bellows' tables are
/// (`bellows.` or `_bellows_`), `{now}` for the target's clock in microseconds.
pub fn ours(engine: Engine, sql: &str) -> String {
    let (prefix, now) = match engine {
        Engine::PostgreSql => (
            "bellows.",
            "(extract(epoch from clock_timestamp()) * 1000000)::bigint",
        ),
        Engine::MySql | Engine::MariaDb => (
            "_bellows_",
            "CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)",
        ),
        Engine::Sqlite => (
            "_bellows_",
            "CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)",
        ),
    };
    sql.replace("{b}", prefix).replace("{now}", now)
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
