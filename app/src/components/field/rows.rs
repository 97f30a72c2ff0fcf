//! A list of mappings within a form: the columns of a new table, its constraints.

use bellows::document::Shape;
use leptos::prelude::*;
use serde_json::{Map, Value};

use super::{FieldInput, Offers};

/// The items of a list, each with its fields; items are added at the end and removed anywhere.
#[component]
pub(super) fn RowsControl(
    shape: &'static Shape,
    id: String,
    value: Signal<Value>,
    set: Callback<Option<Value>>,
    offers: Offers,
) -> impl IntoView {
    let count = Memo::new(move |_| value.read().as_array().map_or(0, Vec::len));
    let change = move |edit: &dyn Fn(&mut Vec<Value>)| {
        let mut items = value
            .get_untracked()
            .as_array()
            .cloned()
            .unwrap_or_default();
        edit(&mut items);
        set.run((!items.is_empty()).then_some(Value::Array(items)));
    };
    let item = move |at: usize| {
        let id = id.clone();
        let fields = shape
            .fields
            .iter()
            .map(|field| {
                let key = field.key;
                let own = Memo::new(move |_| value.read()[at][key].clone());
                let put = Callback::new(move |new: Option<Value>| {
                    change(&|items| put(items, at, key, new.clone()));
                });
                view! {
                    <FieldInput
                        field
                        id=format!("{id}-{at}-{key}")
                        value=own.into()
                        set=put
                        offers
                        problems=Signal::derive(Vec::new)
                    />
                }
            })
            .collect_view();
        view! {
            <fieldset class="item-form">
                <legend>{format!("{} {}", shape.title, at + 1)}</legend>
                <div class="tools">
                    <button
                        type="button"
                        aria-label=format!("Remove: {} {}", shape.title, at + 1)
                        on:click=move |_| {
                            change(&|items| {
                                if at < items.len() {
                                    items.remove(at);
                                }
                            });
                        }
                    >
                        "Remove"
                    </button>
                </div>
                <div class="grid">{fields}</div>
            </fieldset>
        }
    };
    view! {
        <div class="items">
            <For each=move || 0..count.get() key=|at| *at children=item />
            <button
                type="button"
                on:click=move |_| change(&|items| items.push(Value::Object(Map::new())))
            >
                {format!("Add: {}", shape.title)}
            </button>
        </div>
    }
    .into_any()
}

/// Puts a value into an item, or takes it out.
fn put(items: &mut [Value], at: usize, key: &str, new: Option<Value>) {
    let Some(Value::Object(map)) = items.get_mut(at) else {
        return;
    };
    match new {
        Some(new) => map.insert(key.to_owned(), new),
        None => map.remove(key),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_goes_into_its_item_and_out() {
        let mut items = vec![json!({ "name": "id" }), json!({})];
        put(&mut items, 1, "name", Some(json!("at")));
        put(&mut items, 0, "name", None);
        put(&mut items, 7, "name", Some(json!("x")));
        assert_eq!(items, [json!({}), json!({ "name": "at" })]);
    }
}
