//! What a page loaded, or why it could not.

use leptos::prelude::*;

use super::Failure;
use crate::backend::Answer;

/// Shows the children for what was loaded. While it is loaded again, the old stays.
#[component]
pub fn Loaded<T, F, V>(
    /// What is loaded.
    resource: Resource<Answer<T>>,
    /// What shows it.
    children: F,
) -> impl IntoView
where
    T: Clone + Send + Sync + 'static,
    F: Fn(T) -> V + Clone + Send + Sync + 'static,
    V: IntoView + 'static,
{
    view! {
        <Transition fallback=|| view! { <p class="loading" role="status">"Loading …"</p> }>
            {move || {
                let children = children.clone();
                Suspend::new(async move {
                    match resource.await {
                        Ok(value) => children(value).into_any(),
                        Err(error) => view! { <Failure error /> }.into_any(),
                    }
                })
            }}
        </Transition>
    }
}
