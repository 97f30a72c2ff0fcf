//! Asking for review, and what approvers say.

use bellows::access::Action;
use bellows::document::locate;
use bellows::plan::plan_with;
use bellows_app::backend::{Answer, ApiError, Decision, ErrorCode, ReviewState};
use serde_json::json;

use super::facts::Facts;
use super::migrations::problem_lines;
use super::waivers::written;
use super::{RequestBackend, conflict, drift, invalid, not_found, reach, with_details};
use crate::audit::{Entry, append, record};
use crate::executor;
use crate::store::reviews::{ApprovalRecord, PlanRecord};
use crate::store::{migrations, new_id, now, reviews};

/// Characters that a comment may have.
pub(super) const LONGEST_COMMENT: usize = 10_000;

impl RequestBackend {
    /// Plans the version for the target as it is, and keeps the plan: approvals bind to it.
    pub(super) async fn ask_for_review(&self, id: &str, version: u32) -> Answer<()> {
        let facts = self.facts(id, Action::Author).await?;
        let person = self.signed_in(Action::Author, &facts.subject()).await?;
        let open = |facts: &Facts| {
            if facts.migration.latest != version {
                return Err(conflict(format!(
                    "Version {} was saved meanwhile.",
                    facts.migration.latest
                )));
            }
            match facts.review() {
                ReviewState::Draft | ReviewState::InReview => Ok(()),
                ReviewState::Rejected => Err(conflict(
                    "The version was rejected; an edit makes a new one.",
                )),
            }
        };
        open(&facts)?;
        let target = reach::target(&self.state, &facts.target.id).await?;
        let text = &facts.version().text;
        let document = &facts.version().document;
        let schema = reach::within(executor::planning_schema(&target, document))
            .await?
            .map_err(|error| reach::refused(&error))?;
        let seen = reach::within(executor::facts_if_any(&target)).await?;
        let plan = plan_with(document, Some(&schema), seen.as_ref()).map_err(|problems| {
            with_details(
                invalid("The document does not fit the target."),
                problem_lines(&locate(text, problems)),
            )
        })?;
        let tables = drift::touched(&plan);
        let at = now();
        let kept = PlanRecord {
            id: new_id(),
            migration_id: id.to_owned(),
            version,
            target_id: facts.target.id.clone(),
            base: drift::only(&schema, &tables),
            fingerprint: schema.fingerprint(&tables),
            requested_by: person.id.clone(),
            created_at: at,
            plan,
        };

        let mut tx = self.store().write().await?;
        migrations::touch(&mut tx, id, at).await?;
        let now_there = Facts::read(&mut tx, id)
            .await?
            .ok_or_else(|| not_found("migration"))?;
        open(&now_there)?;
        reviews::insert_plan(&mut tx, &kept).await?;
        migrations::set_review(&mut tx, id, version, ReviewState::InReview).await?;
        let entry = Entry::new("review.requested", facts.subject())
            .hash(&kept.plan.plan_hash)
            .detail(json!({
                "version": version,
                "document": facts.version().hash,
                "target": facts.target.name,
                "safe": kept.plan.safe,
            }));
        append(&mut tx, &self.actor, entry).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Keeps what an approver says about phases of the reviewed plan.
    pub(super) async fn give_decision(
        &self,
        id: &str,
        plan_hash: &str,
        phases: &[u32],
        decision: Decision,
        comment: &str,
    ) -> Answer<()> {
        let facts = self.facts(id, Action::Approve).await?;
        let person = self.signed_in(Action::Approve, &facts.subject()).await?;
        if comment.chars().count() > LONGEST_COMMENT {
            return Err(invalid(format!(
                "A comment has at most {LONGEST_COMMENT} characters."
            )));
        }
        if decision == Decision::Rejected && comment.is_empty() {
            return Err(invalid("Say why it may not run: the author reads it."));
        }
        if facts.in_lineage(&person.id) {
            let entry = Entry::refusal(
                "approval.refused",
                facts.subject(),
                "they wrote or edited it",
            )
            .hash(plan_hash);
            record(self.store(), &self.actor, entry).await?;
            return Err(ApiError::new(
                ErrorCode::Forbidden,
                "You wrote or edited this migration: someone else must approve it.",
            ));
        }

        let at = now();
        let mut tx = self.store().write().await?;
        // Whoever saves a version or decides at the same time waits for this row.
        migrations::touch(&mut tx, id, at).await?;
        let facts = Facts::read(&mut tx, id)
            .await?
            .ok_or_else(|| not_found("migration"))?;
        self.can_approve(&facts).map_err(conflict)?;
        let plan = facts
            .plan
            .as_ref()
            .filter(|plan| plan.plan.plan_hash == plan_hash)
            .ok_or_else(|| {
                conflict("The plan is not the one that you saw. Load it again and look once more.")
            })?;
        let mut phases = phases.to_vec();
        phases.sort_unstable();
        phases.dedup();
        if phases.is_empty() || phases.iter().any(|phase| facts.phase(*phase).is_none()) {
            return Err(invalid("Choose phases of the plan."));
        }
        for phase in &phases {
            let approval = ApprovalRecord {
                version: facts.migration.latest,
                target_id: facts.target.id.clone(),
                plan_hash: plan_hash.to_owned(),
                phase: *phase,
                person_id: person.id.clone(),
                by: person.name.clone(),
                decision,
                comment: comment.to_owned(),
                created_at: at,
            };
            reviews::insert_approval(&mut tx, id, &approval).await?;
        }
        let action = match decision {
            Decision::Approved => "approval.given",
            Decision::Rejected => {
                migrations::set_review(&mut tx, id, facts.migration.latest, ReviewState::Rejected)
                    .await?;
                "approval.rejected"
            }
        };
        let entry = Entry::new(action, facts.subject())
            .hash(plan_hash)
            .detail(json!({
                "version": facts.migration.latest,
                "document": facts.version().hash,
                "target": facts.target.name,
                "fingerprint": plan.fingerprint,
                "phases": phases,
                "waivers": written(&facts.version().document, Some(&phases)),
                "comment": comment,
            }));
        append(&mut tx, &self.actor, entry).await?;
        tx.commit().await?;
        Ok(())
    }
}
