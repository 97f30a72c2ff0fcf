//! Connections to MySQL and MariaDB: told apart by their version, and set up alike.

use bellows::dialect::lexer::{self, Kind};
use bellows::document::Engine;
use sqlx::mysql::{MySqlArguments, MySqlConnectOptions, MySqlPool};
use sqlx::{Arguments, ConnectOptions, Executor, MySqlConnection, Row as _};

use super::link::Arg;
use super::url::TargetUrl;
use super::{MySqlTarget, TargetError};
use crate::pool;

/// Modes of a session that read our own statements, or those of a plan, as something else: double
/// quotes would be names, backslashes nothing special, blanks before a bracket nothing at all.
/// And modes that refuse rows as they are: a date of zeros that an application wrote is copied, and
/// a column's definition said again, as it stands.
const NOT_OURS: &[&str] = &[
    "ANSI_QUOTES",
    "NO_BACKSLASH_ESCAPES",
    "IGNORE_SPACE",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
];

/// Modes that stand for others, some of them in [`NOT_OURS`].
const COMBINED: &[&str] = &[
    "ANSI",
    "DB2",
    "MAXDB",
    "MSSQL",
    "ORACLE",
    "POSTGRESQL",
    "MYSQL323",
    "MYSQL40",
    "TRADITIONAL",
];

/// Without it a value that does not fit is cut, and a NULL made an empty text, in silence.
const STRICT: &str = "STRICT_ALL_TABLES";

/// Without it a row whose number is 0 would get another one where it is copied.
const ZERO: &str = "NO_AUTO_VALUE_ON_ZERO";

/// Reaches the server, and asks which of the two it is.
pub(super) async fn reach(
    url: &TargetUrl,
    options: &MySqlConnectOptions,
) -> Result<MySqlTarget, TargetError> {
    let unreachable = |source| TargetError::Connect {
        address: url.address(),
        source,
    };
    // The session's modes are the server's own, as its applications have them.
    let options = options
        .clone()
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .disable_statement_logging();
    let pool: MySqlPool = pool::options()
        .max_connections(3)
        .acquire_timeout(std::time::Duration::from_secs(10))
        .after_connect(|conn, _| Box::pin(prepare(conn)))
        .connect_with(options.clone())
        .await
        .map_err(unreachable)?;
    let version = pool.fetch_one("SELECT version()").await?;
    let version: String = version.try_get_unchecked(0)?;
    let (engine, _) = read_version(&version);
    if url.mariadb_only() && engine != Engine::MariaDb {
        return Err(TargetError::Url(format!(
            "{} is a MySQL server ({version}): its address begins with mysql://",
            url.address()
        )));
    }
    Ok(MySqlTarget {
        options,
        pool,
        address: url.address(),
        url: url.clone(),
        engine,
    })
}

/// A session of one's own.
pub(super) async fn connect(options: &MySqlConnectOptions) -> Result<MySqlConnection, sqlx::Error> {
    let mut conn = options.connect().await?;
    prepare(&mut conn).await?;
    Ok(conn)
}

/// Settings of every session. Rows are read as they are committed: repeatable reads would lock
/// the gaps between a batch's rows against everybody's inserts. Only where the server logs
/// statements for its replicas does it insist on them.
async fn prepare(conn: &mut MySqlConnection) -> Result<(), sqlx::Error> {
    let row = conn
        .fetch_one("SELECT @@GLOBAL.sql_mode, @@log_bin AND @@binlog_format = 'STATEMENT'")
        .await?;
    let mode = session_mode(&row.try_get_unchecked::<String, _>(0)?);
    let isolation = if row.try_get_unchecked::<i64, _>(1)? == 0 {
        "READ COMMITTED"
    } else {
        "REPEATABLE READ"
    };
    conn.execute(
        format!(
            "SET NAMES utf8mb4; SET SESSION sql_mode = '{mode}', autocommit = 1; \
             SET SESSION TRANSACTION ISOLATION LEVEL {isolation}"
        )
        .as_str(),
    )
    .await?;
    Ok(())
}

fn session_mode(global: &str) -> String {
    let mut modes: Vec<&str> = global
        .split(',')
        .filter(|mode| !mode.is_empty() && !NOT_OURS.contains(mode) && !COMBINED.contains(mode))
        .collect();
    for ours in [STRICT, ZERO] {
        if !modes.contains(&ours) {
            modes.push(ours);
        }
    }
    modes.join(",")
}

/// `8.0.36` is 80036; `10.11.14-MariaDB-0+deb12u2` is 101114. Some proxies put `5.5.5-` before
/// MariaDB's own.
pub(super) fn read_version(text: &str) -> (Engine, u32) {
    let engine = if text.to_ascii_lowercase().contains("mariadb") {
        Engine::MariaDb
    } else {
        Engine::MySql
    };
    let own = match engine {
        Engine::MariaDb => text.strip_prefix("5.5.5-").unwrap_or(text),
        Engine::PostgreSql | Engine::MySql | Engine::Sqlite => text,
    };
    let mut parts = own
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    let number = next() * 10_000 + next() * 100 + next();
    (engine, number)
}

/// A statement of ours with the places of its values (`$1`) as these servers know them: question
/// marks, each of which takes the next value. What stands in names and strings is none.
pub(super) fn positional(sql: &str, args: &[Arg]) -> Result<(String, MySqlArguments), sqlx::Error> {
    let unread = |error: lexer::Unclosed| sqlx::Error::Encode(error.to_string().into());
    let mut text = String::with_capacity(sql.len());
    let mut list = MySqlArguments::default();
    let tokens = lexer::tokens(Engine::MariaDb, sql).map_err(unread)?;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let number = tokens
            .next_if(|next| token.is_symbol("$") && next.kind == Kind::Number)
            .map(|next| next.text);
        let Some(number) = number else {
            text.push_str(token.text);
            continue;
        };
        let arg = number
            .parse::<usize>()
            .ok()
            .and_then(|n| n.checked_sub(1))
            .and_then(|n| args.get(n))
            .ok_or_else(|| sqlx::Error::Encode(format!("no value for ${number}").into()))?;
        match arg {
            Arg::Text(text) => list.add(text.clone()),
            Arg::Int(number) => list.add(*number),
        }
        .map_err(sqlx::Error::Encode)?;
        text.push('?');
    }
    Ok((text, list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_are_told_apart_by_their_versions() {
        assert_eq!(read_version("8.0.36"), (Engine::MySql, 80_036));
        assert_eq!(read_version("8.4.2-commercial"), (Engine::MySql, 80_402));
        assert_eq!(
            read_version("10.11.14-MariaDB-0+deb12u2-log"),
            (Engine::MariaDb, 101_114)
        );
        assert_eq!(
            read_version("5.5.5-10.6.18-MariaDB"),
            (Engine::MariaDb, 100_618)
        );
    }

    #[test]
    fn a_sessions_mode_is_the_servers_but_strict_and_with_names_in_backticks() {
        assert_eq!(session_mode(""), "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO");
        assert_eq!(
            session_mode("REAL_AS_FLOAT,NO_ZERO_DATE,ANSI_QUOTES,IGNORE_SPACE,ANSI"),
            "REAL_AS_FLOAT,STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO"
        );
    }

    #[test]
    fn values_go_where_their_numbers_stand() {
        let (sql, args) = positional(
            "UPDATE t SET a = $2, b = $10 WHERE c = $1 OR $1 IS NULL",
            &(1..=10).map(|n| Arg::Int(Some(n))).collect::<Vec<_>>(),
        )
        .unwrap();
        assert_eq!(sql, "UPDATE t SET a = ?, b = ? WHERE c = ? OR ? IS NULL");
        assert_eq!(args.len(), 4);
        assert!(positional("SELECT $2", &[Arg::Int(None)]).is_err());
        let (sql, args) = positional(
            "SELECT `a $1` FROM `$$` WHERE b = '$2' AND c = $1",
            &[Arg::Int(None)],
        )
        .unwrap();
        assert_eq!(sql, "SELECT `a $1` FROM `$$` WHERE b = '$2' AND c = ?");
        assert_eq!(args.len(), 1);
    }
}
