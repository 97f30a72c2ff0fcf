//! Whether what a contract phase takes away is still used: what was seen over time, beside it in
//! words.

use bellows::run::{Evidence, PhaseEvidence, Point, Source, Usage};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::Time;
use crate::api;
use crate::backend::ApiError;
use crate::text;

/// What the target showed; the outer `None` until it was asked.
pub type Found = RwSignal<Option<Result<Option<PhaseEvidence>, ApiError>>>;

/// The chart's size in its own units; on the page it is as wide as there is room.
const SIZE: (f64, f64) = (320.0, 48.0);

/// Asks in the browser only, and again when it is wanted; never where there is no execution.
pub fn evidence(execution: Option<String>) -> (Found, Callback<()>) {
    let found: Found = RwSignal::new(None);
    let ask = Callback::new(move |()| {
        if let Some(id) = execution.clone() {
            spawn_local(async move {
                let answer = api::evidence(id).await;
                found.try_set(Some(answer));
            });
        }
    });
    Effect::new(move || ask.run(()));
    (found, ask)
}

/// The evidence for a phase, where it is that phase's; nothing else.
#[component]
pub fn EvidencePanel(
    /// What is known.
    found: Found,
    /// Asks once more.
    ask: Callback<()>,
    /// Of this phase alone.
    #[prop(optional)]
    phase: Option<u32>,
) -> impl IntoView {
    view! {
        <div role="status">
            {move || match found.get() {
                None | Some(Ok(None)) => ().into_any(),
                Some(Err(error)) => {
                    view! {
                        <p class="muted small">
                            "Whether the old side is used could not be seen: " {error.message}
                        </p>
                    }
                        .into_any()
                }
                Some(Ok(Some(seen))) if phase.is_none_or(|phase| phase == seen.phase) => {
                    view! { <Seen seen ask /> }.into_any()
                }
                Some(Ok(Some(_))) => ().into_any(),
            }}
        </div>
    }
    .into_any()
}

#[component]
fn Seen(seen: PhaseEvidence, ask: Callback<()>) -> impl IntoView {
    let (in_use, left) = (!seen.in_use().is_empty(), seen.quiet_left_ms());
    let (class, badge) = match (in_use, left) {
        (true, _) => ("badge bad", "in use"),
        (false, 0) => ("badge good", "quiet"),
        (false, _) => ("badge warn", "not for long enough"),
    };
    let need = match seen.need_ms {
        0 => "Nobody may use it at the moment of the start.".to_owned(),
        ms => format!("Nobody may have used it for {}.", text::duration(ms)),
    };
    let wait = (!in_use && left > 0).then(|| format!(" {} more to go.", text::duration(left)));
    let read_at = seen.read_at;
    let title = format!("evidence-{}", seen.phase);
    let labelled_by = title.clone();
    let rows = seen
        .all
        .into_iter()
        .map(|evidence| view! { <Row evidence read_at /> })
        .collect_view();
    view! {
        <section class="evidence" aria-labelledby=labelled_by data-testid="evidence">
            <h4 id=title>"What phase "{seen.phase}" takes away"</h4>
            <p>
                <span class=class>{badge}</span>
                " "
                {need}
                {wait}
                <span class="muted small">" (as of " <Time at=read_at /> ") "</span>
                <button type="button" class="quiet" on:click=move |_| ask.run(())>
                    "Look again"
                </button>
            </p>
            <dl>{rows}</dl>
        </section>
    }
    .into_any()
}

#[component]
fn Row(evidence: Evidence, read_at: i64) -> impl IntoView {
    let words = evidence.words(read_at);
    let class = match &evidence.usage {
        Usage::InUse { .. } => "bad-text",
        Usage::Quiet => "",
        Usage::Unknown { .. } => "muted",
    };
    let label = format!("{}: {}", evidence.side, evidence.source.title());
    let last = evidence.last_used.map(|at| {
        view! { <span class="muted small">" Last seen " <Time at /> "."</span> }
    });
    let chart = match evidence.source {
        Source::Writes | Source::Rows | Source::Statements if evidence.points.len() > 1 => {
            Some(view! { <Chart points=evidence.points label=label.clone() /> })
        }
        Source::Writes | Source::Rows | Source::Statements | Source::Dependents => None,
    };
    view! {
        <dt>{label}</dt>
        <dd>
            <p class=class>{words}{last}</p>
            {chart}
        </dd>
    }
    .into_any()
}

/// Uses from look to look, a bar each; a look that found none is a tick on the line.
#[component]
fn Chart(points: Vec<Point>, label: String) -> impl IntoView {
    let (width, height) = SIZE;
    let base = height - 6.0;
    let from = points.first().map_or(0, |point| point.at);
    let until = points.last().map_or(0, |point| point.at);
    let most = points.iter().map(|point| point.uses).max().unwrap_or(0);
    let all: u64 = points.iter().map(|point| point.uses).sum();
    let span = (until - from).max(1) as f64;
    let bars = points
        .iter()
        .map(|point| {
            let x = 2.0 + (width - 4.0) * (point.at - from) as f64 / span;
            let (class, tall) = match point.uses {
                0 => ("tick", 3.0),
                // One use among thousands is still to be seen.
                uses => ("bar", 6.0 + (base - 8.0) * uses as f64 / most as f64),
            };
            let y = base - tall;
            let (x, y, end) = (format!("{x:.1}"), format!("{y:.1}"), format!("{base:.1}"));
            view! { <line class=class x1=x.clone() x2=x y1=y y2=end></line> }
        })
        .collect_view();
    let name = format!(
        "{label}, from {} to {}: {} in {}, the most between two of them {}.",
        text::time(from),
        text::time(until),
        text::plural(all, "use"),
        text::plural(points.len() as u64, "look"),
        text::count(most),
    );
    let base = format!("{base:.1}");
    view! {
        <figure>
            <svg
                class="uses"
                viewBox=format!("0 0 {width} {height}")
                preserveAspectRatio="none"
                role="img"
                aria-label=name.clone()
            >
                <line class="base" x1="0" x2=format!("{width}") y1=base.clone() y2=base></line>
                {bars}
            </svg>
            <figcaption class="muted small">{name}</figcaption>
        </figure>
    }
    .into_any()
}
