//! A new migration: pick a target and a pattern, fill its form, go on in the editor.

use bellows::document::{Engine, Migration, Shape};
use leptos::prelude::*;

use crate::api;
use crate::backend::TargetSummary;
use crate::components::builder::{Builder, Editor, Origin};
use crate::components::{Empty, LiveSchemaNote, Loaded, PageHead, PatternForm, live_schema};
use crate::draft::Draft;

/// The page.
#[component]
pub fn MigrationNewPage() -> impl IntoView {
    let targets = Resource::new(|| (), |()| api::targets());
    view! {
        <PageHead title="New migration" />
        <Loaded resource=targets let:targets>
            {if targets.is_empty() {
                view! {
                    <Empty>
                        "There is no target yet. An admin registers the database under “Targets”."
                    </Empty>
                }
                    .into_any()
            } else {
                view! { <Wizard targets /> }.into_any()
            }}
        </Loaded>
    }
    .into_any()
}

/// How far the author is.
#[derive(Clone)]
enum Stage {
    Gallery,
    Pattern(&'static Shape),
    Editor(Box<Draft>),
}

#[component]
fn Wizard(targets: Vec<TargetSummary>) -> impl IntoView {
    let stage = RwSignal::new(Stage::Gallery);
    let first = targets
        .first()
        .map(|target| target.id.clone())
        .unwrap_or_default();
    let chosen = RwSignal::new(first);
    let schema_state = live_schema(Signal::derive(move || Some(chosen.get())));
    let facts = Signal::derive(move || schema_state.read().facts());
    let schema = Signal::derive(move || schema_state.read().ready());
    let targets = StoredValue::new(targets);
    let target = move || {
        targets.with_value(|targets| {
            let id = chosen.get();
            targets.iter().find(|target| target.id == id).cloned()
        })
    };
    let engine =
        Signal::derive(move || target().map_or(Engine::PostgreSql, |target| target.engine));
    let done = Callback::new(move |migration: Migration| {
        stage.set(Stage::Editor(Box::new(Draft::of(&migration))));
    });
    view! {
        {move || {
            let fixed = matches!(&*stage.read(), Stage::Editor(_));
            if fixed {
                view! {
                    <p class="muted">
                        "For the target "
                        <strong>{target().map(|target| target.name)}</strong>
                    </p>
                }
                    .into_any()
            } else {
                view! { <TargetSelect targets=targets.get_value() chosen /> }.into_any()
            }
        }}
        <LiveSchemaNote state=schema_state />
        {move || match stage.get() {
            Stage::Gallery => view! { <Gallery stage engine /> }.into_any(),
            Stage::Pattern(shape) => {
                view! {
                    <button
                        type="button"
                        class="quiet"
                        on:click=move |_| stage.set(Stage::Gallery)
                    >
                        "← All patterns"
                    </button>
                    <PatternForm shape engine=engine.get() schema facts done />
                }
                    .into_any()
            }
            Stage::Editor(draft) => {
                let origin = Origin {
                    id: None,
                    version: 0,
                    target_id: chosen.get_untracked(),
                };
                view! { <Builder editor=Editor::new(*draft, String::new(), origin, schema, facts) /> }
                    .into_any()
            }
        }}
    }
    .into_any()
}

#[component]
fn TargetSelect(targets: Vec<TargetSummary>, chosen: RwSignal<String>) -> impl IntoView {
    view! {
        <div class="field narrow-field">
            <label for="target">"Target"</label>
            <select id="target" on:change=move |event| chosen.set(event_target_value(&event))>
                {targets
                    .into_iter()
                    .map(|target| {
                        let id = target.id.clone();
                        view! {
                            <option
                                value=target.id
                                prop:selected=move || *chosen.read() == id
                            >
                                {format!("{} ({})", target.name, target.environment)}
                            </option>
                        }
                    })
                    .collect_view()}
            </select>
        </div>
    }
    .into_any()
}

#[component]
fn Gallery(stage: RwSignal<Stage>, engine: Signal<Engine>) -> impl IntoView {
    let card = |title: &'static str, help: &'static str, word: &'static str, to: Callback<()>| {
        view! {
            <li>
                <button
                    type="button"
                    class="card"
                    data-testid=format!("pattern-{word}")
                    on:click=move |_| to.run(())
                >
                    <strong>{title}</strong>
                    <span>{help}</span>
                </button>
            </li>
        }
    };
    let empty = Callback::new(move |()| {
        stage.set(Stage::Editor(Box::new(Draft::new(engine.get_untracked()))));
    });
    view! {
        <h2>"Pattern"</h2>
        <ul class="gallery">
            {bellows::pattern::shapes()
                .iter()
                .map(|&shape| {
                    let to = Callback::new(move |()| stage.set(Stage::Pattern(shape)));
                    card(shape.title, shape.help, shape.word, to)
                })
                .collect_view()}
            {card("Empty document", "Phases and operations by hand.", "empty", empty)}
        </ul>
    }
    .into_any()
}
