//! Roles to tick, everywhere or in one environment.

use bellows::access::{Grant, Role};
use leptos::prelude::*;

/// A tick for each role; who holds it somewhere only keeps that somewhere.
#[component]
pub fn GrantsInput(
    /// What the inputs' ids begin with.
    prefix: String,
    /// The roles.
    grants: RwSignal<Vec<Grant>>,
) -> impl IntoView {
    let rows = Role::ALL
        .map(|role| {
            let tick = format!("{prefix}-{}", role.word());
            let tick_id = tick.clone();
            let place = format!("{tick}-environment");
            let held = Memo::new(move |_| {
                let grants = grants.read();
                grants.iter().find(|grant| grant.role == role).cloned()
            });
            let set = move |grant: Option<Grant>| {
                grants.update(|grants| {
                    grants.retain(|grant| grant.role != role);
                    grants.extend(grant);
                });
            };
            view! {
                <div class="grant">
                    <label class="tick" for=tick>
                        <input
                            type="checkbox"
                            id=tick_id
                            prop:checked=move || held.read().is_some()
                            on:change=move |event| {
                                let yes = event_target_checked(&event);
                                set(yes.then_some(Grant { role, environment: None }));
                            }
                        />
                        {role.word()}
                    </label>
                    <label class="visually-hidden" for=place.clone()>
                        {format!("Environment of {}", role.word())}
                    </label>
                    <input
                        type="text"
                        id=place
                        placeholder="all environments"
                        autocomplete="off"
                        disabled=move || held.read().is_none()
                        prop:value=move || {
                            held.get().and_then(|grant| grant.environment).unwrap_or_default()
                        }
                        on:input=move |event| {
                            let text = event_target_value(&event);
                            let environment = (!text.trim().is_empty()).then_some(text);
                            set(Some(Grant { role, environment }));
                        }
                    />
                </div>
            }
        })
        .collect_view();
    view! {
        <fieldset class="grants">
            <legend>"Roles"</legend>
            {rows}
        </fieldset>
    }
    .into_any()
}
