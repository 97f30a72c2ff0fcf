//! The backups of a target: which there are, taking one, and putting the target back.

use leptos::prelude::*;

use super::dialog::ConfirmButton;
use super::{ActionFailure, Empty, Time};
use crate::api;
use crate::backend::{ApiError, BackupView, RestorePreview, TableRows};
use crate::text;

/// The list, loaded when it is opened.
#[component]
pub fn Backups(
    /// The target.
    target_id: String,
    /// Its name.
    name: String,
    /// Whether the person may take backups.
    may_take: bool,
    /// Whether the person may restore them.
    may_restore: bool,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    let of = target_id.clone();
    let load = Action::new(move |(): &()| api::backups(of.clone()));
    let loading = load.pending();
    let of = target_id.clone();
    let take = Action::new(move |(): &()| {
        let target = of.clone();
        async move {
            api::take_backup(target).await?;
            load.dispatch(());
            Ok::<(), ApiError>(())
        }
    });
    let taking = take.pending();
    let failure = Signal::derive(move || {
        let failed = take.value().get().and_then(Result::err);
        failed.or_else(|| load.value().get().and_then(Result::err))
    });
    let reload = Callback::new(move |()| {
        load.dispatch(());
    });
    view! {
        <button
            type="button"
            aria-label=format!("Backups of {name}")
            aria-expanded=move || shown.get().to_string()
            on:click=move |_| {
                shown.update(|shown| *shown = !*shown);
                if shown.get_untracked() {
                    load.dispatch(());
                }
            }
        >
            {move || if shown.get() { "Hide the backups" } else { "Show the backups" }}
        </button>
        {move || {
            shown
                .get()
                .then(|| {
                    let target_id = target_id.clone();
                    view! {
                        <div data-testid="backups">
                            {move || match load.value().get() {
                                Some(Ok(backups)) if backups.is_empty() => {
                                    view! { <Empty>"There is no backup of it."</Empty> }.into_any()
                                }
                                Some(Ok(backups)) => {
                                    let target_id = target_id.clone();
                                    view! { <BackupTable target_id backups may_restore reload /> }
                                        .into_any()
                                }
                                Some(Err(_)) | None => ().into_any(),
                            }}
                            {may_take
                                .then(|| {
                                    view! {
                                        <div class="buttons">
                                            <button
                                                type="button"
                                                disabled=move || taking.get() || loading.get()
                                                on:click=move |_| {
                                                    take.dispatch(());
                                                }
                                            >
                                                {move || {
                                                    if taking.get() {
                                                        "Taking a backup …"
                                                    } else {
                                                        "Take a backup now"
                                                    }
                                                }}
                                            </button>
                                        </div>
                                    }
                                })}
                        </div>
                    }
                })
        }}
        <ActionFailure error=failure />
    }
    .into_any()
}

#[component]
fn BackupTable(
    target_id: String,
    backups: Vec<BackupView>,
    may_restore: bool,
    reload: Callback<()>,
) -> impl IntoView {
    view! {
        <div class="table-box">
            <table class="list" aria-label="Backups">
                <thead>
                    <tr>
                        <th scope="col">"Taken"</th>
                        <th scope="col">"Holds"</th>
                        <th scope="col">"Size"</th>
                        <th scope="col">"By"</th>
                        <th scope="col">"Restore"</th>
                    </tr>
                </thead>
                <tbody>
                    {backups
                        .into_iter()
                        .map(|backup| {
                            let target_id = target_id.clone();
                            view! { <BackupRow target_id backup may_restore reload /> }
                        })
                        .collect_view()}
                </tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn BackupRow(
    target_id: String,
    backup: BackupView,
    may_restore: bool,
    reload: Callback<()>,
) -> impl IntoView {
    let before = match (&backup.execution, backup.phase) {
        (Some(execution), Some(phase)) => {
            let href = format!("/executions/{execution}");
            let words = format!("before phase {phase} of an execution");
            view! { <a class="sub" href=href>{words}</a> }.into_any()
        }
        (Some(_) | None, _) => ().into_any(),
    };
    let restored = backup.restored_at.map(|at| {
        view! { <span class="sub">"restored " <Time at /></span> }
    });
    let act = if !backup.here {
        let words = format!("its file is on {}, or gone", backup.host);
        view! { <span class="muted">{words}</span> }.into_any()
    } else if may_restore {
        let id = backup.id.clone();
        view! { <Restore target_id id reload /> }.into_any()
    } else {
        view! { <span class="muted">"by an admin"</span> }.into_any()
    };
    view! {
        <tr data-testid="backup-row">
            <td data-label="Taken">
                <Time at=backup.taken_at />
                <code class="sub wrap">{backup.id}</code>
            </td>
            <td data-label="Holds">{backup.holds} {before} {restored}</td>
            <td data-label="Size" class="nowrap">{text::bytes(backup.bytes)}</td>
            <td data-label="By">{backup.by}</td>
            <td data-label="Restore">{act}</td>
        </tr>
    }
    .into_any()
}

/// What it would do comes first, then the question.
#[component]
fn Restore(target_id: String, id: String, reload: Callback<()>) -> impl IntoView {
    let (of, what) = (target_id.clone(), id.clone());
    let look = Action::new(move |(): &()| api::preview_restore(of.clone(), what.clone()));
    let looking = look.pending();
    let restore = Action::new(move |(): &()| {
        let (target, id) = (target_id.clone(), id.clone());
        async move {
            let done = api::restore_backup(target, id).await?;
            Ok::<_, ApiError>(done)
        }
    });
    let pending = restore.pending();
    let failure = Signal::derive(move || {
        let failed = restore.value().get().and_then(Result::err);
        failed.or_else(|| look.value().get().and_then(Result::err))
    });
    let yes = Callback::new(move |()| {
        restore.dispatch(());
    });
    view! {
        {move || match (restore.value().get(), look.value().get()) {
            (Some(Ok(done)), _) => {
                let saved = done.saved.map(|saved| format!("What was there before is in backup {saved}."));
                view! {
                    <div class="notice good" data-testid="restored">
                        <p><strong>"Restored."</strong></p>
                        {saved.map(|saved| view! { <p>{saved}</p> })}
                        {(!done.as_then)
                            .then(|| {
                                view! { <p>"The tables are not defined quite as they were then."</p> }
                            })}
                        <button type="button" on:click=move |_| reload.run(())>"Show the list anew"</button>
                    </div>
                }
                    .into_any()
            }
            (_, Some(Ok(preview))) => {
                view! {
                    <Outcome preview />
                    <ConfirmButton
                        label="Restore"
                        class="danger"
                        question="Restore this backup?"
                        explain="What was written to these tables since the backup is lost to the applications; a backup of it is taken first. Applications wait meanwhile."
                        disabled=pending
                        yes
                    />
                }
                    .into_any()
            }
            (_, Some(Err(_)) | None) => {
                view! {
                    <button
                        type="button"
                        disabled=looking
                        on:click=move |_| {
                            look.dispatch(());
                        }
                    >
                        "What would it do?"
                    </button>
                }
                    .into_any()
            }
        }}
        {move || pending.get().then(|| view! { <p aria-live="polite">"Restoring …"</p> })}
        <ActionFailure error=failure />
    }
    .into_any()
}

/// Rows then and now, and the executions that go back.
#[component]
fn Outcome(preview: RestorePreview) -> impl IntoView {
    let line = |rows: TableRows| {
        let number = |n: Option<u64>| n.map_or("not there".to_owned(), |n| n.to_string());
        let then = match rows.then {
            Some(then) => format!("{then} rows then"),
            None => "goes, for a run has made it since".to_owned(),
        };
        let words = format!("{}: {} now, {then}", rows.table, number(rows.now));
        view! { <li>{words}</li> }
    };
    let executions = preview.executions.into_iter().map(|execution| {
        view! { <li>"The execution of " {execution} " goes back with it."</li> }
    });
    view! {
        <ul data-testid="restore-preview">
            {preview.tables.into_iter().map(line).collect_view()} {executions.collect_view()}
        </ul>
    }
    .into_any()
}
