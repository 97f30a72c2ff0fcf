//! All migrations.

use bellows::access::{Action, allowed};
use leptos::prelude::*;
use leptos_router::components::A;

use crate::api;
use crate::backend::Me;
use crate::components::{Empty, Loaded, MigrationTable, PageHead};

/// The list of migrations.
#[component]
pub fn MigrationsPage() -> impl IntoView {
    let migrations = Resource::new(|| (), |()| api::migrations());
    let author = use_context::<Me>().is_some_and(|me| allowed(&me.grants, Action::Author, None));
    view! {
        <PageHead title="Migrations">
            {author
                .then(|| {
                    view! {
                        <A href="/migrations/new" attr:class="button primary">"New migration"</A>
                    }
                })}
        </PageHead>
        <Loaded resource=migrations let:migrations>
            {if migrations.is_empty() {
                view! {
                    <Empty>
                        "There are no migrations yet. "
                        {if author {
                            "Start with “New migration”: pick a target and a pattern."
                        } else {
                            "An engineer writes the first one."
                        }}
                    </Empty>
                }
                    .into_any()
            } else {
                view! { <MigrationTable migrations label="Migrations" /> }.into_any()
            }}
        </Loaded>
    }
    .into_any()
}
