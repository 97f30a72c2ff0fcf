//! Steps that are one transaction, and statements that refuse to be in one.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bellows::document::Engine;
use bellows::plan::{Lock, PhasePlan, Statement, Step, Wait};
use bellows::run::StopReason;

use super::control::Wish;
use super::halt::{Halt, of_plan};
use super::ledger::{self, StepState};
use super::limits::Span;
use super::locks::{PAUSES, Patience};
use super::measure;
use super::record::Unknown;
use super::run::{Run, taken_over};
use crate::target::{Fault, fault};

impl Run<'_> {
    /// The statements and the record that the step is done, in one transaction, tried again and
    /// again for its locks. `rebuild`: with SQLite's foreign keys off around it, and checked in it.
    pub(super) async fn transaction(
        &mut self,
        phase: &PhasePlan,
        step: &Step,
        statements: &[Statement],
        rebuild: bool,
    ) -> Result<(), Halt> {
        self.trigger_health(statements).await?;
        let engine = self.session.link.engine();
        let mut patience = Patience::new(self.budget(phase));
        loop {
            if rebuild {
                self.session.link.raw("PRAGMA foreign_keys = OFF").await?;
            }
            let result = self
                .try_transaction(phase, step, statements, rebuild, patience.vacuum)
                .await;
            let lost = matches!(result, Err(Tried::Halt(Halt::Lost(_))));
            if !lost && result.is_err() {
                self.clear().await;
            }
            if !lost && engine.is_mysql_family() {
                self.unlimited().await?;
            }
            if rebuild {
                self.session
                    .link
                    .raw("PRAGMA foreign_keys = ON; PRAGMA legacy_alter_table = OFF")
                    .await?;
            }
            match result {
                Ok(()) => return Ok(()),
                Err(Tried::Halt(halt)) => return Err(halt),
                Err(Tried::Locked) => {
                    self.wait_for_lock(step, strictest(statements), &mut patience)
                        .await?;
                }
            }
        }
    }

    /// Ends a transaction that went wrong; there may be none.
    pub(super) async fn clear(&mut self) {
        let sql = match self.session.link.engine() {
            Engine::PostgreSql | Engine::Sqlite => "ROLLBACK",
            // The variable lets batches past dual-write triggers.
            Engine::MySql | Engine::MariaDb => "ROLLBACK; SET @bellows_bypass = NULL",
        };
        if let Err(error) = self.session.link.raw(sql).await {
            tracing::debug!(%error, "nothing was rolled back");
        }
    }

    async fn try_transaction(
        &mut self,
        phase: &PhasePlan,
        step: &Step,
        statements: &[Statement],
        rebuild: bool,
        vacuum: bool,
    ) -> Result<(), Tried> {
        let engine = self.session.link.engine();
        match engine {
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb => {
                self.session.link.raw("BEGIN").await
            }
            Engine::Sqlite => self.session.link.raw("BEGIN IMMEDIATE").await,
        }
        .map_err(|error| tried(&error, "BEGIN"))?;
        if !self.session.fence().await.map_err(|e| tried(&e, "fence"))? {
            return Err(Tried::Halt(taken_over()));
        }
        if vacuum && engine == Engine::PostgreSql {
            self.push_vacuum_aside(step).await?;
        }
        let mut set = String::new();
        self.measured.clear();
        for (place, statement) in statements.iter().enumerate() {
            let wanted = self.limits(phase, statement, Span::Transaction);
            if wanted != set {
                self.send(&wanted).await?;
                set = wanted;
            }
            self.send(&statement.sql).await?;
            self.took(place);
        }
        if rebuild {
            self.orphans().await?;
        }
        ledger::set_step(
            &mut self.session.link,
            &self.record.id,
            phase.phase,
            &step.id,
            StepState::Done,
        )
        .await
        .map_err(|error| tried(&error, "the record of the step"))?;
        self.send("COMMIT").await?;
        self.ended();
        Ok(())
    }

    /// Sends a statement of the plan; a cancel reaches it on the server.
    pub(super) async fn send(&mut self, sql: &str) -> Result<u64, Tried> {
        let sent = self.send_raw(sql).await;
        let cancelled = self.wish() == Wish::Cancel;
        sent.map_err(|error| match fault(&error) {
            Fault::Cancelled if cancelled => Tried::Halt(Halt::Cancel),
            Fault::Cancelled | Fault::Lock | Fault::Lost | Fault::Disk | Fault::Statement => {
                tried(&error, sql)
            }
        })
    }

    /// Sends SQL and waits for its end; a cancel is passed on to the server, where it can be, and
    /// what the server makes of it is the result.
    pub(super) async fn send_raw(&mut self, sql: &str) -> Result<u64, sqlx::Error> {
        self.send_for(sql, None).await.0
    }

    /// The same for a statement that is called back when it has waited for its lock that long; says
    /// whether it was.
    pub(super) async fn send_for(
        &mut self,
        sql: &str,
        wait: Option<Duration>,
    ) -> (Result<u64, sqlx::Error>, bool) {
        let undoing = self.undoing;
        let mut control = self.control.clone();
        let (monitor, pid) = (self.session.monitor.clone(), self.session.pid);
        let (started, waited) = (Instant::now(), AtomicU64::new(0));
        let watching = measure::watch(monitor.clone(), pid, &waited);
        let work = self.session.link.raw(sql);
        tokio::pin!(work);
        let cancelled = async {
            if undoing {
                std::future::pending::<()>().await;
            }
            control.cancelled().await;
        };
        let recalled = tokio::select! {
            result = &mut work => {
                self.clocked = measure::clock(started, &waited);
                return (result, false);
            }
            () = cancelled => false,
            () = watching => false,
            () = monitor.queued(pid, wait) => true,
        };
        if let Some(pid) = pid
            && let Err(error) = monitor.cancel(pid).await
        {
            tracing::warn!(%error, "the statement could not be cancelled and runs to its end");
        }
        (work.await, recalled)
    }

    /// No row may point nowhere after a table was made anew.
    async fn orphans(&mut self) -> Result<(), Tried> {
        let sql = "PRAGMA foreign_key_check";
        let rows = self
            .session
            .link
            .raw_rows(sql)
            .await
            .map_err(|error| tried(&error, sql))?;
        let Some(row) = rows.first() else {
            return Ok(());
        };
        let text = |index| row.text(index).ok().flatten().unwrap_or_default();
        Err(Tried::Halt(Halt::Fail(format!(
            "{} rows break a foreign key, the first one in {} towards {}",
            rows.len(),
            text(0),
            text(2)
        ))))
    }

    /// Before triggers go in: can new sessions run them at all?
    async fn trigger_health(&mut self, statements: &[Statement]) -> Result<(), Halt> {
        let makes_trigger = statements.iter().any(Statement::makes_trigger);
        if !makes_trigger || self.session.link.engine() != Engine::PostgreSql {
            return Ok(());
        }
        match self.session.monitor.fresh_session_runs_plpgsql().await {
            Ok(()) => Ok(()),
            Err(crate::target::TargetError::Query(error)) if fault(&error) == Fault::Statement => {
                Err(Halt::Fail(format!(
                    "new sessions of this server cannot run plpgsql ({error}): with a trigger in \
                     place every write to the table would fail. This is what an upgrade of the \
                     server's package under a running server does; restart the server, then try \
                     again"
                )))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A statement outside a transaction: intent, act, done.
    pub(super) async fn outside(
        &mut self,
        phase: &PhasePlan,
        step: &Step,
        statement: &Statement,
        state: Option<StepState>,
    ) -> Result<(), Halt> {
        let (number, id) = (phase.phase, self.record.id.clone());
        if state == Some(StepState::Intent) {
            match self.options.unknown {
                Unknown::Ask => return Err(unknown(step, statement)),
                Unknown::TakeAsDone => {
                    return self.record_step(number, step, StepState::Done).await;
                }
                Unknown::Rerun => {}
            }
        }
        self.record_step(number, step, StepState::Intent).await?;
        let mut patience = Patience::new(self.budget(phase));
        loop {
            self.limit(phase, statement).await?;
            let result = self.send_raw(&statement.sql).await;
            if let Err(error) = &result
                && fault(error) != Fault::Lost
            {
                self.clear().await;
            }
            if !matches!(&result, Err(error) if fault(error) == Fault::Lost) {
                self.unlimited().await?;
            }
            let Err(error) = result else {
                self.took(0);
                return self.record_step(number, step, StepState::Done).await;
            };
            match fault(&error) {
                // A statement that never had its lock has done nothing.
                Fault::Lock if statement.wait == Wait::Short => {
                    self.wait_for_lock(step, statement.lock, &mut patience)
                        .await?;
                }
                Fault::Cancelled if self.wish() == Wish::Cancel => return Err(Halt::Cancel),
                Fault::Lost => {
                    let lost = of_plan(&error, &statement.sql);
                    tracing::warn!(step = %step.id, execution = %id, "lost during a statement");
                    return Err(lost);
                }
                Fault::Lock | Fault::Cancelled | Fault::Disk | Fault::Statement => {
                    return Err(of_plan(&error, &statement.sql));
                }
            }
        }
    }

    /// Writes how far a step is, in a transaction of its own, if the target is still ours.
    pub(super) async fn record_step(
        &mut self,
        phase: u32,
        step: &Step,
        state: StepState,
    ) -> Result<(), Halt> {
        let id = self.record.id.clone();
        loop {
            self.open_records().await?;
            ledger::set_step(&mut self.session.link, &id, phase, &step.id, state).await?;
            if self.close_records().await? {
                return Ok(());
            }
        }
    }

    /// Begins a transaction of the records, if the target is still ours.
    pub(super) async fn open_records(&mut self) -> Result<(), Halt> {
        self.session.link.begin().await?;
        if self.session.fence().await? {
            return Ok(());
        }
        self.clear().await;
        Err(taken_over())
    }

    /// Ends it. False where it must be done once more: without WAL, a long reader of a SQLite
    /// file keeps it from being written, and insisting would keep new readers out.
    pub(super) async fn close_records(&mut self) -> Result<bool, Halt> {
        match self.session.link.raw("COMMIT").await {
            Ok(_) => Ok(true),
            Err(error)
                if fault(&error) == Fault::Lock && self.session.link.engine() == Engine::Sqlite =>
            {
                self.clear().await;
                self.rest(PAUSES.1).await?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What a failed try was: worth another one, or not.
pub(super) enum Tried {
    /// A lock was not had; nothing was done.
    Locked,
    /// Anything else.
    Halt(Halt),
}

pub(super) fn tried(error: &sqlx::Error, sql: &str) -> Tried {
    match fault(error) {
        Fault::Lock => Tried::Locked,
        Fault::Lost | Fault::Disk | Fault::Cancelled | Fault::Statement => {
            Tried::Halt(of_plan(error, sql))
        }
    }
}

/// The strictest lock of the statements.
fn strictest(statements: &[Statement]) -> Lock {
    statements
        .iter()
        .map(|statement| statement.lock)
        .max()
        .unwrap_or(Lock::Unknown)
}

fn unknown(step: &Step, statement: &Statement) -> Halt {
    Halt::Stop(
        StopReason::Unknown,
        format!(
            "{}: the run ended while this was running outside a transaction, and nobody can know \
             whether it took effect. Look at the database, then go on by running it again or by \
             taking it as done. It was: {}",
            step.title, statement.sql
        ),
    )
}
