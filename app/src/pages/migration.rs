//! One migration: plan, approvals, phases, versions.

use bellows::access::{Action as Deed, allowed};
use bellows::lint::Finding;
use leptos::prelude::*;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;

use crate::api;
use crate::backend::{ApiError, Me, MigrationDetail, ReviewState, WaiveRequest};
use crate::components::migration::{Approvals, DecidePanel, PhaseCard, Versions, outlook};
use crate::components::plan::{FactsTime, FindingActs, Findings};
use crate::components::{
    ActionFailure, EngineBadge, ExecutionTable, Hash, Loaded, PageHead, ReviewBadge, evidence,
};
use crate::text;

/// The page.
#[component]
pub fn MigrationPage() -> impl IntoView {
    let params = use_params_map();
    let detail = Resource::new(
        move || params.read().get("id").unwrap_or_default(),
        api::migration,
    );
    let reload = Callback::new(move |()| detail.refetch());
    view! {
        <Loaded resource=detail let:detail>
            <Detail detail reload />
        </Loaded>
    }
    .into_any()
}

#[component]
fn Detail(detail: MigrationDetail, reload: Callback<()>) -> impl IntoView {
    let summary = detail.summary.clone();
    let environment = summary.environment.clone();
    let may = |deed| {
        use_context::<Me>().is_some_and(|me| allowed(&me.grants, deed, Some(environment.as_str())))
    };
    let (may_execute, may_approve) = (may(Deed::Execute), may(Deed::Approve));
    let execution = summary.execution.clone();
    let written = detail.text.clone();
    let file = format!("{}.yaml", summary.name);
    let asked = detail.clone();
    let can_edit = detail.can_edit;
    view! {
        <PageHead title=summary.name.clone()>
            {execution
                .map(|execution| {
                    view! {
                        <A href=format!("/executions/{}", execution.id) attr:class="button">
                            "Watch the execution"
                        </A>
                    }
                })}
            {can_edit
                .then(|| {
                    view! {
                        <A
                            href=format!("/migrations/{}/edit", summary.id)
                            attr:class="button"
                        >
                            "Edit"
                        </A>
                    }
                })} <AskForReview detail=asked reload />
        </PageHead>
        {(!summary.description.is_empty()).then(|| view! { <p>{summary.description.clone()}</p> })}
        <p class="facts">
            <ReviewBadge state=summary.review />
            <span>"version "{summary.version}" by "{summary.author.clone()}</span>
            <EngineBadge engine=summary.database />
            <span>{summary.target.clone()}" ("{summary.environment.clone()}")"</span>
            {detail
                .plan
                .as_ref()
                .map(|plan| {
                    view! { <span>"plan " <Hash hash=plan.plan_hash.clone() /></span> }
                })}
        </p>
        <DecidePanel detail=detail.clone() reload />
        <PlanSection detail=detail.clone() may_execute may_approve reload />
        <section aria-labelledby="approvals">
            <h2 id="approvals">"Approvals"</h2>
            <Approvals approvals=detail.approvals />
        </section>
        {(!detail.executions.is_empty())
            .then(|| {
                view! {
                    <section aria-labelledby="executions">
                        <h2 id="executions">"Executions"</h2>
                        <ExecutionTable executions=detail.executions label="Executions" />
                    </section>
                }
            })}
        <section aria-labelledby="versions">
            <h2 id="versions">"Versions"</h2>
            <Versions versions=detail.versions />
        </section>
        <details class="document">
            <summary>"The document as it was saved"</summary>
            <p>
                <a href=text::data_url("application/yaml", &written) download=file>
                    "Download it"
                </a>
            </p>
            <pre class="sql" tabindex="0"><code>{written}</code></pre>
        </details>
    }
    .into_any()
}

#[component]
fn PlanSection(
    detail: MigrationDetail,
    may_execute: bool,
    may_approve: bool,
    reload: Callback<()>,
) -> impl IntoView {
    let Some(plan) = detail.plan else {
        let reason = detail
            .plan_error
            .unwrap_or_else(|| "There is no plan for this version.".to_owned());
        return view! {
            <section class="notice warn">
                <h2>"There is no plan"</h2>
                <p>{reason}</p>
            </section>
        }
        .into_any();
    };
    let failure = RwSignal::new(None::<ApiError>);
    let (id, plan_hash) = (detail.summary.id.clone(), plan.plan_hash.clone());
    let waive = Callback::new(move |(finding, reason): (Finding, String)| {
        let request = WaiveRequest {
            migration_id: id.clone(),
            plan_hash: plan_hash.clone(),
            rule: finding.rule,
            phase: finding.phase,
            operation: finding.operation,
            reason,
        };
        leptos::task::spawn_local(async move {
            match api::waive(request).await {
                Ok(()) => reload.run(()),
                Err(error) => failure.set(Some(error)),
            }
        });
    });
    let can_approve = detail.phases.iter().any(|phase| phase.can_approve.is_ok());
    let acts = FindingActs {
        waive: can_approve.then_some(waive),
        fix: None,
    };
    let seen = outlook(detail.summary.id.clone());
    let under_way = detail.executions.first().filter(|e| !e.state.is_over());
    let used = evidence(under_way.map(|execution| execution.id.clone()));
    let of_document = plan
        .findings
        .iter()
        .filter(|finding| finding.phase.is_none())
        .cloned()
        .collect();
    let cards = plan
        .phases
        .into_iter()
        .filter_map(|planned| {
            let phase = detail
                .phases
                .iter()
                .find(|p| p.phase == planned.phase)?
                .clone();
            let findings = plan
                .findings
                .iter()
                .filter(|finding| finding.phase == Some(planned.phase))
                .cloned()
                .collect();
            Some(view! {
                <PhaseCard
                    migration_id=detail.summary.id.clone()
                    plan_hash=plan.plan_hash.clone()
                    planned
                    findings
                    acts
                    phase
                    may_execute
                    may_approve
                    outlook=seen
                    evidence=used
                    reload
                />
            })
        })
        .collect_view();
    view! {
        <section aria-labelledby="phases">
            <h2 id="phases">"Phases"</h2>
            <FactsTime at=plan.facts_read_at />
            <ActionFailure error=Signal::derive(move || failure.get()) />
            <Findings findings=of_document acts />
            {cards}
        </section>
    }
    .into_any()
}

/// The author's button.
#[component]
fn AskForReview(detail: MigrationDetail, reload: Callback<()>) -> impl IntoView {
    let open = match detail.summary.review {
        ReviewState::Draft | ReviewState::Rejected => detail.can_request_review,
        ReviewState::InReview => false,
    };
    let ask = Action::new(move |(): &()| {
        let (id, version) = (detail.summary.id.clone(), detail.summary.version);
        async move {
            api::request_review(id, version).await?;
            reload.run(());
            Ok::<(), ApiError>(())
        }
    });
    let pending = ask.pending();
    let failure = Signal::derive(move || ask.value().get().and_then(Result::err));
    open.then(|| {
        view! {
            <button
                type="button"
                class="primary"
                disabled=pending
                on:click=move |_| {
                    ask.dispatch(());
                }
            >
                {move || if pending.get() { "Asking …" } else { "Ask for review" }}
            </button>
            <ActionFailure error=failure />
        }
    })
}
