//! The one connection that runs a plan's statements, the run lock that it holds on the target, and
//! the lease that says who it is.
//!
//! On PostgreSQL the lock is an advisory lock of that very session, tried and never waited for (a
//! waiter would deadlock with the holder's concurrent index build). On MySQL and MariaDB it is a
//! named lock of that session, tried likewise. On SQLite it is a lock on a file beside the database. The lease's token fences: every transaction of a run asks for it
//! first, so a run that lost its place cannot write.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bellows::document::Engine;
use tokio::task::JoinHandle;

use crate::target::{
    Fault, LOCK_SPACE, Link, Target, TargetError, ensure_layout, fault, identity_on, named_lock,
    ours,
};

use super::lease::{Lease, read_lease, who};
use super::monitor::Monitor;
use super::process;
use super::record::ExecuteError;

/// Second half of the advisory lock that a run holds.
const LOCK_RUN: i32 = 1;

/// What the named lock of a run is for.
const RUN: &str = "run";

/// Waits of a session on MySQL and MariaDB between the plan's statements, in seconds: nobody waits
/// behind those.
pub(super) const UNLIMITED_WAITS: &str =
    "SET SESSION lock_wait_timeout = 60, innodb_lock_wait_timeout = 60";

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
pub(super) struct Ending(JoinHandle<()>);

impl Ending {
    pub(super) fn new(task: JoinHandle<()>) -> Self {
        Self(task)
    }
}

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
        match self.link.engine() {
            Engine::PostgreSql => {
                self.link.raw("SELECT pg_advisory_unlock_all()").await?;
            }
            Engine::MySql | Engine::MariaDb => {
                self.link
                    .raw(&format!("DO RELEASE_LOCK({})", named_lock(RUN)))
                    .await?;
            }
            Engine::Sqlite => {}
        }
        Ok(())
    }

    /// Asks, inside a transaction, whether the lease is still ours, and keeps it so until the
    /// transaction ends.
    pub(super) async fn fence(&mut self) -> Result<bool, sqlx::Error> {
        fence(&mut self.link, &self.token).await
    }

    /// The token, for statements that fence by themselves.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Settings of the very connection that runs the statements.
    async fn prepare(&mut self) -> Result<(), ExecuteError> {
        self.pid = prepare(&mut self.link).await?;
        self.monitor.claim(self.pid);
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
        let ended = match self.end_backend(&orphan).await {
            Err(error) if fault(&error) == Fault::Lost => return Err(error.into()),
            ended => ended,
        };
        // Where it was not ended it may have gone by itself.
        let time = if ended.is_ok() {
            ORPHAN_END
        } else {
            Duration::ZERO
        };
        if self.wait_for_lock(time).await? {
            return Ok(None);
        }
        let pid = orphan.pid.unwrap_or_default();
        let mut busy = who(Some(orphan), "another run");
        if let Err(error) = ended {
            busy += &format!(
                "; nobody is there any more, but its session {pid} could not be ended: {error}. \
                 Have it ended by somebody who may"
            );
        }
        Ok(Some(busy))
    }

    async fn try_advisory(&mut self) -> Result<bool, sqlx::Error> {
        let sql = match self.link.engine() {
            Engine::PostgreSql => format!("SELECT pg_try_advisory_lock({LOCK_SPACE}, {LOCK_RUN})"),
            Engine::MySql | Engine::MariaDb | Engine::Sqlite => {
                format!("SELECT GET_LOCK({}, 0)", named_lock(RUN))
            }
        };
        self.link.fetch_one(&sql, &[]).await?.truth(0)
    }

    async fn wait_for_lock(&mut self, time: Duration) -> Result<bool, sqlx::Error> {
        let started = Instant::now();
        loop {
            if self.try_advisory().await? {
                return Ok(true);
            }
            if started.elapsed() >= time {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Ends the backend of a lease, if the process id still belongs to it. It is an error where that
    /// is another user's, and not for us to end.
    async fn end_backend(&mut self, lease: &Lease) -> Result<(), sqlx::Error> {
        if self.link.engine().is_mysql_family() {
            return self.end_session(lease).await;
        }
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

    /// The same on MySQL and MariaDB, whose sessions have no time of birth: the number is still the
    /// lease's where the session under it has the run lock.
    async fn end_session(&mut self, lease: &Lease) -> Result<(), sqlx::Error> {
        let holder = self
            .link
            .fetch_one(
                &format!("SELECT CAST(IS_USED_LOCK({}) AS signed)", named_lock(RUN)),
                &[],
            )
            .await?
            .int(0)?;
        let Some(holder) = holder.filter(|holder| Some(*holder) == lease.pid) else {
            return Ok(());
        };
        // It may be gone by now: then the lock is free.
        self.link
            .raw(&format!("KILL CONNECTION {holder}"))
            .await
            .map(|_| ())
    }

    /// Both at once: a connection that is lost between them would leave nobody's lease, and the
    /// run would take the target for another one's. A SQLite file has no connection to lose, and
    /// without WAL each statement outwaits a reader by itself, which a COMMIT would not.
    async fn write_lease(&mut self) -> Result<(), sqlx::Error> {
        let engine = self.link.engine();
        let together = engine != Engine::Sqlite;
        if together {
            self.link.begin().await?;
        }
        self.link
            .execute(&ours(engine, "DELETE FROM {b}lease"), &[])
            .await?;
        let backend_start = match engine {
            Engine::PostgreSql => {
                "(SELECT (extract(epoch from backend_start) * 1000000)::bigint
                  FROM pg_stat_activity WHERE pid = pg_backend_pid())"
            }
            Engine::MySql | Engine::MariaDb | Engine::Sqlite => "NULL",
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
        if together {
            self.link.raw("COMMIT").await?;
        }
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

/// Asks over a connection, inside a transaction, whether the lease of that token still stands, and
/// keeps it so until the transaction ends.
pub(super) async fn fence(link: &mut Link, token: &str) -> Result<bool, sqlx::Error> {
    let own = [token.into()];
    match link.engine() {
        Engine::PostgreSql => Ok(link
            .fetch_optional(
                "SELECT 1::bigint FROM bellows.lease WHERE token = $1 FOR KEY SHARE",
                &own,
            )
            .await?
            .is_some()),
        // The lock stays on the index alone: heartbeats, which change nothing that it holds, pass,
        // and whoever takes the lease over waits.
        Engine::MySql | Engine::MariaDb => Ok(link
            .fetch_optional(
                "SELECT token FROM _bellows_lease FORCE INDEX (one) WHERE one = 1
                 LOCK IN SHARE MODE",
                &[],
            )
            .await?
            .map_or(Ok(None), |row| row.text(0))?
            .is_some_and(|found| found == token)),
        Engine::Sqlite => {
            let sql = ours(
                Engine::Sqlite,
                "UPDATE {b}lease SET heartbeat = {now} WHERE token = $1",
            );
            Ok(link.execute(&sql, &own).await? == 1)
        }
    }
}

/// Ends a transaction that went wrong; there may be none.
pub(super) fn clear(engine: Engine) -> &'static str {
    match engine {
        Engine::PostgreSql | Engine::Sqlite => "ROLLBACK",
        // The variable lets batches past dual-write triggers.
        Engine::MySql | Engine::MariaDb => "ROLLBACK; SET @bellows_bypass = NULL",
    }
}

/// Settings of a connection that does a run's work. Gives the server's process id for it.
pub(super) async fn prepare(link: &mut Link) -> Result<Option<i32>, ExecuteError> {
    let mut pid = None;
    match link.engine() {
        Engine::PostgreSql => {
            // A machine that vanishes says no goodbye: without the signs of life its session would
            // hold the target for as long as the system keeps a silent connection, hours by default.
            link.raw(
                "SET lock_timeout = 0; SET statement_timeout = 0;
                     SET idle_in_transaction_session_timeout = 0;
                     SET default_transaction_read_only = off;
                     SET default_transaction_isolation = 'read committed';
                     SET datestyle = 'ISO'; SET plan_cache_mode = force_custom_plan;
                     SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5;
                     SET tcp_keepalives_count = 3",
            )
            .await?;
            let row = link
                .fetch_one(
                    "SELECT pg_backend_pid()::bigint,
                            current_setting('server_version_num')::bigint",
                    &[],
                )
                .await?;
            pid = row.int(0)?.and_then(|pid| i32::try_from(pid).ok());
            if row.int(1)? >= Some(140_000) {
                // A backend whose client was killed would go on to the end of its statement.
                // Not every platform can look, and then this is refused.
                if let Err(error) = link
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
        Engine::MySql | Engine::MariaDb => {
            let unlimited = match link.engine() {
                Engine::MariaDb => "max_statement_time",
                Engine::PostgreSql | Engine::MySql | Engine::Sqlite => "max_execution_time",
            };
            link.raw(&format!(
                "SET SESSION {unlimited} = 0, wait_timeout = 86400; {UNLIMITED_WAITS}"
            ))
            .await?;
            let row = link
                .fetch_one("SELECT CAST(connection_id() AS signed)", &[])
                .await?;
            pid = row.int(0)?.and_then(|pid| i32::try_from(pid).ok());
        }
        Engine::Sqlite => {}
    }
    Ok(pid)
}
