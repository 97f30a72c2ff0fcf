//! The page of Bellows: rendered on the server, hydrated in the browser.

#![recursion_limit = "256"]

pub mod api;
mod app;
pub mod backend;
mod components;
mod draft;
mod live;
mod pages;
mod text;

pub use app::{App, shell};

/// Takes over the page that the server rendered. Called by the script in the page's head.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(App);
    // What drives the page from outside can see that it answers now; what hydration has put off
    // until the next turn comes first.
    leptos::prelude::request_animation_frame(|| {
        if let Some(body) = leptos::prelude::document().body() {
            // A body without the mark is a slower test, nothing else.
            let _ = body.set_attribute("data-hydrated", "");
        }
    });
}
