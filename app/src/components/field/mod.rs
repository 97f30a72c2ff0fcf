//! One field of a form, drawn from what the core says about it.

mod offers;
mod rows;
mod text_control;
mod values;

use bellows::document::{Field, FieldKind, Part};
use leptos::prelude::*;
use serde_json::Value;

use offers::Offered;
pub use offers::Offers;
use rows::RowsControl;
use text_control::{Look, TextControl};
use values::{Spelling, default_of};
pub use values::{as_text, expand_values};

/// A field: label, control, help, problems. What cannot be read yet stays as typed.
#[component]
pub fn FieldInput(
    /// What it is.
    field: &'static Field,
    /// Its id in the page.
    id: String,
    /// What it holds; null where it is absent.
    value: Signal<Value>,
    /// Takes what was typed; `None` where the field was emptied.
    set: Callback<Option<Value>>,
    /// What the lists offer.
    offers: Offers,
    /// What is wrong with it.
    problems: Signal<Vec<String>>,
    /// A pattern's form, which knows only texts.
    #[prop(optional)]
    texts: bool,
) -> impl IntoView {
    let help_id = format!("{id}-help");
    let frame = Frame {
        id: id.clone(),
        described: format!("{help_id} {id}-problems"),
        invalid: Signal::derive(move || !problems.read().is_empty()),
    };
    let control = control(field, frame, value, set, offers, texts);
    let wide = matches!(
        field.kind,
        FieldKind::Sql | FieldKind::Conversion | FieldKind::Part(_)
    );
    view! {
        <div class="field" class:wide=wide class:check=field.kind == FieldKind::Bool>
            <label for=id.clone()>
                {field.label}
                {(!field.required && field.kind != FieldKind::Bool)
                    .then(|| view! { <span class="optional">" optional"</span> })}
            </label>
            {control}
            <p class="help" id=help_id>{field.help}</p>
            <ul class="problems" id=format!("{id}-problems") aria-live="polite">
                {move || {
                    problems
                        .get()
                        .into_iter()
                        .map(|problem| view! { <li>{problem}</li> })
                        .collect_view()
                }}
            </ul>
        </div>
    }
    .into_any()
}

/// What every control carries.
#[derive(Clone)]
pub(super) struct Frame {
    id: String,
    described: String,
    invalid: Signal<bool>,
}

fn control(
    field: &'static Field,
    frame: Frame,
    value: Signal<Value>,
    set: Callback<Option<Value>>,
    offers: Offers,
    texts: bool,
) -> AnyView {
    let offered = match field.kind {
        FieldKind::Table => Offered::Tables,
        FieldKind::Column | FieldKind::Columns => Offered::Columns,
        FieldKind::Index => Offered::Indexes,
        FieldKind::DataType => Offered::Types,
        FieldKind::NewName
        | FieldKind::Sql
        | FieldKind::Text
        | FieldKind::Bool
        | FieldKind::Number
        | FieldKind::Default
        | FieldKind::Choice(_)
        | FieldKind::Words
        | FieldKind::Conversion
        | FieldKind::Duration
        | FieldKind::Part(_) => Offered::Nothing,
    };
    let typed = |look: Look, spelling: Spelling| {
        let spelling = if texts { Spelling::Text } else { spelling };
        let placeholder = placeholder(field);
        let frame = frame.clone();
        view! { <TextControl frame look spelling value set offers offered placeholder /> }
            .into_any()
    };
    match field.kind {
        FieldKind::Table
        | FieldKind::Column
        | FieldKind::NewName
        | FieldKind::Index
        | FieldKind::DataType => typed(Look::Name, Spelling::Text),
        FieldKind::Text | FieldKind::Duration => typed(Look::Line, Spelling::Text),
        FieldKind::Sql => typed(Look::Code, Spelling::Text),
        FieldKind::Conversion => typed(Look::Code, Spelling::Conversion),
        FieldKind::Number => typed(Look::Number, Spelling::Number),
        FieldKind::Columns => typed(Look::Name, Spelling::List),
        FieldKind::Words => typed(Look::Line, Spelling::List),
        FieldKind::Default if texts => typed(Look::Name, Spelling::Text),
        FieldKind::Default => view! { <DefaultControl frame value set offers /> }.into_any(),
        FieldKind::Bool => view! { <BoolControl field frame value set /> }.into_any(),
        FieldKind::Choice(words) => {
            view! { <ChoiceControl field words frame value set /> }.into_any()
        }
        FieldKind::Part(part @ (Part::Columns | Part::Constraints)) => match part.item() {
            Some(shape) => view! { <RowsControl shape id=frame.id value set offers /> }.into_any(),
            None => ().into_any(),
        },
        // Lists of phases and operations have forms of their own.
        FieldKind::Part(
            Part::Phases | Part::Gate | Part::Operations | Part::Checks | Part::Waivers,
        ) => ().into_any(),
    }
}

fn placeholder(field: &Field) -> &'static str {
    match field.kind {
        FieldKind::Columns => "one, two",
        FieldKind::Duration => "7d",
        FieldKind::Number => field.default.unwrap_or(""),
        FieldKind::Table
        | FieldKind::Column
        | FieldKind::NewName
        | FieldKind::Index
        | FieldKind::DataType
        | FieldKind::Sql
        | FieldKind::Text
        | FieldKind::Bool
        | FieldKind::Default
        | FieldKind::Choice(_)
        | FieldKind::Words
        | FieldKind::Conversion
        | FieldKind::Part(_) => "",
    }
}

/// A tick.
#[component]
fn BoolControl(
    field: &'static Field,
    frame: Frame,
    value: Signal<Value>,
    set: Callback<Option<Value>>,
) -> impl IntoView {
    let absent = default_of(field) == Value::Bool(true);
    let ticked = move || match value.get() {
        Value::Bool(yes) => yes,
        Value::String(text) => text == "true",
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => absent,
    };
    view! {
        <input
            type="checkbox"
            id=frame.id
            aria-describedby=frame.described
            aria-invalid=move || frame.invalid.get().then_some("true")
            prop:checked=ticked
            on:change=move |event| {
                let yes = event_target_checked(&event);
                set.run((yes != absent).then_some(Value::Bool(yes)));
            }
        />
    }
    .into_any()
}

/// One of some words.
#[component]
fn ChoiceControl(
    field: &'static Field,
    words: &'static [&'static str],
    frame: Frame,
    value: Signal<Value>,
    set: Callback<Option<Value>>,
) -> impl IntoView {
    let default = default_of(field);
    let none = match default.as_str() {
        Some(word) => format!("{word} (unless chosen)"),
        None if field.required => "choose".to_owned(),
        None => "not set".to_owned(),
    };
    let chosen = move |word: &str| value.read().as_str() == Some(word);
    view! {
        <select
            id=frame.id
            aria-describedby=frame.described
            aria-invalid=move || frame.invalid.get().then_some("true")
            on:change=move |event| {
                let word = event_target_value(&event);
                set.run((!word.is_empty()).then_some(Value::String(word)));
            }
        >
            <option value="" prop:selected=move || value.read().is_null()>{none}</option>
            {words
                .iter()
                .map(|word| {
                    view! { <option value=*word prop:selected=move || chosen(word)>{*word}</option> }
                })
                .collect_view()}
        </select>
    }
    .into_any()
}

/// No default, a literal, or an expression.
#[component]
fn DefaultControl(
    frame: Frame,
    value: Signal<Value>,
    set: Callback<Option<Value>>,
    offers: Offers,
) -> impl IntoView {
    let kind = Memo::new(move |_| match &*value.read() {
        Value::Null => "none",
        Value::Object(_) => "sql",
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => "literal",
    });
    let choose = move |event| {
        let text = as_text(&value.get_untracked());
        match event_target_value(&event).as_str() {
            "sql" => set.run(Some(serde_json::json!({ "sql": text }))),
            "literal" => set.run(Some(Value::String(text))),
            _ => set.run(None),
        }
    };
    let id = frame.id.clone();
    view! {
        <div class="joined">
            <select id=id aria-describedby=frame.described.clone() on:change=choose>
                <option value="none" prop:selected=move || kind.get() == "none">"none"</option>
                <option value="literal" prop:selected=move || kind.get() == "literal">
                    "literal"
                </option>
                <option value="sql" prop:selected=move || kind.get() == "sql">"SQL"</option>
            </select>
            {move || {
                let kind = kind.get();
                let frame = Frame {
                    id: format!("{}-value", frame.id),
                    ..frame.clone()
                };
                let spelling = if kind == "sql" { Spelling::Expression } else { Spelling::Literal };
                (kind != "none")
                    .then(|| {
                        view! {
                            <TextControl
                                frame
                                look=Look::Name
                                spelling
                                value
                                set
                                offers
                                offered=Offered::Nothing
                                placeholder=""
                                label="Default value"
                            />
                        }
                    })
            }}
            {move || (kind.get() == "literal").then(|| {
                let what = match &*value.read() {
                    Value::Number(_) => "a number",
                    Value::Bool(_) => "a truth value",
                    Value::String(text) if text.is_empty() => "the empty text",
                    Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => "a text",
                };
                view! { <span class="muted reads-as">{what}</span> }
            })}
        </div>
    }
    .into_any()
}
