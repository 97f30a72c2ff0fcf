//! Websockets: the events of one execution from any number on, and what goes on everywhere.
//!
//! A socket is woken, then reads the store at its own pace. Every fifteen seconds it sends a
//! heartbeat and asks anew whether its session still stands.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use axum::extract::{Extension, Path, Query, State, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bellows_app::backend::{ApiError, ErrorCode};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, interval_at, timeout};

use crate::auth::{Actor, sessions};
use crate::events::Note;
use crate::state::AppState;
use crate::store::Store;
use crate::usecase::RequestBackend;

/// Between heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A peer that takes nothing for so long is gone.
const STUCK: Duration = Duration::from_secs(30);
/// What a page sends us is never longer.
const INCOMING: usize = 4 * 1024;
/// Events of other servers on the same store wake nobody here: they are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// `?after=N`.
#[derive(Debug, Deserialize)]
pub struct After {
    #[serde(default)]
    after: u64,
}

/// What is sent beside events. It carries no `seq`.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
enum Aside<'a> {
    Heartbeat,
    /// Something about that execution is new; without one, about any of them.
    Activity {
        execution: Option<&'a str>,
    },
}

/// Why a socket ends.
enum End {
    Gone,
    SignedOut,
    Stopping,
    Fault,
}

/// `/ws/executions/{id}?after=N`: every event after that number, and then as they come.
pub async fn execution(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    Query(After { after }): Query<After>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let backend = RequestBackend::new(state.clone(), actor.clone());
    if let Err(error) = backend.may_watch(&id).await {
        return refusal(&error);
    }
    upgrade
        .max_message_size(INCOMING)
        .on_upgrade(move |socket| async move {
            let watch = Watch { state, actor };
            watch.run(socket, Some((id, after))).await;
        })
}

/// `/ws/activity`: which executions have something new.
pub async fn activity(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let backend = RequestBackend::new(state.clone(), actor.clone());
    if let Err(error) = backend.may_read().await {
        return refusal(&error);
    }
    upgrade
        .max_message_size(INCOMING)
        .on_upgrade(move |socket| async move {
            let watch = Watch { state, actor };
            watch.run(socket, None).await;
        })
}

fn refusal(error: &ApiError) -> Response {
    let status =
        StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, format!("{error}\n")).into_response()
}

struct Watch {
    state: AppState,
    actor: Actor,
}

impl Watch {
    async fn run(self, mut socket: WebSocket, of: Option<(String, u64)>) {
        self.state.counters.sockets.fetch_add(1, Ordering::Relaxed);
        let end = match of {
            Some((id, after)) => self.events(&mut socket, &id, after).await,
            None => self.activity(&mut socket).await,
        };
        let close = match end {
            End::Gone => None,
            End::SignedOut => Some((close_code::POLICY, "signed out")),
            End::Stopping => Some((close_code::AWAY, "the server stops")),
            End::Fault => Some((close_code::ERROR, "the server's log says more")),
        };
        if let Some((code, reason)) = close {
            let frame = CloseFrame {
                code,
                reason: Utf8Bytes::from_static(reason),
            };
            // Whether the peer still hears it makes no difference.
            let _ = timeout(STUCK, socket.send(Message::Close(Some(frame)))).await;
        }
        self.state.counters.sockets.fetch_sub(1, Ordering::Relaxed);
    }

    /// Sends what is new, then waits to be woken.
    async fn events(&self, socket: &mut WebSocket, id: &str, mut after: u64) -> End {
        let mut notes = self.state.events.subscribe();
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        let mut look = tokio::time::interval(LOOK_EVERY);
        let shared = match self.state.store {
            Store::Sqlite { .. } => false,
            Store::Postgres(_) => true,
        };
        loop {
            loop {
                let events = match self.state.events.after(id, after).await {
                    Ok(events) => events,
                    Err(error) => {
                        tracing::error!(%error, "events cannot be read");
                        return End::Fault;
                    }
                };
                if events.is_empty() {
                    break;
                }
                for event in events {
                    if !send(socket, &event).await {
                        return End::Gone;
                    }
                    after = event.seq;
                }
            }
            loop {
                tokio::select! {
                    note = notes.recv() => match note {
                        Ok(note) if note.execution == id && note.seq.is_some_and(|seq| seq > after) => break,
                        Ok(_) => {}
                        Err(RecvError::Lagged(_)) => break,
                        Err(RecvError::Closed) => return End::Stopping,
                    },
                    _ = look.tick(), if shared => break,
                    _ = heartbeat.tick() => {
                        if let Some(end) = self.beat(socket, Some(id)).await {
                            return end;
                        }
                    }
                    () = self.state.stopping.cancelled() => return End::Stopping,
                    message = socket.recv() => if ended(message) { return End::Gone },
                }
            }
        }
    }

    async fn activity(&self, socket: &mut WebSocket) -> End {
        let mut notes = self.state.events.subscribe();
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        loop {
            tokio::select! {
                note = notes.recv() => {
                    let sent = match note {
                        Ok(Note { execution, .. }) => {
                            send(socket, &Aside::Activity { execution: Some(&execution) }).await
                        }
                        Err(RecvError::Lagged(_)) => send(socket, &Aside::Activity { execution: None }).await,
                        Err(RecvError::Closed) => return End::Stopping,
                    };
                    if !sent {
                        return End::Gone;
                    }
                }
                _ = heartbeat.tick() => {
                    if let Some(end) = self.beat(socket, None).await {
                        return end;
                    }
                }
                () = self.state.stopping.cancelled() => return End::Stopping,
                message = socket.recv() => if ended(message) { return End::Gone },
            }
        }
    }

    /// A heartbeat; the socket ends where its session does, or the right to see it.
    async fn beat(&self, socket: &mut WebSocket, execution: Option<&str>) -> Option<End> {
        let Some(session) = &self.actor.session else {
            return Some(End::SignedOut);
        };
        let actor = sessions::of_session(&self.state.store, session, self.actor.origin).await;
        let still = match actor {
            Ok(actor) => {
                let backend = RequestBackend::new(self.state.clone(), actor);
                match execution {
                    Some(id) => backend.may_watch(id).await,
                    None => backend.may_read().await,
                }
            }
            Err(error) => Err(error.into()),
        };
        match still {
            Ok(()) if send(socket, &Aside::Heartbeat).await => None,
            Ok(()) => Some(End::Gone),
            Err(error) if error.code == ErrorCode::Internal => Some(End::Fault),
            Err(_) => Some(End::SignedOut),
        }
    }
}

/// Whether the peer took it.
async fn send<T: Serialize>(socket: &mut WebSocket, what: &T) -> bool {
    let text = match serde_json::to_string(what) {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(%error, "an event cannot be written as JSON");
            return false;
        }
    };
    matches!(
        timeout(STUCK, socket.send(Message::text(text))).await,
        Ok(Ok(()))
    )
}

/// Whether the peer ended it. What else it says is not listened to.
fn ended(message: Option<Result<Message, axum::Error>>) -> bool {
    match message {
        None | Some(Err(_) | Ok(Message::Close(_))) => true,
        Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {
            false
        }
    }
}
