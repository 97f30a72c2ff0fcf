//! A connection as an application would have it.

use std::borrow::Cow;

use bellows_server::target::TargetUrl;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{Connection, Executor, MySqlConnection, PgConnection, Row, SqliteConnection};

/// A plain connection to a target.
pub enum Client {
    Postgres(PgConnection),
    MariaDb(MySqlConnection),
    MySql(MySqlConnection),
    Sqlite(SqliteConnection),
}

impl Client {
    pub async fn connect(url: &TargetUrl) -> Self {
        if let Some(path) = url.sqlite_path() {
            let options = sqlx::sqlite::SqliteConnectOptions::new()
                .filename(path)
                .busy_timeout(std::time::Duration::from_secs(30));
            return Client::Sqlite(SqliteConnection::connect_with(&options).await.unwrap());
        }
        if url.secret().starts_with("postgres") {
            return Client::Postgres(PgConnection::connect(url.secret()).await.unwrap());
        }
        let options: MySqlConnectOptions = url.secret().parse().unwrap();
        let options = options.pipes_as_concat(false).timezone(None);
        let mut conn = MySqlConnection::connect_with(&options).await.unwrap();
        let version = conn.fetch_one("SELECT version()").await.unwrap();
        if version.get::<String, _>(0).contains("MariaDB") {
            return Client::MariaDb(conn);
        }
        conn.execute("SET SESSION cte_max_recursion_depth = 100000000")
            .await
            .unwrap();
        Client::MySql(conn)
    }

    fn said<'s>(&self, sql: &'s str) -> Cow<'s, str> {
        match self {
            Client::MySql(_) => without_sequences(sql).into(),
            Client::Postgres(_) | Client::MariaDb(_) | Client::Sqlite(_) => sql.into(),
        }
    }

    /// Runs SQL, several statements too; gives the rows touched.
    pub async fn try_run(&mut self, sql: &str) -> Result<u64, sqlx::Error> {
        let sql = &*self.said(sql);
        match self {
            Client::Postgres(conn) => Ok(conn.execute(sql).await?.rows_affected()),
            Client::MariaDb(conn) | Client::MySql(conn) => {
                Ok(conn.execute(sql).await?.rows_affected())
            }
            Client::Sqlite(conn) => Ok(conn.execute(sql).await?.rows_affected()),
        }
    }

    pub async fn run(&mut self, sql: &str) -> u64 {
        self.try_run(sql)
            .await
            .unwrap_or_else(|error| panic!("{error}: {sql}"))
    }

    /// The one number that a query gives; a truth is 1 or 0.
    pub async fn number(&mut self, sql: &str) -> i64 {
        self.text(sql)
            .await
            .map(|text| match text.as_str() {
                "t" => 1,
                "f" => 0,
                number => number
                    .parse()
                    .unwrap_or_else(|_| panic!("{number} is no number: {sql}")),
            })
            .unwrap_or_else(|| panic!("NULL: {sql}"))
    }

    /// The one value that a query gives, as text; `None` for NULL.
    pub async fn text(&mut self, sql: &str) -> Option<String> {
        self.try_text(sql)
            .await
            .unwrap_or_else(|error| panic!("{error}: {sql}"))
    }

    /// The same, or why it gives none.
    pub async fn try_text(&mut self, sql: &str) -> Result<Option<String>, sqlx::Error> {
        let sql = &*self.said(sql);
        Ok(match self {
            Client::Postgres(conn) => {
                conn.fetch_one(sql)
                    .await?
                    .try_get_raw(0)
                    .ok()
                    .and_then(|value| {
                        use sqlx::ValueRef;
                        (!value.is_null()).then(|| value.as_str().unwrap().to_owned())
                    })
            }
            Client::MariaDb(conn) | Client::MySql(conn) => {
                conn.fetch_one(sql).await?.try_get_unchecked(0)?
            }
            Client::Sqlite(conn) => sqlx::query(&format!("SELECT CAST(({sql}) AS TEXT)"))
                .fetch_one(conn)
                .await?
                .get(0),
        })
    }

    /// From now on it reads SQL that is the same for all engines, but for types in a CAST.
    pub async fn speak_the_standard(&mut self) {
        match self {
            Client::MariaDb(_) | Client::MySql(_) => {
                self.run(super::STANDARD).await;
            }
            Client::Postgres(_) | Client::Sqlite(_) => {}
        }
    }
}

/// MySQL has no tables of numbers, `seq_1_to_10`, as MariaDB has them. Longer ones than a thousand
/// need a session with `cte_max_recursion_depth`.
pub fn without_sequences(sql: &str) -> String {
    let mut parts = sql.split("seq_");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(part.len());
        let (range, rest) = part.split_at(end);
        let (first, last) = range.split_once("_to_").expect("seq_1_to_10");
        out += &format!(
            "(WITH RECURSIVE s(seq) AS (SELECT {first} UNION ALL SELECT seq + 1 FROM s WHERE seq < {last})
              SELECT seq FROM s) AS seq{rest}"
        );
    }
    out
}
