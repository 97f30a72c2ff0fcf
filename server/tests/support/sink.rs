//! Events of a run, kept for looking at.

use std::sync::Mutex;
use std::time::Duration;

use bellows::run::EventKind;
use bellows_server::executor::{EventSink, SinkError};
use tokio::sync::{Notify, Semaphore};

/// An event that has not come by then does not come, however slow the machine.
const NEVER: Duration = Duration::from_secs(180);

/// A sink that remembers.
#[derive(Default)]
pub struct Events {
    all: Mutex<Vec<EventKind>>,
    new: Notify,
    hold: Option<Hold>,
}

/// The event at which a run is held, and what lets it go on.
struct Hold {
    at: fn(&EventKind) -> bool,
    gate: Semaphore,
}

impl Events {
    /// A sink that holds the run at each such event, until [`Events::go_on`] lets it pass: runs
    /// wait for their sink, so nothing happens on the target meanwhile.
    pub fn holding(at: fn(&EventKind) -> bool) -> Self {
        Self {
            hold: Some(Hold {
                at,
                gate: Semaphore::new(0),
            }),
            ..Self::default()
        }
    }

    /// Lets one held event pass.
    pub fn go_on(&self) {
        if let Some(hold) = &self.hold {
            hold.gate.add_permits(1);
        }
    }

    pub fn all(&self) -> Vec<EventKind> {
        self.all.lock().unwrap().clone()
    }

    /// How many events there are of a kind.
    pub fn count(&self, wanted: impl Fn(&EventKind) -> bool) -> usize {
        self.all().iter().filter(|e| wanted(e)).count()
    }

    /// Waits for an event, and gives up on one that never comes.
    pub async fn seen(&self, wanted: impl Fn(&EventKind) -> bool) -> EventKind {
        tokio::time::timeout(NEVER, self.wait(wanted))
            .await
            .unwrap_or_else(|_| panic!("the event never came: {:#?}", self.all()))
    }

    async fn wait(&self, wanted: impl Fn(&EventKind) -> bool) -> EventKind {
        loop {
            let new = self.new.notified();
            tokio::pin!(new);
            new.as_mut().enable();
            if let Some(found) = self.all().into_iter().find(|e| wanted(e)) {
                return found;
            }
            new.await;
        }
    }

    /// The words of the events, in order, with repetitions left out.
    pub fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self
            .all()
            .iter()
            .map(|event| {
                serde_json::to_value(event).unwrap()["kind"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        words.dedup();
        words
    }
}

#[async_trait::async_trait]
impl EventSink for Events {
    async fn append(&self, _execution: &str, event: EventKind) -> Result<(), SinkError> {
        let held = self.hold.as_ref().filter(|hold| (hold.at)(&event));
        self.all.lock().unwrap().push(event);
        self.new.notify_waiters();
        if let Some(hold) = held {
            hold.gate.acquire().await.unwrap().forget();
        }
        Ok(())
    }
}
