//! The question before a session of the target's is ended. It stands beside what is told of the
//! wait for the lock, which is told anew with every try: an open question must outlive that.

use leptos::prelude::*;

use crate::api;
use crate::components::ActionFailure;

/// A session that somebody may want to end: its process id and its user.
pub type Asked = Option<(i32, String)>;

/// The question, open while a session is asked about.
#[component]
pub fn EndSession(
    /// The execution.
    id: String,
    /// The session.
    asked: RwSignal<Asked>,
) -> impl IntoView {
    let dialog = NodeRef::<leptos::html::Dialog>::new();
    let end = Action::new(move |pid: &i32| api::end_blocker(id.clone(), *pid));
    let pending = end.pending();
    let failure = Signal::derive(move || end.value().get().and_then(Result::err));
    Effect::new(move |_| {
        let open = asked.read().is_some();
        #[cfg(feature = "hydrate")]
        if let Some(dialog) = dialog.get() {
            if !open {
                dialog.close();
            } else if !dialog.open()
                && let Err(error) = dialog.show_modal()
            {
                leptos::logging::error!("the question cannot be asked: {error:?}");
            }
        }
        #[cfg(not(feature = "hydrate"))]
        let _ = open;
    });
    let explain = move || {
        let (pid, user) = asked.get().unwrap_or_default();
        format!(
            "What the session {pid} of {user} has not committed is lost, and its application gets an error. That you did it is recorded."
        )
    };
    view! {
        <dialog node_ref=dialog aria-label="End this session?" on:close=move |_| asked.set(None)>
            <h2>"End this session?"</h2>
            <p>{explain}</p>
            <div class="dialog-buttons">
                <button type="button" on:click=move |_| asked.set(None)>
                    "Go back"
                </button>
                <button
                    type="button"
                    class="danger"
                    on:click=move |_| {
                        if let Some((pid, _)) = asked.get_untracked() {
                            end.dispatch(pid);
                        }
                        asked.set(None);
                    }
                >
                    "Yes, end it"
                </button>
            </div>
        </dialog>
        <span class="muted" role="status">
            {move || if pending.get() { "Waiting for the next try, to end the session …" } else { "" }}
        </span>
        <ActionFailure error=failure />
    }
    .into_any()
}
