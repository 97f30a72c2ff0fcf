//! The live schema of a target, loaded beside the page.

use std::sync::Arc;

use bellows::estimate::TargetFacts;
use bellows::schema::Schema;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api;
use crate::backend::ApiError;

/// How far the look at the target is.
#[derive(Clone, Debug)]
pub enum LiveSchema {
    /// No target is chosen.
    None,
    /// It is being asked.
    Loading,
    /// What it said; without its sizes and its speed where only those could not be had.
    Ready(Arc<Schema>, Option<Arc<TargetFacts>>),
    /// Why it said nothing.
    Failed(ApiError),
}

impl LiveSchema {
    /// The tables, where they are there.
    pub fn ready(&self) -> Option<Arc<Schema>> {
        match self {
            LiveSchema::Ready(schema, _) => Some(schema.clone()),
            LiveSchema::None | LiveSchema::Loading | LiveSchema::Failed(_) => None,
        }
    }

    /// What the target holds at the moment, where it said so.
    pub fn facts(&self) -> Option<Arc<TargetFacts>> {
        match self {
            LiveSchema::Ready(_, facts) => facts.clone(),
            LiveSchema::None | LiveSchema::Loading | LiveSchema::Failed(_) => None,
        }
    }
}

/// Follows the chosen target. In the browser only: a target that does not answer holds no page up.
pub fn live_schema(target: Signal<Option<String>>) -> RwSignal<LiveSchema> {
    let state = RwSignal::new(LiveSchema::None);
    Effect::new(move || {
        let Some(id) = target.get() else {
            state.set(LiveSchema::None);
            return;
        };
        state.set(LiveSchema::Loading);
        spawn_local(async move {
            // Both or none: a preview with one of them would be another a moment later.
            let facts = api::target_facts(id.clone()).await.ok().map(Arc::new);
            let answer = api::target_schema(id.clone()).await;
            // The page may be gone by now, or another target chosen.
            if target.try_get_untracked() == Some(Some(id)) {
                state.set(match answer {
                    Ok(schema) => LiveSchema::Ready(Arc::new(schema), facts),
                    Err(error) => LiveSchema::Failed(error),
                });
            }
        });
    });
    state
}

/// Says so while the target is asked, or where it did not answer.
#[component]
pub fn LiveSchemaNote(
    /// How far the look is.
    state: RwSignal<LiveSchema>,
) -> impl IntoView {
    view! {
        <div role="status">
            {move || match state.get() {
                LiveSchema::None | LiveSchema::Ready(_, _) => None,
                LiveSchema::Loading => {
                    Some(view! { <p class="muted">"Reading the target's tables …"</p> }.into_any())
                }
                LiveSchema::Failed(error) => {
                    Some(
                        view! {
                            <p class="notice warn">
                                "The target's tables could not be read, so names are not offered: "
                                {error.message}
                            </p>
                        }
                            .into_any(),
                    )
                }
            }}
        </div>
    }
    .into_any()
}
