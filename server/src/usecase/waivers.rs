//! Findings that an approver accepts as they are, each with a reason.

use bellows::access::Action;
use bellows::document::Migration;
use bellows::lint::{self, Finding};
use bellows_app::backend::{Answer, WaiveRequest};
use serde_json::{Value, json};

use super::facts::Facts;
use super::reviews::LONGEST_COMMENT;
use super::{RequestBackend, conflict, forbidden, invalid, not_found};
use crate::audit::{Entry, append, record};
use crate::store::waivers::{self, WaiverRecord};
use crate::store::{migrations, now};

/// The waivers that stand in a document, for the audit: all of them, or those that are approved
/// with these phases.
pub fn written(document: &Migration, phases: Option<&[u32]>) -> Vec<Value> {
    let of_document = document.waivers.iter().map(|waiver| (None, waiver));
    let of_phases = document
        .phases
        .iter()
        .filter(|phase| phases.is_none_or(|chosen| chosen.contains(&phase.phase)))
        .flat_map(|phase| {
            phase
                .waivers
                .iter()
                .map(|waiver| (Some(phase.phase), waiver))
        });
    of_document
        .chain(of_phases)
        .map(|(phase, waiver)| {
            json!({
                "phase": phase,
                "operation": waiver.operation,
                "rule": waiver.rule,
                "reason": waiver.reason,
            })
        })
        .collect()
}

impl Facts {
    /// The findings of a plan as they weigh here: severities as the environment's policy sets
    /// them, and what approvers waived marked so.
    pub fn settled(&self, plan_hash: &str, mut findings: Vec<Finding>) -> Vec<Finding> {
        lint::adjust(&mut findings, &self.policy.severities);
        for finding in &mut findings {
            let by_approver = self.waivers.iter().find(|waiver| {
                waiver.plan_hash == plan_hash
                    && waiver.rule == finding.rule
                    && waiver.phase == finding.phase
                    && waiver.operation == finding.operation
            });
            if let Some(waiver) = by_approver
                && finding.waived.is_none()
            {
                finding.waived = Some(format!("{} ({})", waiver.reason, waiver.by));
            }
        }
        findings
    }

    /// The reviewed plan's findings, settled.
    pub fn findings(&self) -> Vec<Finding> {
        self.plan.as_ref().map_or_else(Vec::new, |record| {
            self.settled(&record.plan.plan_hash, record.plan.findings.clone())
        })
    }
}

impl RequestBackend {
    /// Keeps that an approver accepts a finding of the reviewed plan.
    pub(super) async fn accept_finding(&self, request: &WaiveRequest) -> Answer<()> {
        let id = &request.migration_id;
        let facts = self.facts(id, Action::Approve).await?;
        let person = self.signed_in(Action::Approve, &facts.subject()).await?;
        let reason = request.reason.trim();
        if reason.is_empty() {
            return Err(invalid(
                "Say why the finding does no harm here: the audit keeps it.",
            ));
        }
        if reason.chars().count() > LONGEST_COMMENT {
            return Err(invalid(format!(
                "A reason has at most {LONGEST_COMMENT} characters."
            )));
        }
        if facts.in_lineage(&person.id) {
            let entry =
                Entry::refusal("waiver.refused", facts.subject(), "they wrote or edited it")
                    .hash(&request.plan_hash);
            record(self.store(), &self.actor, entry).await?;
            return Err(forbidden(Action::Approve));
        }

        let at = now();
        let mut tx = self.store().write().await?;
        migrations::touch(&mut tx, id, at).await?;
        let facts = Facts::read(&mut tx, id)
            .await?
            .ok_or_else(|| not_found("migration"))?;
        self.can_approve(&facts).map_err(conflict)?;
        let reviewed = facts
            .plan
            .as_ref()
            .is_some_and(|plan| plan.plan.plan_hash == request.plan_hash);
        if !reviewed {
            return Err(conflict(
                "The plan is not the one that you saw. Load it again and look once more.",
            ));
        }
        let findings = facts.findings();
        let found = findings.iter().find(|finding| {
            finding.rule == request.rule
                && finding.phase == request.phase
                && finding.operation == request.operation
        });
        let Some(finding) = found else {
            return Err(not_found("finding"));
        };
        if finding.waived.is_some() {
            return Err(conflict("The finding is waived already."));
        }
        let waiver = WaiverRecord {
            plan_hash: request.plan_hash.clone(),
            rule: request.rule.clone(),
            phase: request.phase,
            operation: request.operation,
            reason: reason.to_owned(),
            by: person.name.clone(),
        };
        waivers::insert(&mut tx, id, &waiver, &person.id, at).await?;
        let entry = Entry::new("finding.waived", facts.subject())
            .hash(&request.plan_hash)
            .detail(json!({
                "version": facts.migration.latest,
                "document": facts.version().hash,
                "target": facts.target.name,
                "rule": waiver.rule,
                "phase": waiver.phase,
                "operation": waiver.operation,
                "severity": finding.severity,
                "finding": finding.message,
                "reason": waiver.reason,
            }));
        append(&mut tx, &self.actor, entry).await?;
        tx.commit().await?;
        Ok(())
    }
}
