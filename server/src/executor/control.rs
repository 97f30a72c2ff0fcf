//! Pause and cancel, from whoever watches to whoever runs.

use std::time::Duration;

use tokio::sync::watch;

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

/// The end that asks.
#[derive(Clone, Debug)]
pub struct ControlSender(watch::Sender<Wish>);

/// The end that listens.
#[derive(Clone, Debug)]
pub struct ControlReceiver(watch::Receiver<Wish>);

/// A pair for one run.
pub fn control() -> (ControlSender, ControlReceiver) {
    let (sender, receiver) = watch::channel(Wish::Run);
    (ControlSender(sender), ControlReceiver(receiver))
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
}

impl ControlReceiver {
    /// What is wanted now.
    pub fn wish(&self) -> Wish {
        *self.0.borrow()
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
