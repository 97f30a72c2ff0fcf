//! A button that asks before it acts.

use leptos::prelude::*;

/// A button, and the question that it opens.
#[component]
pub fn ConfirmButton(
    /// What the button says, and the question's answer.
    label: &'static str,
    /// The button's class.
    #[prop(optional)]
    class: &'static str,
    /// What is asked.
    question: &'static str,
    /// What then happens.
    #[prop(into)]
    explain: String,
    /// Whether it can be pressed.
    #[prop(into)]
    disabled: Signal<bool>,
    /// What is done on yes.
    yes: Callback<()>,
) -> impl IntoView {
    let dialog = NodeRef::<leptos::html::Dialog>::new();
    let open = move |_| {
        #[cfg(feature = "hydrate")]
        if let Some(dialog) = dialog.get_untracked()
            && let Err(error) = dialog.show_modal()
        {
            leptos::logging::error!("the question cannot be asked: {error:?}");
        }
    };
    let close = move || {
        #[cfg(feature = "hydrate")]
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    };
    view! {
        <button type="button" class=class disabled=disabled on:click=open>
            {label}
        </button>
        <dialog node_ref=dialog aria-label=question>
            <h2>{question}</h2>
            <p>{explain}</p>
            <div class="dialog-buttons">
                <button type="button" on:click=move |_| close()>
                    "Go back"
                </button>
                <button
                    type="button"
                    class="danger"
                    on:click=move |_| {
                        close();
                        yes.run(());
                    }
                >
                    {format!("Yes, {}", label.to_lowercase())}
                </button>
            </div>
        </dialog>
    }
    .into_any()
}
