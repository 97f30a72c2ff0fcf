//! Records as the page sees them.

use bellows_app::backend::{ApprovalView, ExecutionSummary, VersionView};

use super::facts::{Facts, TargetNames};
use crate::store::executions::ExecutionRecord;

/// The line of a list.
pub fn execution(record: &ExecutionRecord, names: &TargetNames) -> ExecutionSummary {
    let target = record
        .target_id
        .as_ref()
        .and_then(|id| names.get(id))
        .map_or_else(String::new, |(name, _)| name.clone());
    ExecutionSummary {
        id: record.id.clone(),
        migration_id: record.migration_id.clone().unwrap_or_default(),
        migration: record.name.clone(),
        target,
        state: record.state,
        phase: record.phase,
        phases: u32::try_from(record.phases.len()).unwrap_or(u32::MAX),
        started_by: record.started_by.clone(),
        started_at: record.started_at,
        completed_at: record.completed_at,
        error: record.error.clone(),
        snapshot: record.snapshot.clone(),
    }
}

/// Every version, newest first.
pub fn versions(facts: &Facts) -> Vec<VersionView> {
    facts
        .versions
        .iter()
        .map(|version| VersionView {
            number: version.number,
            hash: version.hash.clone(),
            author: version.author.clone(),
            at: version.created_at,
            review: version.review,
        })
        .collect()
}

/// Everything that was said, newest first.
pub fn approvals(facts: &Facts) -> Vec<ApprovalView> {
    facts
        .approvals
        .iter()
        .map(|approval| ApprovalView {
            phase: approval.phase,
            by: approval.by.clone(),
            decision: approval.decision,
            comment: approval.comment.clone(),
            at: approval.created_at,
            version: approval.version,
            stale: facts.is_stale(approval),
        })
        .collect()
}
