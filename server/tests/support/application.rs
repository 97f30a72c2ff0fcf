//! An application of one version: it writes rows of its own and reads back what it wrote, until it
//! is stopped.

use std::ops::Range;
use std::time::Duration;

use bellows_server::target::TargetUrl;
use sqlx::mysql::MySqlDatabaseError;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Client;

/// Between two rounds.
const PACE: Duration = Duration::from_millis(10);

/// What does not come in that time does not come, however slow the machine.
const NEVER: Duration = Duration::from_secs(180);

/// What one does in a round, and what it must read after it. `{n}` is the number of the round, and
/// `{id}` a row that nobody else writes.
pub struct Rounds {
    /// Its statements.
    pub write: &'static [&'static str],
    /// The query of one text.
    pub read: &'static str,
    /// What that is.
    pub means: &'static str,
}

/// One of its rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// The number, from 0.
    pub n: i64,
    /// The row.
    pub id: i64,
}

impl Round {
    fn fill(self, client: &Client, sql: &str) -> String {
        let sql = sql
            .replace("{n}", &self.n.to_string())
            .replace("{id}", &self.id.to_string());
        match client {
            Client::MariaDb(_) | Client::MySql(_) => sql.replace(" AS text)", " AS char)"),
            Client::Postgres(_) | Client::Sqlite(_) => sql,
        }
    }
}

impl Rounds {
    /// Reads what that round wrote, this version's or another's; the error says what was found.
    pub async fn read(&self, client: &mut Client, round: Round) -> Result<(), String> {
        let means = round.fill(client, self.means);
        let read = round.fill(client, self.read);
        match client.try_text(&read).await {
            Ok(Some(found)) if found == means => Ok(()),
            other => Err(format!("{means} was written, and {other:?} is read")),
        }
    }

    async fn go(&self, client: &mut Client, round: Round) -> Result<(), String> {
        for sql in self.write {
            let sql = round.fill(client, sql);
            while let Err(error) = client.try_run(&sql).await {
                if !again(&error) {
                    return Err(format!("{sql}: {error}"));
                }
            }
        }
        self.read(client, round).await
    }
}

/// InnoDB's manual has every application ready to send again what a deadlock ended. Of no other
/// server and for no other error is anything sent a second time.
fn again(error: &sqlx::Error) -> bool {
    error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>())
        .is_some_and(|error| error.number() == 1213)
}

/// One at work.
pub struct Application {
    stop: watch::Sender<bool>,
    done: watch::Receiver<Option<Round>>,
    task: JoinHandle<Vec<String>>,
}

impl Application {
    /// Starts it on rows of that range, over and over.
    pub async fn start(url: &TargetUrl, rounds: &'static Rounds, ids: Range<i64>) -> Self {
        let mut client = Client::connect(url).await;
        client.speak_the_standard().await;
        let (stop, stopped) = watch::channel(false);
        let (told, done) = watch::channel(None);
        let task = tokio::spawn(async move {
            let (mut n, mut wrong) = (0, Vec::new());
            loop {
                let round = Round {
                    n,
                    id: ids.start + n % (ids.end - ids.start),
                };
                wrong.extend(rounds.go(&mut client, round).await.err());
                told.send_replace(Some(round));
                if *stopped.borrow() || wrong.len() >= 5 {
                    return wrong;
                }
                n += 1;
                tokio::time::sleep(PACE).await;
            }
        });
        Self { stop, done, task }
    }

    /// The last round that it did.
    pub fn last(&self) -> Option<Round> {
        *self.done.borrow()
    }

    /// Waits until it has begun and ended a round since now, or came to grief.
    pub async fn another_round(&mut self) {
        let until = self.last().map_or(0, |round| round.n + 2);
        let done = self
            .done
            .wait_for(|round| round.is_some_and(|round| round.n >= until));
        let done = tokio::time::timeout(NEVER, done).await;
        // Of one that came to grief nothing more is told; its end says why.
        let _ = done.expect("the application does nothing any more");
    }

    /// Ends it, and gives the last round; nothing that it did may have failed or been read otherwise.
    pub async fn end(self, who: &str) -> Round {
        self.stop.send_replace(true);
        let wrong = self.task.await.expect("the application ran");
        assert_eq!(wrong, Vec::<String>::new(), "{who}");
        (*self.done.borrow()).expect("it did a round")
    }
}
