//! Rows of an answer, whichever engine gave it.

use sqlx::mysql::MySqlRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, TypeInfo, Value, ValueRef};

/// A row of an answer.
pub enum Row {
    /// From PostgreSQL.
    Postgres(PgRow),
    /// From MySQL or MariaDB.
    MySql(MySqlRow),
    /// From SQLite.
    Sqlite(SqliteRow),
}

/// A value as it came, for checks, whose type decides how they are judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// NULL.
    Null,
    /// A truth; only PostgreSQL has them.
    Bool(bool),
    /// A number, as the engine prints it.
    Number(String),
    /// Anything else, as the engine prints it.
    Other(String),
}

impl Row {
    /// Number of values in the row.
    pub fn width(&self) -> usize {
        match self {
            Row::Postgres(row) => row.len(),
            Row::MySql(row) => row.len(),
            Row::Sqlite(row) => row.len(),
        }
    }

    /// The value as text, which the statement must give it as its type.
    pub fn text(&self, index: usize) -> Result<Option<String>, sqlx::Error> {
        match self {
            Row::Postgres(row) => row.try_get(index),
            // Text under a binary collation, as in the catalogue, counts as bytes to the driver.
            Row::MySql(row) => row.try_get_unchecked(index),
            Row::Sqlite(row) => row.try_get(index),
        }
    }

    /// The value as a whole number, which must be its type: bigint on PostgreSQL.
    pub fn int(&self, index: usize) -> Result<Option<i64>, sqlx::Error> {
        match self {
            Row::Postgres(row) => row.try_get(index),
            // Without regard to its sign: counters of the server are unsigned.
            Row::MySql(row) => row.try_get_unchecked(index),
            Row::Sqlite(row) => row.try_get(index),
        }
    }

    /// The value as a truth.
    pub fn truth(&self, index: usize) -> Result<bool, sqlx::Error> {
        match self {
            Row::Postgres(row) => Ok(row.try_get::<Option<bool>, _>(index)?.unwrap_or(false)),
            Row::MySql(_) | Row::Sqlite(_) => Ok(self.int(index)?.unwrap_or(0) != 0),
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
            Row::MySql(row) => {
                let value = row.try_get_raw(index)?;
                if value.is_null() {
                    return Ok(Found::Null);
                }
                let name = value.type_info().name().to_owned();
                if name.ends_with("BLOB") || name.ends_with("BINARY") || name == "BIT" {
                    return Ok(Found::Other("bytes".into()));
                }
                let text: String = row.try_get_unchecked(index)?;
                let number = [
                    "BOOLEAN",
                    "TINYINT",
                    "SMALLINT",
                    "MEDIUMINT",
                    "INT",
                    "BIGINT",
                    "FLOAT",
                    "DOUBLE",
                    "DECIMAL",
                ]
                .contains(&name.trim_end_matches(" UNSIGNED"));
                Ok(if number {
                    Found::Number(text)
                } else {
                    Found::Other(text)
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
