//! The frame around every page of someone who is signed in.

use bellows::access::{Action, allowed};
use leptos::prelude::*;
use leptos_router::components::{A, Outlet};
use leptos_router::hooks::use_location;
use serde::{Deserialize, Serialize};

use super::failure::{Failure, ToSignIn};
use crate::api;
use crate::backend::{ApiError, Me};

/// What the server knew of whoever asked, when it rendered the page.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Who {
    Person(Me),
    Nobody,
    Unknown(ApiError),
    /// The browser came here from a page outside the frame, without asking the server.
    NotAsked,
}

impl Who {
    fn asks() -> Self {
        #[cfg(feature = "ssr")]
        return match api::who() {
            Ok(Some(me)) => Who::Person(me),
            Ok(None) => Who::Nobody,
            Err(error) => Who::Unknown(error),
        };
        #[cfg(not(feature = "ssr"))]
        Who::NotAsked
    }
}

/// Knows who is signed in, and hands that to the pages as context; nobody is led to the sign-in
/// before anything else is asked.
///
/// Nothing is awaited here: what a page loads inside of something that is itself awaited would be
/// loaded twice by the server, and now and then not be found by the browser.
#[component]
pub fn Layout() -> impl IntoView {
    match SharedValue::new(Who::asks).into_inner() {
        Who::Person(me) => {
            provide_context(me.clone());
            view! { <Frame me /> }.into_any()
        }
        Who::Nobody => view! { <ToSignIn /> }.into_any(),
        Who::Unknown(error) => view! { <main class="narrow"><Failure error /></main> }.into_any(),
        Who::NotAsked => {
            let path = use_location().pathname;
            Effect::new(move || leave(&path.get_untracked()));
            view! { <p class="loading" role="status">"Loading …"</p> }.into_any()
        }
    }
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
                    <li><A href="/rules">"Rules"</A></li>
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
