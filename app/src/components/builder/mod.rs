//! The builder: left the document, as a form or as YAML; right what it will do.

mod document_form;
mod editor;
mod guard;
mod item_form;
mod phase_form;
mod preview;
mod save_bar;
mod waiver_list;
mod yaml_pane;

use bellows::lint::Finding;
use leptos::prelude::*;

use document_form::DocumentForm;
pub use editor::{Editor, Mode, Origin};
pub use guard::guard_unsaved;
pub use preview::{Preview, PreviewPane};
use save_bar::SaveBar;
use yaml_pane::YamlPane;

use crate::components::plan::FindingActs;

/// The two panes over one editor.
#[component]
pub fn Builder(
    /// The document, and where it came from.
    editor: Editor,
) -> impl IntoView {
    guard_unsaved(editor.dirty.into());
    let form_refused = RwSignal::new(false);
    let to_form = move |_| form_refused.set(editor.show_form().is_err());
    let to_yaml = move |_| {
        form_refused.set(false);
        editor.show_yaml();
    };
    let is = move |mode: Mode| editor.mode.get() == mode;
    let acts = FindingActs {
        waive: Some(Callback::new(
            move |(finding, reason): (Finding, String)| {
                editor.waive(&finding, reason);
            },
        )),
        fix: Some(Callback::new(move |finding: Finding| {
            editor.fix(&finding);
        })),
    };
    view! {
        <SaveBar editor />
        <div role="status" data-testid="fixed">
            {move || {
                editor
                    .fixed()
                    .map(|fixed| {
                        let words = fixed.words.clone();
                        view! {
                            <p class="notice good">
                                {words}
                                " "
                                {fixed
                                    .changed()
                                    .then(|| {
                                        view! {
                                            <button
                                                type="button"
                                                on:click=move |_| editor.take_back(fixed.clone())
                                            >
                                                "Take back"
                                            </button>
                                        }
                                    })}
                            </p>
                        }
                    })
            }}
        </div>
        <div class="panes">
            <section class="pane" aria-label="Document">
                <div class="tabs" role="tablist" aria-label="View of the document">
                    <button
                        type="button"
                        role="tab"
                        id="tab-form"
                        aria-controls="panel-document"
                        aria-selected=move || is(Mode::Form).to_string()
                        on:click=to_form
                    >
                        "Form"
                    </button>
                    <button
                        type="button"
                        role="tab"
                        id="tab-yaml"
                        aria-controls="panel-document"
                        aria-selected=move || is(Mode::Yaml).to_string()
                        on:click=to_yaml
                    >
                        "YAML"
                    </button>
                </div>
                <div role="alert">
                    {move || {
                        (form_refused.get() && is(Mode::Yaml))
                            .then(|| {
                                view! {
                                    <p class="notice error">
                                        "The form can show the text once its mistakes are mended; nothing of it is lost meanwhile."
                                    </p>
                                }
                            })
                    }}
                </div>
                <div id="panel-document" role="tabpanel" tabindex="-1">
                    {move || match editor.mode.get() {
                        Mode::Form => view! { <DocumentForm editor /> }.into_any(),
                        Mode::Yaml => view! { <YamlPane editor /> }.into_any(),
                    }}
                </div>
            </section>
            <PreviewPane preview=editor.preview acts />
        </div>
    }
    .into_any()
}
