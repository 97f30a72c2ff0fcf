//! The first page: what waits for this person, what runs, what changed.

use bellows::access::{Action, allowed};
use leptos::prelude::*;
use leptos_router::components::A;

use crate::api;
use crate::backend::{Dashboard, Me};
use crate::components::{Empty, ExecutionTable, Loaded, MigrationTable, PageHead, every};

/// Milliseconds between two looks at what waits.
const REFRESH_MS: u64 = 10_000;

/// The dashboard.
#[component]
pub fn DashboardPage() -> impl IntoView {
    let dashboard = Resource::new(|| (), |()| api::dashboard());
    every(REFRESH_MS, move || dashboard.refetch());
    let author = use_context::<Me>().is_some_and(|me| allowed(&me.grants, Action::Author, None));
    view! {
        <PageHead title="Dashboard">
            {author
                .then(|| {
                    view! {
                        <A href="/migrations/new" attr:class="button primary">"New migration"</A>
                    }
                })}
        </PageHead>
        <Loaded resource=dashboard let:dashboard>
            <Lists dashboard />
        </Loaded>
    }
    .into_any()
}

#[component]
fn Lists(dashboard: Dashboard) -> impl IntoView {
    view! {
        <section aria-labelledby="waiting" data-testid="waiting-for-me">
            <h2 id="waiting">"Waiting for you"</h2>
            {if dashboard.waiting_for_me.is_empty() {
                view! { <Empty>"Nothing waits for you."</Empty> }.into_any()
            } else {
                view! { <MigrationTable migrations=dashboard.waiting_for_me label="Waiting for you" /> }
                    .into_any()
            }}
        </section>
        <section aria-labelledby="running" data-testid="running">
            <h2 id="running">"Running"</h2>
            {if dashboard.running.is_empty() {
                view! { <Empty>"No execution is under way."</Empty> }.into_any()
            } else {
                view! { <ExecutionTable executions=dashboard.running label="Running" /> }.into_any()
            }}
        </section>
        <section aria-labelledby="recent" data-testid="recent">
            <h2 id="recent">"Changed last"</h2>
            {if dashboard.recent.is_empty() {
                view! {
                    <Empty>
                        "There are no migrations yet. An engineer writes the first one under "
                        <A href="/migrations">"Migrations"</A> "."
                    </Empty>
                }
                    .into_any()
            } else {
                view! { <MigrationTable migrations=dashboard.recent label="Changed last" /> }
                    .into_any()
            }}
        </section>
    }
    .into_any()
}
