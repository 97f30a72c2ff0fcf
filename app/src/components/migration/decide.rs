//! What an approver says: one decision over several phases.

use leptos::prelude::*;

use crate::api;
use crate::backend::{ApiError, Decision, MigrationDetail};
use crate::components::ActionFailure;

/// The approver's form; where nothing can be signed off it is not there.
#[component]
pub fn DecidePanel(
    /// The migration.
    detail: MigrationDetail,
    /// Loads the page anew.
    reload: Callback<()>,
) -> impl IntoView {
    let plan_hash = detail.plan.as_ref().map(|plan| plan.plan_hash.clone())?;
    let open: Vec<u32> = detail
        .phases
        .iter()
        .filter(|phase| phase.can_approve.is_ok())
        .map(|phase| phase.phase)
        .collect();
    if open.is_empty() {
        return None;
    }
    let id = detail.summary.id;
    let chosen = RwSignal::new(open.clone());
    let comment = RwSignal::new(String::new());
    let decide = Action::new(move |decision: &Decision| {
        let decision = *decision;
        let (id, plan_hash) = (id.clone(), plan_hash.clone());
        async move {
            let phases = chosen.get_untracked();
            let comment = comment.get_untracked();
            api::decide(id, plan_hash, phases, decision, comment).await?;
            reload.run(());
            Ok::<(), ApiError>(())
        }
    });
    let pending = decide.pending();
    let failure = Signal::derive(move || decide.value().get().and_then(Result::err));
    let idle = move || pending.get() || chosen.read().is_empty();
    let ticks = open
        .into_iter()
        .map(|phase| {
            let input = format!("decide-phase-{phase}");
            let input_id = input.clone();
            view! {
                <label class="tick" for=input>
                    <input
                        type="checkbox"
                        id=input_id
                        prop:checked=move || chosen.read().contains(&phase)
                        on:change=move |event| {
                            let yes = event_target_checked(&event);
                            chosen
                                .update(|chosen| {
                                    chosen.retain(|other| *other != phase);
                                    if yes {
                                        chosen.push(phase);
                                        chosen.sort_unstable();
                                    }
                                });
                        }
                    />
                    "Phase "
                    {phase}
                </label>
            }
        })
        .collect_view();
    Some(view! {
        <section class="panel" aria-labelledby="decide-title" data-testid="decide">
            <h2 id="decide-title">"Your decision"</h2>
            <fieldset class="ticks">
                <legend>"About"</legend>
                {ticks}
            </fieldset>
            <div class="field wide">
                <label for="decide-comment">"Comment"</label>
                <textarea
                    id="decide-comment"
                    rows="2"
                    prop:value=comment
                    on:input=move |event| comment.set(event_target_value(&event))
                ></textarea>
            </div>
            <div class="buttons">
                <button
                    type="button"
                    class="primary"
                    disabled=idle
                    on:click=move |_| {
                        decide.dispatch(Decision::Approved);
                    }
                >
                    {move || if pending.get() { "Sending …" } else { "Approve" }}
                </button>
                <button
                    type="button"
                    class="danger"
                    disabled=idle
                    on:click=move |_| {
                        decide.dispatch(Decision::Rejected);
                    }
                >
                    "Reject"
                </button>
            </div>
            <ActionFailure error=failure />
        </section>
    })
}
