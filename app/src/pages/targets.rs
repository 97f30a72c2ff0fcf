//! Targets, their tables, and the environments' policies.

use bellows::access::{Action as Deed, allowed};
use leptos::prelude::*;

use crate::api;
use crate::backend::{ApiError, Me, NewTarget, TargetSummary};
use crate::components::{
    ActionFailure, Backups, Empty, EngineBadge, LeftBehind, LiveSchema, LiveSchemaNote, Loaded,
    PageHead, PolicyForm, SavedCopies, SchemaView, Time, live_schema,
};

/// The page.
#[component]
pub fn TargetsPage() -> impl IntoView {
    let targets = Resource::new(|| (), |()| api::targets());
    let environments = Resource::new(|| (), |()| api::environments());
    let reload = Callback::new(move |()| {
        targets.refetch();
        environments.refetch();
    });
    let admin =
        use_context::<Me>().is_some_and(|me| allowed(&me.grants, Deed::ManageTargets, None));
    view! {
        <PageHead title="Targets" />
        <Loaded resource=targets let:targets>
            {if targets.is_empty() {
                view! {
                    <Empty>
                        {if admin {
                            "There is no target yet. Register the database that is to be changed."
                        } else {
                            "There is no target yet. An admin registers the database."
                        }}
                    </Empty>
                }
                    .into_any()
            } else {
                targets
                    .into_iter()
                    .map(|target| view! { <TargetCard target /> })
                    .collect_view()
                    .into_any()
            }}
        </Loaded>
        {admin.then(|| view! { <AddTarget reload /> })}
        <section aria-labelledby="environments">
            <h2 id="environments">"Environments"</h2>
            <Loaded resource=environments let:environments>
                <div class="cards">
                    {environments
                        .into_iter()
                        .map(|environment| view! { <PolicyForm environment admin /> })
                        .collect_view()}
                </div>
            </Loaded>
        </section>
    }
    .into_any()
}

#[component]
fn TargetCard(target: TargetSummary) -> impl IntoView {
    let shown = RwSignal::new(false);
    let id = target.id.clone();
    let backed_up = target.id.clone();
    let left_on = target.id.clone();
    let saved_on = target.id.clone();
    let may = |deed: Deed| {
        use_context::<Me>().is_some_and(|me| allowed(&me.grants, deed, Some(&target.environment)))
    };
    let may_author = may(Deed::Author);
    let (may_take, may_restore) = (may(Deed::Execute), may(Deed::Restore));
    let state = live_schema(Signal::derive(move || shown.get().then(|| id.clone())));
    view! {
        <article class="panel" data-testid="target">
            <header class="target-head">
                <h2>{target.name.clone()}</h2>
                <EngineBadge engine=target.engine />
                <span class="badge plain">{target.environment}</span>
                <code class="wrap">{target.address}</code>
                <span class="muted">"since " <Time at=target.created_at /></span>
            </header>
            <button
                type="button"
                aria-label=format!("Tables of {}", target.name)
                aria-expanded=move || shown.get().to_string()
                on:click=move |_| shown.update(|shown| *shown = !*shown)
            >
                {move || if shown.get() { "Hide the tables" } else { "Show the tables" }}
            </button>
            <Backups target_id=backed_up name=target.name.clone() may_take may_restore />
            <SavedCopies
                target_id=saved_on
                name=target.name.clone()
                may_remove=may_restore
            />
            <LeftBehind target_id=left_on name=target.name.clone() may_author />
            <LiveSchemaNote state />
            {move || match state.get() {
                LiveSchema::Ready(schema, _) => Some(view! { <SchemaView schema /> }),
                LiveSchema::None | LiveSchema::Loading | LiveSchema::Failed(_) => None,
            }}
        </article>
    }
    .into_any()
}

#[component]
fn AddTarget(reload: Callback<()>) -> impl IntoView {
    let name = RwSignal::new(String::new());
    let environment = RwSignal::new(String::new());
    let url = RwSignal::new(String::new());
    let add = Action::new(move |(): &()| async move {
        let target = NewTarget {
            name: name.get_untracked().trim().to_owned(),
            environment: environment.get_untracked().trim().to_owned(),
            url: url.get_untracked().trim().to_owned(),
        };
        let added = api::add_target(target).await?;
        for field in [name, environment, url] {
            field.set(String::new());
        }
        reload.run(());
        Ok::<TargetSummary, ApiError>(added)
    });
    let pending = add.pending();
    let failure = Signal::derive(move || add.value().get().and_then(Result::err));
    let line =
        |id: &'static str, label: &'static str, help: &'static str, value: RwSignal<String>| {
            let help_id = format!("{id}-help");
            view! {
                <div class="field">
                    <label for=id>{label}</label>
                    <input
                        type="text"
                        id=id
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                        required
                        aria-describedby=help_id.clone()
                        prop:value=value
                        on:input=move |event| value.set(event_target_value(&event))
                    />
                    <p class="help" id=help_id>{help}</p>
                </div>
            }
        };
    view! {
        <section class="panel" aria-labelledby="add-target">
            <h2 id="add-target">"Register a target"</h2>
            <form on:submit=move |event| {
                event.prevent_default();
                add.dispatch(());
            }>
                <div class="grid">
                    {line("target-name", "Name", "As people call it.", name)}
                    {line(
                        "target-environment",
                        "Environment",
                        "dev, staging, production; a new one gets the default policy.",
                        environment,
                    )}
                    {line(
                        "target-url",
                        "Address",
                        "postgres://user:password@host/database, mysql:// or mariadb:// likewise, or sqlite:PATH. Tried before it is kept; the password is encrypted and never shown again.",
                        url,
                    )}
                </div>
                <div class="buttons">
                    <button type="submit" class="primary" disabled=pending>
                        {move || if pending.get() { "Connecting …" } else { "Register" }}
                    </button>
                </div>
                <ActionFailure error=failure />
            </form>
        </section>
    }
    .into_any()
}
