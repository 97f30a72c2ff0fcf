//! Where nothing is.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;

/// Every path without a page.
#[component]
pub fn NotFoundPage() -> impl IntoView {
    #[cfg(feature = "ssr")]
    crate::api::set_status(404);
    view! {
        <Title text="Not found" />
        <main class="narrow">
            <h1>"There is no such page"</h1>
            <p>
                "The address may be mistyped, or what was here is gone. " <A href="/">
                    "To the dashboard"
                </A>
            </p>
        </main>
    }
    .into_any()
}
