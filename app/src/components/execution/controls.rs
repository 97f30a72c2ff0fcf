//! Pause, resume, go, faster, slower, cancel, roll back.

use bellows::run::ExecutionState;
use leptos::prelude::*;

use crate::api;
use crate::backend::{ApiError, Control};
use crate::components::ActionFailure;
use crate::components::dialog::ConfirmButton;

/// The buttons of someone who may control the run; each is there when it would do something.
#[component]
pub fn Controls(
    /// The execution.
    id: String,
    /// Where it stands.
    #[prop(into)]
    state: Signal<ExecutionState>,
    /// Whether it is held until a person says go.
    #[prop(into)]
    held: Signal<bool>,
) -> impl IntoView {
    let send = Action::new(move |control: &Control| {
        let control = *control;
        let id = id.clone();
        async move {
            api::control(id, control).await?;
            Ok::<Control, ApiError>(control)
        }
    });
    let pending = send.pending();
    let failure = Signal::derive(move || send.value().get().and_then(Result::err));
    let is = move |states: &'static [ExecutionState]| states.contains(&state.get());
    let cancel = Callback::new(move |()| {
        send.dispatch(Control::Cancel);
    });
    let roll_back = Callback::new(move |()| {
        send.dispatch(Control::RollBack);
    });
    let go = Callback::new(move |()| {
        send.dispatch(Control::Go);
    });
    view! {
        <div class="buttons" role="group" aria-label="Control the execution">
            {move || {
                is(&[ExecutionState::Running])
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                disabled=pending
                                on:click=move |_| {
                                    send.dispatch(Control::Pause);
                                }
                            >
                                "Pause"
                            </button>
                            <button
                                type="button"
                                disabled=pending
                                title="One session more at work on a large table"
                                on:click=move |_| {
                                    send.dispatch(Control::Faster);
                                }
                            >
                                "Faster"
                            </button>
                            <button
                                type="button"
                                disabled=pending
                                title="One session less; the last one rests as long as it works"
                                on:click=move |_| {
                                    send.dispatch(Control::Slower);
                                }
                            >
                                "Slower"
                            </button>
                        }
                    })
            }}
            {move || {
                (held.get() && is(&[ExecutionState::Paused, ExecutionState::Waiting]))
                    .then(|| {
                        view! {
                            <ConfirmButton
                                label="Go"
                                class="primary"
                                question="Go on with what is held?"
                                explain="What comes next is noticed by applications at once. That you said so is recorded."
                                disabled=pending
                                yes=go
                            />
                        }
                    })
            }}
            {move || {
                (!held.get() && is(&[ExecutionState::Paused]))
                    .then(|| {
                        view! {
                            <button
                                type="button"
                                class="primary"
                                disabled=pending
                                on:click=move |_| {
                                    send.dispatch(Control::Resume);
                                }
                            >
                                "Resume"
                            </button>
                        }
                    })
            }}
            {move || {
                is(&[ExecutionState::Paused, ExecutionState::Waiting])
                    .then(|| {
                        view! {
                            <ConfirmButton
                                label="Roll back"
                                question="Roll the execution back?"
                                explain="Every phase that is done is taken back, the last one first, and the execution is over."
                                disabled=pending
                                yes=roll_back
                            />
                        }
                    })
            }}
            {move || {
                is(&[ExecutionState::Running, ExecutionState::Paused, ExecutionState::Waiting])
                    .then(|| {
                        view! {
                            <ConfirmButton
                                label="Cancel"
                                class="danger"
                                question="Cancel the execution?"
                                explain="The phase in hand is taken back and the execution is over. Phases that are done stay done."
                                disabled=pending
                                yes=cancel
                            />
                        }
                    })
            }}
            <span class="muted" role="status">
                {move || if pending.get() { "Sending …" } else { "" }}
            </span>
        </div>
        <ActionFailure error=failure />
    }
    .into_any()
}
