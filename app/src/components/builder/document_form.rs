//! The document as a form: name, description, phases.

use leptos::prelude::*;

use super::editor::Editor;
use super::phase_form::PhaseForm;
use super::waiver_list::WaiverList;
use crate::draft::Draft;

/// The whole document.
#[component]
pub(super) fn DocumentForm(editor: Editor) -> impl IntoView {
    let draft = editor.draft;
    let name_problems = editor.problems_at(|| Some("name".to_owned()));
    let other_problems = editor.problems_at(|| Some(String::new()));
    let phases_problems = editor.problems_at(|| Some("phases".to_owned()));
    let waivers = Memo::new(move |_| draft.read().waivers.clone());
    let remove = Callback::new(move |index: usize| {
        draft.update(|d| {
            d.waivers.remove(index);
        });
    });
    let comments = Memo::new(move |_| editor.text.read().lines().any(is_comment));
    view! {
        {move || {
            comments
                .get()
                .then(|| {
                    view! {
                        <p class="notice">
                            "The text has comments. They stay as long as nothing is changed here; a change in the form writes the text anew, without them."
                        </p>
                    }
                })
        }}
        <ProblemList problems=other_problems />
        <div class="field">
            <label for="doc-name">"Name"</label>
            <input
                type="text"
                id="doc-name"
                class="code"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                aria-describedby="doc-name-help doc-name-problems"
                aria-invalid=move || (!name_problems.read().is_empty()).then_some("true")
                prop:value=move || draft.read().name.clone()
                on:input=move |event| draft.update(|d| d.name = event_target_value(&event))
            />
            <p class="help" id="doc-name-help">"Small letters, digits and hyphens; unique."</p>
            <div id="doc-name-problems"><ProblemList problems=name_problems /></div>
        </div>
        <div class="field wide">
            <label for="doc-description">"Description"</label>
            <textarea
                id="doc-description"
                rows="2"
                prop:value=move || draft.read().description.clone()
                on:input=move |event| draft.update(|d| d.description = event_target_value(&event))
            ></textarea>
        </div>
        <WaiverList waivers remove />
        <ProblemList problems=phases_problems />
        <For
            each=move || phase_ids(&draft.read())
            key=|id| *id
            let:id
        >
            <PhaseForm editor id />
        </For>
        <button
            type="button"
            class="add"
            data-testid="add-phase"
            on:click=move |_| draft.update(|d| d.add_phase())
        >
            "Add a phase"
        </button>
    }
    .into_any()
}

/// What is wrong, read out when it changes.
#[component]
pub(super) fn ProblemList(problems: Signal<Vec<String>>) -> impl IntoView {
    view! {
        <ul class="problems" aria-live="polite">
            {move || {
                problems
                    .get()
                    .into_iter()
                    .map(|problem| view! { <li>{problem}</li> })
                    .collect_view()
            }}
        </ul>
    }
    .into_any()
}

fn phase_ids(draft: &Draft) -> Vec<u32> {
    draft.phases.iter().map(|phase| phase.id).collect()
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#') || line.contains(" #")
}
