//! One phase of the form.

use bellows::document::PhaseKind;
use leptos::prelude::*;

use super::document_form::ProblemList;
use super::editor::Editor;
use super::item_form::ItemList;
use super::waiver_list::WaiverList;
use crate::draft::{Part, PhaseDraft};

/// A phase: what it is, its gate, and its lists.
#[component]
pub(super) fn PhaseForm(editor: Editor, id: u32) -> impl IntoView {
    let draft = editor.draft;
    let index = Memo::new(move |_| draft.read().phase_index(id).unwrap_or_default());
    let last = move || index.get() + 1 >= draft.read().phases.len();
    let number = move || index.get() + 1;
    let problems = editor.problems_at(move || Some(format!("phases[{}]", index.get())));
    view! {
        <fieldset class="phase-form" data-testid="phase-form">
            <legend>"Phase "{number}</legend>
            <div class="tools">
                <button
                    type="button"
                    aria-label=move || format!("Move phase {} up", number())
                    disabled=move || index.get() == 0
                    on:click=move |_| draft.update(|d| d.move_phase(id, -1))
                >
                    "↑"
                </button>
                <button
                    type="button"
                    aria-label=move || format!("Move phase {} down", number())
                    disabled=last
                    on:click=move |_| draft.update(|d| d.move_phase(id, 1))
                >
                    "↓"
                </button>
                <button
                    type="button"
                    aria-label=move || format!("Remove phase {}", number())
                    on:click=move |_| draft.update(|d| d.remove_phase(id))
                >
                    "Remove"
                </button>
            </div>
            <ProblemList problems />
            <PhaseLine
                editor
                id
                name="description"
                label="What it does"
                help=""
                get=|phase| phase.description.clone()
                set=|phase, text| phase.description = text
                path="description"
            />
            <details class="more" open=has_more(&draft.read_untracked(), id)>
                <summary>"Kind, timeout and gate"</summary>
                <div class="grid">
                    <KindSelect editor id />
                    <PhaseLine
                        editor
                        id
                        name="timeout"
                        label="Timeout"
                        help="Milliseconds a blocking statement may take, all tries together."
                        get=|phase| phase.timeout.clone()
                        set=|phase, text| phase.timeout = text
                        path="timeout"
                    />
                    <PhaseLine
                        editor
                        id
                        name="deploy"
                        label="Gate: deploy"
                        help="What must be deployed first; a person confirms it, with a version."
                        get=|phase| phase.deploy.clone()
                        set=|phase, text| phase.deploy = text
                        path="gate.deploy"
                    />
                    <PhaseLine
                        editor
                        id
                        name="soak"
                        label="Gate: soak"
                        help="Time since the phase before was done: 30s, 15m, 12h, 7d."
                        get=|phase| phase.soak.clone()
                        set=|phase, text| phase.soak = text
                        path="gate.soak"
                    />
                </div>
            </details>
            <ItemList editor phase=id part=Part::Operations />
            <ItemList editor phase=id part=Part::Validation />
            <OwnRollback editor id />
            <PhaseWaivers editor id />
        </fieldset>
    }
    .into_any()
}

#[component]
fn PhaseWaivers(editor: Editor, id: u32) -> impl IntoView {
    let draft = editor.draft;
    let waivers = Memo::new(move |_| {
        let draft = draft.read();
        draft
            .phase(id)
            .map(|p| p.waivers.clone())
            .unwrap_or_default()
    });
    let remove = Callback::new(move |index: usize| {
        draft.update(|d| {
            if let Some(phase) = d.phase_mut(id) {
                phase.waivers.remove(index);
            }
        });
    });
    view! { <WaiverList waivers remove /> }
}

fn has_more(draft: &crate::draft::Draft, id: u32) -> bool {
    draft.phase(id).is_some_and(|phase| {
        !(phase.timeout.is_empty() && phase.deploy.is_empty() && phase.soak.is_empty())
    })
}

/// One line of text of a phase.
#[component]
fn PhaseLine(
    editor: Editor,
    id: u32,
    name: &'static str,
    label: &'static str,
    help: &'static str,
    get: fn(&PhaseDraft) -> String,
    set: fn(&mut PhaseDraft, String),
    path: &'static str,
) -> impl IntoView {
    let draft = editor.draft;
    let problems = editor.problems_at(move || {
        let index = draft.read().phase_index(id)?;
        Some(format!("phases[{index}].{path}"))
    });
    let input = format!("phase-{id}-{name}");
    let help_id = format!("{input}-help");
    view! {
        <div class="field">
            <label for=input.clone()>{label}</label>
            <input
                type="text"
                id=input
                autocomplete="off"
                aria-describedby=help_id.clone()
                aria-invalid=move || (!problems.read().is_empty()).then_some("true")
                prop:value=move || draft.read().phase(id).map(get).unwrap_or_default()
                on:input=move |event| {
                    let text = event_target_value(&event);
                    draft.update(|d| {
                        if let Some(phase) = d.phase_mut(id) {
                            set(phase, text);
                        }
                    });
                }
            />
            <div id=help_id>
                {(!help.is_empty()).then(|| view! { <p class="help">{help}</p> })}
                <ProblemList problems />
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn KindSelect(editor: Editor, id: u32) -> impl IntoView {
    const KINDS: [(&str, PhaseKind); 3] = [
        ("expand", PhaseKind::Expand),
        ("migrate", PhaseKind::Migrate),
        ("contract", PhaseKind::Contract),
    ];
    let draft = editor.draft;
    let kind = move || draft.read().phase(id).and_then(|phase| phase.kind);
    let choose = move |event| {
        let word = event_target_value(&event);
        let chosen = KINDS
            .iter()
            .find(|(w, _)| *w == word)
            .map(|(_, kind)| *kind);
        draft.update(|d| {
            if let Some(phase) = d.phase_mut(id) {
                phase.kind = chosen;
            }
        });
    };
    let input = format!("phase-{id}-kind");
    view! {
        <div class="field">
            <label for=input.clone()>"Kind"</label>
            <select id=input on:change=choose>
                <option value="" prop:selected=move || kind().is_none()>
                    "inferred"
                </option>
                {KINDS
                    .map(|(word, of)| {
                        view! {
                            <option value=word prop:selected=move || kind() == Some(of)>
                                {word}
                            </option>
                        }
                    })
                    .collect_view()}
            </select>
        </div>
    }
    .into_any()
}

/// The phase's own way back, where one is written.
#[component]
fn OwnRollback(editor: Editor, id: u32) -> impl IntoView {
    let draft = editor.draft;
    let own = Memo::new(move |_| {
        draft
            .read()
            .phase(id)
            .is_some_and(|phase| phase.rollback.is_some())
    });
    let input = format!("phase-{id}-own-rollback");
    view! {
        <div class="field check">
            <label for=input.clone()>"A way back of its own"</label>
            <input
                type="checkbox"
                id=input
                prop:checked=own
                on:change=move |event| {
                    let yes = event_target_checked(&event);
                    draft.update(|d| {
                        if let Some(phase) = d.phase_mut(id) {
                            phase.rollback = yes.then(Vec::new);
                        }
                    });
                }
            />
        </div>
        {move || {
            own.get().then(|| view! { <ItemList editor phase=id part=Part::Rollback /> })
        }}
    }
    .into_any()
}
