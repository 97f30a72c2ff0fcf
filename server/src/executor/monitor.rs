//! The second connection of a run on a server: it watches and cancels while the first one works
//! or waits.

use std::sync::Arc;
use std::time::Duration;

use bellows::document::Engine;
use bellows::plan::Lock;
use bellows::run::Blocker;
use bellows::schema::TableName;

use super::blockers;
use crate::target::{Arg, Link, Row, Target, TargetError, ours};

/// Cheap to clone; clones share the connection, which is made when it is first needed.
#[derive(Clone)]
pub(super) struct Monitor {
    target: Target,
    link: Arc<tokio::sync::Mutex<Option<Link>>>,
}

/// How far a concurrent index build is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BuildProgress {
    /// The server's word: `building index: scanning table`.
    pub(super) phase: String,
    /// Blocks done and to do in this phase; 0 where it counts none.
    pub(super) blocks: (u64, u64),
    /// Tuples done and to do in this phase; 0 where it counts none.
    pub(super) tuples: (u64, u64),
    /// The process that it waits for.
    pub(super) waits_for: Option<i64>,
}

impl Monitor {
    pub(super) fn new(target: &Target) -> Self {
        Self {
            target: target.clone(),
            link: Arc::default(),
        }
    }

    /// Asks over the monitoring connection; one that broke is made anew the next time.
    pub(super) async fn ask(&self, sql: &str, args: &[Arg]) -> Result<Vec<Row>, TargetError> {
        let mut slot = self.link.lock().await;
        let mut link = match slot.take() {
            Some(link) => link,
            None => {
                let mut link = self.target.open().await?;
                match link.engine() {
                    Engine::PostgreSql => {
                        link.raw("SET lock_timeout = '1s'; SET statement_timeout = '5s'")
                            .await?;
                    }
                    Engine::MySql | Engine::MariaDb => {
                        link.raw("SET SESSION lock_wait_timeout = 1, innodb_lock_wait_timeout = 5")
                            .await?;
                    }
                    Engine::Sqlite => {}
                }
                link
            }
        };
        // What has no values goes to MySQL and MariaDB as it stands: they prepare not everything.
        let rows = if args.is_empty() && link.engine().is_mysql_family() {
            link.raw_rows(sql).await?
        } else {
            link.fetch_all(sql, args).await?
        };
        *slot = Some(link);
        Ok(rows)
    }

    /// Renews the lease.
    pub(super) async fn heartbeat(&self, token: &str) -> Result<(), TargetError> {
        let sql = ours(
            self.target.engine(),
            "UPDATE {b}lease SET heartbeat = {now} WHERE token = $1",
        );
        self.ask(&sql, &[token.into()]).await.map(|_| ())
    }

    /// Cancels what the backend does. A dropped future would cancel nothing on the server.
    pub(super) async fn cancel(&self, pid: i32) -> Result<(), TargetError> {
        if self.target.engine().is_mysql_family() {
            return self
                .ask(&format!("KILL QUERY {pid}"), &[])
                .await
                .map(|_| ());
        }
        self.ask(
            "SELECT pg_cancel_backend($1::int)",
            &[i64::from(pid).into()],
        )
        .await
        .map(|_| ())
    }

    /// Has a session let go of what it holds. On PostgreSQL a statement under way is cancelled, and
    /// with it its transaction; who sleeps with a transaction open is disconnected, as on MySQL and
    /// MariaDB, where a transaction outlives its statement's end. False where it was gone already.
    pub(super) async fn end(&self, pid: i32) -> Result<bool, TargetError> {
        if self.target.engine().is_mysql_family() {
            return self.ask(&format!("KILL {pid}"), &[]).await.map(|_| true);
        }
        let rows = self
            .ask(
                "SELECT CASE WHEN state = 'active' THEN pg_cancel_backend(pid)
                             ELSE pg_terminate_backend(pid) END
                 FROM pg_stat_activity WHERE pid = $1::int",
                &[i64::from(pid).into()],
            )
            .await?;
        match rows.first() {
            Some(row) => Ok(row.truth(0)?),
            None => Ok(false),
        }
    }

    /// The sessions that hold locks on those tables, or their indexes, against the given one.
    pub(super) async fn blockers(
        &self,
        tables: &[TableName],
        lock: Lock,
        own_pid: Option<i32>,
    ) -> Result<Vec<Blocker>, TargetError> {
        match self.target.engine() {
            Engine::PostgreSql => {}
            Engine::MySql | Engine::MariaDb => {
                return blockers::sessions(self, self.target.engine(), tables, own_pid).await;
            }
            Engine::Sqlite => return Ok(Vec::new()),
        }
        let names: Vec<String> = tables.iter().map(postgres_name).collect();
        let rows = self
            .ask(
                "WITH named AS (
                     SELECT to_regclass(name)::oid AS oid
                     FROM unnest(string_to_array($1, chr(1))) name),
                 related AS (
                     SELECT oid FROM named UNION
                     SELECT indexrelid FROM pg_index WHERE indrelid IN (SELECT oid FROM named)),
                 held AS (
                     SELECT DISTINCT pid, virtualtransaction FROM pg_locks
                     WHERE locktype = 'relation' AND granted
                       AND database = (SELECT oid FROM pg_database
                                       WHERE datname = current_database())
                       AND relation IN (SELECT oid FROM related)
                       AND mode = ANY (string_to_array($2, chr(1)))
                       AND pid IS DISTINCT FROM $3)
                 SELECT coalesce(a.pid, 0)::bigint, coalesce(a.usename::text, ''),
                        coalesce(a.query, 'a prepared transaction'),
                        coalesce((extract(epoch from clock_timestamp() - a.xact_start)
                                  * 1000)::bigint, 0),
                        coalesce(a.backend_type = 'autovacuum worker', false)
                 FROM held LEFT JOIN pg_stat_activity a ON a.pid = held.pid
                 ORDER BY 4 DESC LIMIT 20",
                &[
                    names.join("\u{1}").into(),
                    against(lock).join("\u{1}").into(),
                    Arg::Int(own_pid.map(i64::from)),
                ],
            )
            .await?;
        rows.iter().map(blocker).collect()
    }

    /// PostgreSQL: the sessions with a snapshot that a concurrent index build would outwait, but
    /// for those that are over in a moment.
    pub(super) async fn snapshots(&self) -> Result<Vec<Blocker>, TargetError> {
        self.ask(
            "SELECT pid::bigint, coalesce(usename::text, ''), coalesce(query, ''),
                    (extract(epoch from clock_timestamp() - xact_start) * 1000)::bigint, false
             FROM pg_stat_activity
             WHERE backend_xmin IS NOT NULL AND datname = current_database()
               AND pid <> pg_backend_pid() AND backend_type = 'client backend'
               AND xact_start < clock_timestamp() - interval '200 milliseconds'
             ORDER BY xact_start LIMIT 20",
            &[],
        )
        .await?
        .iter()
        .map(blocker)
        .collect()
    }

    /// Ends when the session has waited for a lock that long; never, where it may wait.
    pub(super) async fn queued(&self, pid: Option<i32>, wait: Option<Duration>) {
        let (Some(pid), Some(wait)) = (pid, wait) else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(wait).await;
            match self.waits(pid).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::debug!(%error, "whether it waits could not be seen"),
            }
        }
    }

    /// Whether the session waits for a lock at this moment.
    pub(super) async fn waits(&self, pid: i32) -> Result<bool, TargetError> {
        let sql = match self.target.engine() {
            Engine::PostgreSql => {
                "SELECT coalesce(wait_event_type = 'Lock', false) FROM pg_stat_activity
                 WHERE pid = $1"
            }
            Engine::MySql | Engine::MariaDb => {
                "SELECT CAST(coalesce(state LIKE 'Waiting for % lock', 0) AS signed)
                 FROM information_schema.processlist WHERE id = $1"
            }
            Engine::Sqlite => return Ok(false),
        };
        match self.ask(sql, &[i64::from(pid).into()]).await?.first() {
            Some(row) => Ok(row.truth(0)?),
            None => Ok(false),
        }
    }

    /// How far the backend's index build is; `None` while it has none.
    pub(super) async fn build(&self, pid: i32) -> Result<Option<BuildProgress>, TargetError> {
        let rows = self
            .ask(
                "SELECT phase::text, blocks_done::bigint, blocks_total::bigint,
                        tuples_done::bigint, tuples_total::bigint, current_locker_pid::bigint
                 FROM pg_stat_progress_create_index WHERE pid = $1",
                &[i64::from(pid).into()],
            )
            .await?;
        let count = |row: &Row, index| -> Result<u64, sqlx::Error> {
            Ok(u64::try_from(row.int(index)?.unwrap_or(0)).unwrap_or(0))
        };
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(BuildProgress {
            phase: row.text(0)?.unwrap_or_default(),
            blocks: (count(row, 1)?, count(row, 2)?),
            tuples: (count(row, 3)?, count(row, 4)?),
            waits_for: row.int(5)?.filter(|pid| *pid > 0),
        }))
    }

    /// The replay lag of the slowest standby, in milliseconds, as far as it is to be seen.
    pub(super) async fn lag_ms(&self) -> Result<Option<u64>, TargetError> {
        let rows = self
            .ask(
                "SELECT (max(extract(epoch from replay_lag)) * 1000)::bigint
                 FROM pg_stat_replication",
                &[],
            )
            .await?;
        match rows.first() {
            Some(row) => Ok(row.int(0)?.and_then(|ms| u64::try_from(ms).ok())),
            None => Ok(None),
        }
    }

    /// Whether a fresh session can run plpgsql: after an upgrade of the server's package under a
    /// running server it may not, and then every write on a table with triggers fails.
    pub(super) async fn fresh_session_runs_plpgsql(&self) -> Result<(), TargetError> {
        let mut link = self.target.open().await?;
        link.raw("DO LANGUAGE plpgsql $$ BEGIN PERFORM 1; END $$")
            .await?;
        Ok(())
    }
}

/// `(pid, user, query, milliseconds, autovacuum)`.
fn blocker(row: &Row) -> Result<Blocker, TargetError> {
    Ok(Blocker {
        pid: i32::try_from(row.int(0)?.unwrap_or(0)).unwrap_or(0),
        user: row.text(1)?.unwrap_or_default(),
        query: row.text(2)?.unwrap_or_default(),
        age_ms: u64::try_from(row.int(3)?.unwrap_or(0)).unwrap_or(0),
        autovacuum: row.truth(4)?,
        guessed: false,
    })
}

/// The table as SQL, with its schema.
pub(super) fn postgres_name(table: &TableName) -> String {
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    format!(
        "{}.{}",
        quote(table.schema.as_deref().unwrap_or("public")),
        quote(&table.name)
    )
}

/// The modes, in the words of `pg_locks`, that a lock of the given one waits for.
fn against(lock: Lock) -> Vec<&'static str> {
    /// Weakest first, as in the manual's table of conflicts.
    const MODES: [&str; 8] = [
        "AccessShareLock",
        "RowShareLock",
        "RowExclusiveLock",
        "ShareUpdateExclusiveLock",
        "ShareLock",
        "ShareRowExclusiveLock",
        "ExclusiveLock",
        "AccessExclusiveLock",
    ];
    let modes: &[usize] = match lock {
        Lock::None => &[],
        Lock::AccessShare => &[7],
        Lock::RowShare => &[6, 7],
        Lock::RowExclusive => &[4, 5, 6, 7],
        Lock::ShareUpdateExclusive => &[3, 4, 5, 6, 7],
        Lock::Share => &[2, 3, 5, 6, 7],
        Lock::ShareRowExclusive => &[2, 3, 4, 5, 6, 7],
        Lock::Exclusive => &[1, 2, 3, 4, 5, 6, 7],
        // PostgreSQL is asked, and these are none of its own.
        Lock::MetadataRead
        | Lock::MetadataWrite
        | Lock::MetadataUpgradable
        | Lock::MetadataNoWrite
        | Lock::MetadataExclusive
        | Lock::AccessExclusive
        | Lock::DatabaseWrite
        | Lock::Unknown => &[0, 1, 2, 3, 4, 5, 6, 7],
    };
    modes
        .iter()
        .filter_map(|n| MODES.get(*n))
        .copied()
        .collect()
}
