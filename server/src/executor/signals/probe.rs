//! How long a small read takes for somebody else: one row of the table, by its key, over a
//! connection of its own, at fixed times.
//!
//! Each is measured from when it was due, not from when it was sent: a read that takes a second
//! makes those wait that were due meanwhile, as it would an application.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bellows::document::Engine;

use super::super::brake::Look;
use super::super::monitor::Monitor;
use super::super::session::Ending;
use crate::target::{Fault, Link, Target, TargetError, fault};

/// How often.
const EVERY: Duration = Duration::from_millis(200);

/// What is looked at.
const WINDOW: Duration = Duration::from_secs(5);

/// What a read may take; one that takes longer took that long.
const LONGEST: Duration = Duration::from_secs(5);

/// What was measured.
#[derive(Default)]
struct Seen {
    /// When each was due, and what it took from then on.
    took: VecDeque<(Instant, Duration)>,
    /// The one under way, by when it was due.
    due: Option<Instant>,
    /// Why the last one was not to be had at all.
    failed: Option<String>,
}

/// Reads until it is dropped.
pub(super) struct Probe {
    seen: Arc<Mutex<Seen>>,
    _task: Ending,
}

impl Probe {
    pub(super) fn start(target: &Target, monitor: &Monitor, sql: String) -> Self {
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let (target, monitor, shared) = (target.clone(), monitor.clone(), seen.clone());
        let task = Ending::new(tokio::spawn(async move {
            let mut link = None;
            let mut due = Instant::now();
            loop {
                with(&shared, |seen| seen.due = Some(due));
                let read = read(&target, &monitor, &mut link, &sql).await;
                if read.is_err() {
                    link = None;
                }
                let now = Instant::now();
                with(&shared, |seen| {
                    seen.due = None;
                    seen.failed = read.err();
                    seen.took.push_back((due, now.duration_since(due)));
                });
                due += EVERY;
                tokio::time::sleep_until(due.into()).await;
            }
        }));
        Self { seen, _task: task }
    }

    /// What nine of ten reads of the last seconds took at most.
    pub(super) fn look(&self) -> Look {
        let now = Instant::now();
        with(&self.seen, |seen| {
            if let Some(why) = &seen.failed {
                return Look::Failed(format!("a row of the table could not be read: {why}"));
            }
            while seen
                .took
                .front()
                .is_some_and(|(due, took)| now.duration_since(*due + *took) > WINDOW)
            {
                seen.took.pop_front();
            }
            let mut took: Vec<Duration> = seen.took.iter().map(|(_, took)| *took).collect();
            // Those that were due while one is under way have waited, too.
            let mut waiting = seen.due;
            while let Some(due) = waiting.filter(|due| *due < now) {
                took.push(now.duration_since(due));
                waiting = Some(due + EVERY);
            }
            let ms = u64::try_from(most_of(took).as_millis()).unwrap_or(u64::MAX);
            Look::Shows(
                ms,
                format!("reading one row of the table takes another session {ms} ms"),
            )
        })
    }
}

/// What nine of ten are not above; of few, the lower ones.
fn most_of(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    let place = took.len().saturating_sub(1) * 9 / 10;
    took.get(place).copied().unwrap_or_default()
}

fn with<T>(seen: &Mutex<Seen>, work: impl FnOnce(&mut Seen) -> T) -> T {
    work(&mut seen.lock().unwrap_or_else(PoisonError::into_inner))
}

/// One read; the error says why it was not to be had.
async fn read(
    target: &Target,
    monitor: &Monitor,
    slot: &mut Option<Link>,
    sql: &str,
) -> Result<(), String> {
    let link = match slot {
        Some(link) => link,
        None => slot.insert(
            connect(target, monitor)
                .await
                .map_err(|error| error.to_string())?,
        ),
    };
    match link.raw_rows(sql).await {
        Ok(_) => Ok(()),
        // It took too long, and that it did is what is to be told.
        Err(error) if matches!(fault(&error), Fault::Cancelled | Fault::Lock) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

async fn connect(target: &Target, monitor: &Monitor) -> Result<Link, TargetError> {
    let mut link = target.open().await?;
    let ms = LONGEST.as_millis();
    match link.engine() {
        // Whatever the planner knows of the table: by its key.
        Engine::PostgreSql => {
            link.raw(&format!(
                "SET statement_timeout = {ms}; SET enable_seqscan = off; \
                 SET enable_bitmapscan = off"
            ))
            .await?;
        }
        Engine::MySql => {
            link.raw(&format!("SET SESSION max_execution_time = {ms}"))
                .await?;
        }
        Engine::MariaDb => {
            link.raw(&format!(
                "SET SESSION max_statement_time = {}",
                LONGEST.as_secs()
            ))
            .await?;
        }
        Engine::Sqlite => {}
    }
    monitor.claim_session(&mut link).await?;
    Ok(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_read_of_many_says_nothing_and_many_do() {
        let ms = |list: &[u64]| list.iter().copied().map(Duration::from_millis).collect();
        assert_eq!(most_of(Vec::new()), Duration::ZERO);
        assert_eq!(most_of(ms(&[900])), Duration::from_millis(900));
        assert_eq!(most_of(ms(&[900, 1])), Duration::from_millis(1));
        assert_eq!(
            most_of(ms(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 900])),
            Duration::from_millis(1)
        );
        assert_eq!(
            most_of(ms(&[1, 900, 900, 900, 900])),
            Duration::from_millis(900)
        );
    }
}
