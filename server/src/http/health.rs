//! Whether the server lives, whether it can work, and what it has done: for machines.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::state::AppState;
use crate::store::people;

/// What `/metrics` says.
#[derive(Debug, Default)]
pub struct Counters {
    requests: [AtomicU64; 5],
    /// Websockets that are open.
    pub sockets: AtomicI64,
    /// Runs of phases, rollbacks and cancels that were begun.
    pub runs_started: AtomicU64,
    /// Of those, how many are under way.
    pub runs_live: AtomicI64,
    /// Events that were kept.
    pub events: AtomicU64,
    /// Requests that were refused by permission.
    pub refusals: AtomicU64,
}

/// The process answers.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// The store answers.
pub async fn ready(State(state): State<AppState>) -> Response {
    let asked = async {
        let mut tx = state.store.read().await?;
        people::count(&mut tx).await
    };
    match asked.await {
        Ok(_) => "ready\n".into_response(),
        Err(error) => {
            tracing::error!(%error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer\n",
            )
                .into_response()
        }
    }
}

/// Prometheus' text format.
pub async fn metrics(State(state): State<AppState>) -> Response {
    let counters = &state.counters;
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, values: &[(String, i128)]| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in values {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    };
    let classes: Vec<(String, i128)> = counters
        .requests
        .iter()
        .enumerate()
        .map(|(i, n)| {
            (
                format!("{{class=\"{}xx\"}}", i + 1),
                i128::from(n.load(Ordering::Relaxed)),
            )
        })
        .collect();
    metric(
        "bellows_http_requests_total",
        "counter",
        "Answers by class of status.",
        &classes,
    );
    let total = |n: &AtomicU64| vec![(String::new(), i128::from(n.load(Ordering::Relaxed)))];
    let gauge = |n: &AtomicI64| vec![(String::new(), i128::from(n.load(Ordering::Relaxed)))];
    metric(
        "bellows_websockets",
        "gauge",
        "Open websockets.",
        &gauge(&counters.sockets),
    );
    metric(
        "bellows_runs_started_total",
        "counter",
        "Runs begun.",
        &total(&counters.runs_started),
    );
    metric(
        "bellows_runs",
        "gauge",
        "Runs under way.",
        &gauge(&counters.runs_live),
    );
    metric(
        "bellows_events_total",
        "counter",
        "Events kept.",
        &total(&counters.events),
    );
    metric(
        "bellows_refusals_total",
        "counter",
        "Requests refused by permission.",
        &total(&counters.refusals),
    );
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

/// Counts the answer.
pub async fn count(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let class = usize::from(response.status().as_u16() / 100);
    if let Some(counter) = class
        .checked_sub(1)
        .and_then(|i| state.counters.requests.get(i))
    {
        counter.fetch_add(1, Ordering::Relaxed);
    }
    response
}
