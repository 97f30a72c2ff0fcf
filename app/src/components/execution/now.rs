//! What is being done at this moment: progress, or who or what stands in the way.

use bellows::run::{
    BackupProgress, Blocker, EventKind, FinalStatus, HeldBy, Signal as TargetSignal, StepProgress,
    StopReason, Stopped, View,
};
use leptos::prelude::*;

use super::end_session::{Asked, EndSession};
use crate::components::{Sql, Time};
use crate::text;

/// The step in hand, or why nothing is in hand.
#[component]
pub fn NowPanel(
    /// The run so far.
    view: RwSignal<View>,
    /// The execution's id, for someone who may end a session that stands in the way.
    control: Option<String>,
) -> impl IntoView {
    let asked = RwSignal::new(None);
    let ask = control.is_some().then_some(asked);
    let stopped = Memo::new(move |_| view.read().stopped.clone());
    let finished = Memo::new(move |_| view.read().finished.clone());
    let backups = Memo::new(move |_| view.read().backups.clone());
    let step = Memo::new(move |_| {
        let view = view.read();
        let current = view
            .current()
            .map(|(phase, step)| (phase.phase, step.clone()));
        current.filter(|_| view.finished.is_none())
    });
    view! {
        <section class="panel now" aria-labelledby="now-title" data-testid="now">
            <h2 id="now-title">"Now"</h2>
            <div aria-live="polite">
                {move || finished.get().map(|(status, message)| view! { <End status message /> })}
                {move || stopped.get().map(|stopped| view! { <Stop stopped /> })}
            </div>
            {move || {
                backups
                    .get()
                    .into_iter()
                    .map(|backup| view! { <BackupLine backup /> })
                    .collect_view()
            }}
            {move || match step.get() {
                Some((phase, step)) => {
                    view! { <Current phase step ask /> }.into_any()
                }
                None if finished.read().is_some() || stopped.read().is_some() => ().into_any(),
                None => view! { <p class="muted">"No step is in hand."</p> }.into_any(),
            }}
            {control.map(|id| view! { <EndSession id asked /> })}
        </section>
    }
    .into_any()
}

/// A backup of the run: how far it is, or under which id it can be restored.
#[component]
fn BackupLine(backup: BackupProgress) -> impl IntoView {
    let before = format!(" before phase {}", backup.before);
    match backup.taken {
        Some((id, took)) => {
            let words = format!(
                ": {}, in {}",
                text::bytes(backup.bytes),
                text::duration(took)
            );
            view! {
                <p data-testid="backup">"Backup " <code class="wrap">{id}</code> {before} {words}</p>
            }
            .into_any()
        }
        None => {
            let words = format!(
                ": {} of at most about {}",
                text::bytes(backup.bytes),
                text::bytes(backup.total),
            );
            view! { <p data-testid="backup">"Taking a backup" {before} {words}</p> }.into_any()
        }
    }
}

#[component]
fn End(status: FinalStatus, message: Option<String>) -> impl IntoView {
    let (class, text) = match status {
        FinalStatus::Completed => ("notice good", "Every phase is done."),
        FinalStatus::Failed => (
            "notice error",
            "Failed: it could not be taken back by itself.",
        ),
        FinalStatus::RolledBack => ("notice warn", "Rolled back."),
        FinalStatus::Cancelled => ("notice", "Cancelled."),
    };
    view! {
        <div class=class data-testid="finished">
            <p><strong>{text}</strong></p>
            {message.map(|message| view! { <p>{message}</p> })}
        </div>
    }
    .into_any()
}

#[component]
fn Stop(stopped: Stopped) -> impl IntoView {
    let why = match stopped.reason {
        StopReason::Gate => "A gate is not confirmed",
        StopReason::Soak => "The soak is not over",
        StopReason::InUse => "What it takes away is still used",
        StopReason::Paused => "Paused by a person",
        StopReason::Held => "Held until a person says go",
        StopReason::Busy => "Another run holds the target",
        StopReason::Lock => "A lock was not to be had",
        StopReason::Throttle => "Held back by the throttle for too long",
        StopReason::Connection => "The connection was lost",
        StopReason::Disk => "The target's disk is full",
        StopReason::Unknown => "A person must look at the target",
    };
    view! {
        <div class="notice warn" data-testid="stopped">
            <p>
                <strong>"Phase "{stopped.phase}" stands still. "{why}"."</strong>
                " Since "
                <Time at=stopped.since />
                "."
            </p>
            <p>{stopped.message}</p>
        </div>
    }
    .into_any()
}

#[component]
fn Current(phase: u32, step: StepProgress, ask: Option<RwSignal<Asked>>) -> impl IntoView {
    view! {
        <p class="step-title">
            "Phase "
            {phase}
            ": "
            {step.title}
        </p>
        {step.progress.map(|event| view! { <Progress event /> })}
        {(!step.held.is_empty()).then(|| view! { <HeldBack held=step.held /> })}
        {step
            .waiting
            .map(|(tries, next_ms, blockers)| {
                view! { <LockWait tries next_ms blockers ask /> }
            })}
        {step.sql.into_iter().map(|sql| view! { <Sql sql /> }).collect_view()}
    }
    .into_any()
}

/// A backfill's bar and figures.
#[component]
fn Progress(event: EventKind) -> impl IntoView {
    let EventKind::Progress {
        rows,
        changed,
        total,
        rate,
        left_ms,
        batch,
        pace,
        ..
    } = event
    else {
        return None;
    };
    // The total may be an estimate, and the table may have grown since.
    let whole = total.max(rows).max(1);
    let percent = rows.saturating_mul(100) / whole;
    let figure = |label: &'static str, value: String| {
        view! {
            <div>
                <dt>{label}</dt>
                <dd>{value}</dd>
            </div>
        }
    };
    let left = left_ms.map_or_else(|| "–".to_owned(), text::duration);
    // Rates are shown whole; a negative one cannot be.
    let rate = text::count(rate.max(0.0).round() as u64);
    Some(view! {
        <div class="progress" data-testid="progress">
            <progress
                max=whole.to_string()
                value=rows.to_string()
                aria-label="Rows walked"
            ></progress>
            <dl class="figures">
                {figure("Done", format!("{percent} %"))}
                {figure("Rows", format!("{} of {}", text::count(rows), text::count(total)))}
                {figure("Changed", text::count(changed))} {figure("Rows per second", rate)}
                {figure("Time left", left)} {figure("Batch", text::count(u64::from(batch)))}
                {(pace.workers > 1)
                    .then(|| figure("Workers", text::count(u64::from(pace.workers))))}
                {pace
                    .signals
                    .into_iter()
                    .map(|(signal, value)| figure(signal.title(), shown(signal, value)))
                    .collect_view()}
                {pace
                    .held_ms
                    .into_iter()
                    .map(|(signal, ms)| {
                        figure("Held back", format!("{} by {}", text::duration(ms), by(signal)))
                    })
                    .collect_view()}
            </dl>
        </div>
    })
}

/// A signal's value with its unit.
fn shown(signal: TargetSignal, value: u64) -> String {
    match signal.unit() {
        "ms" => text::duration(value),
        "" => text::count(value),
        unit => format!("{} {unit}", text::count(value)),
    }
}

/// A signal within a sentence.
fn by(signal: TargetSignal) -> String {
    let title = signal.title();
    let mut letters = title.chars();
    match letters.next() {
        Some(first) => format!("{}{}", first.to_lowercase(), letters.as_str()),
        None => String::new(),
    }
}

/// What holds the batches back, and since when.
#[component]
fn HeldBack(held: Vec<(HeldBy, i64)>) -> impl IntoView {
    let rows = held
        .into_iter()
        .map(|(held, since)| {
            let value = held
                .value
                .map_or_else(|| "–".to_owned(), |value| shown(held.signal, value));
            view! {
                <tr>
                    <td data-label="Signal">{held.signal.title()}</td>
                    <td data-label="Now" class="nowrap">{value}</td>
                    <td data-label="Limit" class="nowrap">{shown(held.signal, held.limit)}</td>
                    <td data-label="Since" class="nowrap">{text::time(since)}</td>
                    <td data-label="Seen">{held.message}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="notice warn" data-testid="throttled">
            <p>
                <strong>"Held back."</strong>
                " The batches go on by themselves once the target bears them again."
            </p>
            <div class="table-box">
                <table class="list" aria-label="What holds it back">
                    <thead>
                        <tr>
                            <th scope="col">"Signal"</th>
                            <th scope="col">"Now"</th>
                            <th scope="col">"Limit"</th>
                            <th scope="col">"Since"</th>
                            <th scope="col">"Seen"</th>
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </div>
    }
    .into_any()
}

/// Who stands in the way of a lock.
#[component]
fn LockWait(
    tries: u32,
    next_ms: u64,
    blockers: Vec<Blocker>,
    ask: Option<RwSignal<Asked>>,
) -> impl IntoView {
    let can_end = ask.is_some();
    let rows = blockers
        .into_iter()
        .map(|blocker| {
            let pid = blocker.pid;
            let user = blocker.user.clone();
            let ask = ask.filter(|_| !blocker.autovacuum && !blocker.guessed && pid > 0);
            let button = ask.map(|ask| {
                view! {
                    <button type="button" on:click=move |_| ask.set(Some((pid, user.clone())))>
                        "End it"
                    </button>
                }
            });
            let query = if blocker.autovacuum {
                "autovacuum (it is made to give way)".to_owned()
            } else if blocker.guessed {
                format!(
                    "{} (it may stand in the way: the server does not say who does)",
                    blocker.query
                )
            } else {
                blocker.query
            };
            view! {
                <tr>
                    <td data-label="Pid">{blocker.pid}</td>
                    <td data-label="User">{blocker.user}</td>
                    <td data-label="Open for" class="nowrap">{text::duration(blocker.age_ms)}</td>
                    <td data-label="Query"><code class="wrap">{query}</code></td>
                    {can_end.then(|| view! { <td data-label="">{button}</td> })}
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="notice warn" data-testid="lock-waiting">
            <p>
                <strong>"Waiting for a lock."</strong>
                {format!(
                    " {} so far, the next in {}. Traffic goes on meanwhile.",
                    text::plural(u64::from(tries), "try").replace("trys", "tries"),
                    text::duration(next_ms),
                )}
            </p>
            <div class="table-box">
                <table class="list" aria-label="Who stands in the way">
                    <thead>
                        <tr>
                            <th scope="col">"Pid"</th>
                            <th scope="col">"User"</th>
                            <th scope="col">"Open for"</th>
                            <th scope="col">"Query"</th>
                            {can_end.then(|| view! { <th scope="col"><span class="visually-hidden">"What can be done"</span></th> })}
                        </tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </div>
    }
    .into_any()
}
