//! All executions.

use leptos::prelude::*;
use leptos_router::components::A;

use crate::api;
use crate::components::{Empty, ExecutionTable, Loaded, PageHead, every};

/// Milliseconds between two looks at the list.
const REFRESH_MS: u64 = 5_000;

/// The list of executions.
#[component]
pub fn ExecutionsPage() -> impl IntoView {
    let executions = Resource::new(|| (), |()| api::executions());
    every(REFRESH_MS, move || executions.refetch());
    view! {
        <PageHead title="Executions" />
        <Loaded resource=executions let:executions>
            {if executions.is_empty() {
                view! {
                    <Empty>
                        "Nothing has run yet. Open an approved migration under "
                        <A href="/migrations">"Migrations"</A> " and start its first phase."
                    </Empty>
                }
                    .into_any()
            } else {
                view! { <ExecutionTable executions label="Executions" /> }.into_any()
            }}
        </Loaded>
    }
    .into_any()
}
