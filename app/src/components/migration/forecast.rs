//! Whether the locks of a phase would be had now, and who stands in the way.

use bellows::run::{Forecast, Obstacle, PhaseForecast, Prospect, StepForecast};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api;
use crate::backend::ApiError;
use crate::components::Time;

/// What the target's sessions said; `None` until they were asked.
pub type Outlook = RwSignal<Option<Result<Forecast, ApiError>>>;

/// Asks in the browser only, and again when it is wanted: a target that does not answer holds no
/// page up.
pub fn outlook(migration_id: String) -> (Outlook, Callback<()>) {
    let outlook: Outlook = RwSignal::new(None);
    let ask = Callback::new(move |()| {
        let id = migration_id.clone();
        outlook.set(None);
        spawn_local(async move {
            let answer = api::forecast(id).await;
            outlook.try_set(Some(answer));
        });
    });
    Effect::new(move || ask.run(()));
    (outlook, ask)
}

/// The forecast of one phase.
#[component]
pub fn PhaseOutlook(
    /// 1, 2, 3, ...
    phase: u32,
    /// What is known of all phases.
    outlook: Outlook,
    /// Asks once more.
    ask: Callback<()>,
) -> impl IntoView {
    view! {
        <div class="forecast" role="status" data-testid=format!("forecast-{phase}")>
            {move || match outlook.get() {
                None => view! { <p class="muted small">"Looking who holds locks …"</p> }.into_any(),
                Some(Err(error)) => {
                    view! {
                        <p class="muted small">
                            "Who holds locks could not be seen: " {error.message}
                        </p>
                    }
                        .into_any()
                }
                Some(Ok(forecast)) => {
                    let read_at = forecast.read_at;
                    forecast
                        .phases
                        .into_iter()
                        .find(|seen| seen.phase == phase)
                        .map(|seen| view! { <Seen seen read_at ask /> })
                        .into_any()
                }
            }}
        </div>
    }
    .into_any()
}

#[component]
fn Seen(seen: PhaseForecast, read_at: i64, ask: Callback<()>) -> impl IntoView {
    let badge = match seen.prospect() {
        Prospect::Free => ("badge good", "locks free"),
        Prospect::GivesWay => ("badge good", "vacuum gives way"),
        Prospect::Waits => ("badge warn", "would wait"),
        Prospect::Blocked => ("badge bad", "lock not to be had"),
    };
    let words = seen.words();
    let steps: Vec<StepForecast> = seen
        .steps
        .into_iter()
        .filter(|step| step.prospect != Prospect::Free)
        .collect();
    view! {
        <p>
            <span class=badge.0>{badge.1}</span>
            " Forecast: "
            {words}
            <span class="muted small">" (as of " <Time at=read_at /> ") "</span>
            <button type="button" class="quiet" on:click=move |_| ask.run(())>
                "Look again"
            </button>
        </p>
        {(!steps.is_empty())
            .then(|| {
                view! {
                    <ul>
                        {steps.into_iter().map(|step| view! { <StepSeen step /> }).collect_view()}
                    </ul>
                }
            })}
    }
    .into_any()
}

#[component]
fn StepSeen(step: StepForecast) -> impl IntoView {
    let words = step.words();
    let in_the_way: Vec<String> = step.in_the_way.iter().map(Obstacle::words).collect();
    view! {
        <li>
            {step.title}
            ": "
            {words}
            <ul>
                {in_the_way.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}
            </ul>
        </li>
    }
    .into_any()
}
