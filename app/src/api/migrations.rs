//! Migrations: drafts, versions, reviews, approvals.

use bellows::plan::Plan;
use bellows::run::Forecast;
use leptos::prelude::*;
use leptos::server_fn::codec::Json;

#[cfg(feature = "ssr")]
use super::{backend, told};
use crate::backend::{
    ApiError, Decision, MigrationDetail, MigrationSummary, PreviewRequest, SaveRequest, Saved,
    WaiveRequest,
};

/// All migrations, newest change first.
#[server(name = ListMigrations, endpoint = "migrations/list")]
pub async fn migrations() -> Result<Vec<MigrationSummary>, ApiError> {
    told(backend()?.migrations().await)
}

/// One migration.
#[server(name = GetMigration, endpoint = "migrations/get")]
pub async fn migration(id: String) -> Result<MigrationDetail, ApiError> {
    told(backend()?.migration(id).await)
}

/// Whether the locks of its plan would be had now.
#[server(name = GetForecast, endpoint = "migrations/forecast")]
pub async fn forecast(id: String) -> Result<Forecast, ApiError> {
    told(backend()?.forecast(id).await)
}

/// Saves a new version.
#[server(endpoint = "migrations/save", input = Json)]
pub async fn save_migration(request: SaveRequest) -> Result<Saved, ApiError> {
    told(backend()?.save_migration(request).await)
}

/// Asks for review.
#[server(endpoint = "migrations/request-review", input = Json)]
pub async fn request_review(id: String, version: u32) -> Result<(), ApiError> {
    told(backend()?.request_review(id, version).await)
}

/// Signs off or rejects phases of the version with that plan.
#[server(endpoint = "approvals/decide", input = Json)]
pub async fn decide(
    id: String,
    plan_hash: String,
    phases: Vec<u32>,
    decision: Decision,
    comment: String,
) -> Result<(), ApiError> {
    told(
        backend()?
            .decide(id, plan_hash, phases, decision, comment)
            .await,
    )
}

/// Accepts a finding of the plan as it is.
#[server(endpoint = "findings/waive", input = Json)]
pub async fn waive(request: WaiveRequest) -> Result<(), ApiError> {
    told(backend()?.waive(request).await)
}

/// The plan of a document that is being written.
#[server(endpoint = "plans/preview", input = Json)]
pub async fn preview(request: PreviewRequest) -> Result<Plan, ApiError> {
    told(backend()?.preview(request).await)
}
