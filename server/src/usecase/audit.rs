//! The audit log: read and verify.

use async_trait::async_trait;
use bellows::access::Action;
use bellows_app::backend::{Answer, AuditBackend, AuditFilter, AuditPage, ChainVerdict};
use serde_json::json;

use super::RequestBackend;
use crate::audit::{self, Entry};

#[async_trait]
impl AuditBackend for RequestBackend {
    async fn audit(&self, filter: AuditFilter) -> Answer<AuditPage> {
        self.require(Action::Audit, None, "audit log").await?;
        Ok(audit::page(self.store(), &filter).await?)
    }

    async fn verify_audit(&self) -> Answer<ChainVerdict> {
        self.require(Action::Audit, None, "audit log").await?;
        let verdict = audit::verify(self.store()).await?;
        if let Some((seq, why)) = &verdict.broken {
            tracing::error!(seq, why, "the audit log's chain is broken");
        }
        let entry = Entry::new("audit.verified", "audit log").detail(json!({
            "entries": verdict.entries,
            "broken": verdict.broken,
        }));
        audit::record(self.store(), &self.actor, entry).await?;
        Ok(verdict)
    }
}
