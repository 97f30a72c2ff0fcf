//! What the document would do, worked out in the browser by the same planner that the server runs.

use bellows::document::{Migration, Problem, locate};
use bellows::estimate::{TargetFacts, range};
use bellows::lint::Finding;
use bellows::plan::{Known, PhasePlan, Plan, plan_with};
use bellows::schema::Schema;
use leptos::prelude::*;

use crate::components::Hash;
use crate::components::plan::{FactsTime, FindingActs, Findings, PhaseFacts, PhaseSteps};
use crate::text;

/// The outcome of a look at the document.
#[derive(Clone, Debug, PartialEq)]
pub enum Preview {
    /// A pattern's form is not filled yet.
    Form(Vec<String>),
    /// It cannot be read.
    Unreadable(Vec<Problem>),
    /// It can be read, and does not fit the target.
    Impossible(Vec<Problem>),
    /// The plan; `checked` where the target's tables were looked at.
    Plan {
        /// The plan.
        plan: Box<Plan>,
        /// Whether the target's tables were looked at.
        checked: bool,
    },
}

impl Preview {
    /// Plans what was read; `text` is what it was read from, where that is what is shown.
    pub fn of(
        reading: &Result<Migration, Vec<Problem>>,
        schema: Option<&Schema>,
        facts: Option<&TargetFacts>,
        text: Option<&str>,
    ) -> Self {
        match reading {
            Err(problems) => Preview::Unreadable(problems.clone()),
            Ok(migration) => match plan_with(migration, schema, facts) {
                Err(problems) => Preview::Impossible(match text {
                    Some(text) => locate(text, problems),
                    None => problems,
                }),
                Ok(plan) => Preview::Plan {
                    plan: Box::new(plan),
                    checked: schema.is_some(),
                },
            },
        }
    }
}

/// The right pane.
#[component]
pub fn PreviewPane(
    /// What is shown.
    #[prop(into)]
    preview: Signal<Preview>,
    /// What can be done about findings.
    #[prop(default = FindingActs::NONE)]
    acts: FindingActs,
) -> impl IntoView {
    view! {
        <section class="pane preview" aria-labelledby="preview-title" data-testid="preview">
            <h2 id="preview-title">"What will be sent"</h2>
            {move || match preview.get() {
                Preview::Form(missing) => {
                    view! {
                        <div class="notice" data-testid="preview-problems">
                            <p>"Fill in the form, and the statements appear here."</p>
                            <ul>
                                {missing
                                    .into_iter()
                                    .map(|text| view! { <li>{text}</li> })
                                    .collect_view()}
                            </ul>
                        </div>
                    }
                        .into_any()
                }
                Preview::Unreadable(problems) => {
                    view! { <Problems title="The document is not finished" problems /> }.into_any()
                }
                Preview::Impossible(problems) => {
                    view! { <Problems title="This cannot be done on the target" problems /> }
                        .into_any()
                }
                Preview::Plan { plan, checked } => {
                    view! { <PlanPreview plan=*plan checked acts /> }.into_any()
                }
            }}
        </section>
    }
    .into_any()
}

#[component]
fn Problems(title: &'static str, problems: Vec<Problem>) -> impl IntoView {
    view! {
        <div class="notice warn" data-testid="preview-problems">
            <p><strong>{title}</strong></p>
            <ul>
                {problems
                    .into_iter()
                    .map(|problem| {
                        let path = match problem.line {
                            Some(line) => format!("line {line}"),
                            None => place(&problem.path),
                        };
                        view! {
                            <li>
                                {(!path.is_empty())
                                    .then(|| view! { <span class="muted">{path}": "</span> })}
                                {problem.message}
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
        </div>
    }
    .into_any()
}

/// A path as people count: `phases[0].operations[1].dataType` is phase 1, operation 2, dataType.
fn place(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('.') {
        let (word, index) = match part.split_once('[') {
            Some((word, rest)) => (word, rest.trim_end_matches(']').parse::<usize>().ok()),
            None => (part, None),
        };
        let word = match (word, index.is_some()) {
            ("phases", true) => "phase",
            ("operations", true) => "operation",
            ("validation", true) => "check",
            ("rollbackOperations", true) => "way back",
            (word, _) => word,
        };
        match index {
            Some(index) => parts.push(format!("{word} {}", index + 1)),
            None if word.is_empty() => {}
            None => parts.push(word.to_owned()),
        }
    }
    parts.join(", ")
}

#[component]
fn PlanPreview(plan: Plan, checked: bool, acts: FindingActs) -> impl IntoView {
    let verdict = if plan.safe {
        ("badge good", "no errors")
    } else {
        ("badge bad", "not safe")
    };
    let by_words = plan
        .phases
        .iter()
        .flat_map(|phase| &phase.steps)
        .flat_map(|step| step.action.statements())
        .any(|statement| statement.known == Known::Words);
    let (of_phases, of_document): (Vec<Finding>, Vec<Finding>) =
        plan.findings.into_iter().partition(|f| f.phase.is_some());
    view! {
        <div class="badges" aria-live="polite">
            <span class=verdict.0>{verdict.1}</span>
            <span class="estimate">{text::plural(plan.phases.len() as u64, "phase")}</span>
            <span class="estimate">{range(plan.estimate)}</span>
            <span class="estimate">"plan " <Hash hash=plan.plan_hash /></span>
        </div>
        {(!checked)
            .then(|| {
                view! {
                    <p class="notice">
                        "Planned without a look at the target's tables: what depends on them is missing."
                    </p>
                }
            })}
        {by_words
            .then(|| {
                view! {
                    <p class="notice" data-testid="by-words">
                        "SQL of your own is read by its first words here, and the worst that these allow is said of it, until the server has parsed it."
                    </p>
                }
            })}
        <FactsTime at=plan.facts_read_at />
        <Findings findings=of_document acts />
        {plan
            .phases
            .into_iter()
            .map(|phase| {
                let findings = of_phases
                    .iter()
                    .filter(|f| f.phase == Some(phase.phase))
                    .cloned()
                    .collect();
                view! { <PhasePreview phase findings acts /> }
            })
            .collect_view()}
    }
    .into_any()
}

#[component]
fn PhasePreview(phase: PhasePlan, findings: Vec<Finding>, acts: FindingActs) -> impl IntoView {
    let test_id = format!("preview-phase-{}", phase.phase);
    view! {
        <article class="phase-card" data-testid=test_id>
            <h3>
                "Phase "
                {phase.phase}
                {(!phase.description.is_empty())
                    .then(|| view! { <span class="phase-what">{phase.description.clone()}</span> })}
            </h3>
            <PhaseFacts phase=phase.clone() />
            <Findings findings acts />
            <PhaseSteps phase />
        </article>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_people_do() {
        assert_eq!(
            place("phases[0].operations[1].dataType"),
            "phase 1, operation 2, dataType"
        );
        assert_eq!(place("name"), "name");
        assert_eq!(place(""), "");
    }
}
