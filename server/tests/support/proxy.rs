//! A proxy before a PostgreSQL server that swallows the replies to some COMMITs: they reach the
//! server, take effect, and the client never hears of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A simple query of COMMIT, as it goes over the wire.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// Listens until it is dropped.
pub struct Proxy {
    port: u16,
    swallowed: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Swallows the reply to every n-th COMMIT, and ends its connection.
    pub async fn swallowing(server: String, every: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let swallowed = Arc::new(AtomicU64::new(0));
        let (count, seen) = (swallowed.clone(), Arc::new(AtomicU64::new(0)));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(upstream) = TcpStream::connect(&server).await else {
                    continue;
                };
                tokio::spawn(relay(client, upstream, every, seen.clone(), count.clone()));
            }
        });
        Self {
            port,
            swallowed,
            task,
        }
    }

    /// Where clients find it.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// COMMITs whose replies were swallowed.
    pub fn swallowed(&self) -> u64 {
        self.swallowed.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(
    mut client: TcpStream,
    mut upstream: TcpStream,
    every: u64,
    seen: Arc<AtomicU64>,
    swallowed: Arc<AtomicU64>,
) {
    let (mut up, mut down) = ([0; 65536], [0; 65536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(n @ 1..) = read else { return };
                let commits = up[..n].ends_with(COMMIT);
                if upstream.write_all(&up[..n]).await.is_err() {
                    return;
                }
                if commits && (seen.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(every) {
                    // Its reply means that it took effect.
                    if matches!(upstream.read(&mut down).await, Ok(1..)) {
                        swallowed.fetch_add(1, Ordering::SeqCst);
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
