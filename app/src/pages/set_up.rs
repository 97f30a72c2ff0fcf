//! The first start: the first admin is made with the token from the server's log.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;

use crate::api;
use crate::components::{ActionFailure, leave};

/// The set-up form; works as a plain form too.
#[component]
pub fn SetUpPage() -> impl IntoView {
    let needs_setup = Resource::new(|| (), |()| api::needs_setup());
    let action = ServerAction::<api::SetUp>::new();
    let failure = Signal::derive(move || action.value().get().and_then(Result::err));
    Effect::new(move || {
        if matches!(action.value().get(), Some(Ok(_))) {
            leave("/");
        }
    });
    let pending = action.pending();

    view! {
        <Title text="Set up" />
        <main class="door">
            <h1>
                <img src="/favicon.svg" alt="" width="40" height="40" />
                "Set up Bellows"
            </h1>
            <Suspense>
                {move || Suspend::new(async move {
                    matches!(needs_setup.await, Ok(false))
                        .then(|| {
                            view! {
                                <p class="notice">
                                    "Bellows is set up already. " <A href="/sign-in">"Sign in"</A>
                                </p>
                            }
                        })
                })}
            </Suspense>
            <p class="muted">
                "You become the first admin, and can then register the others. The server printed a one-time token when it started."
            </p>
            <ActionForm action>
                <div class="field">
                    <label for="token">"Set-up token"</label>
                    <input
                        id="token"
                        name="token"
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                        required
                    />
                </div>
                <div class="field">
                    <label for="login">"Login name"</label>
                    <input
                        id="login"
                        name="login"
                        autocomplete="username"
                        autocapitalize="none"
                        spellcheck="false"
                        pattern="[a-z0-9._\\-]+"
                        title="Small letters, digits, dots, hyphens and underscores"
                        required
                    />
                </div>
                <div class="field">
                    <label for="name">"Your name"</label>
                    <input id="name" name="name" autocomplete="name" required />
                </div>
                <div class="field">
                    <label for="password">"Password"</label>
                    <input
                        id="password"
                        name="password"
                        type="password"
                        autocomplete="new-password"
                        minlength="12"
                        aria-describedby="password-help"
                        required
                    />
                    <p class="help" id="password-help">"At least 12 characters."</p>
                </div>
                <ActionFailure error=failure />
                <button type="submit" class="primary wide" disabled=pending>
                    {move || if pending.get() { "Setting up …" } else { "Set up" }}
                </button>
            </ActionForm>
        </main>
    }
    .into_any()
}
