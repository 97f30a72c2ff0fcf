//! What phases keep on a target of what they destroyed, and its removal.

use leptos::prelude::*;

use super::dialog::ConfirmButton;
use super::{ActionFailure, Empty};
use crate::api;
use crate::backend::{ApiError, SavedCopyView};
use crate::text;

/// The list, loaded when it is opened.
#[component]
pub fn SavedCopies(
    /// The target.
    target_id: String,
    /// Its name.
    name: String,
    /// Whether the person may remove copies.
    may_remove: bool,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    let of = target_id.clone();
    let load = Action::new(move |(): &()| api::saved_copies(of.clone()));
    let failure = Signal::derive(move || load.value().get().and_then(Result::err));
    let reload = Callback::new(move |()| {
        load.dispatch(());
    });
    view! {
        <button
            type="button"
            aria-label=format!("Saved copies on {name}")
            aria-expanded=move || shown.get().to_string()
            on:click=move |_| {
                shown.update(|shown| *shown = !*shown);
                if shown.get_untracked() {
                    load.dispatch(());
                }
            }
        >
            {move || if shown.get() { "Hide the saved copies" } else { "Show the saved copies" }}
        </button>
        {move || {
            let copies = load.value().get().and_then(Result::ok).filter(|_| shown.get());
            copies
                .map(|copies| {
                    let target_id = target_id.clone();
                    view! { <List target_id copies may_remove reload /> }
                })
        }}
        <ActionFailure error=failure />
    }
    .into_any()
}

#[component]
fn List(
    target_id: String,
    copies: Vec<SavedCopyView>,
    may_remove: bool,
    reload: Callback<()>,
) -> impl IntoView {
    if copies.is_empty() {
        return view! { <Empty>"Nothing is kept of what contract phases took away."</Empty> }
            .into_any();
    }
    view! {
        <div class="table-box" data-testid="saved-copies">
            <table class="list" aria-label="Saved copies">
                <thead>
                    <tr>
                        <th scope="col">"What"</th>
                        <th scope="col">"Of"</th>
                        <th scope="col">"Size"</th>
                        <th scope="col">"Age"</th>
                        <th scope="col">"Remove"</th>
                    </tr>
                </thead>
                <tbody>
                    {copies
                        .into_iter()
                        .map(|copy| {
                            let target_id = target_id.clone();
                            view! { <Row target_id copy may_remove reload /> }
                        })
                        .collect_view()}
                </tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn Row(
    target_id: String,
    copy: SavedCopyView,
    may_remove: bool,
    reload: Callback<()>,
) -> impl IntoView {
    let href = format!("/executions/{}", copy.execution);
    let of = format!("{}, phase {}", copy.migration, copy.phase);
    let place = copy.place.clone();
    let act = match copy.held {
        Some(why) => view! { <span class="muted">{why}</span> }.into_any(),
        None if may_remove => view! { <Remove target_id place reload /> }.into_any(),
        None => view! { <span class="muted">"by an admin"</span> }.into_any(),
    };
    view! {
        <tr data-testid="saved-copy">
            <td data-label="What">{copy.what} <code class="sub wrap">{copy.place}</code></td>
            <td data-label="Of">
                <a href=href>{of}</a>
            </td>
            <td data-label="Size" class="nowrap">{text::bytes(copy.bytes)}</td>
            <td data-label="Age" class="nowrap">{text::duration(copy.age_ms)}</td>
            <td data-label="Remove">{act}</td>
        </tr>
    }
    .into_any()
}

#[component]
fn Remove(target_id: String, place: String, reload: Callback<()>) -> impl IntoView {
    let remove = Action::new(move |(): &()| {
        let (target, place) = (target_id.clone(), place.clone());
        async move {
            api::remove_saved_copy(target, place).await?;
            reload.run(());
            Ok::<(), ApiError>(())
        }
    });
    let pending = remove.pending();
    let failure = Signal::derive(move || remove.value().get().and_then(Result::err));
    let yes = Callback::new(move |()| {
        remove.dispatch(());
    });
    view! {
        <ConfirmButton
            label="Remove"
            class="danger"
            question="Remove this copy for good?"
            explain="The phase that it was saved from cannot be rolled back then: what it took away is only in backups, if in any."
            disabled=pending
            yes
        />
        <ActionFailure error=failure />
    }
    .into_any()
}
