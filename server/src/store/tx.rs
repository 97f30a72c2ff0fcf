//! A transaction on either engine, and the macros that run one query on both.

use sqlx::{Postgres, Sqlite, Transaction};

use super::Stored;

/// A transaction of the store. Dropping it takes everything back.
#[derive(Debug)]
pub enum Tx {
    /// On the file.
    Sqlite(Transaction<'static, Sqlite>),
    /// On the server.
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    /// Makes it last.
    pub async fn commit(self) -> Stored<()> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await?,
            Tx::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

/// Runs a statement; gives the number of rows that it changed.
macro_rules! execute {
    ($tx:expr, $sql:expr $(, $arg:expr)* $(,)?) => {
        match &mut *$tx {
            $crate::store::Tx::Sqlite(tx) => {
                sqlx::query($sql)$(.bind($arg))*.execute(&mut **tx).await.map(|done| done.rows_affected())
            }
            $crate::store::Tx::Postgres(tx) => {
                sqlx::query($sql)$(.bind($arg))*.execute(&mut **tx).await.map(|done| done.rows_affected())
            }
        }
    };
}

/// Every row of a query, as `$row`.
macro_rules! fetch_all {
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        match &mut *$tx {
            $crate::store::Tx::Sqlite(tx) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(&mut **tx).await
            }
            $crate::store::Tx::Postgres(tx) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(&mut **tx).await
            }
        }
    };
}

/// The first row of a query, as `$row`, where there is one.
macro_rules! fetch_optional {
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        match &mut *$tx {
            $crate::store::Tx::Sqlite(tx) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_optional(&mut **tx).await
            }
            $crate::store::Tx::Postgres(tx) => {
                sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_optional(&mut **tx).await
            }
        }
    };
}
