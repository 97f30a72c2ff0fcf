//! Targets and their environments.

use bellows::access::Policy;
use bellows::estimate::TargetFacts;
use bellows::schema::Schema;
use leptos::prelude::*;
use leptos::server_fn::codec::Json;

#[cfg(feature = "ssr")]
use super::{backend, told};
use crate::backend::{ApiError, EnvironmentView, NewTarget, TargetSummary};

/// All targets.
#[server(name = ListTargets, endpoint = "targets/list")]
pub async fn targets() -> Result<Vec<TargetSummary>, ApiError> {
    told(backend()?.targets().await)
}

/// All environments.
#[server(name = ListEnvironments, endpoint = "targets/environments")]
pub async fn environments() -> Result<Vec<EnvironmentView>, ApiError> {
    told(backend()?.environments().await)
}

/// A target's live schema.
#[server(endpoint = "targets/schema")]
pub async fn target_schema(id: String) -> Result<Schema, ApiError> {
    told(backend()?.target_schema(id).await)
}

/// What a target holds at the moment.
#[server(name = GetFacts, endpoint = "targets/facts")]
pub async fn target_facts(id: String) -> Result<TargetFacts, ApiError> {
    told(backend()?.target_facts(id).await)
}

/// Registers a target.
#[server(endpoint = "targets/add", input = Json)]
pub async fn add_target(target: NewTarget) -> Result<TargetSummary, ApiError> {
    told(backend()?.add_target(target).await)
}

/// Changes an environment's policy.
#[server(endpoint = "targets/set-policy", input = Json)]
pub async fn set_policy(environment: String, policy: Policy) -> Result<(), ApiError> {
    told(backend()?.set_policy(environment, policy).await)
}
