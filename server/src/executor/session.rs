//! The one connection that runs a plan's statements, the run lock that it holds on the target, and
//! the lease that says who it is.
//!
//! On PostgreSQL the lock is an advisory lock of that very session, tried and never waited for (a
//! waiter would deadlock with the holder's concurrent index build). On SQLite it is a lock on a
//! file beside the database. The lease's token fences: every transaction of a run asks for it
//! first, so a run that lost its place cannot write.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bellows::document::Engine;
use tokio::task::JoinHandle;

use crate::target::{
    Fault, LOCK_SPACE, Link, Target, TargetError, ensure_layout, fault, identity_on, ours,
};

use super::monitor::Monitor;
use super::process;
use super::record::ExecuteError;

/// Second half of the advisory lock that a run holds.
const LOCK_RUN: i32 = 1;

/// A lease without a heartbeat for that long belongs to nobody any more.
const STALE_MS: i64 = 30_000;

/// How often the lease's heartbeat is renewed.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long an orphaned backend is waited for before it is ended, and after that.
const ORPHAN_GRACE: Duration = Duration::from_secs(3);

/// How long the server may take to end a backend.
const ORPHAN_END: Duration = Duration::from_secs(10);

/// The targets that runs of this process hold, by their uuids: a lease with our own owner is an
/// orphan only where it is not one of these.
static HELD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// An entry of [`HELD`].
struct Held(String);

impl Held {
    fn take(identity: &str) -> Option<Self> {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(identity.to_owned())
            .then(|| Held(identity.to_owned()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.0);
    }
}

/// A task that ends with its holder.
struct Ending(JoinHandle<()>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The connection of a run, with the target's run lock.
pub(super) struct Session {
    pub(super) link: Link,
    pub(super) monitor: Monitor,
    /// The server's process id, for monitoring and cancelling.
    pub(super) pid: Option<i32>,
    target: Target,
    token: String,
    owner: String,
    execution: String,
    /// SQLite's lock; it ends with the handle.
    lock_file: Option<File>,
    heartbeat: Option<Ending>,
    _held: Held,
}

/// A session, or who has the target.
pub(super) enum Acquired {
    /// The target is ours.
    Held(Box<Session>),
    /// For people: who has it.
    Busy(String),
}

/// A lease as it was found.
struct Lease {
    token: String,
    owner: String,
    execution: String,
    host: String,
    process: String,
    pid: Option<i64>,
    backend_start: Option<i64>,
    age_ms: i64,
}

impl Lease {
    /// Whether whoever had it is gone: nobody has renewed it for long, or it was this owner's own
    /// process, which runs no more.
    fn orphaned(&self, owner: &str) -> bool {
        self.age_ms > STALE_MS
            || (self.owner == owner && !process::other_is_alive(&self.host, &self.process))
    }

    fn who(&self) -> String {
        format!(
            "{} on {} runs execution {} on this target (last sign of life {} s ago)",
            self.owner,
            self.host,
            self.execution,
            self.age_ms / 1000
        )
    }
}

impl Session {
    /// Tries for the target. Orphans of this owner's dead predecessor, and of whoever has given
    /// no sign of life for half a minute, are waited for briefly and then ended.
    pub(super) async fn acquire(
        target: &Target,
        owner: &str,
        execution: &str,
    ) -> Result<Acquired, ExecuteError> {
        let mut link = target.open().await?;
        ensure_layout(&mut link).await?;
        let identity = identity_on(&mut link).await?;
        let Some(held) = Held::take(&identity) else {
            return Ok(Acquired::Busy(who(
                read_lease(&mut link).await?,
                "another run of this server",
            )));
        };
        let mut session = Session {
            link,
            monitor: Monitor::new(target),
            pid: None,
            target: target.clone(),
            token: uuid::Uuid::now_v7().to_string(),
            owner: owner.to_owned(),
            execution: execution.to_owned(),
            lock_file: None,
            heartbeat: None,
            _held: held,
        };
        session.prepare().await?;
        if let Some(busy) = session.lock(None).await? {
            return Ok(Acquired::Busy(busy));
        }
        session.write_lease().await?;
        session.heartbeat = session.start_heartbeat();
        Ok(Acquired::Held(Box::new(session)))
    }

    /// A new connection in the place of a lost one, with the lock, if the lease is still ours.
    /// `Ok(Some(who))` where it is not.
    pub(super) async fn reconnect(&mut self) -> Result<Option<String>, ExecuteError> {
        self.link = self.target.open().await?;
        self.lock_file = None;
        self.prepare().await?;
        let token = self.token.clone();
        if let Some(busy) = self.lock(Some(&token)).await? {
            return Ok(Some(busy));
        }
        let lease = read_lease(&mut self.link).await?;
        if lease.as_ref().map(|l| l.token.as_str()) != Some(token.as_str()) {
            return Ok(Some(who(lease, "another run")));
        }
        self.write_lease().await?;
        Ok(None)
    }

    /// Gives the target back.
    pub(super) async fn release(mut self) -> Result<(), ExecuteError> {
        self.heartbeat = None;
        let sql = ours(self.link.engine(), "DELETE FROM {b}lease WHERE token = $1");
        self.link
            .execute(&sql, &[self.token.as_str().into()])
            .await?;
        if self.link.engine() == Engine::PostgreSql {
            self.link.raw("SELECT pg_advisory_unlock_all()").await?;
        }
        Ok(())
    }

    /// Asks, inside a transaction, whether the lease is still ours, and keeps it so until the
    /// transaction ends.
    pub(super) async fn fence(&mut self) -> Result<bool, sqlx::Error> {
        let token = [self.token.as_str().into()];
        match self.link.engine() {
            Engine::PostgreSql => Ok(self
                .link
                .fetch_optional(
                    "SELECT 1::bigint FROM bellows.lease WHERE token = $1 FOR KEY SHARE",
                    &token,
                )
                .await?
                .is_some()),
            Engine::MySql | Engine::MariaDb => Err(crate::target::no_driver()),
            Engine::Sqlite => {
                let sql = ours(
                    Engine::Sqlite,
                    "UPDATE {b}lease SET heartbeat = {now} WHERE token = $1",
                );
                Ok(self.link.execute(&sql, &token).await? == 1)
            }
        }
    }

    /// The token, for statements that fence by themselves.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Settings of the very connection that runs the statements.
    async fn prepare(&mut self) -> Result<(), ExecuteError> {
        match self.link.engine() {
            Engine::PostgreSql => {
                self.link
                    .raw(
                        "SET lock_timeout = 0; SET statement_timeout = 0;
                         SET idle_in_transaction_session_timeout = 0;
                         SET default_transaction_read_only = off;
                         SET default_transaction_isolation = 'read committed';
                         SET datestyle = 'ISO'; SET plan_cache_mode = force_custom_plan",
                    )
                    .await?;
                let row = self
                    .link
                    .fetch_one(
                        "SELECT pg_backend_pid()::bigint,
                                current_setting('server_version_num')::bigint",
                        &[],
                    )
                    .await?;
                self.pid = row.int(0)?.and_then(|pid| i32::try_from(pid).ok());
                if row.int(1)? >= Some(140_000) {
                    // A backend whose client was killed would go on to the end of its statement.
                    // Not every platform can look, and then this is refused.
                    if let Err(error) = self
                        .link
                        .raw("SET client_connection_check_interval = '1s'")
                        .await
                    {
                        if fault(&error) == Fault::Lost {
                            return Err(error.into());
                        }
                        tracing::debug!(%error, "the server cannot look after its client");
                    }
                }
            }
            Engine::MySql | Engine::MariaDb => return Err(crate::target::no_driver().into()),
            Engine::Sqlite => {}
        }
        Ok(())
    }

    /// Takes the lock; gives who has it where it is not to be had. With a token, the lease's own
    /// old backend counts as an orphan.
    async fn lock(&mut self, mine: Option<&str>) -> Result<Option<String>, ExecuteError> {
        if let Target::Sqlite(target) = &self.target {
            let mut path = target.path.clone().into_os_string();
            path.push(".bellows-lock");
            let io = |error: std::io::Error| ExecuteError::Target(TargetError::Query(error.into()));
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(path)
                .map_err(io)?;
            match file.try_lock() {
                Ok(()) => self.lock_file = Some(file),
                Err(std::fs::TryLockError::WouldBlock) => {
                    return Ok(Some(who(read_lease(&mut self.link).await?, "another run")));
                }
                Err(std::fs::TryLockError::Error(error)) => return Err(io(error)),
            }
            return Ok(None);
        }
        if self.try_advisory().await? {
            return Ok(None);
        }
        let lease = read_lease(&mut self.link).await?;
        let orphan = lease.filter(|lease| match mine {
            Some(token) => lease.token == token,
            None => lease.orphaned(&self.owner),
        });
        let Some(orphan) = orphan else {
            return Ok(Some(who(read_lease(&mut self.link).await?, "another run")));
        };
        if self.wait_for_lock(ORPHAN_GRACE).await? {
            return Ok(None);
        }
        self.end_backend(&orphan).await?;
        if self.wait_for_lock(ORPHAN_END).await? {
            return Ok(None);
        }
        Ok(Some(who(Some(orphan), "another run")))
    }

    async fn try_advisory(&mut self) -> Result<bool, sqlx::Error> {
        self.link
            .fetch_one(
                &format!("SELECT pg_try_advisory_lock({LOCK_SPACE}, {LOCK_RUN})"),
                &[],
            )
            .await?
            .truth(0)
    }

    async fn wait_for_lock(&mut self, time: Duration) -> Result<bool, sqlx::Error> {
        let started = Instant::now();
        while started.elapsed() < time {
            if self.try_advisory().await? {
                return Ok(true);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(false)
    }

    /// Ends the backend of a lease, if the process id still belongs to it.
    async fn end_backend(&mut self, lease: &Lease) -> Result<(), sqlx::Error> {
        let (Some(pid), Some(start)) = (lease.pid, lease.backend_start) else {
            return Ok(());
        };
        self.link
            .fetch_all(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE pid = $1 AND (extract(epoch from backend_start) * 1000000)::bigint = $2",
                &[pid.into(), start.into()],
            )
            .await?;
        Ok(())
    }

    async fn write_lease(&mut self) -> Result<(), sqlx::Error> {
        let engine = self.link.engine();
        self.link
            .execute(&ours(engine, "DELETE FROM {b}lease"), &[])
            .await?;
        let backend_start = match engine {
            Engine::PostgreSql => {
                "(SELECT (extract(epoch from backend_start) * 1000000)::bigint
                  FROM pg_stat_activity WHERE pid = pg_backend_pid())"
            }
            Engine::MySql | Engine::MariaDb => return Err(crate::target::no_driver()),
            Engine::Sqlite => "NULL",
        };
        let sql = format!(
            "INSERT INTO {{b}}lease (token, one, owner, execution, host, process, pid,
                                     backend_start, heartbeat)
             VALUES ($1, 1, $2, $3, $4, $5, $6, {backend_start}, {{now}})"
        );
        self.link
            .execute(
                &ours(engine, &sql),
                &[
                    self.token.as_str().into(),
                    self.owner.as_str().into(),
                    self.execution.as_str().into(),
                    process::host().into(),
                    process::own().into(),
                    crate::target::Arg::Int(self.pid.map(i64::from)),
                ],
            )
            .await?;
        Ok(())
    }

    /// On SQLite the fence of each transaction renews the lease, and its lock needs no sign.
    fn start_heartbeat(&self) -> Option<Ending> {
        if self.link.engine() == Engine::Sqlite {
            return None;
        }
        let monitor = self.monitor.clone();
        let token = self.token.clone();
        Some(Ending(tokio::spawn(async move {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                if let Err(error) = monitor.heartbeat(&token).await {
                    tracing::debug!(%error, "the lease was not renewed");
                }
            }
        })))
    }
}

fn who(lease: Option<Lease>, otherwise: &str) -> String {
    match lease {
        Some(lease) => lease.who(),
        None => format!("{otherwise} holds this target"),
    }
}

async fn read_lease(link: &mut Link) -> Result<Option<Lease>, ExecuteError> {
    let sql = ours(
        link.engine(),
        "SELECT token, owner, execution, host, process, pid, backend_start,
                ({now} - heartbeat) / 1000 FROM {b}lease",
    );
    let Some(row) = link.fetch_optional(&sql, &[]).await? else {
        return Ok(None);
    };
    Ok(Some(Lease {
        token: row.text(0)?.unwrap_or_default(),
        owner: row.text(1)?.unwrap_or_default(),
        execution: row.text(2)?.unwrap_or_default(),
        host: row.text(3)?.unwrap_or_default(),
        process: row.text(4)?.unwrap_or_default(),
        pid: row.int(5)?,
        backend_start: row.int(6)?,
        age_ms: row.int(7)?.unwrap_or(0),
    }))
}
