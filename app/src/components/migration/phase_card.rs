//! One phase of a migration: its plan, where it stands, what can be done.

use bellows::lint::Finding;
use bellows::plan::PhasePlan;
use bellows::run::PhaseState;
use leptos::prelude::*;

use super::forecast::{Outlook, PhaseOutlook};
use super::start::StartPanel;
use crate::backend::PhaseView;
use crate::components::plan::{FindingActs, Findings, PhaseFacts, PhaseSteps};
use crate::components::{EvidencePanel, Found, PhaseBadge};

/// The card.
#[component]
pub fn PhaseCard(
    /// The migration.
    migration_id: String,
    /// The plan that is shown.
    plan_hash: String,
    /// The phase of that plan.
    planned: PhasePlan,
    /// What the linter says about it.
    findings: Vec<Finding>,
    /// What can be done about that.
    acts: FindingActs,
    /// Where it stands.
    phase: PhaseView,
    /// Whether the person may confirm gates and start phases at all.
    may_execute: bool,
    /// Whether the person may sign phases off at all.
    may_approve: bool,
    /// Whether its locks would be had now, and what asks once more.
    outlook: (Outlook, Callback<()>),
    /// Whether what it takes away is used, and what looks once more.
    evidence: (Found, Callback<()>),
    /// Loads the page anew.
    reload: Callback<()>,
) -> impl IntoView {
    let number = phase.phase;
    let title = format!("phase-{number}-title");
    let labelled_by = title.clone();
    let approvals = match phase.approvals_needed {
        0 => None,
        needed if phase.approvals >= needed => Some(("badge good", phase.approvals, needed)),
        needed => Some(("badge off", phase.approvals, needed)),
    };
    view! {
        <article
            class="phase-card"
            aria-labelledby=labelled_by
            data-testid=format!("phase-{number}")
        >
            <header>
                <h3 id=title>
                    "Phase "
                    {number}
                    {(!planned.description.is_empty())
                        .then(|| {
                            view! { <span class="phase-what">{planned.description.clone()}</span> }
                        })}
                </h3>
                <div class="badges">
                    <PhaseBadge state=phase.state />
                    {approvals
                        .map(|(class, given, needed)| {
                            view! {
                                <span class=class>
                                    {format!("{given} of {needed} approved")}
                                </span>
                            }
                        })}
                </div>
            </header>
            <PhaseFacts phase=planned.clone() />
            <Findings findings acts />
            <PhaseSteps phase=planned.clone() />
            {phase
                .can_approve
                .clone()
                .err()
                .filter(|reason| !reason.is_empty() && may_approve && phase.state == PhaseState::Pending)
                .map(|reason| {
                    view! { <p class="muted small" data-testid="cannot-approve">{reason}</p> }
                })}
            {(phase.state == PhaseState::Pending)
                .then(|| {
                    view! { <PhaseOutlook phase=number outlook=outlook.0 ask=outlook.1 /> }
                })}
            <EvidencePanel found=evidence.0 ask=evidence.1 phase=number />
            <StartPanel
                migration_id
                plan_hash
                planned
                phase
                may_execute
                used=evidence.0
                reload
            />
        </article>
    }
    .into_any()
}
