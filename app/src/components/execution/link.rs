//! How the page gets its news.

use leptos::prelude::*;

use crate::live::Link;

/// Says how current the page is.
#[component]
pub fn LinkNote(
    /// How the events come.
    link: RwSignal<Link>,
) -> impl IntoView {
    view! {
        <p class="link-note" role="status" data-testid="link">
            {move || {
                let (class, text) = match link.get() {
                    Link::Starting => ("badge off", "connecting …".to_owned()),
                    Link::Socket => ("badge good", "live".to_owned()),
                    Link::Reconnecting => {
                        ("badge warn", "connection lost, trying again …".to_owned())
                    }
                    Link::Polling => {
                        ("badge warn", "no websocket: asking every two seconds".to_owned())
                    }
                    Link::Lost(reason) => ("badge bad", reason),
                    Link::Ended => ("badge off", "over: nothing more will come".to_owned()),
                };
                view! { <span class=class>{text}</span> }
            }}
        </p>
    }
    .into_any()
}
