//! Waiting for locks: short tries with pauses between them, never a place in the server's queue
//! with traffic behind it.

use std::time::{Duration, Instant};

use bellows::plan::{Lock, PhasePlan, Step};
use bellows::run::{Blocker, EventKind, StopReason};

use super::control::Evicted;
use super::halt::Halt;
use super::monitor::postgres_name;
use super::run::{Run, millis};
use super::steps::{Tried, tried};

/// The time for all tries of a step where neither document nor caller say one.
pub(super) const BUDGET: Duration = Duration::from_secs(300);

/// The first pause between two tries, and the longest.
pub(super) const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// What the wait for a table's vacuum gets beyond the server's `deadlock_timeout`, after which the
/// server looks who stands in the way.
const VACUUM_MARGIN_MS: u64 = 1000;

/// The waits between tries for a lock, within a budget.
pub(super) struct Patience {
    started: Instant,
    budget: Duration,
    pause: Duration,
    /// Tries that failed.
    pub(super) tries: u32,
    /// An autovacuum was seen in the way: the next try makes it give way first.
    pub(super) vacuum: bool,
}

impl Patience {
    pub(super) fn new(budget: Duration) -> Self {
        Self {
            started: Instant::now(),
            budget,
            pause: PAUSES.0,
            tries: 0,
            vacuum: false,
        }
    }

    /// The pause before the next try, with jitter; `None` where the budget is spent.
    fn next(&mut self) -> Option<Duration> {
        self.tries += 1;
        let pause = self.pause.mul_f64(rand::random_range(0.5..1.0));
        self.pause = (self.pause * 2).min(PAUSES.1);
        (self.started.elapsed() + pause < self.budget).then_some(pause)
    }
}

impl Run<'_> {
    /// Takes a lock that blocks no traffic and waits for it for longer than `deadlock_timeout`:
    /// that is what makes the server cancel a vacuum in the way, and keeps the next one out until
    /// this transaction is over.
    pub(super) async fn push_vacuum_aside(&mut self, step: &Step) -> Result<(), Tried> {
        let deadlock_ms = self
            .session
            .link
            .fetch_one(
                "SELECT setting::bigint FROM pg_settings WHERE name = 'deadlock_timeout'",
                &[],
            )
            .await
            .map_err(|error| tried(&error, "SHOW deadlock_timeout"))?
            .int(0)
            .map_err(|error| tried(&error, "SHOW deadlock_timeout"))?
            .and_then(|ms| u64::try_from(ms).ok())
            .unwrap_or(1000);
        let wait_ms = deadlock_ms + VACUUM_MARGIN_MS;
        self.send(&format!(
            "SET LOCAL lock_timeout = '{wait_ms}ms'; SET LOCAL statement_timeout = 0"
        ))
        .await?;
        for table in &step.tables {
            let name = postgres_name(table);
            let there = self
                .session
                .link
                .fetch_one(
                    "SELECT to_regclass($1) IS NOT NULL",
                    &[name.as_str().into()],
                )
                .await
                .and_then(|row| row.truth(0))
                .map_err(|error| tried(&error, "to_regclass"))?;
            if there {
                self.send(&format!("LOCK TABLE {name} IN SHARE UPDATE EXCLUSIVE MODE"))
                    .await?;
            }
        }
        Ok(())
    }

    /// After a failed try: tells who stands in the way, and rests. Stops where the time is spent.
    pub(super) async fn wait_for_lock(
        &mut self,
        step: &Step,
        lock: Lock,
        patience: &mut Patience,
    ) -> Result<(), Halt> {
        let blockers = self
            .session
            .monitor
            .blockers(&step.tables, lock, self.session.pid)
            .await
            .unwrap_or_else(|error| {
                tracing::debug!(%error, "who stands in the way could not be seen");
                Vec::new()
            });
        patience.vacuum |= blockers.iter().any(|b| b.autovacuum);
        let Some(pause) = patience.next() else {
            return Err(Halt::Stop(
                StopReason::Lock,
                format!(
                    "{}: the lock was not had in {} tries over {} s{}",
                    step.title,
                    patience.tries,
                    patience.started.elapsed().as_secs(),
                    in_the_way(&blockers)
                ),
            ));
        };
        self.emit(EventKind::LockWaiting {
            step: step.id.clone(),
            tries: patience.tries,
            next_ms: millis(pause),
            blockers,
        })
        .await?;
        self.rest(pause).await?;
        self.make_way(step, lock).await
    }

    /// Ends the sessions that people want out of the way, if they stand in it at this moment.
    async fn make_way(&mut self, step: &Step, lock: Lock) -> Result<(), Halt> {
        for eviction in self.control.evictions() {
            let monitor = &self.session.monitor;
            let seen = monitor
                .blockers(&step.tables, lock, self.session.pid)
                .await
                .map(|all| all.into_iter().find(|b| b.pid == eviction.pid && b.pid > 0));
            let evicted = match &seen {
                Err(error) => Evicted::Refused(error.to_string()),
                Ok(None) => Evicted::Elsewhere,
                Ok(Some(blocker)) if blocker.autovacuum => Evicted::NoSession,
                Ok(Some(blocker)) if blocker.guessed => Evicted::Unsure,
                Ok(Some(blocker)) => match monitor.end(blocker.pid).await {
                    Ok(true) => Evicted::Ended,
                    Ok(false) => Evicted::Elsewhere,
                    Err(error) => Evicted::Refused(error.to_string()),
                },
            };
            if let (Evicted::Ended, Ok(Some(blocker))) = (&evicted, seen) {
                self.emit(EventKind::BlockerEnded {
                    step: step.id.clone(),
                    by: eviction.by.clone(),
                    blocker,
                })
                .await?;
            }
            eviction.answer(evicted);
        }
        Ok(())
    }

    /// What a statement that blocks others may take: as whoever started the run says, or else the
    /// document.
    pub(super) fn timeout_ms(&self, phase: &PhasePlan) -> Option<u64> {
        self.options.timeout_ms.or(phase.timeout_ms)
    }

    /// The time for all tries of a step.
    pub(super) fn budget(&self, phase: &PhasePlan) -> Duration {
        self.timeout_ms(phase)
            .or(self.options.budget_ms)
            .map_or(BUDGET, Duration::from_millis)
    }
}

/// The blockers as the end of a sentence.
fn in_the_way(blockers: &[Blocker]) -> String {
    let Some(first) = blockers.first() else {
        return String::new();
    };
    let wraparound = blockers
        .iter()
        .any(|b| b.autovacuum && b.query.contains("wraparound"));
    format!(
        "; {} in the way, the oldest pid {} of {}, open for {} s: {}{}",
        if blockers.len() == 1 {
            "one session stands".to_owned()
        } else {
            format!("{} sessions stand", blockers.len())
        },
        first.pid,
        if first.user.is_empty() {
            "the server"
        } else {
            &first.user
        },
        first.age_ms / 1000,
        first.query,
        if wraparound {
            ". A vacuum to prevent wraparound does not give way: wait for its end"
        } else {
            ""
        }
    )
}
