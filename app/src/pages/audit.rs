//! The audit log: read, filter, verify.

use leptos::either::Either;
use leptos::prelude::*;

use crate::api;
use crate::backend::{AuditEntry, AuditFilter};
use crate::components::{ActionFailure, Empty, Hash, Loaded, PageHead, Time};
use crate::text;

/// The page.
#[component]
pub fn AuditPage() -> impl IntoView {
    let filter = RwSignal::new(AuditFilter::default());
    let page = Resource::new(move || filter.get(), api::audit);
    view! {
        <PageHead title="Audit" />
        <Verdict />
        <FilterForm filter />
        <Loaded resource=page let:page>
            {if page.entries.is_empty() {
                view! { <Empty>"No entry fits."</Empty> }.into_any()
            } else {
                let oldest = page.entries.last().map(|entry| entry.seq);
                view! {
                    <Entries entries=page.entries />
                    <div class="buttons">
                        {(filter.read_untracked().before.is_some())
                            .then(|| {
                                view! {
                                    <button
                                        type="button"
                                        on:click=move |_| filter.update(|f| f.before = None)
                                    >
                                        "Newest"
                                    </button>
                                }
                            })}
                        {page
                            .more
                            .then(|| {
                                view! {
                                    <button
                                        type="button"
                                        on:click=move |_| filter.update(|f| f.before = oldest)
                                    >
                                        "Older"
                                    </button>
                                }
                            })}
                    </div>
                }
                    .into_any()
            }}
        </Loaded>
    }
    .into_any()
}

/// Whether the chain holds; looked at when the page is opened, and again when asked.
#[component]
fn Verdict() -> impl IntoView {
    let verdict = Resource::new(|| (), |()| api::verify_audit());
    view! {
        <div class="verdict" aria-live="polite" data-testid="chain">
            <Transition fallback=|| view! { <p class="muted">"Verifying the chain …"</p> }>
                {move || Suspend::new(async move {
                    match verdict.await {
                        Ok(verdict) => {
                            let entries = text::count(verdict.entries);
                            Either::Left(
                                match verdict.broken {
                                    None => {
                                        view! {
                                            <p class="notice good">
                                                <strong>"Chain verified"</strong>
                                                ": "
                                                {entries}
                                                " entries."
                                            </p>
                                        }
                                            .into_any()
                                    }
                                    Some((seq, how)) => {
                                        view! {
                                            <p class="notice error">
                                                <strong>"The chain is broken at entry "{seq}</strong>
                                                ": "
                                                {how}
                                                " Entries walked: "
                                                {entries}
                                                "."
                                            </p>
                                        }
                                            .into_any()
                                    }
                                },
                            )
                        }
                        Err(error) => {
                            Either::Right(view! { <ActionFailure error=Signal::stored(Some(error)) /> })
                        }
                    }
                })}
            </Transition>
            <button type="button" on:click=move |_| verdict.refetch()>
                "Verify again"
            </button>
        </div>
    }
    .into_any()
}

#[component]
fn FilterForm(filter: RwSignal<AuditFilter>) -> impl IntoView {
    let words = RwSignal::new(String::new());
    view! {
        <form
            class="filter"
            role="search"
            on:submit=move |event| {
                event.prevent_default();
                let text = words.get_untracked().trim().to_owned();
                filter
                    .update(|filter| {
                        filter.text = text;
                        filter.before = None;
                    });
            }
        >
            <div class="field">
                <label for="audit-text">"Actor, action or subject"</label>
                <input
                    type="search"
                    id="audit-text"
                    prop:value=words
                    on:input=move |event| words.set(event_target_value(&event))
                />
            </div>
            <button type="submit">"Filter"</button>
            <label class="tick" for="audit-refused">
                <input
                    type="checkbox"
                    id="audit-refused"
                    on:change=move |event| {
                        let refused = event_target_checked(&event);
                        filter
                            .update(|filter| {
                                filter.refused = refused;
                                filter.before = None;
                            });
                    }
                />
                "Only refusals"
            </label>
        </form>
    }
    .into_any()
}

#[component]
fn Entries(entries: Vec<AuditEntry>) -> impl IntoView {
    view! {
        <div class="table-box">
            <table class="list" aria-label="Audit log">
                <thead>
                    <tr>
                        <th scope="col">"No."</th>
                        <th scope="col">"When"</th>
                        <th scope="col">"Who"</th>
                        <th scope="col">"What"</th>
                        <th scope="col">"On"</th>
                        <th scope="col">"From"</th>
                    </tr>
                </thead>
                <tbody>
                    {entries.into_iter().map(|entry| view! { <EntryRow entry /> }).collect_view()}
                </tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn EntryRow(entry: AuditEntry) -> impl IntoView {
    let value = &entry.detail;
    let says_nothing = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
    // What cannot be written again came as text: it is shown as that.
    let detail = (!says_nothing)
        .then(|| serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string()));
    view! {
        <tr class:refused=entry.refused data-testid="audit-entry">
            <td data-label="No.">{entry.seq}</td>
            <td data-label="When" class="nowrap"><Time at=entry.at /></td>
            <td data-label="Who">{entry.actor.unwrap_or_else(|| "nobody".to_owned())}</td>
            <td data-label="What">
                <code>{entry.action}</code>
                {entry
                    .refused
                    .then(|| {
                        view! {
                            " "
                            <span class="badge bad">"refused"</span>
                        }
                    })}
            </td>
            <td data-label="On">
                {entry.subject}
                {entry
                    .hash
                    .map(|hash| {
                        view! {
                            " "
                            <Hash hash />
                        }
                    })}
                {detail
                    .map(|detail| {
                        view! {
                            <details>
                                <summary>"Details"</summary>
                                <pre class="sql" tabindex="0"><code>{detail}</code></pre>
                                <p class="small">"Chain " <code class="wrap">{entry.chain}</code></p>
                            </details>
                        }
                    })}
            </td>
            <td data-label="From">{entry.origin}</td>
        </tr>
    }
    .into_any()
}
