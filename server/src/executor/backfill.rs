//! Backfills, copies and comparisons: batches along a key, each with its checkpoint in its own transaction, so that a
//! crash neither loses nor repeats one.
//!
//! The walk ends at the last key that was there when it began, and goes by keys, never by how
//! many rows still want work: gaps, sources that are NULL and rows that writers add cannot hold
//! it up.

use std::time::{Duration, Instant};

use bellows::document::Engine;
use bellows::plan::{Lock, PhasePlan, Step, WalkKey};
use bellows::run::{EventKind, Pace};
use bellows::schema::TableName;

use super::checkpoint::{self, Checkpoint};
use super::halt::{Halt, of_plan};
use super::job::Job;
use super::ledger::{self, StepState};
use super::locks::Patience;
use super::measure::Took;
use super::pace::{Rate, Size};
use super::run::{Run, taken_over};
use super::walk::Walk;
use crate::target::{Fault, fault};

/// How long a batch waits for a row that somebody else has locked. Nobody queues behind it.
const ROW_WAIT_MS: u64 = 1000;

/// The same for a copy. A writer that waits for one of its rows may hold another row's copy, and
/// must not be the one whom the server picks to end the knot, after `deadlock_timeout`.
const COPY_WAIT_MS: u64 = 300;

/// Progress is told this often at most.
const TELL: Duration = Duration::from_millis(250);

/// How long rows of a batch may stay locked by others, where nobody said.
const ROWS: Duration = Duration::from_secs(600);

/// What one batch did.
pub(super) struct Batch {
    /// The checkpoint after it.
    pub(super) next: Checkpoint,
    /// Rows it walked.
    pub(super) walked: u64,
    /// Whether it was the last one.
    pub(super) last: bool,
    /// What a comparison found, in words.
    pub(super) wrong: Option<String>,
}

impl Run<'_> {
    /// Walks the table from where the checkpoint says to its end.
    pub(super) async fn work_through(
        &mut self,
        phase: &PhasePlan,
        step: &Step,
        job: Job<'_>,
    ) -> Result<(), Halt> {
        let walk = self.walk(job).await?;
        let (begun, mut idle) = (Instant::now(), Duration::ZERO);
        let mut at = self.begin_walk(phase, step, job, &walk).await?;
        // A walk that an earlier run began is not measured as a whole.
        let whole = at.position.is_none();
        let mut size = Size::new(job.batch_size());
        let mut rate = Rate::new(Instant::now(), at.walked);
        let budget = self.options.budget_ms.map(Duration::from_millis);
        let mut patience = Patience::new(budget.unwrap_or(ROWS));
        let mut gauge = self.gauge(job, walk.probe(&at)).await?;
        let mut told = None::<Instant>;
        loop {
            self.heed()?;
            idle += self.held_back(step, &mut gauge).await?;
            let started = Instant::now();
            let batch = match self.batch(phase, step, job, &walk, &at, size.rows()).await {
                Ok(batch) => batch,
                Err(BatchError::Halt(halt)) => {
                    if !matches!(halt, Halt::Lost(_)) {
                        self.clear().await;
                    }
                    return Err(halt);
                }
                Err(BatchError::Locked) => {
                    self.clear().await;
                    size.shrink();
                    let waits = Instant::now();
                    // Whoever writes the table may have the row.
                    self.wait_for_lock(step, Lock::ShareRowExclusive, &mut patience)
                        .await?;
                    idle += waits.elapsed();
                    continue;
                }
            };
            let took = started.elapsed();
            let rows = size.rows();
            size.took(batch.walked, took);
            patience = Patience::new(budget.unwrap_or(ROWS));
            at = batch.next;
            rate.walked(Instant::now(), at.walked);
            if batch.last || told.is_none_or(|at| at.elapsed() >= TELL) {
                told = Some(Instant::now());
                self.tell(step, &at, &rate, (rows, gauge.pace(1)), batch.last)
                    .await?;
            }
            if batch.last {
                if whole {
                    self.measured.push(Took {
                        statement: 0,
                        time: begun.elapsed().saturating_sub(idle),
                        rows: Some(at.walked),
                    });
                }
                return Ok(());
            }
            let pause = self.pause(job, took);
            if !pause.is_zero() {
                self.rest(pause).await?;
            }
            idle += Duration::from_millis(job.pause_ms());
        }
    }

    /// How the table is walked; fails where it cannot be.
    async fn walk(&mut self, job: Job<'_>) -> Result<Walk, Halt> {
        match job {
            Job::Fill(fill)
                if fill.key == WalkKey::Ctid && self.target.version().await? < 140_000 =>
            {
                return Err(Halt::Fail(format!(
                    "{} has no primary key, and before PostgreSQL 14 such a table cannot be walked \
                     in batches; give it a primary key",
                    fill.table
                )));
            }
            Job::Fill(_) => {}
            Job::Copy(copy) | Job::Compare(copy) => {
                if copy.key == WalkKey::Ctid {
                    return Err(Halt::Fail(format!(
                        "{} has no primary key, without which its copy cannot be kept in step",
                        copy.table
                    )));
                }
                self.in_step(copy).await?;
            }
        }
        if self.session.link.engine().is_mysql_family() && !self.transactional(job.table()).await? {
            return Err(Halt::Fail(format!(
                "{} is kept by a storage engine without transactions: a batch that is cut off \
                 could be neither taken back nor known. Move it to InnoDB",
                job.table()
            )));
        }
        Walk::new(&mut self.session.link, job)
            .await?
            .map_err(Halt::Fail)
    }

    /// Whether a table's rows take part in transactions; only MySQL and MariaDB have others.
    pub(super) async fn transactional(&mut self, table: &TableName) -> Result<bool, Halt> {
        let row = self
            .session
            .link
            .fetch_optional(
                "SELECT e.transactions = 'YES' FROM information_schema.tables t
                 JOIN information_schema.engines e ON e.engine = t.engine
                 WHERE t.table_schema = coalesce($1, database()) AND t.table_name = $2",
                &[table.schema.clone().into(), table.name.as_str().into()],
            )
            .await?;
        match row {
            Some(row) => Ok(row.truth(0)?),
            None => Ok(true),
        }
    }

    /// The checkpoint to go on from; on the first time, one at the start, with the walk's end.
    async fn begin_walk(
        &mut self,
        phase: &PhasePlan,
        step: &Step,
        job: Job<'_>,
        walk: &Walk,
    ) -> Result<Checkpoint, Halt> {
        let id = self.record.id.clone();
        let link = &mut self.session.link;
        if let Some(at) = checkpoint::read(link, &id, &step.id).await? {
            return Ok(at);
        }
        let at = Checkpoint {
            upper: walk.upper(link).await?,
            total: walk.count(link, job).await?,
            ..Checkpoint::default()
        };
        loop {
            self.open_records().await?;
            let link = &mut self.session.link;
            checkpoint::create(link, &id, phase.phase, &step.id, &at).await?;
            ledger::set_step(link, &id, phase.phase, &step.id, StepState::Intent).await?;
            if self.close_records().await? {
                return Ok(at);
            }
        }
    }

    /// One batch: its rows, its checkpoint, and with the last one the record that the step is
    /// done, in one transaction.
    async fn batch(
        &mut self,
        phase: &PhasePlan,
        step: &Step,
        job: Job<'_>,
        walk: &Walk,
        at: &Checkpoint,
        rows: u32,
    ) -> Result<Batch, BatchError> {
        let engine = self.session.link.engine();
        let wait_ms = match job {
            Job::Fill(_) => ROW_WAIT_MS,
            Job::Copy(_) | Job::Compare(_) => COPY_WAIT_MS,
        };
        let begin = match (engine, job.past_triggers()) {
            (Engine::PostgreSql, past) => format!(
                "BEGIN; SET LOCAL lock_timeout = '{wait_ms}ms'; \
                 SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = off{}",
                if past {
                    "; SET LOCAL bellows.backfill = 'on'"
                } else {
                    ""
                }
            ),
            (Engine::MySql | Engine::MariaDb, past) => format!(
                "SET SESSION innodb_lock_wait_timeout = 1, @bellows_bypass = {}; BEGIN",
                if past { "1" } else { "NULL" }
            ),
            (Engine::Sqlite, true) => {
                "BEGIN IMMEDIATE; INSERT INTO _bellows_bypass DEFAULT VALUES".to_owned()
            }
            (Engine::Sqlite, false) => "BEGIN IMMEDIATE".to_owned(),
        };
        self.session.link.raw(&begin).await?;
        if engine.is_mysql_family() && !self.session.fence().await? {
            return Err(BatchError::Halt(taken_over()));
        }
        let link = &mut self.session.link;
        let batch = walk
            .batch(link, at, rows)
            .await
            .map_err(|e| of_batch(&e, job))?;
        if let Some(wrong) = batch.wrong {
            return Err(BatchError::Halt(Halt::Fail(wrong)));
        }
        if job.past_triggers() && engine == Engine::Sqlite {
            link.raw("DELETE FROM _bellows_bypass").await?;
        }
        let id = self.record.id.clone();
        let token = self.session.token().to_owned();
        let link = &mut self.session.link;
        if !checkpoint::write(link, &token, &id, &step.id, &batch.next).await? {
            return Err(BatchError::Halt(taken_over()));
        }
        if batch.last {
            ledger::set_step(link, &id, phase.phase, &step.id, StepState::Done).await?;
        }
        link.raw(match engine {
            Engine::PostgreSql | Engine::Sqlite => "COMMIT",
            Engine::MySql | Engine::MariaDb => "COMMIT; SET @bellows_bypass = NULL",
        })
        .await?;
        Ok(batch)
    }

    /// Tells how far it is.
    async fn tell(
        &self,
        step: &Step,
        at: &Checkpoint,
        rate: &Rate,
        (batch, pace): (u32, Pace),
        last: bool,
    ) -> Result<(), Halt> {
        let total = if last {
            at.walked
        } else {
            at.total.max(at.walked)
        };
        let per_second = rate.per_second();
        let left = total - at.walked;
        self.emit(EventKind::Progress {
            step: step.id.clone(),
            rows: at.walked,
            changed: at.changed,
            total,
            rate: per_second,
            left_ms: if last {
                Some(0)
            } else {
                (per_second > 0.0).then(|| (left as f64 / per_second * 1000.0) as u64)
            },
            batch,
            pace,
        })
        .await
    }

    /// The rest after a batch. SQLite's other writers only look again from time to time whether
    /// the file is free, so they need a gap to find.
    fn pause(&self, job: Job<'_>, took: Duration) -> Duration {
        let asked = Duration::from_millis(job.pause_ms());
        match self.session.link.engine() {
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb => asked,
            Engine::Sqlite => asked.max(took / 4).max(Duration::from_millis(2)),
        }
    }
}

/// Why a batch was not had.
enum BatchError {
    /// A row was locked, or a deadlock was resolved against it: try again.
    Locked,
    /// Anything else.
    Halt(Halt),
}

/// Of the records around a batch.
impl From<sqlx::Error> for BatchError {
    fn from(error: sqlx::Error) -> Self {
        named(&error, "the checkpoint of a batch")
    }
}

fn of_batch(error: &sqlx::Error, job: Job<'_>) -> BatchError {
    named(error, job.batch_words())
}

fn named(error: &sqlx::Error, what: &str) -> BatchError {
    match fault(error) {
        Fault::Lock => BatchError::Locked,
        Fault::Lost | Fault::Disk | Fault::Cancelled | Fault::Statement => {
            BatchError::Halt(of_plan(error, what))
        }
    }
}
