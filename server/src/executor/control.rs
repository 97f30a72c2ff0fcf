//! Pause, cancel, faster, slower, and the end of who stands in the way, from whoever watches to
//! whoever runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use bellows::run::EventKind;

use super::record::SinkError;

/// Where a run's events go.
#[async_trait::async_trait]
pub trait EventSink: Send + Sync {
    /// Keeps the event, and shows it to those who watch. A run waits for this.
    async fn append(&self, execution: &str, event: EventKind) -> Result<(), SinkError>;
}

/// What a person wants of a run. Resuming is to run the phase again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Go on.
    Run,
    /// Stop after the batch or statement in hand.
    Pause,
    /// Stop, and take the phase back.
    Cancel,
}

/// The most sessions that walk a table at the same time.
pub const WORKERS: u32 = 8;

/// A person wants a session to be ended that stands in the way of a lock.
#[derive(Debug)]
pub(super) struct Eviction {
    pub(super) pid: i32,
    pub(super) by: String,
    answer: oneshot::Sender<Evicted>,
}

impl Eviction {
    /// Tells what became of it; nobody may be listening any more.
    pub(super) fn answer(self, evicted: Evicted) {
        if self.answer.send(evicted).is_err() {
            tracing::debug!("who wanted a session ended did not wait for the answer");
        }
    }
}

/// What became of the wish that a session be ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evicted {
    /// It was ended.
    Ended,
    /// It does not stand in the way, or does no more.
    Elsewhere,
    /// It is a vacuum, which is made to give way by itself, or a prepared transaction.
    NoSession,
    /// The server does not say who holds the lock: it may be another one.
    Unsure,
    /// The server refused, in its words.
    Refused(String),
}

type Evictions = Arc<Mutex<Vec<Eviction>>>;

/// A person's wish is heard while the run waits for a lock, between two tries.
const HEARD: Duration = Duration::from_secs(5);

/// The end that asks.
#[derive(Clone, Debug)]
pub struct ControlSender(watch::Sender<Wish>, Evictions, watch::Sender<Option<u32>>);

/// The end that listens.
#[derive(Clone, Debug)]
pub struct ControlReceiver(
    watch::Receiver<Wish>,
    Evictions,
    watch::Receiver<Option<u32>>,
);

/// A pair for one run.
pub fn control() -> (ControlSender, ControlReceiver) {
    let (sender, receiver) = watch::channel(Wish::Run);
    let evictions = Evictions::default();
    let (speed, wanted) = watch::channel(None);
    (
        ControlSender(sender, evictions.clone(), speed),
        ControlReceiver(receiver, evictions, wanted),
    )
}

fn open(evictions: &Evictions) -> MutexGuard<'_, Vec<Eviction>> {
    evictions.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ControlSender {
    /// Stop after the batch or statement in hand. A cancel before it stands.
    pub fn pause(&self) {
        self.0.send_if_modified(|wish| match wish {
            Wish::Run => {
                *wish = Wish::Pause;
                true
            }
            Wish::Pause | Wish::Cancel => false,
        });
    }

    /// Stop, ending the statement in hand, and take the phase back.
    pub fn cancel(&self) {
        self.0.send_replace(Wish::Cancel);
    }

    /// Has a session ended that stands in the way of the run at this moment. Nothing where the run
    /// does not wait for a lock, within a few seconds.
    pub async fn end_blocker(&self, pid: i32, by: &str) -> Option<Evicted> {
        let (answer, told) = oneshot::channel();
        open(&self.1).push(Eviction {
            pid,
            by: by.to_owned(),
            answer,
        });
        // Who is not listened to any more is passed over by the run.
        tokio::time::timeout(HEARD, told).await.ok()?.ok()
    }

    /// Have so many sessions walk large tables at the same time; 0 is one that rests as long as it
    /// works. Takes effect after the batches in hand.
    pub fn set_workers(&self, workers: u32) {
        self.2.send_replace(Some(workers.min(WORKERS)));
    }
}

impl ControlReceiver {
    /// What is wanted now.
    pub fn wish(&self) -> Wish {
        *self.0.borrow()
    }

    /// The sessions that people want ended and still wait for.
    pub(super) fn evictions(&self) -> Vec<Eviction> {
        let mut all: Vec<Eviction> = open(&self.1).drain(..).collect();
        all.retain(|eviction| !eviction.answer.is_closed());
        all
    }

    /// The sessions that a person wants at work; `None` where nobody has said.
    pub fn workers(&self) -> Option<u32> {
        *self.2.borrow()
    }

    /// Rests for that long, or until something else than running is wanted.
    pub async fn rest(&mut self, time: Duration) -> Wish {
        let wish = self.wish();
        if wish != Wish::Run {
            return wish;
        }
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.changed() => {}
        }
        self.wish()
    }

    /// Until a cancel is wanted; for ever where none comes.
    pub async fn cancelled(&mut self) {
        while self.wish() != Wish::Cancel {
            self.changed().await;
        }
    }

    /// Until the wish changes. Where nobody is left to wish for anything: for ever.
    async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
