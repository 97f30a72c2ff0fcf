//! People and their roles.

use bellows::access::{Grant, Role};
use leptos::prelude::*;

use crate::api;
use crate::backend::{ApiError, NewPerson, PersonView};
use crate::components::{ActionFailure, GrantsInput, Loaded, PageHead, Time};

/// The page.
#[component]
pub fn PeoplePage() -> impl IntoView {
    let people = Resource::new(|| (), |()| api::people());
    let reload = Callback::new(move |()| people.refetch());
    view! {
        <PageHead title="People" />
        <Loaded resource=people let:people>
            <div class="table-box">
                <table class="list" aria-label="People">
                    <thead>
                        <tr>
                            <th scope="col">"Name"</th>
                            <th scope="col">"Login"</th>
                            <th scope="col">"Roles"</th>
                            <th scope="col">"Since"</th>
                        </tr>
                    </thead>
                    <tbody>
                        {people
                            .into_iter()
                            .map(|person| view! { <PersonRow person reload /> })
                            .collect_view()}
                    </tbody>
                </table>
            </div>
        </Loaded>
        <AddPerson reload />
    }
    .into_any()
}

#[component]
fn PersonRow(person: PersonView, reload: Callback<()>) -> impl IntoView {
    let id = person.id.clone();
    let grants = RwSignal::new(person.grants.clone());
    let editing = RwSignal::new(false);
    let save = Action::new(move |(): &()| {
        let id = id.clone();
        async move {
            api::set_grants(id, grants.get_untracked()).await?;
            editing.set(false);
            reload.run(());
            Ok::<(), ApiError>(())
        }
    });
    let pending = save.pending();
    let failure = Signal::derive(move || save.value().get().and_then(Result::err));
    let words: Vec<String> = person.grants.iter().map(grant_words).collect();
    let words = if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(", ")
    };
    let name = person.name.clone();
    let prefix = format!("person-{}", person.login);
    view! {
        <tr data-testid="person">
            <td data-label="Name" class="strong">{person.name}</td>
            <td data-label="Login"><code>{person.login}</code></td>
            <td data-label="Roles">
                {words} " "
                <button
                    type="button"
                    class="link"
                    aria-label=format!("Change the roles of {name}")
                    aria-expanded=move || editing.get().to_string()
                    on:click=move |_| editing.update(|e| *e = !*e)
                >
                    "Change"
                </button>
                {move || {
                    editing
                        .get()
                        .then(|| {
                            view! {
                                <GrantsInput prefix=prefix.clone() grants />
                                <div class="buttons">
                                    <button
                                        type="button"
                                        class="primary"
                                        disabled=pending
                                        on:click=move |_| {
                                            save.dispatch(());
                                        }
                                    >
                                        {move || {
                                            if pending.get() { "Saving …" } else { "Save roles" }
                                        }}
                                    </button>
                                </div>
                            }
                        })
                }}
                <ActionFailure error=failure />
            </td>
            <td data-label="Since" class="nowrap"><Time at=person.created_at /></td>
        </tr>
    }
    .into_any()
}

fn grant_words(grant: &Grant) -> String {
    match &grant.environment {
        Some(environment) => format!("{} in {environment}", grant.role.word()),
        None => grant.role.word().to_owned(),
    }
}

#[component]
fn AddPerson(reload: Callback<()>) -> impl IntoView {
    let login = RwSignal::new(String::new());
    let name = RwSignal::new(String::new());
    let password = RwSignal::new(String::new());
    let grants = RwSignal::new(vec![Grant {
        role: Role::Engineer,
        environment: None,
    }]);
    let add = Action::new(move |(): &()| async move {
        let person = NewPerson {
            login: login.get_untracked().trim().to_owned(),
            name: name.get_untracked().trim().to_owned(),
            password: password.get_untracked(),
            grants: grants.get_untracked(),
        };
        let added = api::add_person(person).await?;
        for field in [login, name, password] {
            field.set(String::new());
        }
        reload.run(());
        Ok::<PersonView, ApiError>(added)
    });
    let pending = add.pending();
    let failure = Signal::derive(move || add.value().get().and_then(Result::err));
    let done = move || match add.value().get() {
        Some(Ok(person)) => format!("{} is registered.", person.name),
        Some(Err(_)) | None => String::new(),
    };
    view! {
        <section class="panel" aria-labelledby="add-person">
            <h2 id="add-person">"Register a person"</h2>
            <form on:submit=move |event| {
                event.prevent_default();
                add.dispatch(());
            }>
                <div class="grid">
                    <Line id="person-login" label="Login name" kind="text" value=login />
                    <Line id="person-name" label="Name" kind="text" value=name />
                    <Line id="person-password" label="Password" kind="password" value=password />
                </div>
                <GrantsInput prefix="new-person".to_owned() grants />
                <div class="buttons">
                    <button type="submit" class="primary" disabled=pending>
                        {move || if pending.get() { "Registering …" } else { "Register" }}
                    </button>
                    <span role="status">{done}</span>
                </div>
                <ActionFailure error=failure />
            </form>
        </section>
    }
    .into_any()
}

#[component]
fn Line(
    id: &'static str,
    label: &'static str,
    kind: &'static str,
    value: RwSignal<String>,
) -> impl IntoView {
    let complete = if kind == "password" {
        "new-password"
    } else {
        "off"
    };
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <input
                type=kind
                id=id
                autocomplete=complete
                required
                prop:value=value
                on:input=move |event| value.set(event_target_value(&event))
            />
        </div>
    }
    .into_any()
}
