//! A proxy before a PostgreSQL server that cuts connections where a test wants it, before a request
//! reaches the server or after it took effect there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A simple query of COMMIT, as it goes over the wire.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It goes its way.
    Passes,
    /// It never reaches the server, and its connection ends.
    Lost,
    /// It takes effect, its reply is swallowed, and its connection ends.
    Unanswered,
}

/// Says what becomes of each request.
type Judge = Arc<dyn Fn(&[u8]) -> Fate + Send + Sync>;

/// Listens until it is dropped.
pub struct Proxy {
    port: u16,
    cuts: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Swallows the reply to every n-th COMMIT, and ends its connection.
    pub async fn swallowing(server: String, every: u64) -> Self {
        let seen = AtomicU64::new(0);
        let judge = move |request: &[u8]| {
            let nth = request.ends_with(COMMIT)
                && (seen.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(every);
            if nth { Fate::Unanswered } else { Fate::Passes }
        };
        Self::start(server, false, Arc::new(judge)).await
    }

    /// Lets everything pass until a request that says that, in which it ends the first connection
    /// that comes to `fate`, and lets nobody through any more. With `commit` it is the next COMMIT
    /// after that request which has the fate.
    pub async fn ending_at(server: String, said: &'static str, commit: bool, fate: Fate) -> Self {
        let there = AtomicBool::new(false);
        let judge = move |request: &[u8]| {
            let says = request
                .windows(said.len())
                .any(|window| window == said.as_bytes());
            let due = if commit {
                there.fetch_or(says, Ordering::SeqCst) && request.ends_with(COMMIT)
            } else {
                says
            };
            if due { fate } else { Fate::Passes }
        };
        Self::start(server, true, Arc::new(judge)).await
    }

    async fn start(server: String, once: bool, judge: Judge) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts = Arc::new(AtomicU64::new(0));
        let count = cuts.clone();
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if once && count.load(Ordering::SeqCst) > 0 {
                    continue;
                }
                let Ok(upstream) = TcpStream::connect(&server).await else {
                    continue;
                };
                tokio::spawn(relay(client, upstream, judge.clone(), count.clone()));
            }
        });
        Self { port, cuts, task }
    }

    /// Where clients find it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connections that were cut.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(mut client: TcpStream, mut upstream: TcpStream, judge: Judge, cuts: Arc<AtomicU64>) {
    let (mut up, mut down) = ([0; 65536], [0; 65536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(n @ 1..) = read else { return };
                let fate = judge(&up[..n]);
                if fate == Fate::Lost {
                    cuts.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                if upstream.write_all(&up[..n]).await.is_err() {
                    return;
                }
                if fate == Fate::Unanswered {
                    // Its reply means that it took effect.
                    if matches!(upstream.read(&mut down).await, Ok(1..)) {
                        cuts.fetch_add(1, Ordering::SeqCst);
                    }
                    return;
                }
            }
            read = upstream.read(&mut down) => {
                let Ok(n @ 1..) = read else { return };
                if client.write_all(&down[..n]).await.is_err() {
                    return;
                }
            }
        }
    }
}
