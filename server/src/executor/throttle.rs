//! A walk under the signals of its target: somebody looks at them once a second, and between two
//! batches the walk heeds what was seen last.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bellows::plan::Step;
use bellows::run::{EventKind, HeldBy, Pace, Signal, StopReason};
use tokio::sync::watch;

use super::brake::{Brake, Look, Looks};
use super::control::Wish;
use super::halt::Halt;
use super::job::Job;
use super::run::{Run, millis};
use super::session::Ending;
use super::signals::Signals;

/// How often the signals are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What was seen must not be older than this.
const STALE: Duration = Duration::from_secs(15);

/// How often it is told again that a walk is held back, and its connection tried meanwhile.
const TELL: Duration = Duration::from_secs(10);

/// What the last look found.
#[derive(Clone, Debug)]
struct Seen {
    at: Instant,
    held: Vec<HeldBy>,
    values: BTreeMap<Signal, u64>,
}

impl Seen {
    fn new(brake: &mut Brake, looks: &Looks) -> Self {
        Self {
            at: Instant::now(),
            held: brake.judge(looks),
            values: looks
                .iter()
                .filter_map(|(signal, look)| match look {
                    Look::Shows(value, _) => Some((*signal, *value)),
                    Look::Hidden(_) | Look::Failed(_) => None,
                })
                .collect(),
        }
    }
}

/// Whoever looks, while it is kept.
pub(super) struct Gauge {
    seen: watch::Receiver<Seen>,
    _task: Ending,
    /// How long each signal has held this walk back.
    spent: BTreeMap<Signal, Duration>,
}

impl Gauge {
    /// What holds back now.
    fn held(&mut self) -> Vec<HeldBy> {
        let seen = self.seen.borrow_and_update();
        if seen.at.elapsed() > STALE {
            // Fails closed: whoever looked hangs, or is gone.
            let heeded = seen.values.keys().copied();
            let held = seen.held.iter().map(|by| by.signal);
            let silent = |signal| HeldBy {
                signal,
                value: None,
                limit: 0,
                message: format!(
                    "the target has not told how it is for {} s",
                    seen.at.elapsed().as_secs()
                ),
            };
            return heeded.chain(held).take(1).map(silent).collect();
        }
        seen.held.clone()
    }

    /// What progress tells of it.
    pub(super) fn pace(&self, workers: u32) -> Pace {
        Pace {
            workers,
            signals: self.seen.borrow().values.clone(),
            held_ms: self
                .spent
                .iter()
                .map(|(signal, time)| (*signal, millis(*time)))
                .collect(),
        }
    }
}

impl Run<'_> {
    /// Begins to look, and has looked once when this is done. What can never be seen here is told,
    /// once a run.
    pub(super) async fn gauge(
        &mut self,
        job: Job<'_>,
        probe: Option<String>,
    ) -> Result<Gauge, Halt> {
        let throttle = self.options.throttle.clone();
        let mut signals = Signals::new(
            self.target,
            &self.session.monitor,
            &throttle,
            vec![job.table().clone()],
            probe,
        );
        let looks = signals.look().await;
        for (signal, look) in &looks {
            let Look::Hidden(why) = look else { continue };
            if !throttle.is_set(*signal) && self.hidden.insert(*signal) {
                self.emit(EventKind::Notice {
                    message: format!("not heeded: {why}"),
                })
                .await?;
            }
        }
        let mut brake = Brake::new(throttle);
        let (tell, seen) = watch::channel(Seen::new(&mut brake, &looks));
        let task = tokio::spawn(async move {
            while !tell.is_closed() {
                tokio::time::sleep(LOOK).await;
                let looks = signals.look().await;
                tell.send_replace(Seen::new(&mut brake, &looks));
            }
        });
        Ok(Gauge {
            seen,
            _task: Ending::new(task),
            spent: BTreeMap::new(),
        })
    }

    /// Waits while signals hold the walk back, and gives how long that was. Stops where it takes
    /// too long, and where a person wants it to.
    pub(super) async fn held_back(
        &mut self,
        step: &Step,
        gauge: &mut Gauge,
    ) -> Result<Duration, Halt> {
        let (began, mut told) = (Instant::now(), None::<(Instant, Vec<Signal>)>);
        let bound = Duration::from_millis(self.options.throttle_ms);
        loop {
            self.heed()?;
            let held = gauge.held();
            if held.is_empty() {
                break;
            }
            if began.elapsed() > bound {
                let why: Vec<&str> = held.iter().map(|by| by.message.as_str()).collect();
                return Err(Halt::Stop(
                    StopReason::Throttle,
                    format!(
                        "held back for {} s: {}",
                        began.elapsed().as_secs(),
                        why.join("; ")
                    ),
                ));
            }
            let signals: Vec<Signal> = held.iter().map(|by| by.signal).collect();
            let news = told
                .as_ref()
                .is_none_or(|(at, before)| *before != signals || at.elapsed() >= TELL);
            if news {
                if told.is_some() {
                    // A connection that is gone, and a place that is lost, are noticed here, too.
                    if !self.session.fence().await? {
                        return Err(super::run::taken_over());
                    }
                }
                told = Some((Instant::now(), signals.clone()));
                self.emit(EventKind::Throttled {
                    step: step.id.clone(),
                    held,
                    held_ms: millis(began.elapsed()),
                })
                .await?;
            }
            let waits = Instant::now();
            self.until_seen(gauge).await;
            for signal in signals {
                *gauge.spent.entry(signal).or_default() += waits.elapsed();
            }
        }
        if told.is_none() {
            return Ok(Duration::ZERO);
        }
        let held = began.elapsed();
        self.emit(EventKind::Released {
            step: step.id.clone(),
            held_ms: millis(held),
        })
        .await?;
        Ok(held)
    }

    /// Until there was another look, a person wants something, or some time has passed.
    async fn until_seen(&mut self, gauge: &mut Gauge) {
        let deaf = self.undoing && self.control.wish() == Wish::Cancel;
        let mut control = self.control.clone();
        tokio::select! {
            changed = gauge.seen.changed() => {
                if changed.is_err() {
                    tokio::time::sleep(LOOK).await;
                }
            }
            () = async {
                if deaf {
                    tokio::time::sleep(STALE).await;
                } else {
                    control.rest(STALE).await;
                }
            } => {}
        }
    }
}
