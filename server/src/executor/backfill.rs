//! Backfills, copies and comparisons: batches along a key, each with its checkpoint in its own transaction, so that a
//! crash neither loses nor repeats one.
//!
//! The walk ends at the last key that was there when it began, and goes by keys, never by how
//! many rows still want work: gaps, sources that are NULL and rows that writers add cannot hold
//! it up.
//!
//! A large table is walked in parts, each with a checkpoint of its own. One session takes them one
//! after the other, several take several at a time. They go in turns: when a turn is over all of
//! them rest, so that whatever a person or the target wants is heeded by all of them at once.

use std::time::{Duration, Instant};

use bellows::document::Engine;
use bellows::plan::{Lock, PhasePlan, Step, WalkKey};
use bellows::run::{EventKind, Pace};
use bellows::schema::TableName;
use futures::future::join_all;

use super::batch::Course;
use super::checkpoint::{self, Checkpoint, Part, parts};
use super::halt::Halt;
use super::hands::{Hand, Stumble};
use super::job::Job;
use super::ledger::{self, StepState};
use super::locks::Patience;
use super::measure::Took;
use super::pace::Rate;
use super::run::Run;
use super::throttle::Gauge;
use super::walk::Walk;

/// Progress is told this often at most.
const TELL: Duration = Duration::from_millis(250);

/// How long rows of a batch may stay locked by others, where nobody said.
const ROWS: Duration = Duration::from_secs(600);

/// After it was held back a walk goes on with one session for so long.
const GENTLY: Duration = Duration::from_secs(10);

/// The most parts of a walk.
const PARTS: u64 = 32;

/// How far a walk is, over all of its parts.
fn total(parts: &[Part]) -> Checkpoint {
    parts
        .iter()
        .fold(Checkpoint::default(), |sum, part| Checkpoint {
            walked: sum.walked + part.at.walked,
            changed: sum.changed + part.at.changed,
            total: sum.total + part.at.total,
            ..sum
        })
}

impl Run<'_> {
    /// Walks the table from where the checkpoints say to its end. Whoever looks at the target goes
    /// on while the connection is lost.
    pub(super) async fn work_through(
        &mut self,
        phase: &PhasePlan,
        step: &Step,
        job: Job<'_>,
    ) -> Result<(), Halt> {
        let kept = self.gauge.take();
        let mut gauge = kept.and_then(|(of, gauge)| (of == step.id).then_some(gauge));
        let walked = self.work_along(phase, step, job, &mut gauge).await;
        if matches!(walked, Err(Halt::Lost(_))) {
            self.gauge = gauge.map(|gauge| (step.id.clone(), gauge));
        }
        walked
    }

    async fn work_along(
        &mut self,
        phase: &PhasePlan,
        step: &Step,
        job: Job<'_>,
        gauge: &mut Option<Gauge>,
    ) -> Result<(), Halt> {
        let walk = self.walk(job).await?;
        let (begun, mut idle) = (Instant::now(), Duration::ZERO);
        let mut parts = self.begin_walk(phase, step, job, &walk).await?;
        let mut at = total(&parts);
        // A walk that an earlier run began is not measured as a whole.
        let whole = at.walked == 0;
        let mut rate = Rate::new(Instant::now(), at.walked);
        let budget = self.options.budget_ms.map(Duration::from_millis);
        let mut patience = Patience::new(budget.unwrap_or(ROWS));
        let probe = parts.last().and_then(|part| walk.probe(&part.at));
        let gauge = match gauge {
            Some(gauge) => gauge,
            None => gauge.insert(self.gauge(job, probe).await?),
        };
        let course = Course {
            execution: self.record.id.clone(),
            token: self.session.token().to_owned(),
            phase: phase.phase,
            step,
            job,
            walk,
            several: parts.len() > 1,
        };
        let mut hands: Vec<Hand> = vec![Hand::own(job.batch_size())];
        let (mut told, mut gently) = (None::<Instant>, None::<Instant>);
        while parts.iter().any(|part| !part.done) {
            self.heed()?;
            let held = self.held_back(step, gauge).await?;
            if !held.is_zero() {
                idle += held;
                gently = Some(Instant::now());
            }
            let alone = gently.is_some_and(|since| since.elapsed() < GENTLY);
            let workers = if alone { 1 } else { self.workers() };
            self.gather(&mut hands, workers.max(1), &parts, job).await;
            let workers = u32::try_from(hands.len()).unwrap_or(u32::MAX);
            let turned = Instant::now();
            let stumbles = self.turn(&course, &mut hands, &mut parts).await;
            let took = turned.elapsed();
            let mut locked = false;
            let mut halt = None;
            for (number, stumble) in stumbles.into_iter().enumerate().rev() {
                match stumble {
                    None => {}
                    Some(Stumble::Locked) => locked = true,
                    Some(Stumble::Moved) => {
                        parts = self.reread(step, parts).await?;
                    }
                    // Another one takes its part up again, from where the target says.
                    Some(Stumble::Halt(Halt::Lost(why))) if number > 0 => {
                        tracing::info!(%why, "a session of the walk was lost");
                        hands.remove(number);
                        parts = self.reread(step, parts).await?;
                    }
                    Some(Stumble::Halt(stop)) => halt = Some(stop),
                }
            }
            if let Some(halt) = halt {
                return Err(halt);
            }
            at = total(&parts);
            rate.walked(Instant::now(), at.walked);
            let last = parts.iter().all(|part| part.done);
            if last || told.is_none_or(|at| at.elapsed() >= TELL) {
                told = Some(Instant::now());
                let rows = hands.first().map_or(0, Hand::rows);
                self.tell(step, &at, &rate, (rows, gauge.pace(workers)), last)
                    .await?;
            }
            if locked {
                let waits = Instant::now();
                // Whoever writes the table may have the row.
                self.wait_for_lock(step, Lock::ShareRowExclusive, &mut patience)
                    .await?;
                idle += waits.elapsed();
                continue;
            }
            patience = Patience::new(budget.unwrap_or(ROWS));
            if last {
                break;
            }
            let pause = self.pause(job, took);
            if !pause.is_zero() {
                self.rest(pause).await?;
            }
            idle += Duration::from_millis(job.pause_ms());
        }
        if course.several {
            self.record_step(phase.phase, step, StepState::Done).await?;
        }
        if whole {
            self.measured.push(Took {
                statement: 0,
                time: begun.elapsed().saturating_sub(idle),
                rows: Some(at.walked),
            });
        }
        Ok(())
    }

    /// How many sessions are wanted; none is one that rests as long as it works.
    fn workers(&self) -> u32 {
        self.control.workers().unwrap_or(self.options.workers)
    }

    /// Has as many hands as are wanted and have something to do, each at a part of its own. A
    /// session that cannot be had is done without.
    async fn gather(&mut self, hands: &mut Vec<Hand>, wanted: u32, parts: &[Part], job: Job<'_>) {
        let left = parts.iter().filter(|part| !part.done).count();
        hands.truncate((wanted as usize).min(left).max(1));
        while hands.len() < (wanted as usize).min(left) {
            match Hand::hired(self.target, &self.session.monitor, job.batch_size()).await {
                Ok(hand) => hands.push(hand),
                Err(error) => {
                    tracing::info!(%error, "another session for the walk was not to be had");
                    break;
                }
            }
        }
        for number in 0..hands.len() {
            let taken: Vec<usize> = hands.iter().filter_map(|hand| hand.part).collect();
            let Some(hand) = hands.get_mut(number) else {
                continue;
            };
            let at_work = |part: usize| parts.get(part).is_some_and(|part| !part.done);
            if hand.part.is_some_and(at_work) {
                continue;
            }
            hand.part = (0..parts.len()).find(|part| at_work(*part) && !taken.contains(part));
        }
    }

    /// Every hand does what fits into a turn, at the same time.
    async fn turn(
        &mut self,
        course: &Course<'_>,
        hands: &mut [Hand],
        parts: &mut [Part],
    ) -> Vec<Option<Stumble>> {
        // Whoever asks for a rest after each batch gets it.
        let alone = hands.len() == 1 || course.job.pause_ms() > 0;
        let control = &self.control;
        let deaf = self.undoing;
        let mut own = Some(&mut self.session.link);
        let mut free: Vec<Option<&mut Part>> = parts.iter_mut().map(Some).collect();
        let work = hands.iter_mut().map(|hand| {
            let part = hand
                .part
                .and_then(|part| free.get_mut(part))
                .and_then(Option::take);
            let lent = if hand.is_own() { own.take() } else { None };
            async move {
                match part {
                    Some(part) => hand.turn(course, part, lent, alone, (control, deaf)).await,
                    None => None,
                }
            }
        });
        join_all(work).await
    }

    /// The parts from the target, after one of them was not where it was thought to be.
    async fn reread(&mut self, step: &Step, were: Vec<Part>) -> Result<Vec<Part>, Halt> {
        let id = self.record.id.clone();
        let parts = checkpoint::read(&mut self.session.link, &id, &step.id).await?;
        if parts.len() == were.len() {
            return Ok(parts);
        }
        Err(Halt::Error(super::record::ExecuteError::Records(format!(
            "the checkpoints of step {} are not all there",
            step.id
        ))))
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

    /// The parts to go on with; on the first time, at their beginnings.
    async fn begin_walk(
        &mut self,
        phase: &PhasePlan,
        step: &Step,
        job: Job<'_>,
        walk: &Walk,
    ) -> Result<Vec<Part>, Halt> {
        let id = self.record.id.clone();
        let link = &mut self.session.link;
        let found = checkpoint::read(link, &id, &step.id).await?;
        if !found.is_empty() {
            return Ok(found);
        }
        let upper = walk.upper(link).await?;
        let rows = walk.count(link, job).await?;
        let cuts = match &upper {
            Some(upper) => {
                let parts = (rows / self.options.part_rows.max(1)).min(PARTS);
                walk.cuts(link, upper, parts).await?
            }
            None => Vec::new(),
        };
        let mut ends: Vec<Option<Vec<String>>> = cuts.into_iter().map(Some).collect();
        ends.push(upper);
        let mut position = None;
        let mut checkpoints = Vec::new();
        for end in ends {
            checkpoints.push(Checkpoint {
                position: position.clone(),
                upper: end.clone(),
                total: if checkpoints.is_empty() { rows } else { 0 },
                ..Checkpoint::default()
            });
            position = end;
        }
        let parts = parts(&step.id, checkpoints);
        loop {
            self.open_records().await?;
            let link = &mut self.session.link;
            for part in &parts {
                checkpoint::create(link, &id, phase.phase, part).await?;
            }
            ledger::set_step(link, &id, phase.phase, &step.id, StepState::Intent).await?;
            if self.close_records().await? {
                return Ok(parts);
            }
        }
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

    /// The rest after a turn. SQLite's other writers only look again from time to time whether
    /// the file is free, so they need a gap to find.
    fn pause(&self, job: Job<'_>, took: Duration) -> Duration {
        let asked = Duration::from_millis(job.pause_ms());
        let asked = if self.workers() == 0 {
            asked.max(took)
        } else {
            asked
        };
        match self.session.link.engine() {
            Engine::PostgreSql | Engine::MySql | Engine::MariaDb => asked,
            Engine::Sqlite => asked.max(took / 4).max(Duration::from_millis(2)),
        }
    }
}
