//! The findings that a document accepts, each with its reason.

use bellows::document::Waiver;
use leptos::prelude::*;

/// The list; nothing where there are none. They are added where the findings are shown.
#[component]
pub(super) fn WaiverList(
    /// In the order of the document.
    waivers: Memo<Vec<Waiver>>,
    /// Takes the one at that place out.
    remove: Callback<usize>,
) -> impl IntoView {
    move || {
        let waivers = waivers.get();
        (!waivers.is_empty()).then(|| {
            view! {
                <section class="waivers" data-testid="waivers">
                    <h4>"Accepted findings"</h4>
                    <ul>
                        {waivers
                            .into_iter()
                            .enumerate()
                            .map(|(index, waiver)| {
                                let place = waiver
                                    .operation
                                    .map(|operation| format!(", operation {}", operation + 1));
                                let label = format!("Take the waiver of {} back", waiver.rule);
                                view! {
                                    <li>
                                        <code>{waiver.rule}</code>
                                        {place}
                                        ": "
                                        {waiver.reason}
                                        " "
                                        <button
                                            type="button"
                                            class="quiet"
                                            aria-label=label
                                            on:click=move |_| remove.run(index)
                                        >
                                            "Take back"
                                        </button>
                                    </li>
                                }
                            })
                            .collect_view()}
                    </ul>
                </section>
            }
        })
    }
}
