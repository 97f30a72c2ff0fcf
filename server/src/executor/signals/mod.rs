//! The signals of a target, read over the monitoring connection, while the walk works on others.

mod disk;
mod mysql;
mod postgres;
mod probe;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bellows::document::Engine;
use bellows::run::{Signal, Throttle};
use bellows::schema::TableName;

use super::brake::{Look, Looks};
use super::monitor::Monitor;
use crate::target::{Fault, Row, Target, TargetError, fault};
use disk::Disks;
use probe::Probe;

/// What was written to the log is kept for as long as a replica may be behind and be told of.
const MEMORY: Duration = Duration::from_secs(3600);

/// The span over which the rate of the log is taken.
const SPAN: Duration = Duration::from_secs(5);

/// Whoever looks.
pub(super) struct Signals {
    target: Target,
    monitor: Monitor,
    throttle: Throttle,
    tables: Vec<TableName>,
    /// Where the server's log was, and when.
    log: VecDeque<(Instant, u64)>,
    disks: Option<Disks>,
    probe: Option<Probe>,
}

impl Signals {
    /// `probe` is the small read of the table, where there is one.
    pub(super) fn new(
        target: &Target,
        monitor: &Monitor,
        throttle: &Throttle,
        tables: Vec<TableName>,
        probe: Option<String>,
    ) -> Self {
        let mut signals = Self {
            target: target.clone(),
            monitor: monitor.clone(),
            throttle: throttle.clone(),
            tables,
            log: VecDeque::new(),
            disks: None,
            probe: None,
        };
        if signals.wants(Signal::ProbeLatency) {
            signals.probe = probe.map(|sql| Probe::start(target, monitor, sql));
        }
        signals
    }

    fn wants(&self, signal: Signal) -> bool {
        signal.is_of(self.target.engine()) && self.throttle.limit(signal).is_some()
    }

    /// Looks at every signal that somebody wants heeded. A connection that broke since the last
    /// look is made anew.
    pub(super) async fn look(&mut self) -> Looks {
        let mut looks = match self.read().await {
            Ok(looks) => looks,
            Err(error) if lost(&error) => match self.read().await {
                Ok(looks) => looks,
                Err(error) => self.failed(&error),
            },
            Err(error) => self.failed(&error),
        };
        if let Some(probe) = &self.probe {
            looks.insert(Signal::ProbeLatency, probe.look());
        }
        looks.retain(|signal, _| self.wants(*signal));
        looks
    }

    async fn read(&mut self) -> Result<Looks, TargetError> {
        let mut looks = match self.target.engine() {
            Engine::PostgreSql => self.read_postgres().await?,
            Engine::MySql | Engine::MariaDb => self.read_mysql().await?,
            Engine::Sqlite => Looks::new(),
        };
        if self.wants(Signal::DiskFree) {
            let disks = match self.disks.take() {
                Some(disks) => disks,
                None => Disks::find(&self.target, &self.monitor, &self.tables).await?,
            };
            looks.insert(Signal::DiskFree, disks.look());
            self.disks = Some(disks);
        }
        Ok(looks)
    }

    /// What is asked of the server, where it does not answer.
    fn failed(&self, error: &TargetError) -> Looks {
        Signal::ALL
            .into_iter()
            .filter(|signal| *signal != Signal::ProbeLatency && self.wants(*signal))
            .map(|signal| {
                let why = format!("{} could not be read: {error}", signal.title());
                (signal, Look::Failed(why))
            })
            .collect()
    }

    /// Remembers where the log is now, in bytes.
    fn remember(&mut self, now: Instant, at: u64) {
        self.log.push_back((now, at));
        while self
            .log
            .front()
            .is_some_and(|(then, _)| now.duration_since(*then) > MEMORY)
        {
            self.log.pop_front();
        }
    }

    /// Megabytes a second over the last seconds.
    fn rate(&self) -> Look {
        let Some((now, end)) = self.log.back() else {
            return Look::Shows(0, String::new());
        };
        let before = self
            .log
            .iter()
            .rev()
            .find(|(then, _)| now.duration_since(*then) >= SPAN)
            .or(self.log.front());
        let Some((then, start)) = before.filter(|(then, _)| then < now) else {
            return Look::Shows(0, String::new());
        };
        let seconds = now.duration_since(*then).as_secs_f64();
        let rate = (end.saturating_sub(*start) as f64 / 1e6 / seconds).round() as u64;
        Look::Shows(rate, format!("the server writes {rate} MB of log a second"))
    }
}

/// Whether the connection was lost, so that another one may answer.
fn lost(error: &TargetError) -> bool {
    match error {
        TargetError::Connect { source, .. } => fault(source) == Fault::Lost,
        TargetError::Query(error) => fault(error) == Fault::Lost,
        TargetError::Url(_)
        | TargetError::Version { .. }
        | TargetError::Cloned { .. }
        | TargetError::Newer { .. }
        | TargetError::Hidden(_) => false,
    }
}

/// A count, or a size.
fn count(row: &Row, index: usize) -> Result<u64, sqlx::Error> {
    let number = row.int(index)?.and_then(|n| u64::try_from(n).ok());
    Ok(number.unwrap_or(0))
}

/// `1 session`, `3 sessions`.
fn sessions(number: u64) -> String {
    if number == 1 {
        "1 session".to_owned()
    } else {
        format!("{number} sessions")
    }
}
