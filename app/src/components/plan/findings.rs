//! What the linter says, and what a person can say to it.

use bellows::lint::Finding;
use leptos::prelude::*;

use crate::components::SeverityBadge;

/// What can be done about findings where they are shown.
#[derive(Clone, Copy)]
pub struct FindingActs {
    /// Takes a finding and why it does no harm; absent where it cannot be waived.
    pub waive: Option<Callback<(Finding, String)>>,
    /// Puts the safe sequence into the document; absent where there is no document to change.
    pub fix: Option<Callback<Finding>>,
}

impl FindingActs {
    /// Nothing can be done.
    pub const NONE: Self = Self {
        waive: None,
        fix: None,
    };
}

/// Findings, one a row; nothing where there are none.
#[component]
pub fn Findings(
    /// In the order shown.
    findings: Vec<Finding>,
    /// What can be done about them.
    #[prop(default = FindingActs::NONE)]
    acts: FindingActs,
) -> impl IntoView {
    (!findings.is_empty()).then(|| {
        view! {
            <ul class="findings" data-testid="findings">
                {findings
                    .into_iter()
                    .map(|finding| view! { <Row finding acts /> })
                    .collect_view()}
            </ul>
        }
    })
}

#[component]
fn Row(finding: Finding, acts: FindingActs) -> impl IntoView {
    let place = finding
        .operation
        .map(|index| format!(", operation {}", index + 1))
        .unwrap_or_default();
    let statement = finding
        .statement
        .map(|number| format!(", statement {number}"))
        .unwrap_or_default();
    let place = finding
        .phase
        .map(|phase| format!("Phase {phase}{place}{statement}"));
    let help = format!("/rules/{}", finding.rule);
    let waived = finding.waived.clone();
    let fix = acts
        .fix
        .filter(|_| finding.fix.is_some() && waived.is_none());
    let waive = acts.waive.filter(|_| waived.is_none());
    let fixed = finding.clone();
    let is_waived = waived.is_some();
    let rule = finding.rule.clone();
    view! {
        <li class:waived=is_waived data-rule=rule>
            <p>
                <SeverityBadge severity=finding.severity />
                " "
                <a href=help><code>{finding.rule.clone()}</code></a>
                {place.map(|place| view! { <span class="muted">" · "{place}</span> })}
            </p>
            <p>{finding.message.clone()}</p>
            {match waived {
                Some(reason) => {
                    view! {
                        <p data-testid="waived">
                            <span class="badge off">"waived"</span>
                            " "
                            {reason}
                        </p>
                    }
                        .into_any()
                }
                None => view! { <p class="muted">{finding.recommendation.clone()}</p> }.into_any(),
            }}
            {fix
                .map(|fix| {
                    view! {
                        <p>
                            <button
                                type="button"
                                data-testid="apply-fix"
                                on:click=move |_| fix.run(fixed.clone())
                            >
                                "Use the safe way"
                            </button>
                        </p>
                    }
                })}
            {waive.map(|waive| view! { <Waive finding waive /> })}
        </li>
    }
    .into_any()
}

/// The reason, and the button.
#[component]
fn Waive(finding: Finding, waive: Callback<(Finding, String)>) -> impl IntoView {
    let reason = RwSignal::new(String::new());
    let blank = move || reason.read().trim().is_empty();
    let input = format!(
        "waive-{}-{}-{}",
        finding.rule,
        finding.phase.unwrap_or_default(),
        finding
            .operation
            .map_or_else(String::new, |o| o.to_string())
    );
    view! {
        <details class="waive">
            <summary>"Waive"</summary>
            <form on:submit=move |event| {
                event.prevent_default();
                if !blank() {
                    waive.run((finding.clone(), reason.get_untracked().trim().to_owned()));
                }
            }>
                <label for=input.clone()>"Why it does no harm here"</label>
                <input
                    type="text"
                    id=input
                    autocomplete="off"
                    prop:value=reason
                    on:input=move |event| reason.set(event_target_value(&event))
                />
                <button type="submit" disabled=blank>
                    "Waive it"
                </button>
            </form>
        </details>
    }
    .into_any()
}
