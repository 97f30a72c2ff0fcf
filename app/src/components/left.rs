//! What runs left behind on a target, and a draft that takes it away.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::{ActionFailure, Empty, ExecutionBadge};
use crate::api;
use crate::backend::{ApiError, LeftBehindView, LeftView, SaveRequest, UnfinishedView};
use crate::text;

/// The list, looked for when it is opened.
#[component]
pub fn LeftBehind(
    /// The target.
    target_id: String,
    /// Its name.
    name: String,
    /// Whether the person may write migrations.
    may_author: bool,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    let of = target_id.clone();
    let load = Action::new(move |(): &()| api::left_behind(of.clone()));
    let failure = Signal::derive(move || load.value().get().and_then(Result::err));
    view! {
        <button
            type="button"
            aria-label=format!("Left behind on {name}")
            aria-expanded=move || shown.get().to_string()
            on:click=move |_| {
                shown.update(|shown| *shown = !*shown);
                if shown.get_untracked() {
                    load.dispatch(());
                }
            }
        >
            {move || if shown.get() { "Hide what is left behind" } else { "What is left behind?" }}
        </button>
        {move || {
            let left = load.value().get().and_then(Result::ok).filter(|_| shown.get());
            left.map(|left| {
                let target_id = target_id.clone();
                view! { <List target_id left may_author /> }
            })
        }}
        <ActionFailure error=failure />
    }
    .into_any()
}

#[component]
fn List(target_id: String, left: LeftBehindView, may_author: bool) -> impl IntoView {
    if left.executions.is_empty() && left.found.is_empty() {
        return view! { <Empty>"Nothing is left behind."</Empty> }.into_any();
    }
    let draft = left
        .document
        .filter(|_| may_author)
        .map(|document| view! { <Draft target_id document /> });
    view! {
        <div data-testid="left-behind">
            <ul>
                {left.executions.into_iter().map(unfinished).collect_view()}
                {left.found.into_iter().map(found).collect_view()}
            </ul>
            {draft}
        </div>
    }
    .into_any()
}

fn unfinished(execution: UnfinishedView) -> impl IntoView {
    let next = execution
        .next
        .map(|(phase, of)| format!("phase {phase} of {of} comes next, "));
    let href = format!("/executions/{}", execution.id);
    let words = format!(
        "by {}, {} ago",
        execution.by,
        text::duration(execution.age_ms)
    );
    view! {
        <li>
            <a href=href>{execution.migration}</a>
            " "
            <ExecutionBadge state=execution.state />
            " "
            {next}
            {words}
        </li>
    }
}

fn found(item: LeftView) -> impl IntoView {
    let of = match (item.migration, item.by, item.age_ms) {
        (Some(migration), Some(by), Some(age)) => {
            format!(" Of {migration}, by {by}, {} ago.", text::duration(age))
        }
        (Some(_) | None, _, _) => String::new(),
    };
    let own = if item.unfinished {
        " Its execution is not over, and takes it away."
    } else {
        ""
    };
    let title = item.left.kind.title();
    let words = format!(" on {}: {}.{of}{own}", item.left.table, item.left.what);
    view! {
        <li>
            {title}
            " "
            <code class="wrap">{item.left.name}</code>
            {words}
        </li>
    }
}

/// A migration like any other, to be read, approved and run.
#[component]
fn Draft(target_id: String, document: String) -> impl IntoView {
    let navigate = use_navigate();
    let save = Action::new(move |(): &()| {
        let request = SaveRequest {
            id: None,
            target_id: target_id.clone(),
            text: document.clone(),
            base_version: 0,
        };
        let navigate = navigate.clone();
        async move {
            let saved = api::save_migration(request).await?;
            navigate(
                &format!("/migrations/{}", saved.id),
                NavigateOptions::default(),
            );
            Ok::<(), ApiError>(())
        }
    });
    let pending = save.pending();
    let failure = Signal::derive(move || save.value().get().and_then(Result::err));
    view! {
        <div class="buttons">
            <button
                type="button"
                disabled=pending
                on:click=move |_| {
                    save.dispatch(());
                }
            >
                "Draft a migration that takes it away"
            </button>
        </div>
        <ActionFailure error=failure />
    }
    .into_any()
}
