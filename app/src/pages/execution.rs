//! One execution, watched as it happens.

use bellows::run::{ExecutionState, StopReason};
use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;

use crate::api;
use crate::backend::ExecutionDetail;
use crate::components::execution::{Controls, LinkNote, NowPanel, PhaseProgressCard};
use crate::components::{
    Empty, EvidencePanel, ExecutionBadge, Hash, Loaded, PageHead, Time, evidence,
};
use crate::live::watch;

/// The page.
#[component]
pub fn ExecutionPage() -> impl IntoView {
    let params = use_params_map();
    let detail = Resource::new(
        move || params.read().get("id").unwrap_or_default(),
        api::execution,
    );
    view! {
        <Loaded resource=detail let:detail>
            <Watched detail />
        </Loaded>
    }
    .into_any()
}

#[component]
fn Watched(detail: ExecutionDetail) -> impl IntoView {
    let summary = detail.summary;
    let live = watch(summary.id.clone(), &detail.events);
    let view = live.view;
    let state = Memo::new(move |_| view.read().state.unwrap_or(summary.state));
    let migration = format!("/migrations/{}", summary.migration_id);
    let next = migration.clone();
    let (found, ask) = evidence((!summary.state.is_over()).then(|| summary.id.clone()));
    // A phase that is done leaves another one to come.
    Effect::new(move |before: Option<ExecutionState>| {
        let now = state.get();
        if before.is_some_and(|before| before != now) {
            ask.run(());
        }
        now
    });
    let cards = detail
        .plan
        .phases
        .into_iter()
        .map(|planned| {
            let number = planned.phase;
            let progress = Memo::new(move |_| view.read().phase(number).cloned());
            view! { <PhaseProgressCard planned progress /> }
        })
        .collect_view();
    view! {
        <PageHead title=format!("Execution of {}", summary.migration)>
            <A href=migration attr:class="button">
                "To the migration"
            </A>
        </PageHead>
        <p class="facts">
            <span data-testid="execution-state">
                {move || view! { <ExecutionBadge state=state.get() /> }}
            </span>
            <span>"on "{summary.target}</span>
            <span>"started " <Time at=summary.started_at /> " by "{summary.started_by}</span>
            <span>"plan " <Hash hash=detail.plan.plan_hash /></span>
        </p>
        <LinkNote link=live.link />
        {detail
            .can_control
            .then(|| {
                let held = Memo::new(move |_| {
                    view.read().stopped.as_ref().is_some_and(|s| s.reason == StopReason::Held)
                });
                view! { <Controls id=summary.id.clone() state held /> }
            })}
        <NowPanel view control=detail.can_control.then_some(summary.id) />
        {move || {
            (state.get() == ExecutionState::Waiting)
                .then(|| {
                    view! {
                        <p class="notice">
                            "The next phase waits for a person or for time. "
                            <A href=next.clone()>"See what it needs, and start it"</A> "."
                        </p>
                    }
                })
        }}
        <EvidencePanel found ask />
        <section aria-labelledby="phases">
            <h2 id="phases">"Phases"</h2>
            {cards}
        </section>
        <Notices view />
    }
    .into_any()
}

/// What the target's server said.
#[component]
fn Notices(view: RwSignal<bellows::run::View>) -> impl IntoView {
    let notices = Memo::new(move |_| view.read().notices.clone());
    view! {
        <details class="document">
            <summary>"Notices of the target"</summary>
            {move || {
                let notices = notices.get();
                if notices.is_empty() {
                    view! { <Empty>"The target's server has said nothing."</Empty> }.into_any()
                } else {
                    view! {
                        <ul>
                            {notices.into_iter().map(|text| view! { <li>{text}</li> }).collect_view()}
                        </ul>
                    }
                        .into_any()
                }
            }}
        </details>
    }
    .into_any()
}
