//! A pattern's form, and the document that it makes.

use std::sync::Arc;

use bellows::document::{Engine, Migration, Shape};
use bellows::estimate::TargetFacts;
use bellows::pattern::{FieldError, expand};
use bellows::schema::Schema;
use leptos::prelude::*;
use serde_json::{Map, Value};

use super::builder::{Preview, PreviewPane};
use super::field::{FieldInput, Offers, as_text, expand_values};

/// The form left, what it comes to right. `done` takes the document to the editor.
#[component]
pub fn PatternForm(
    /// The pattern.
    shape: &'static Shape,
    /// The target's engine.
    engine: Engine,
    /// The target's tables, once they are there.
    schema: Signal<Option<Arc<Schema>>>,
    /// What it holds at the moment, once that is there.
    facts: Signal<Option<Arc<TargetFacts>>>,
    /// Takes the document.
    done: Callback<Migration>,
) -> impl IntoView {
    let values = RwSignal::new(Map::<String, Value>::new());
    let outcome = Memo::new(move |_| {
        Expanded(expand(
            shape.word,
            &expand_values(&values.read()),
            engine,
            schema.get().as_deref(),
        ))
    });
    // Nobody is told off for what they have not come to yet: a field speaks once it was touched.
    let touched = RwSignal::new(Vec::<&'static str>::new());
    let errors = move |key: &'static str| {
        Signal::derive(move || {
            let heard = key.is_empty() || touched.read().contains(&key);
            match &outcome.read().0 {
                Err(errors) if heard => of_field(errors, key),
                Ok(_) | Err(_) => Vec::new(),
            }
        })
    };
    let preview = Memo::new(move |_| {
        outcome
            .read()
            .preview(schema.get().as_deref(), facts.get().as_deref())
    });
    let table = Signal::derive(move || values.read().get("table").map(as_text).unwrap_or_default());
    let offers = Offers {
        engine: Signal::stored(engine),
        schema,
        table,
        added: Signal::stored(Vec::new()),
    };
    let fields = shape
        .fields
        .iter()
        .map(|field| {
            let key = field.key;
            let value = Memo::new(move |_| values.read().get(key).cloned().unwrap_or(Value::Null));
            let set = Callback::new(move |value: Option<Value>| {
                touched.update(|touched| {
                    if !touched.contains(&key) {
                        touched.push(key);
                    }
                });
                values.update(|values| {
                    match value {
                        Some(value) => values.insert(key.to_owned(), value),
                        None => values.remove(key),
                    };
                });
            });
            view! {
                <FieldInput
                    field
                    id=format!("pattern-{key}")
                    value=value.into()
                    set
                    offers
                    problems=errors(key)
                    texts=true
                />
            }
        })
        .collect_view();
    let whole = errors("");
    let go = move |_| {
        touched.set(shape.fields.iter().map(|field| field.key).collect());
        if let Ok(migration) = &outcome.read_untracked().0 {
            done.run(migration.clone());
        }
    };
    view! {
        <div class="panes">
            <section class="pane" aria-label="Pattern">
                <h2>{shape.title}</h2>
                <p class="muted">{shape.help}</p>
                <div class="grid">{fields}</div>
                <ul class="problems" aria-live="polite">
                    {move || {
                        whole.get().into_iter().map(|text| view! { <li>{text}</li> }).collect_view()
                    }}
                </ul>
                <button type="button" class="primary" on:click=go>
                    "Continue in the editor"
                </button>
            </section>
            <PreviewPane preview />
        </div>
    }
    .into_any()
}

/// What the pattern made of the form.
#[derive(Clone, PartialEq)]
struct Expanded(Result<Migration, Vec<FieldError>>);

impl Expanded {
    fn preview(&self, schema: Option<&Schema>, facts: Option<&TargetFacts>) -> Preview {
        match &self.0 {
            Ok(migration) => Preview::of(&Ok(migration.clone()), schema, facts, None),
            Err(errors) => Preview::Form(errors.iter().map(|e| e.message.clone()).collect()),
        }
    }
}

fn of_field(errors: &[FieldError], key: &str) -> Vec<String> {
    let of = errors.iter().filter(|error| error.field == key);
    of.map(|error| error.message.clone()).collect()
}
