//! What executions tell: appended to the store with a number, then everyone who watches is woken.
//!
//! A watcher is only told that there is something new and reads it from the store at its own
//! pace, so a slow one holds nobody up and loses nothing.

use bellows::run::{EventKind, RunEvent};
use tokio::sync::broadcast;

use crate::store::{Store, Stored};
use crate::store::{events as rows, executions};

/// Wake-ups that a watcher may be behind; more than that are one.
const BEHIND: usize = 256;
/// Events that are read in one go.
pub const STRIDE: u32 = 500;

/// Something about an execution is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which.
    pub execution: String,
    /// Its number, where it is an event; absent where where it stands has changed.
    pub seq: Option<u64>,
}

/// The events of every execution of this store.
#[derive(Clone, Debug)]
pub struct Events {
    store: Store,
    notes: broadcast::Sender<Note>,
}

impl Events {
    /// Over that store.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            notes: broadcast::Sender::new(BEHIND),
        }
    }

    /// Keeps the event under the execution's next number, and what it makes of the execution, then
    /// wakes those who watch.
    pub async fn append(&self, execution: &str, event: EventKind) -> Stored<RunEvent> {
        let mut tx = self.store.write().await?;
        let event = rows::append(&mut tx, execution, event).await?;
        executions::advance(&mut tx, execution, &event.event, event.at).await?;
        tx.commit().await?;
        self.notify(Note {
            execution: execution.to_owned(),
            seq: Some(event.seq),
        });
        Ok(event)
    }

    /// Wakes those who watch.
    pub fn notify(&self, note: Note) {
        // An error only says that nobody watches.
        let _ = self.notes.send(note);
    }

    /// The events after a number, in order, at most [`STRIDE`].
    pub async fn after(&self, execution: &str, after: u64) -> Stored<Vec<RunEvent>> {
        let mut tx = self.store.read().await?;
        rows::after(&mut tx, execution, after, STRIDE).await
    }

    /// Every event after a number, in order.
    pub async fn all_after(&self, execution: &str, after: u64) -> Stored<Vec<RunEvent>> {
        let mut tx = self.store.read().await?;
        let mut events: Vec<RunEvent> = Vec::new();
        loop {
            let last = events.last().map_or(after, |event| event.seq);
            let more = rows::after(&mut tx, execution, last, STRIDE).await?;
            if more.is_empty() {
                return Ok(events);
            }
            events.extend(more);
        }
    }

    /// Is woken for every execution; whoever lags behind reads the store.
    pub fn subscribe(&self) -> broadcast::Receiver<Note> {
        self.notes.subscribe()
    }
}

#[async_trait::async_trait]
impl crate::executor::EventSink for Events {
    async fn append(
        &self,
        execution: &str,
        event: EventKind,
    ) -> Result<(), crate::executor::SinkError> {
        Events::append(self, execution, event)
            .await
            .map(drop)
            .map_err(|error| crate::executor::SinkError(error.to_string()))
    }
}
