//! What a target holds at the moment: sizes, sessions, replicas. From catalogues and statistics
//! alone; no table is read.

use bellows::document::Engine;
use bellows::estimate::{OpenTransaction, TargetFacts};

use super::link::ours;
use super::{
    Fault, Link, Row, Target, TargetError, facts_mysql, facts_postgres, facts_sqlite, fault,
};

/// How many open transactions are told of.
pub(super) const MOST_TRANSACTIONS: u32 = 20;

impl Target {
    /// The facts, without the target's speed, which Bellows' records tell.
    pub(crate) async fn facts(&self) -> Result<TargetFacts, TargetError> {
        let mut link = self.look().await?;
        let engine = link.engine();
        let read_at = link
            .fetch_one(&ours(engine, "SELECT {now}"), &[])
            .await?
            .int(0)?
            .unwrap_or_default();
        let facts = match engine {
            Engine::PostgreSql => facts_postgres::read(&mut link).await?,
            Engine::MySql | Engine::MariaDb => facts_mysql::read(&mut link).await?,
            Engine::Sqlite => facts_sqlite::read(&mut link).await?,
        };
        Ok(TargetFacts { read_at, ..facts })
    }
}

/// What a query gives that not everybody may ask: absent where it is refused.
pub(super) async fn permitted(link: &mut Link, sql: &str) -> Result<Option<Vec<Row>>, sqlx::Error> {
    let asked = if link.engine().is_mysql_family() {
        // Not everything can be prepared there.
        link.raw_rows(sql).await
    } else {
        link.fetch_all(sql, &[]).await
    };
    match asked {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if fault(&error) == Fault::Statement => {
            tracing::debug!(%error, "this connection may not ask that");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A count, or a size.
pub(super) fn count(row: &Row, index: usize) -> Result<Option<u64>, sqlx::Error> {
    Ok(row.int(index)?.and_then(|n| u64::try_from(n).ok()))
}

/// `(pid, user, query, milliseconds, idle)`.
pub(super) fn transaction(row: &Row) -> Result<OpenTransaction, sqlx::Error> {
    Ok(OpenTransaction {
        pid: row.int(0)?.unwrap_or_default(),
        user: row.text(1)?.unwrap_or_default(),
        query: row.text(2)?.unwrap_or_default(),
        age_ms: count(row, 3)?.unwrap_or_default(),
        idle: row.truth(4)?,
    })
}
