//! What an environment asks for before a phase may start.

use bellows::access::{BackupRule, Policy};
use bellows::lint::{RULES, Rule, Severity};
use bellows::run::Signal as TargetSignal;
use leptos::prelude::*;

use super::ActionFailure;
use crate::api;
use crate::backend::{ApiError, EnvironmentView};

/// The severities, with what blocking from there on means.
const BLOCKING: [(Severity, &str, &str); 3] = [
    (Severity::Error, "error", "errors"),
    (Severity::Warning, "warning", "warnings and errors"),
    (Severity::Info, "info", "every finding"),
];

/// When backups are taken.
const BACKUPS: [(BackupRule, &str, &str); 2] = [
    (
        BackupRule::Destroying,
        "destroying",
        "before phases that destroy values, unless somebody waives it",
    ),
    (
        BackupRule::Required,
        "required",
        "before every execution, and nobody can waive it",
    ),
];

/// The policy; an admin can change it.
#[component]
pub fn PolicyForm(
    /// The environment.
    environment: EnvironmentView,
    /// Whether it can be changed.
    admin: bool,
) -> impl IntoView {
    let name = environment.name;
    let policy = RwSignal::new(environment.policy);
    let of = name.clone();
    let save = Action::new(move |(): &()| {
        let name = of.clone();
        async move {
            api::set_policy(name, policy.get_untracked()).await?;
            Ok::<(), ApiError>(())
        }
    });
    let pending = save.pending();
    let failure = Signal::derive(move || save.value().get().and_then(Result::err));
    let done = move || {
        if matches!(save.value().get(), Some(Ok(()))) && !pending.get() {
            "Saved."
        } else {
            ""
        }
    };
    let approvals_id = format!("policy-{name}-approvals");
    let same_id = format!("policy-{name}-same");
    let same_for = same_id.clone();
    let backup_id = format!("policy-{name}-backup");
    let days_id = format!("policy-{name}-days");
    let saved_id = format!("policy-{name}-saved-days");
    let quiet_id = format!("policy-{name}-quiet");
    let hold_id = format!("policy-{name}-hold");
    let hold_for = hold_id.clone();
    let whole_id = format!("policy-{name}-whole");
    let whole_for = whole_id.clone();
    let weighed = move || match policy.read().severities.len() {
        0 => "Rules weigh what they weigh everywhere".to_owned(),
        1 => "1 rule weighs differently here".to_owned(),
        n => format!("{n} rules weigh differently here"),
    };
    let held_back = move || {
        let policy = policy.read();
        let changed = TargetSignal::ALL
            .iter()
            .filter(|signal| policy.throttle.said(**signal).is_some())
            .count();
        match changed {
            0 => "Batches are held back by the usual limits".to_owned(),
            1 => "1 limit that holds batches back is this environment's own".to_owned(),
            n => format!("{n} limits that hold batches back are this environment's own"),
        }
    };
    let blocking_id = format!("policy-{name}-blocking");
    view! {
        <form
            class="panel"
            aria-label=format!("Policy of {name}")
            on:submit=move |event| {
                event.prevent_default();
                save.dispatch(());
            }
        >
            <h3>{name.clone()}</h3>
            <fieldset class="bare" disabled=!admin>
                <legend class="visually-hidden">{format!("Policy of {name}")}</legend>
                <div class="field">
                    <label for=approvals_id.clone()>"Approvals a phase needs"</label>
                    <input
                        type="number"
                        id=approvals_id
                        min="0"
                        max="9"
                        prop:value=move || policy.read().approvals.to_string()
                        on:input=move |event| {
                            if let Ok(number) = event_target_value(&event).parse() {
                                policy.update(|policy| policy.approvals = number);
                            }
                        }
                    />
                </div>
                <div class="field">
                    <label for=blocking_id.clone()>"A phase is kept from starting by"</label>
                    <select
                        id=blocking_id
                        on:change=move |event| {
                            let word = event_target_value(&event);
                            if let Some((severity, ..)) = BLOCKING.iter().find(|(_, w, _)| *w == word) {
                                policy.update(|policy| policy.blocking = *severity);
                            }
                        }
                    >
                        {BLOCKING
                            .map(|(severity, word, meaning)| {
                                view! {
                                    <option
                                        value=word
                                        selected=policy.read_untracked().blocking == severity
                                    >
                                        {meaning}
                                    </option>
                                }
                            })
                            .collect_view()}
                    </select>
                </div>
                <div class="field">
                    <label for=backup_id.clone()>"A backup is taken"</label>
                    <select
                        id=backup_id
                        on:change=move |event| {
                            let word = event_target_value(&event);
                            if let Some((rule, ..)) = BACKUPS.iter().find(|(_, w, _)| *w == word) {
                                policy.update(|policy| policy.backup = *rule);
                            }
                        }
                    >
                        {BACKUPS
                            .map(|(rule, word, meaning)| {
                                view! {
                                    <option
                                        value=word
                                        selected=policy.read_untracked().backup == rule
                                    >
                                        {meaning}
                                    </option>
                                }
                            })
                            .collect_view()}
                    </select>
                </div>
                <div class="field">
                    <label for=days_id.clone()>"Days that backups are kept; empty: always"</label>
                    <input
                        type="number"
                        id=days_id
                        min="1"
                        prop:value=move || {
                            policy.read().backup_days.map_or(String::new(), |days| days.to_string())
                        }
                        on:input=move |event| {
                            let days = event_target_value(&event).parse().ok();
                            policy.update(|policy| policy.backup_days = days);
                        }
                    />
                </div>
                <div class="field">
                    <label for=saved_id.clone()>
                        "Days that saved copies of what a phase destroyed are kept; empty: always"
                    </label>
                    <input
                        type="number"
                        id=saved_id
                        min="1"
                        prop:value=move || {
                            policy
                                .read()
                                .saved_copy_days
                                .map_or(String::new(), |days| days.to_string())
                        }
                        on:input=move |event| {
                            let days = event_target_value(&event).parse().ok();
                            policy.update(|policy| policy.saved_copy_days = days);
                        }
                    />
                </div>
                <div class="field">
                    <label for=quiet_id.clone()>
                        "Minutes for which nobody may have used what a contract phase takes away; empty: its soak"
                    </label>
                    <input
                        type="number"
                        id=quiet_id
                        min="0"
                        prop:value=move || {
                            policy
                                .read()
                                .quiet_minutes
                                .map_or(String::new(), |minutes| minutes.to_string())
                        }
                        on:input=move |event| {
                            let minutes = event_target_value(&event).parse().ok();
                            policy.update(|policy| policy.quiet_minutes = minutes);
                        }
                    />
                </div>
                <label class="tick" for=hold_for>
                    <input
                        type="checkbox"
                        id=hold_id
                        prop:checked=move || policy.read().hold_cut_over
                        on:change=move |event| {
                            let yes = event_target_checked(&event);
                            policy.update(|policy| policy.hold_cut_over = yes);
                        }
                    />
                    "Every cut-over and contract phase is held until somebody says go"
                </label>
                <label class="tick" for=whole_for>
                    <input
                        type="checkbox"
                        id=whole_id
                        prop:checked=move || policy.read().backup_whole
                        on:change=move |event| {
                            let yes = event_target_checked(&event);
                            policy.update(|policy| policy.backup_whole = yes);
                        }
                    />
                    "Backups hold the whole database, not only the tables of the migration"
                </label>
                <label class="tick" for=same_for>
                    <input
                        type="checkbox"
                        id=same_id
                        prop:checked=move || policy.read().approver_may_execute
                        on:change=move |event| {
                            let yes = event_target_checked(&event);
                            policy.update(|policy| policy.approver_may_execute = yes);
                        }
                    />
                    "Who approved a phase may start it"
                </label>
                <details class="more">
                    <summary>{held_back}</summary>
                    <div class="grid">
                        {TargetSignal::ALL
                            .map(|signal| view! { <SignalLimit signal policy name=name.clone() /> })
                            .collect_view()}
                    </div>
                </details>
                <details class="more">
                    <summary>{weighed}</summary>
                    <div class="grid">
                        {RULES
                            .iter()
                            .map(|rule| view! { <RuleWeight rule policy name=name.clone() /> })
                            .collect_view()}
                    </div>
                </details>
            </fieldset>
            {admin
                .then(|| {
                    view! {
                        <div class="buttons">
                            <button type="submit" disabled=pending>
                                {move || if pending.get() { "Saving …" } else { "Save policy" }}
                            </button>
                            <span role="status">{done}</span>
                        </div>
                    }
                })}
            <ActionFailure error=failure />
        </form>
    }
    .into_any()
}

/// From where on one signal holds batches back.
#[component]
fn SignalLimit(signal: TargetSignal, policy: RwSignal<Policy>, name: String) -> impl IntoView {
    let id = format!("policy-{name}-{}", signal.word());
    let usual = signal
        .usual()
        .map_or_else(|| "off".to_owned(), |limit| limit.to_string());
    let side = if signal.is_floor() { "under" } else { "over" };
    let label = match signal.unit() {
        "" => format!("{}, {side}", signal.title()),
        unit => format!("{}, {side} ({unit})", signal.title()),
    };
    let own = move || match policy.read().throttle.said(signal) {
        None => String::new(),
        Some(None) => "off".to_owned(),
        Some(Some(limit)) => limit.to_string(),
    };
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <input
                type="text"
                id=id
                inputmode="numeric"
                pattern="off|[0-9]{1,12}"
                title="A whole number, or off; empty for the usual limit"
                placeholder=usual
                prop:value=own
                on:change=move |event| {
                    let text = event_target_value(&event);
                    policy
                        .update(|policy| match (text.trim(), text.trim().parse::<u64>()) {
                            ("", _) => policy.throttle.unset(signal),
                            ("off", _) => policy.throttle.set(signal, None),
                            (_, Ok(limit)) => policy.throttle.set(signal, Some(limit)),
                            (_, Err(_)) => {}
                        });
                }
            />
        </div>
    }
    .into_any()
}

/// How much one rule weighs.
#[component]
fn RuleWeight(rule: &'static Rule, policy: RwSignal<Policy>, name: String) -> impl IntoView {
    let id = format!("policy-{name}-{}", rule.id);
    let own = move |severity: Severity| policy.read().severities.get(rule.id) == Some(&severity);
    let usual = BLOCKING
        .iter()
        .find(|(severity, ..)| *severity == rule.severity)
        .map_or("", |(_, word, _)| *word);
    view! {
        <div class="field">
            <label for=id.clone()>
                <code>{rule.id}</code>
            </label>
            <select
                id=id
                on:change=move |event| {
                    let word = event_target_value(&event);
                    let chosen = BLOCKING.iter().find(|(_, w, _)| *w == word);
                    policy
                        .update(|policy| {
                            match chosen {
                                Some((severity, ..)) => {
                                    policy.severities.insert(rule.id.to_owned(), *severity);
                                }
                                None => {
                                    policy.severities.remove(rule.id);
                                }
                            }
                        });
                }
            >
                <option value="">{format!("{usual}, as everywhere")}</option>
                {BLOCKING
                    .map(|(severity, word, _)| {
                        view! {
                            <option value=word selected=own(severity)>
                                {word}
                            </option>
                        }
                    })
                    .collect_view()}
            </select>
        </div>
    }
    .into_any()
}
