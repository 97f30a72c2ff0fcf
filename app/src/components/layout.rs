//! The frame around every page of someone who is signed in.

use bellows::access::{Action, allowed};
use leptos::prelude::*;
use leptos_router::components::{A, Outlet};

use super::failure::{Failure, ToSignIn};
use crate::api;
use crate::backend::Me;

/// Finds out who is signed in, and hands that to the pages as context; nobody is led to the
/// sign-in before anything else is asked.
#[component]
pub fn Layout() -> impl IntoView {
    let me = Resource::new(|| (), |()| api::me());
    view! {
        <Suspense fallback=|| view! { <p class="loading" role="status">"Loading …"</p> }>
            {move || Suspend::new(async move {
                match me.await {
                    Ok(Some(me)) => {
                        provide_context(me.clone());
                        view! { <Frame me /> }.into_any()
                    }
                    Ok(None) => view! { <ToSignIn /> }.into_any(),
                    Err(error) => {
                        view! { <main class="narrow"><Failure error /></main> }.into_any()
                    }
                }
            })}
        </Suspense>
    }
    .into_any()
}

#[component]
fn Frame(me: Me) -> impl IntoView {
    let may = |action| allowed(&me.grants, action, None);
    let roles = {
        let mut words: Vec<&str> = me.grants.iter().map(|g| g.role.word()).collect();
        words.dedup();
        words.join(", ")
    };
    view! {
        <a class="skip" href="#content">"To the content"</a>
        <header class="bar">
            <A href="/" exact=true attr:class="brand" attr:aria-label="Bellows, dashboard">
                <img src="/favicon.svg" alt="" width="24" height="24" />
                <span>"Bellows"</span>
            </A>
            <nav aria-label="Main">
                <ul>
                    <li><A href="/" exact=true>"Dashboard"</A></li>
                    <li><A href="/migrations">"Migrations"</A></li>
                    <li><A href="/executions">"Executions"</A></li>
                    <li><A href="/targets">"Targets"</A></li>
                    {may(Action::Audit).then(|| view! { <li><A href="/audit">"Audit"</A></li> })}
                    {may(Action::ManagePeople)
                        .then(|| view! { <li><A href="/people">"People"</A></li> })}
                </ul>
            </nav>
            <div class="who">
                <span class="who-name" data-testid="me">{me.name}</span>
                <span class="who-roles">{roles}</span>
                <SignOut />
            </div>
        </header>
        <main id="content" tabindex="-1"><Outlet /></main>
    }
    .into_any()
}

#[component]
fn SignOut() -> impl IntoView {
    let action = ServerAction::<api::SignOut>::new();
    let pending = action.pending();
    // The whole page anew: nothing of this person's stays in memory.
    Effect::new(move || {
        if matches!(action.value().get(), Some(Ok(()))) {
            leave("/sign-in");
        }
    });
    view! {
        <ActionForm action attr:class="inline">
            <button type="submit" class="quiet" disabled=pending>"Sign out"</button>
        </ActionForm>
    }
    .into_any()
}

/// Loads another page from the server, this one forgotten.
pub fn leave(path: &str) {
    #[cfg(feature = "hydrate")]
    if let Err(error) = window().location().assign(path) {
        leptos::logging::error!("cannot go to {path}: {error:?}");
    }
    #[cfg(not(feature = "hydrate"))]
    let _ = path;
}
