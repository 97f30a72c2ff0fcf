//! One phase of a run: its steps, its checks, what went wrong.

use std::collections::HashSet;

use bellows::plan::PhasePlan;
use bellows::run::{CheckOutcome, PhaseProgress, PhaseState, StepProgress};
use leptos::prelude::*;

use crate::components::{PhaseBadge, Sql, Time};
use crate::text;

/// The card of a phase: what was done, and what of the plan is still to come.
#[component]
pub fn PhaseProgressCard(
    /// The phase of the plan.
    planned: PhasePlan,
    /// How far it is; absent before the execution's first event.
    #[prop(into)]
    progress: Signal<Option<PhaseProgress>>,
) -> impl IntoView {
    let number = planned.phase;
    let title = format!("phase-{number}-title");
    let labelled_by = title.clone();
    let state = move || {
        progress
            .read()
            .as_ref()
            .map_or(PhaseState::Pending, |p| p.state)
    };
    let steps: Vec<(String, String)> = planned
        .steps
        .iter()
        .map(|step| (step.id.clone(), step.title.clone()))
        .collect();
    view! {
        <article
            class="phase-card"
            aria-labelledby=labelled_by
            data-testid=format!("run-phase-{number}")
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
                    {move || view! { <PhaseBadge state=state() /> }}
                    {move || progress.get().map(|progress| view! { <Started progress /> })}
                </div>
            </header>
            {move || progress.get().map(|progress| view! { <Trouble progress /> })}
            <ol class="run-steps">
                {move || {
                    rows(&steps, progress.get())
                        .into_iter()
                        .map(|row| view! { <StepRow row /> })
                        .collect_view()
                }}
            </ol>
            {move || progress.get().map(|progress| view! { <Checks checks=progress.checks /> })}
        </article>
    }
    .into_any()
}

/// A step that was begun, or one that is to come.
enum Row {
    Begun(Box<StepProgress>),
    ToCome(String),
}

fn begun_row(step: StepProgress) -> Row {
    Row::Begun(Box::new(step))
}

/// The steps of the plan in its order, then those that take it back.
fn rows(planned: &[(String, String)], progress: Option<PhaseProgress>) -> Vec<Row> {
    let begun = progress.map(|p| p.steps).unwrap_or_default();
    let known: HashSet<&str> = planned.iter().map(|(id, _)| id.as_str()).collect();
    let find = |id: &str| begun.iter().find(|step| step.step == id).cloned();
    let in_plan = planned
        .iter()
        .map(|(id, title)| find(id).map_or_else(|| Row::ToCome(title.clone()), begun_row));
    let others = begun
        .iter()
        .filter(|step| !known.contains(step.step.as_str()))
        .cloned()
        .map(begun_row);
    in_plan.chain(others).collect()
}

#[component]
fn Started(progress: PhaseProgress) -> impl IntoView {
    progress.started_at.map(|at| {
        let by = progress.by.unwrap_or_default();
        let took = progress
            .duration_ms
            .map(|ms| format!(", took {}", text::duration(ms)));
        view! {
            <span class="estimate">
                <Time at />
                {(!by.is_empty()).then(|| format!(" by {by}"))}
                {took}
            </span>
        }
    })
}

#[component]
fn Trouble(progress: PhaseProgress) -> impl IntoView {
    let failed = progress.error.map(|error| {
        view! {
            <div class="notice error" data-testid="phase-error">
                <p>{error}</p>
            </div>
        }
    });
    let recovered = progress
        .recovered
        .into_iter()
        .map(|found| {
            view! {
                <div class="notice">
                    <p>"Gone on after an interruption: "{found}</p>
                </div>
            }
        })
        .collect_view();
    view! {
        {failed}
        {recovered}
    }
    .into_any()
}

#[component]
fn StepRow(row: Row) -> impl IntoView {
    match row {
        Row::ToCome(title) => view! {
            <li class="to-come">
                <p class="step-title">{title}</p>
            </li>
        }
        .into_any(),
        Row::Begun(step) => {
            let step = *step;
            let (class, word) = match (step.duration_ms, &step.waiting) {
                (Some(_), _) => ("done", None),
                (None, Some(_)) => ("in-hand", Some("waiting for a lock")),
                (None, None) => ("in-hand", Some("in hand")),
            };
            let took = step.duration_ms.map(text::duration);
            view! {
                <li class=class>
                    <details>
                        <summary>
                            {step.rollback.then(|| view! { <span class="badge warn">"taken back"</span> })}
                            <span class="step-title">{step.title}</span>
                            {word.map(|word| view! { <span class="badge run">{word}</span> })}
                            {took.map(|took| view! { <span class="estimate">{took}</span> })}
                        </summary>
                        {step.sql.into_iter().map(|sql| view! { <Sql sql /> }).collect_view()}
                    </details>
                </li>
            }
            .into_any()
        }
    }
}

#[component]
fn Checks(checks: Vec<CheckOutcome>) -> impl IntoView {
    (!checks.is_empty()).then(|| {
        let items = checks
            .into_iter()
            .map(|check| match check {
                CheckOutcome::Passed { check } => view! {
                    <li>
                        <span class="badge good">"passed"</span>
                        " "
                        {check}
                    </li>
                }
                .into_any(),
                CheckOutcome::Failed {
                    check,
                    message,
                    found,
                    sql,
                } => view! {
                    <li data-testid="check-failed">
                        <span class="badge bad">"failed"</span>
                        " "
                        {check}
                        <p class="bad-text">{message}</p>
                        <p>"Found: " <code class="wrap">{found}</code></p>
                        <Sql sql />
                    </li>
                }
                .into_any(),
            })
            .collect_view();
        view! {
            <h4>"Checks"</h4>
            <ul class="check-list">{items}</ul>
        }
    })
}
