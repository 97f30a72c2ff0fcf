//! A control in which a value is typed as text.

use leptos::prelude::*;
use serde_json::Value;

use super::Frame;
use super::offers::{Offered, Offers};
use super::values::Spelling;

/// How the control looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Words for people, on one line.
    Line,
    /// A name or a short expression, in the fixed-width font.
    Name,
    /// Digits.
    Number,
    /// SQL on several lines.
    Code,
}

/// An input or a text area. The text stays as typed as long as it means the value; another value
/// from elsewhere replaces it.
#[component]
pub(super) fn TextControl(
    frame: Frame,
    look: Look,
    spelling: Spelling,
    value: Signal<Value>,
    set: Callback<Option<Value>>,
    offers: Offers,
    offered: Offered,
    placeholder: &'static str,
    #[prop(optional)] label: Option<&'static str>,
) -> impl IntoView {
    let typed = StoredValue::new(String::new());
    let shown = move || {
        let value = value.get();
        let typed = typed.get_value();
        if spelling.read(&typed).unwrap_or(Value::Null) == value {
            typed
        } else {
            spelling.write(&value)
        }
    };
    let on_input = move |event| {
        let text = event_target_value(&event);
        typed.set_value(text.clone());
        set.run(spelling.read(&text));
    };
    let invalid = move || frame.invalid.get().then_some("true");
    if look == Look::Code {
        return view! {
            <textarea
                id=frame.id
                class="code"
                rows=move || shown().lines().count().clamp(2, 12).to_string()
                spellcheck="false"
                autocapitalize="none"
                aria-label=label
                aria-describedby=frame.described
                aria-invalid=invalid
                prop:value=shown
                on:input=on_input
            ></textarea>
        }
        .into_any();
    }
    let list = (offered != Offered::Nothing).then(|| format!("{}-list", frame.id));
    view! {
        <input
            type="text"
            id=frame.id
            class:code=look == Look::Name
            inputmode=(look == Look::Number).then_some("numeric")
            list=list.clone()
            placeholder=placeholder
            autocomplete="off"
            autocapitalize="none"
            spellcheck=(look != Look::Line).then_some("false")
            aria-label=label
            aria-describedby=frame.described
            aria-invalid=invalid
            prop:value=shown
            on:input=on_input
        />
        {list
            .map(|list| {
                view! {
                    <datalist id=list>
                        {move || {
                            offers
                                .list(offered)
                                .into_iter()
                                .map(|word| view! { <option value=word></option> })
                                .collect_view()
                        }}
                    </datalist>
                }
            })}
    }
    .into_any()
}
