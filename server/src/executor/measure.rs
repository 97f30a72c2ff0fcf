//! What statements took: measured by the connection that sends them, without the wait for locks,
//! and kept on the target, where the next plan learns from it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bellows::estimate::{Measure, Shape, TargetFacts, learned};
use bellows::plan::Step;

use super::halt::Halt;
use super::ledger;
use super::monitor::Monitor;
use super::record::ExecuteError;
use super::run::Run;
use crate::target::{Fault, Target, fault};

/// Statements shorter than this are not looked at while they run.
const FIRST_LOOK: Duration = Duration::from_millis(50);

/// How often it is looked at whether a statement waits, at first and later.
const LOOKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// The target as it is now: what its catalogue says, and how fast it was.
pub async fn facts(target: &Target) -> Result<TargetFacts, ExecuteError> {
    let facts = target.facts().await?;
    let mut link = target.look().await?;
    let measures = ledger::measures(&mut link).await?;
    Ok(TargetFacts {
        speeds: learned(target.engine(), &measures),
        ..facts
    })
}

/// The same for a plan, which can be had without: what cannot be read is left out of it.
pub async fn facts_if_any(target: &Target) -> Option<TargetFacts> {
    match facts(target).await {
        Ok(facts) => Some(facts),
        Err(error) => {
            tracing::warn!(%error, "sizes and sessions of the target could not be read");
            None
        }
    }
}

/// What statements took on a target, beside what was said before: for whoever asks how good
/// estimates are there. The newest first.
pub async fn held(target: &Target) -> Result<Vec<Held>, ExecuteError> {
    let mut link = target.look().await?;
    ledger::held(&mut link).await
}

/// An estimate and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// The execution.
    pub execution: String,
    /// The step.
    pub step: String,
    /// What it took and on what.
    pub measure: Measure,
    /// The range that its plan said, in milliseconds; absent where the document asked for rests.
    pub stated_ms: Option<(u64, u64)>,
}

/// How long one statement took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Took {
    /// Its place among its action's statements.
    pub(super) statement: usize,
    /// Without the wait for locks.
    pub(super) time: Duration,
    /// Rows, where they were counted on the way.
    pub(super) rows: Option<u64>,
}

/// Adds up the microseconds that a statement waited for locks, as far as looking from time to time
/// tells. Never ends; without a process to look at it does nothing.
pub(super) async fn watch(monitor: Monitor, pid: Option<i32>, waited: &AtomicU64) {
    let Some(pid) = pid else {
        return std::future::pending().await;
    };
    let mut pause = LOOKS.0;
    tokio::time::sleep(FIRST_LOOK).await;
    let mut last = Instant::now();
    loop {
        match monitor.waits(pid).await {
            Ok(true) => {
                let micros = u64::try_from(last.elapsed().as_micros()).unwrap_or(u64::MAX);
                waited.fetch_add(micros, Ordering::Relaxed);
            }
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "whether it waits could not be seen"),
        }
        last = Instant::now();
        tokio::time::sleep(pause).await;
        pause = pause.mul_f64(1.2).min(LOOKS.1);
    }
}

/// The time since a statement was sent, and how much of it was waiting.
pub(super) fn clock(started: Instant, waited: &AtomicU64) -> (Duration, Duration) {
    let waited = Duration::from_micros(waited.load(Ordering::Relaxed));
    (started.elapsed(), waited)
}

impl Run<'_> {
    /// Notes what the statement that was just sent took.
    pub(super) fn took(&mut self, statement: usize) {
        let (elapsed, waited) = self.clocked;
        // Half of it or more was waiting: what is left says little.
        if waited * 2 < elapsed {
            self.measured.push(Took {
                statement,
                time: elapsed - waited,
                rows: None,
            });
        }
    }

    /// Counts the end of a transaction to the statement that had most to do: what it wrote is
    /// brought to disk there.
    pub(super) fn ended(&mut self) {
        let (elapsed, _) = self.clocked;
        if let Some(longest) = self.measured.iter_mut().max_by_key(|took| took.time) {
            longest.time += elapsed;
        }
    }

    /// Keeps what the statements of a step took. That it was not kept stops no run.
    pub(super) async fn keep_measures(&mut self, step: &Step) -> Result<(), Halt> {
        let measured = std::mem::take(&mut self.measured);
        let statements = step.action.statements();
        for took in measured {
            let Some(statement) = statements.get(took.statement) else {
                continue;
            };
            let basis = &statement.estimate.basis;
            let planned = Shape {
                rows: basis.rows,
                bytes: basis.bytes,
                indexes: basis.indexes,
            };
            let shape = match took.rows {
                Some(rows) if planned.rows > 0 => Shape {
                    rows,
                    bytes: planned.bytes / planned.rows * rows,
                    ..planned
                },
                Some(rows) => Shape::assumed(rows),
                None => planned,
            };
            let span = statement.estimate.span;
            let held = Held {
                execution: self.record.id.clone(),
                step: step.id.clone(),
                measure: Measure {
                    kind: statement.load.kind,
                    shape,
                    took_ms: took.time.as_secs_f64() * 1000.0,
                },
                stated_ms: (!rests(step)).then_some((span.low_ms, span.high_ms)),
            };
            match ledger::keep_measure(&mut self.session.link, took.statement, &held).await {
                Ok(()) => {}
                Err(error) if fault(&error) == Fault::Lost => return Err(error.into()),
                Err(error) => tracing::debug!(%error, "what a statement took was not kept"),
            }
        }
        Ok(())
    }
}

/// Whether the document asks for rests between batches.
fn rests(step: &Step) -> bool {
    use bellows::plan::Action;
    match &step.action {
        Action::Backfill(fill) => fill.pause_ms > 0,
        Action::Copy(copy) | Action::Compare(copy) => copy.pause_ms > 0,
        Action::Transaction { .. }
        | Action::BuildIndex { .. }
        | Action::DropIndex { .. }
        | Action::Outside { .. }
        | Action::Ddl { .. }
        | Action::Rebuild { .. } => false,
    }
}
