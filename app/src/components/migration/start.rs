//! The gate and the start of a phase, or why it cannot start.

use bellows::plan::PhasePlan;
use bellows::run::{BackupNeed, PhaseState};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use crate::api;
use crate::backend::{ApiError, BlockedBy, PhaseView, StartRequest};
use crate::components::{ActionFailure, Found};

/// What can be done about a phase that has not started.
#[component]
pub fn StartPanel(
    /// The migration.
    migration_id: String,
    /// The plan that is shown.
    plan_hash: String,
    /// The phase of that plan.
    planned: PhasePlan,
    /// Where it stands.
    phase: PhaseView,
    /// Whether the person may confirm gates and start phases at all.
    may_execute: bool,
    /// Whether what it takes away is used.
    used: Found,
    /// Loads the page anew.
    reload: Callback<()>,
) -> impl IntoView {
    let waits = match phase.state {
        PhaseState::Pending => true,
        PhaseState::Running
        | PhaseState::Paused
        | PhaseState::Completed
        | PhaseState::Failed
        | PhaseState::RolledBack => false,
    };
    if !waits {
        return None;
    }
    let deploy = planned.gate.as_ref().and_then(|gate| gate.deploy.clone());
    let gate = deploy.map(|what| match phase.gate_confirmed.clone() {
        Some(version) => view! {
            <p class="gate-done">
                <span class="badge good">"gate confirmed"</span>
                " "
                {what}
                ", with version "
                <strong>{version}</strong>
            </p>
        }
        .into_any(),
        None if may_execute => {
            let migration_id = migration_id.clone();
            view! { <GateForm migration_id phase=phase.phase what reload /> }.into_any()
        }
        None => ().into_any(),
    });
    let free = phase.blocked.person.is_empty() && phase.blocked.time.is_empty();
    Some(view! {
        {gate}
        {if free && may_execute {
            let request = StartRequest {
                migration_id,
                plan_hash,
                phase: phase.phase,
                without_backup: false,
                despite_use: None,
                hold: false,
            };
            let can_hold = phase.can_hold.then_some(phase.is_held);
            view! { <StartButton request backup=phase.backup used can_hold /> }.into_any()
        } else {
            view! { <Blocked blocked=phase.blocked /> }.into_any()
        }}
    })
}

/// Both lists.
#[component]
fn Blocked(blocked: BlockedBy) -> impl IntoView {
    let list = |title: &'static str, lines: Vec<String>| {
        (!lines.is_empty()).then(|| {
            view! {
                <div>
                    <h4>{title}</h4>
                    <ul>{lines.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
                </div>
            }
        })
    };
    view! {
        <div class="blocked" data-testid="blocked">
            {list("A person must", blocked.person)} {list("Time will", blocked.time)}
        </div>
    }
    .into_any()
}

#[component]
fn StartButton(
    request: StartRequest,
    backup: BackupNeed,
    used: Found,
    /// Whether the policy holds it; absent where it has no cut-over.
    can_hold: Option<bool>,
) -> impl IntoView {
    let navigate = use_navigate();
    let number = request.phase;
    let without_backup = RwSignal::new(false);
    let reason = RwSignal::new(String::new());
    let hold = RwSignal::new(false);
    let in_use = Memo::new(move |_| match used.get() {
        Some(Ok(Some(seen))) => {
            seen.phase == number && (!seen.in_use().is_empty() || seen.quiet_left_ms() > 0)
        }
        Some(Ok(None) | Err(_)) | None => false,
    });
    let start = Action::new(move |(): &()| {
        let request = StartRequest {
            without_backup: without_backup.get_untracked(),
            despite_use: Some(reason.get_untracked().trim().to_owned())
                .filter(|reason| !reason.is_empty()),
            hold: hold.get_untracked(),
            ..request.clone()
        };
        let navigate = navigate.clone();
        async move {
            let id = api::start_phase(request).await?;
            navigate(&format!("/executions/{id}"), NavigateOptions::default());
            Ok::<(), ApiError>(())
        }
    });
    let pending = start.pending();
    let failure = Signal::derive(move || start.value().get().and_then(Result::err));
    let reason_id = format!("despite-use-{number}");
    let hold_id = format!("hold-{number}");
    let hold_for = hold_id.clone();
    let tick = format!("without-backup-{number}");
    let tick_id = tick.clone();
    view! {
        {match backup {
            BackupNeed::None => None,
            BackupNeed::Destroys => Some("It destroys values: a backup is taken first."),
            BackupNeed::Required => Some("A backup is taken first."),
        }
            .map(|words| view! { <p data-testid="backup-first">{words}</p> })}
        {(backup == BackupNeed::Destroys)
            .then(|| {
                view! {
                    <label class="tick" for=tick>
                        <input
                            type="checkbox"
                            id=tick_id
                            on:change=move |event| without_backup.set(event_target_checked(&event))
                        />
                        "Start without a backup. That you said so is recorded."
                    </label>
                }
            })}
        {match can_hold {
            None => ().into_any(),
            Some(true) => {
                view! { <p>"It is held before the cut-over until somebody says go: the environment wants it so."</p> }
                    .into_any()
            }
            Some(false) => {
                view! {
                    <label class="tick" for=hold_for>
                        <input
                            type="checkbox"
                            id=hold_id
                            on:change=move |event| hold.set(event_target_checked(&event))
                        />
                        "Hold it before the cut-over until somebody says go"
                    </label>
                }
                    .into_any()
            }
        }}
        {move || {
            let id = reason_id.clone();
            in_use
                .get()
                .then(|| {
                    view! {
                        <div class="field">
                            <label for=id.clone()>
                                "Why it may start although what it takes away was used. Recorded."
                            </label>
                            <input
                                type="text"
                                id=id
                                autocomplete="off"
                                prop:value=reason
                                on:input=move |event| reason.set(event_target_value(&event))
                            />
                        </div>
                    }
                })
        }}
        <div class="buttons">
            <button
                type="button"
                class="primary"
                data-testid=format!("start-phase-{number}")
                disabled=pending
                on:click=move |_| {
                    start.dispatch(());
                }
            >
                {move || {
                    if pending.get() {
                        "Starting …".to_owned()
                    } else {
                        format!("Start phase {number}")
                    }
                }}
            </button>
        </div>
        <ActionFailure error=failure />
    }
    .into_any()
}

#[component]
fn GateForm(migration_id: String, phase: u32, what: String, reload: Callback<()>) -> impl IntoView {
    let version = RwSignal::new(String::new());
    let confirm = Action::new(move |(): &()| {
        let migration_id = migration_id.clone();
        async move {
            let version = version.get_untracked().trim().to_owned();
            api::confirm_gate(migration_id, phase, version).await?;
            reload.run(());
            Ok::<(), ApiError>(())
        }
    });
    let pending = confirm.pending();
    let failure = Signal::derive(move || confirm.value().get().and_then(Result::err));
    let input = format!("gate-version-{phase}");
    view! {
        <form
            class="gate-form"
            on:submit=move |event| {
                event.prevent_default();
                confirm.dispatch(());
            }
        >
            <p>"To be confirmed before the phase starts: " <strong>{what}</strong></p>
            <div class="joined">
                <label for=input.clone()>"Deployed version"</label>
                <input
                    type="text"
                    id=input
                    autocomplete="off"
                    required
                    prop:value=version
                    on:input=move |event| version.set(event_target_value(&event))
                />
                <button type="submit" disabled=pending>
                    {move || if pending.get() { "Confirming …" } else { "Confirm gate" }}
                </button>
            </div>
            <ActionFailure error=failure />
        </form>
    }
    .into_any()
}
