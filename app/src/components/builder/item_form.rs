//! Operations and checks of a phase: lists of forms drawn from their shapes.

use leptos::prelude::*;
use serde_json::Value;

use super::document_form::ProblemList;
use super::editor::Editor;
use crate::components::field::{FieldInput, Offers};
use crate::draft::{ItemRef, Part};

/// One list of a phase, with a menu to add to it.
#[component]
pub(super) fn ItemList(editor: Editor, phase: u32, part: Part) -> impl IntoView {
    let draft = editor.draft;
    let (title, menu) = match part {
        Part::Operations => ("Operations", "Add an operation"),
        Part::Validation => ("Checks afterwards", "Add a check"),
        Part::Rollback => ("Way back", "Add an operation to the way back"),
    };
    let ids = move || {
        let draft = draft.read();
        let list = draft.phase(phase).map(|p| p.list(part)).unwrap_or_default();
        list.iter().map(|item| item.id).collect::<Vec<_>>()
    };
    let add = move |event| {
        let word = event_target_value(&event);
        if !word.is_empty() {
            draft.update(|d| {
                d.add_item(phase, part, &word);
            });
        }
    };
    let select = NodeRef::<leptos::html::Select>::new();
    view! {
        <div class="items">
            <h4>{title}</h4>
            <For each=ids key=|id| *id let:item>
                <ItemForm editor at=ItemRef { phase, part, item } />
            </For>
            <select
                node_ref=select
                class="add"
                aria-label=menu
                data-testid=format!("add-{}", part.key())
                on:change=move |event| {
                    add(event);
                    if let Some(select) = select.get_untracked() {
                        select.set_selected_index(0);
                    }
                }
            >
                <option value="">{format!("{menu} …")}</option>
                {part
                    .shapes()
                    .iter()
                    .map(|shape| view! { <option value=shape.word>{shape.title}</option> })
                    .collect_view()}
            </select>
        </div>
    }
    .into_any()
}

/// One operation or check.
#[component]
fn ItemForm(editor: Editor, at: ItemRef) -> impl IntoView {
    let draft = editor.draft;
    let item = draft.read_untracked().item(at).cloned();
    let shape = item.and_then(|item| item.shape(at.part.shapes()))?;
    let summary = move || {
        let draft = draft.read();
        draft
            .item(at)
            .map(|item| item.summary(shape))
            .unwrap_or_default()
    };
    let problems = editor.problems_at(move || draft.read().path(at, ""));
    let table = Signal::derive(move || text(&value_of(editor, at, "table")));
    let offers = Offers {
        engine: editor.engine(),
        schema: editor.schema,
        table,
        added: Signal::derive(move || draft.read().added_columns(&table.get())),
    };
    let fields = shape
        .fields
        .iter()
        .map(|field| {
            let key = field.key;
            let value = Memo::new(move |_| value_of(editor, at, key));
            let set = Callback::new(move |value: Option<Value>| {
                draft.update(|d| d.set(at, key, value));
            });
            let id = format!("item-{}-{key}", at.item);
            view! {
                <FieldInput
                    field
                    id
                    value=value.into()
                    set
                    offers
                    problems=nested(editor, at, key)
                />
            }
        })
        .collect_view();
    Some(view! {
        <fieldset class="item-form" data-testid=format!("item-{}", shape.word)>
            <legend title=shape.help>{summary}</legend>
            <div class="tools">
                <button
                    type="button"
                    aria-label=move || format!("Move up: {}", summary())
                    on:click=move |_| draft.update(|d| d.move_item(at, -1))
                >
                    "↑"
                </button>
                <button
                    type="button"
                    aria-label=move || format!("Move down: {}", summary())
                    on:click=move |_| draft.update(|d| d.move_item(at, 1))
                >
                    "↓"
                </button>
                <button
                    type="button"
                    aria-label=move || format!("Remove: {}", summary())
                    on:click=move |_| draft.update(|d| d.remove_item(at))
                >
                    "Remove"
                </button>
            </div>
            <ProblemList problems />
            <div class="grid">{fields}</div>
        </fieldset>
    })
}

fn value_of(editor: Editor, at: ItemRef, key: &str) -> Value {
    let draft = editor.draft.read();
    draft
        .item(at)
        .and_then(|item| item.values.get(key).cloned())
        .unwrap_or(Value::Null)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The problems of a field and of what stands inside it (`columns[1]`, `defaultValue.sql`).
fn nested(editor: Editor, at: ItemRef, key: &'static str) -> Signal<Vec<String>> {
    let (draft, problems) = (editor.draft, editor.problems);
    Signal::derive(move || {
        let Some(path) = draft.read().path(at, key) else {
            return Vec::new();
        };
        let inside = |other: &str| {
            other
                .strip_prefix(path.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let problems = problems.read();
        let mut found: Vec<(&String, &Vec<String>)> =
            problems.iter().filter(|(other, _)| inside(other)).collect();
        found.sort();
        found
            .into_iter()
            .flat_map(|(_, messages)| messages.clone())
            .collect()
    })
}
