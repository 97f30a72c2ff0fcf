//! Sign-in.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::Redirect;
use leptos_router::hooks::use_query_map;

use crate::api;
use crate::components::{ActionFailure, leave};
use crate::text::own_path;

/// The sign-in form; works as a plain form too. Where nobody is registered yet, it leads to the
/// set-up.
#[component]
pub fn SignInPage() -> impl IntoView {
    let needs_setup = Resource::new(|| (), |()| api::needs_setup());
    let action = ServerAction::<api::SignIn>::new();
    let query = use_query_map();
    let next = Memo::new(move |_| own_path(query.read().get_str("next")).to_owned());
    let failure = Signal::derive(move || action.value().get().and_then(Result::err));
    // The whole page anew: the session is another one.
    Effect::new(move || {
        if matches!(action.value().get(), Some(Ok(_))) {
            leave(&next.get_untracked());
        }
    });
    let pending = action.pending();

    view! {
        <Title text="Sign in" />
        <Suspense>
            {move || Suspend::new(async move {
                matches!(needs_setup.await, Ok(true)).then(|| view! { <Redirect path="/set-up" /> })
            })}
        </Suspense>
        <main class="door">
            <h1>
                <img src="/favicon.svg" alt="" width="40" height="40" />
                "Bellows"
            </h1>
            <p class="muted">"Schema changes without downtime, phase by phase."</p>
            <ActionForm action>
                <input type="hidden" name="next" value=move || next.get() />
                <div class="field">
                    <label for="login">"Login name"</label>
                    <input
                        id="login"
                        name="login"
                        autocomplete="username"
                        autocapitalize="none"
                        spellcheck="false"
                        required
                        autofocus
                    />
                </div>
                <div class="field">
                    <label for="password">"Password"</label>
                    <input
                        id="password"
                        name="password"
                        type="password"
                        autocomplete="current-password"
                        required
                    />
                </div>
                <ActionFailure error=failure />
                <button type="submit" class="primary wide" disabled=pending>
                    {move || if pending.get() { "Signing in …" } else { "Sign in" }}
                </button>
            </ActionForm>
        </main>
    }
    .into_any()
}
