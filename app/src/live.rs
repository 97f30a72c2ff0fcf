//! An execution's events as they happen: over a websocket, or by asking where none can be had.

use bellows::run::{RunEvent, View};
use leptos::prelude::*;

/// How the events come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "hydrate"),
    expect(dead_code, reason = "a page connects only in the browser")
)]
pub enum Link {
    /// Not connected yet.
    Starting,
    /// Over the websocket.
    Socket,
    /// The websocket is gone; it is tried again.
    Reconnecting,
    /// No websocket can be had: the server is asked every few seconds.
    Polling,
    /// The server cannot be asked either.
    Lost(String),
    /// The execution is over; nothing more comes.
    Ended,
}

/// An execution that is watched.
#[derive(Clone, Copy)]
pub struct Live {
    /// Its events so far, folded.
    pub view: RwSignal<View>,
    /// How more of them come.
    pub link: RwSignal<Link>,
}

/// Watches an execution from the events that are known already; none is lost and none counts
/// twice, however often the connection breaks.
pub fn watch(id: String, known: &[RunEvent]) -> Live {
    let view = View::fold(known);
    let link = if view.finished.is_some() {
        Link::Ended
    } else {
        Link::Starting
    };
    let live = Live {
        view: RwSignal::new(view),
        link: RwSignal::new(link),
    };
    #[cfg(feature = "hydrate")]
    Effect::new(move || browser::start(id.clone(), live));
    #[cfg(not(feature = "hydrate"))]
    let _ = id;
    live
}

#[cfg(feature = "hydrate")]
mod browser {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;
    use std::time::Duration;

    use bellows::run::{RunEvent, Taken};
    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use wasm_bindgen::JsCast;
    use wasm_bindgen::closure::Closure;
    use web_sys::{MessageEvent, WebSocket};

    use super::{Link, Live};
    use crate::api;
    use crate::backend::ErrorCode;

    /// Milliseconds before the first new try; doubled with each, up to the last.
    const BACKOFF_MS: u64 = 500;
    const BACKOFF_MAX_MS: u64 = 15_000;
    /// Tries without success after which the server is asked meanwhile.
    const TRIES_BEFORE_POLLING: u32 = 3;
    /// Milliseconds between two questions.
    const POLL_MS: u64 = 2_000;
    /// The server speaks at least every 15 seconds; after this silence the connection is dead.
    const SILENCE_MS: f64 = 45_000.0;

    /// One page's watch over one execution.
    struct Watch {
        id: String,
        live: Live,
        socket: RefCell<Option<Socket>>,
        tries: Cell<u32>,
        polling: Cell<bool>,
        heard: Cell<f64>,
        over: Cell<bool>,
    }

    /// A websocket with what listens to it.
    struct Socket {
        socket: WebSocket,
        _opened: Closure<dyn FnMut()>,
        _message: Closure<dyn FnMut(MessageEvent)>,
        _closed: Closure<dyn FnMut()>,
    }

    impl Drop for Socket {
        fn drop(&mut self) {
            self.socket.set_onopen(None);
            self.socket.set_onmessage(None);
            self.socket.set_onclose(None);
            // It may be closed already, which is what is wanted.
            let _ = self.socket.close();
        }
    }

    pub(super) fn start(id: String, live: Live) {
        if live.view.read_untracked().finished.is_some() {
            return;
        }
        let watch = Rc::new(Watch {
            id,
            live,
            socket: RefCell::new(None),
            tries: Cell::new(0),
            polling: Cell::new(false),
            heard: Cell::new(js_sys::Date::now()),
            over: Cell::new(false),
        });
        watch.connect();
        let pulse = {
            let watch = watch.clone();
            set_interval_with_handle(move || watch.listen(), Duration::from_secs(5))
        };
        let kept = StoredValue::new_local(watch);
        on_cleanup(move || {
            kept.try_with_value(|watch| watch.stop());
            if let Ok(pulse) = pulse {
                pulse.clear();
            }
        });
    }

    impl Watch {
        fn stop(&self) {
            self.over.set(true);
            self.socket.replace(None);
        }

        fn say(&self, link: Link) {
            if self.live.link.try_get_untracked() != Some(link.clone()) {
                self.live.link.try_set(link);
            }
        }

        /// Opens a websocket for the events after the last one known.
        fn connect(self: &Rc<Self>) {
            if self.over.get() {
                return;
            }
            let after = self.live.view.read_untracked().seq;
            let location = window().location();
            let (Ok(protocol), Ok(host)) = (location.protocol(), location.host()) else {
                return self.retry();
            };
            let scheme = if protocol == "https:" { "wss" } else { "ws" };
            let url = format!("{scheme}://{host}/ws/executions/{}?after={after}", self.id);
            let Ok(socket) = WebSocket::new(&url) else {
                return self.retry();
            };
            self.heard.set(js_sys::Date::now());
            let opened = {
                let watch = self.clone();
                Closure::<dyn FnMut()>::new(move || {
                    watch.tries.set(0);
                    watch.heard.set(js_sys::Date::now());
                    watch.say(Link::Socket);
                })
            };
            let message = {
                let watch = self.clone();
                Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
                    watch.heard.set(js_sys::Date::now());
                    // What is no event is a heartbeat.
                    if let Some(text) = event.data().as_string()
                        && let Ok(event) = serde_json::from_str::<RunEvent>(&text)
                    {
                        watch.take(&[event]);
                    }
                })
            };
            let closed = {
                let watch = self.clone();
                Closure::<dyn FnMut()>::new(move || watch.retry())
            };
            socket.set_onopen(Some(opened.as_ref().unchecked_ref()));
            socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
            socket.set_onclose(Some(closed.as_ref().unchecked_ref()));
            self.socket.replace(Some(Socket {
                socket,
                _opened: opened,
                _message: message,
                _closed: closed,
            }));
        }

        /// Tries again after a while, and asks meanwhile where that has failed too often.
        fn retry(self: &Rc<Self>) {
            if self.over.get() {
                return;
            }
            let tries = self.tries.get();
            self.tries.set(tries.saturating_add(1));
            if tries >= TRIES_BEFORE_POLLING {
                self.poll();
            } else {
                self.say(Link::Reconnecting);
            }
            let wait = (BACKOFF_MS << tries.min(6)).min(BACKOFF_MAX_MS);
            let watch = self.clone();
            set_timeout(move || watch.connect(), Duration::from_millis(wait));
        }

        /// Gives up a connection that has been silent for too long.
        fn listen(self: &Rc<Self>) {
            let open = self
                .socket
                .borrow()
                .as_ref()
                .is_some_and(|s| s.socket.ready_state() == WebSocket::OPEN);
            if open && js_sys::Date::now() - self.heard.get() > SILENCE_MS {
                self.socket.replace(None);
                self.retry();
            }
        }

        fn take(self: &Rc<Self>, events: &[RunEvent]) {
            if self.over.get() {
                return;
            }
            let mut gap = false;
            let known = self.live.view.try_update(|view| {
                for event in events {
                    match view.take(event) {
                        Taken::Next | Taken::Known => {}
                        Taken::Gap { .. } => {
                            gap = true;
                            break;
                        }
                    }
                }
                view.finished.is_some()
            });
            match known {
                None => self.over.set(true),
                Some(true) => {
                    self.over.set(true);
                    self.say(Link::Ended);
                }
                // What is missing comes with a new connection, which asks for it.
                Some(false) if gap => {
                    let watch = self.clone();
                    set_timeout(move || watch.connect(), Duration::ZERO);
                }
                Some(false) => {}
            }
        }

        /// Asks every few seconds until a websocket stands again.
        fn poll(self: &Rc<Self>) {
            if self.polling.replace(true) {
                return;
            }
            self.say(Link::Polling);
            let watch = self.clone();
            spawn_local(async move {
                watch.ask().await;
                let again = watch.clone();
                set_timeout(
                    move || {
                        again.polling.set(false);
                        let connected = again.live.link.try_get_untracked() == Some(Link::Socket);
                        if !again.over.get() && !connected {
                            again.poll();
                        }
                    },
                    Duration::from_millis(POLL_MS),
                );
            });
        }

        async fn ask(self: &Rc<Self>) {
            let Some(after) = self.live.view.try_with_untracked(|view| view.seq) else {
                return;
            };
            match api::events(self.id.clone(), after).await {
                Ok(events) => self.take(&events),
                Err(error) if error.code == ErrorCode::SignedOut => {
                    self.over.set(true);
                    self.say(Link::Lost(
                        "You are signed out. Reload the page to sign in again.".to_owned(),
                    ));
                }
                Err(error) => self.say(Link::Lost(error.message)),
            }
        }
    }
}
