//! An application at work beside a migration: one read and one write every few milliseconds.

use std::time::{Duration, Instant};

use bellows_server::target::TargetUrl;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Client;

/// A task that goes on until it is stopped.
pub struct Writer {
    stop: watch::Sender<bool>,
    task: JoinHandle<Work>,
}

/// What a writer has been through.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// Rounds done.
    pub rounds: u64,
    /// Statements that failed, in the server's words.
    pub errors: Vec<String>,
    /// The time that rounds took beyond a few milliseconds, together.
    pub held_up: Duration,
    /// The longest round.
    pub longest: Duration,
}

/// A round that takes less than this was not held up.
const USUAL: Duration = Duration::from_millis(10);

impl Writer {
    /// Runs the statements in turn, over and over, every ten milliseconds. `{n}` in them is the
    /// number of the round.
    pub fn start(url: &TargetUrl, statements: &[&str]) -> Self {
        let (stop, stopped) = watch::channel(false);
        let statements: Vec<String> = statements.iter().map(|s| (*s).to_owned()).collect();
        let url = url.clone();
        let task = tokio::spawn(async move {
            let mut client = Client::connect(&url).await;
            let mut work = Work::default();
            while !*stopped.borrow() {
                let started = Instant::now();
                for statement in &statements {
                    let sql = statement.replace("{n}", &work.rounds.to_string());
                    if let Err(error) = client.try_run(&sql).await {
                        work.errors.push(error.to_string());
                    }
                }
                let took = started.elapsed();
                work.rounds += 1;
                work.held_up += took.saturating_sub(USUAL);
                work.longest = work.longest.max(took);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            work
        });
        Self { stop, task }
    }

    /// Ends it, and gives what it has been through.
    pub async fn stop(self) -> Work {
        self.stop.send_replace(true);
        self.task.await.unwrap()
    }
}
