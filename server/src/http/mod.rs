//! The web server: one table of endpoints, the page, its server functions, sockets and files.

mod assets;
mod caller;
mod headers;
mod health;
mod page;
mod same_origin;
mod socket;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, any, get};
use leptos_axum::LeptosRoutes;
use tower_http::compression::CompressionLayer;
use tower_sessions::cookie::SameSite;
use tower_sessions::{Expiry, SessionManagerLayer};

use crate::auth::{sessions, setup};
use crate::demo::{Demo, DemoError};
use crate::state::{AppState, StateError};
use crate::store::StoreError;
use crate::usecase;

pub use health::Counters;

/// The cookie's name.
pub const COOKIE: &str = "bellows_session";
/// Bytes that a request may carry.
const BODY_LIMIT: usize = 2 * 1024 * 1024;
/// What is over is forgotten so often.
const SWEEP_EVERY: Duration = Duration::from_secs(600);

/// How to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where to listen; port 0 for any.
    pub addr: SocketAddr,
    /// Where key, store and locks are.
    pub data_dir: PathBuf,
    /// A `postgres://` URL or a file; absent: `bellows.db` in the data directory.
    pub store: Option<String>,
    /// With sample databases, people and migrations.
    pub demo: bool,
    /// The address under which people reach the server through a proxy, `https://host`. With it
    /// the proxy's `X-Forwarded-For` is believed; with `https` cookies are Secure and browsers
    /// are told to stay with TLS.
    pub public_url: Option<String>,
}

/// Why a server does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// What it needs could not be had.
    #[error(transparent)]
    State(#[from] StateError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The demonstration.
    #[error(transparent)]
    Demo(#[from] DemoError),
    /// The address.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The network.
    #[error("the server stopped: {0}")]
    Serve(std::io::Error),
}

/// Who may ask for an endpoint before any use case is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Anybody.
    Everybody,
    /// Whoever is signed in; what they see depends on their roles.
    SignedIn,
}

/// A line of the table of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As axum writes it.
    pub path: &'static str,
    /// Who may ask.
    pub who: Who,
}

/// Every route that is neither a page nor a server function: the router is made from this table,
/// and the permission test walks it.
pub fn endpoints() -> Vec<(Endpoint, MethodRouter<AppState>)> {
    let line = |path, who, route| (Endpoint { path, who }, route);
    vec![
        line("/healthz", Who::Everybody, get(health::alive)),
        line("/readyz", Who::Everybody, get(health::ready)),
        line("/metrics", Who::Everybody, get(health::metrics)),
        line("/ws/executions/{id}", Who::SignedIn, get(socket::execution)),
        line("/ws/activity", Who::SignedIn, get(socket::activity)),
    ]
}

/// The whole application.
pub fn router(state: AppState) -> Router {
    let pages = page::routes();
    let mut router = Router::new()
        .route("/api/{*name}", any(page::server_function))
        .leptos_routes_with_handler(pages, get(page::render));
    for (endpoint, route) in endpoints() {
        router = router.route(endpoint.path, route);
    }
    let session = SessionManagerLayer::new(state.cookies.clone())
        .with_name(COOKIE)
        .with_http_only(true)
        // Lax and not Strict: whoever follows a link from a chat to a migration stays signed in.
        // No GET changes anything, and everything else is held to its Origin.
        .with_same_site(SameSite::Lax)
        .with_secure(state.behind_tls())
        .with_expiry(Expiry::OnInactivity(time::Duration::microseconds(
            sessions::LONGEST,
        )));
    router
        .fallback(page::not_found)
        .layer(from_fn_with_state(state.clone(), caller::resolve))
        .layer(session)
        .layer(from_fn_with_state(state.clone(), same_origin::check))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(tower_http::limit::RequestBodyLimitLayer::new(BODY_LIMIT))
        .layer(from_fn(assets::serve))
        .layer(CompressionLayer::new())
        .layer(from_fn_with_state(state.clone(), headers::secure))
        .layer(from_fn_with_state(state.clone(), health::count))
        .with_state(state)
}

/// A server that listens.
pub struct Server {
    /// Where, with the real port.
    pub addr: SocketAddr,
    /// What it shares.
    pub state: AppState,
    listener: tokio::net::TcpListener,
}

impl Server {
    /// Opens everything and listens, but answers nobody yet.
    pub async fn bind(options: &ServeOptions) -> Result<Self, ServeError> {
        let state = AppState::open(options).await?;
        let listener = tokio::net::TcpListener::bind(options.addr)
            .await
            .map_err(|error| ServeError::Listen(options.addr, error))?;
        let addr = listener
            .local_addr()
            .map_err(|error| ServeError::Listen(options.addr, error))?;
        Ok(Self {
            addr,
            state,
            listener,
        })
    }

    /// Answers until [`crate::state::Inner::stopping`] is cancelled.
    pub async fn run(self) -> Result<(), ServeError> {
        let state = self.state;
        let sweeper = tokio::spawn(sweep(state.clone()));
        let recovery = tokio::spawn(usecase::recover(state.clone()));
        let watch = tokio::spawn(usecase::watch(state.clone()));
        let stopping = state.stopping.clone();
        let service = router(state.clone()).into_make_service_with_connect_info::<SocketAddr>();
        let served = axum::serve(self.listener, service)
            .with_graceful_shutdown(async move { stopping.cancelled().await })
            .await
            .map_err(ServeError::Serve);
        // Nothing new is begun any more; what runs comes to rest, and the next start goes on.
        state.stopping.cancel();
        if let Err(error) = recovery.await {
            tracing::error!(%error, "the recovery of runs broke off");
        }
        usecase::come_to_rest(&state).await;
        sweeper.abort();
        watch.abort();
        state.store.close().await;
        served
    }
}

/// Serves until the process is told to stop.
pub async fn serve(options: ServeOptions) -> Result<(), ServeError> {
    let server = Server::bind(&options).await?;
    let state = server.state.clone();
    // Heard from the first moment on: whatever the demonstration starts must be stopped again.
    let stopping = state.stopping.clone();
    tokio::spawn(async move {
        told_to_stop().await;
        stopping.cancel();
    });
    let demo = if options.demo {
        println!("Making the demonstration ready; the first time this takes a moment ...");
        let demo = Demo::prepare(&state, &options.data_dir).await?;
        println!("{}", demo.announcement());
        Some(demo)
    } else {
        None
    };
    if let Some(token) = setup::prepare(&state.store).await? {
        println!(
            "nobody is registered yet; open http://{}/set-up with this one-time token: {token}",
            server.addr
        );
    }
    println!("listening on http://{}", server.addr);
    let served = server.run().await;
    if let Some(demo) = demo {
        demo.stop().await?;
    }
    served
}

/// SIGTERM or SIGINT.
async fn told_to_stop() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => {
                tokio::select! {
                    _ = interrupted => {}
                    _ = terminated.recv() => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be listened for");
                let _ = interrupted.await;
            }
        }
    }
    #[cfg(not(unix))]
    {
        let _ = interrupted.await;
    }
}

/// Forgets what is over, again and again.
async fn sweep(state: AppState) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        if let Err(error) = sessions::sweep(&state.store, &state.cookies).await {
            tracing::warn!(%error, "what is over could not be forgotten");
        }
        if let Err(error) = usecase::expire(&state).await {
            tracing::warn!(%error, "backups past their time could not be removed");
        }
        if let Err(error) = usecase::expire_saved_copies(&state).await {
            tracing::warn!(%error, "saved copies past their time could not be removed");
        }
    }
}
