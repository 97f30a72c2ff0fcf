//! One phase of a plan.

use bellows::document::PhaseKind;
use bellows::estimate::range;
use bellows::plan::{Action, PhasePlan, Risk, RollbackMethod, Step};
use leptos::prelude::*;

use super::StatementView;
use crate::components::{Sql, Time};
use crate::text;

/// The phase in a line: kind, gate, tables, time, way back.
#[component]
pub fn PhaseFacts(
    /// The phase.
    phase: PhasePlan,
) -> impl IntoView {
    let kind = match phase.kind {
        PhaseKind::Expand => "expand",
        PhaseKind::Migrate => "migrate",
        PhaseKind::Contract => "contract",
    };
    let risk = match phase.rollback_risk {
        Risk::Low => ("badge good", "rollback risk low"),
        Risk::Medium => ("badge warn", "rollback risk medium"),
        Risk::High => ("badge bad", "rollback risk high"),
    };
    let tables: Vec<String> = phase.tables.iter().map(ToString::to_string).collect();
    let gate = phase.gate.map(|gate| {
        let deploy = gate.deploy.map(|what| format!("deployed: {what}"));
        let soak = gate
            .soak
            .map(|time| format!("{time} since the phase before"));
        let both: Vec<String> = deploy.into_iter().chain(soak).collect();
        both.join("; ")
    });
    view! {
        <div class="badges">
            <span class="badge plain">{kind}</span>
            <span class=risk.0>{risk.1}</span>
            {(!phase.reversible).then(|| view! { <span class="badge bad">"not reversible"</span> })}
            <span class="estimate">{range(phase.estimate)}</span>
            {phase
                .timeout_ms
                .map(|ms| view! { <span class="estimate">"timeout "{text::duration(ms)}</span> })}
            {(!tables.is_empty()).then(|| view! { <span class="estimate">{tables.join(", ")}</span> })}
        </div>
        {gate.map(|gate| view! { <p class="gate"><strong>"Gate. "</strong>{gate}</p> })}
    }
    .into_any()
}

/// When the sizes and the speed were looked at that a plan's times rest on.
#[component]
pub fn FactsTime(
    /// Microseconds since 1970; absent where nobody looked.
    at: Option<i64>,
) -> impl IntoView {
    at.map(|at| {
        view! {
            <p class="muted small">
                "Times rest on the target\u{2019}s sizes and speed as of " <Time at /> "."
            </p>
        }
    })
}

/// What the phase does, what it checks, and how it is taken back.
#[component]
pub fn PhaseSteps(
    /// The phase.
    phase: PhasePlan,
) -> impl IntoView {
    let method = match phase.rollback_method {
        RollbackMethod::Inverse => "by the inverse of every step",
        RollbackMethod::SavedCopy => "from a saved copy",
        RollbackMethod::Backup => "only from a backup",
    };
    let nothing = phase.steps.is_empty() && phase.validation.is_empty();
    view! {
        {nothing.then(|| view! { <p class="muted">"Nothing is sent in this phase: it is a gate."</p> })}
        <ol class="steps">
            {phase
                .steps
                .into_iter()
                .map(|step| view! { <StepView step /> })
                .collect_view()}
        </ol>
        {(!phase.validation.is_empty())
            .then(|| {
                let checks = phase
                    .validation
                    .into_iter()
                    .map(|check| {
                        view! {
                            <li>
                                <span>{check.check.word()}</span>
                                <Sql sql=check.sql />
                            </li>
                        }
                    })
                    .collect_view();
                view! {
                    <details class="checks">
                        <summary>"Checks afterwards"</summary>
                        <ul>{checks}</ul>
                    </details>
                }
            })}
        {(!nothing)
            .then(|| {
                view! {
                    <details class="way-back">
                        <summary>"Taken back "{method}</summary>
                        <ol class="steps">
                            {phase
                                .rollback
                                .into_iter()
                                .map(|step| view! { <StepView step /> })
                                .collect_view()}
                        </ol>
                    </details>
                }
            })}
    }
    .into_any()
}

#[component]
fn StepView(step: Step) -> impl IntoView {
    let how = match &step.action {
        Action::Transaction { .. } => None,
        Action::BuildIndex { .. } => {
            Some("built concurrently; an invalid leftover is dropped first")
        }
        Action::DropIndex { .. } => Some("dropped concurrently"),
        Action::Ddl { .. } => {
            Some("commits by itself, and is taken back by a statement of its own")
        }
        Action::Outside { .. } => Some("on its own, outside a transaction"),
        Action::Backfill(_) => Some("in short batches along the key, each its own transaction"),
        Action::Copy(_) => {
            Some("in short batches along the key; what writers put there already is left as it is")
        }
        Action::Compare(_) => Some("row by row, in batches; the first difference stops the phase"),
        Action::Rebuild { .. } => Some("the table is made anew, in one transaction"),
    };
    let statements = step
        .action
        .statements()
        .into_iter()
        .map(|statement| view! { <StatementView statement=statement.clone() /> })
        .collect_view();
    view! {
        <li>
            <p class="step-title">
                {step.title} {how.map(|how| view! { <span class="sub-inline">" "{how}</span> })}
            </p>
            {statements}
        </li>
    }
    .into_any()
}
