//! The audit log.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;

#[cfg(feature = "ssr")]
use super::{backend, told};
use crate::backend::{ApiError, AuditFilter, AuditPage, ChainVerdict};

/// A page of entries, newest first.
#[server(name = ReadAudit, endpoint = "audit/page", input = Json)]
pub async fn audit(filter: AuditFilter) -> Result<AuditPage, ApiError> {
    told(backend()?.audit(filter).await)
}

/// Walks the whole chain.
#[server(endpoint = "audit/verify")]
pub async fn verify_audit() -> Result<ChainVerdict, ApiError> {
    told(backend()?.verify_audit().await)
}
