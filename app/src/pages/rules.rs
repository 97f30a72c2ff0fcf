//! The linter's rules: what each is for, with a bad and a good example.

use bellows::lint::{RULES, Rule};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;
use leptos_router::hooks::use_params_map;

use crate::components::SeverityBadge;
use crate::pages::NotFoundPage;

/// All of them.
#[component]
pub fn RulesPage() -> impl IntoView {
    view! {
        <Title text="Rules" />
        <h1>"Rules"</h1>
        <p>
            "What is looked for in every document. An environment's policy can give a rule another weight; an approver can waive a finding with a reason."
        </p>
        <ul class="rules" data-testid="rules">
            {RULES
                .iter()
                .map(|rule| {
                    view! {
                        <li>
                            <SeverityBadge severity=rule.severity />
                            " "
                            <A href=format!("/rules/{}", rule.id)>
                                <code>{rule.id}</code>
                            </A>
                            <p class="muted">{rule.help}</p>
                        </li>
                    }
                })
                .collect_view()}
        </ul>
    }
    .into_any()
}

/// One of them.
#[component]
pub fn RulePage() -> impl IntoView {
    let params = use_params_map();
    move || {
        let id = params.read().get("id").unwrap_or_default();
        match RULES.iter().find(|rule| rule.id == id) {
            Some(rule) => view! { <Help rule /> }.into_any(),
            None => view! { <NotFoundPage /> }.into_any(),
        }
    }
}

#[component]
fn Help(rule: &'static Rule) -> impl IntoView {
    let example = |title: &'static str, text: &'static str| {
        (!text.trim().is_empty()).then(|| {
            view! {
                <section>
                    <h2>{title}</h2>
                    <pre class="sql" tabindex="0"><code>{text.trim()}</code></pre>
                </section>
            }
        })
    };
    view! {
        <Title text=rule.id />
        <p class="crumbs">
            <A href="/rules">"Rules"</A>
        </p>
        <h1>
            <code>{rule.id}</code>
        </h1>
        <p>
            <SeverityBadge severity=rule.severity />
            " "
            {rule.help}
        </p>
        {rule
            .documents
            .as_ref()
            .map(|half| {
                view! {
                    <p class="muted small">
                        "The examples are phases of a document for "{half.engine.title()}"."
                    </p>
                    {example("What it finds", half.bad)}
                    {example("What to do instead", half.good)}
                }
            })}
        {rule
            .sql
            .as_ref()
            .map(|half| {
                view! {
                    <p class="muted small">"In SQL for "{half.engine.title()}":"</p>
                    {example("What it finds in SQL", half.bad)}
                    {example("What to write instead", half.good)}
                }
            })}
        <section>
            <h2>"Where it is wrong"</h2>
            <p>
                "A waiver in the document says so, and is approved together with the phase; an approver can also waive a finding of a plan under review. Both need a reason, which the audit keeps."
            </p>
            <pre class="sql" tabindex="0">
                <code>{format!("waivers:\n  - rule: {}\n    reason: why it does no harm here", rule.id)}</code>
            </pre>
        </section>
    }
    .into_any()
}
