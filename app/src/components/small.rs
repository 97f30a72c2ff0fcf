//! Small things: times, hashes, headings, empty lists.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::text;

/// A moment, in UTC.
#[component]
pub fn Time(
    /// Microseconds since 1970.
    at: i64,
) -> impl IntoView {
    let shown = text::time(at);
    let machine = format!("{}Z", shown.replace(' ', "T"));
    let minute = shown.get(..16).unwrap_or(&shown).to_owned();
    view! { <time datetime=machine title=format!("{shown} UTC")>{minute}" UTC"</time> }
}

/// A hash, shortened; the whole of it on hover.
#[component]
pub fn Hash(
    /// `sha256:...`
    hash: String,
) -> impl IntoView {
    view! { <code class="hash" title=hash.clone()>{text::short_hash(&hash)}</code> }
}

/// A page's title, with what can be done on it.
#[component]
pub fn PageHead(
    /// The title, of the page and of the browser's tab.
    #[prop(into)]
    title: String,
    /// Buttons and links beside it.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <Title text=title.clone() />
        <div class="page-head">
            <h1>{title}</h1>
            {children.map(|children| view! { <div class="page-actions">{children()}</div> })}
        </div>
    }
}

/// What to do where there is nothing yet.
#[component]
pub fn Empty(children: Children) -> impl IntoView {
    view! { <div class="empty">{children()}</div> }
}

/// Does something again and again in the browser, as long as the page is there.
pub fn every(ms: u64, what: impl Fn() + 'static) {
    Effect::new({
        let what = std::rc::Rc::new(what);
        move || {
            let what = what.clone();
            let handle =
                set_interval_with_handle(move || what(), std::time::Duration::from_millis(ms));
            match handle {
                Ok(handle) => on_cleanup(move || handle.clear()),
                Err(error) => leptos::logging::warn!("the page will not refresh: {error:?}"),
            }
        }
    });
}
