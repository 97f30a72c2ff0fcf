//! Save, and ask for review.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::editor::Editor;
use crate::api;
use crate::backend::{ApiError, SaveRequest, Saved};
use crate::components::ActionFailure;

/// The buttons over the builder, and what became of them.
#[component]
pub(super) fn SaveBar(editor: Editor) -> impl IntoView {
    let navigate = use_navigate();
    // True: and ask for review.
    let save = Action::new(move |review: &bool| {
        let review = *review;
        let navigate = navigate.clone();
        async move {
            let text = editor.current.get_untracked();
            let origin = editor.origin.get_untracked();
            let new = origin.id.is_none();
            let saved = api::save_migration(SaveRequest {
                id: origin.id,
                target_id: origin.target_id,
                text: text.clone(),
                base_version: origin.version,
            })
            .await?;
            editor.saved.set(text);
            editor.origin.update(|origin| {
                origin.id = Some(saved.id.clone());
                origin.version = saved.version;
            });
            if review {
                api::request_review(saved.id.clone(), saved.version).await?;
                navigate(
                    &format!("/migrations/{}", saved.id),
                    NavigateOptions::default(),
                );
            } else if new {
                let options = NavigateOptions {
                    replace: true,
                    ..NavigateOptions::default()
                };
                navigate(&format!("/migrations/{}/edit", saved.id), options);
            }
            Ok::<Saved, ApiError>(saved)
        }
    });
    let pending = save.pending();
    let failure = Signal::derive(move || save.value().get().and_then(Result::err));
    let broken = move || editor.reading.read().is_err();
    let status = move || match (editor.dirty.get(), editor.origin.get().version) {
        (true, _) => "Not saved yet".to_owned(),
        (false, 0) => "Nothing to save".to_owned(),
        (false, version) => format!("Version {version} is saved"),
    };
    view! {
        <div class="save-bar">
            <p class="save-status" role="status" data-testid="save-status">
                {move || {
                    if broken() { "Mend the problems to save".to_owned() } else { status() }
                }}
            </p>
            <button
                type="button"
                disabled=move || pending.get() || broken() || !editor.dirty.get()
                on:click=move |_| {
                    save.dispatch(false);
                }
            >
                {move || if pending.get() { "Saving …" } else { "Save" }}
            </button>
            <button
                type="button"
                class="primary"
                disabled=move || {
                    pending.get() || broken()
                        || (editor.origin.read().version == 0 && !editor.dirty.get())
                }
                on:click=move |_| {
                    save.dispatch(true);
                }
            >
                "Save and ask for review"
            </button>
        </div>
        <ActionFailure error=failure />
    }
    .into_any()
}
