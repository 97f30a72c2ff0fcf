//! Unsaved changes: whoever leaves the page is asked first.

use leptos::prelude::*;

/// Asks before the page is left, by a link in it or by the browser, while the signal is true.
pub fn guard_unsaved(dirty: Signal<bool>) {
    #[cfg(feature = "hydrate")]
    Effect::new(move || browser::install(dirty));
    #[cfg(not(feature = "hydrate"))]
    let _ = dirty;
}

#[cfg(feature = "hydrate")]
mod browser {
    use leptos::ev;
    use leptos::prelude::*;
    use wasm_bindgen::JsCast;
    use wasm_bindgen::closure::Closure;

    const QUESTION: &str = "There are changes that are not saved. Leave them behind?";

    pub(super) fn install(dirty: Signal<bool>) {
        let unload = window_event_listener(ev::beforeunload, move |event| {
            if dirty.get_untracked() {
                event.prevent_default();
            }
        });
        on_cleanup(move || unload.remove());

        // In the capturing phase, so that the question comes before the router's own listener.
        let ask = Closure::<dyn FnMut(web_sys::Event)>::new(move |event: web_sys::Event| {
            if !dirty.try_get_untracked().unwrap_or(false) || !is_way_out(&event) {
                return;
            }
            if !window().confirm_with_message(QUESTION).unwrap_or(true) {
                event.prevent_default();
                event.stop_propagation();
            }
        });
        let document = document();
        let function = ask.as_ref().unchecked_ref::<js_sys::Function>();
        if let Err(error) =
            document.add_event_listener_with_callback_and_bool("click", function, true)
        {
            leptos::logging::warn!("unsaved changes are not guarded: {error:?}");
            return;
        }
        let ask = StoredValue::new_local(ask);
        on_cleanup(move || {
            ask.with_value(|ask| {
                let function = ask.as_ref().unchecked_ref::<js_sys::Function>();
                // It was added above; where the document is gone, so is the listener.
                let _ =
                    document.remove_event_listener_with_callback_and_bool("click", function, true);
            });
        });
    }

    /// Whether the click follows a link of this site in this tab.
    fn is_way_out(event: &web_sys::Event) -> bool {
        let Some(target) = event
            .target()
            .and_then(|t| t.dyn_into::<web_sys::Element>().ok())
        else {
            return false;
        };
        let Ok(Some(link)) = target.closest("a[href]") else {
            return false;
        };
        !link
            .get_attribute("href")
            .is_some_and(|href| href.starts_with('#'))
            && !link.has_attribute("target")
    }
}
