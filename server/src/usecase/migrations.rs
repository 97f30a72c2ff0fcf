//! Migrations: drafts and versions. Reviews are in their own room.

use std::time::Duration;

use async_trait::async_trait;
use bellows::access::Action;
use bellows::document::{Migration, Problem, hash, locate, parse};
use bellows::estimate::TargetFacts;
use bellows::lint;
use bellows::plan::{Plan, plan_with};
use bellows::run::{Forecast, hold_point};
use bellows_app::backend::{
    Answer, ApiError, BlockedBy, Decision, MigrationBackend, MigrationDetail, MigrationSummary,
    PhaseView, PreviewRequest, ReviewState, SaveRequest, Saved, WaiveRequest,
};
use serde_json::json;
use tokio::time::timeout;

use super::facts::Facts;
use super::guard::{Live, backup_need, blocked};
use super::waivers::written;
use super::{RequestBackend, conflict, invalid, not_found, reach, views, with_details};
use crate::audit::{Entry, append};
use crate::executor::{self, RunOptions};
use crate::store::migrations::{self, MigrationRecord, VersionRecord};
use crate::store::targets::{self, TargetRecord};
use crate::store::{environments, executions, new_id, now};

/// Bytes that a document may have.
const LONGEST: usize = 1024 * 1024;

/// What a page waits for a target that it can do without.
const AT_ONCE: Duration = Duration::from_secs(1);

/// A document's problems, one line each.
pub(super) fn problem_lines(problems: &[Problem]) -> Vec<String> {
    problems
        .iter()
        .map(|problem| match (problem.line, problem.path.as_str()) {
            (Some(line), _) => format!("line {line}: {}", problem.message),
            (None, "") => problem.message.clone(),
            (None, path) => format!("{path}: {}", problem.message),
        })
        .collect()
}

impl RequestBackend {
    async fn target_record(&self, id: &str) -> Answer<TargetRecord> {
        let mut tx = self.store().read().await?;
        targets::by_id(&mut tx, id)
            .await?
            .ok_or_else(|| not_found("target"))
    }

    /// The latest version's plan: the reviewed one, or else what the target gives now, with its
    /// findings as they weigh here.
    async fn shown_plan(&self, facts: &Facts) -> Answer<Plan> {
        let mut plan = self.unsettled_plan(facts).await?;
        plan.findings = facts.settled(&plan.plan_hash, plan.findings);
        plan.safe = !lint::blocks(&plan.findings);
        Ok(plan)
    }

    async fn unsettled_plan(&self, facts: &Facts) -> Answer<Plan> {
        if let Some(reviewed) = &facts.plan {
            let mut plan = reviewed.plan.clone();
            // What was done has taken what it took.
            if facts.executions.is_empty()
                && let Some(now) = self.facts_soon(&facts.target.id).await
            {
                plan.estimate_anew(Some(&reviewed.base), &now);
            }
            return Ok(plan);
        }
        let version = facts.version();
        self.plan_for(&facts.target.id, &version.document, &version.text)
            .await
    }

    /// What the target holds now; nothing where it does not say so at once: the page shows what was
    /// seen when review was asked for, and when that was.
    async fn facts_soon(&self, target_id: &str) -> Option<TargetFacts> {
        let asked = async {
            let target = reach::target(&self.state, target_id).await?;
            Ok::<_, ApiError>(executor::facts_if_any(&target).await)
        };
        match timeout(AT_ONCE, asked).await {
            Ok(Ok(facts)) => facts,
            Ok(Err(error)) => {
                tracing::debug!(
                    ?error,
                    "a reviewed plan keeps the times that it was reviewed with"
                );
                None
            }
            Err(_) => None,
        }
    }

    /// What the target gives now for a document; `text` is what it was read from.
    async fn plan_for(&self, target_id: &str, document: &Migration, text: &str) -> Answer<Plan> {
        let target = reach::target(&self.state, target_id).await?;
        let schema = reach::within(executor::planning_schema(&target, document))
            .await?
            .map_err(|error| reach::refused(&error))?;
        let now = reach::within(executor::facts_if_any(&target)).await?;
        let mut plan = plan_with(document, Some(&schema), now.as_ref()).map_err(|problems| {
            with_details(
                invalid("The document does not fit the target."),
                problem_lines(&locate(text, problems)),
            )
        })?;
        plan.findings = lint::located(text, plan.findings);
        Ok(plan)
    }

    /// Whether the person may sign the phase off, and if not, why.
    pub(super) fn can_approve(&self, facts: &Facts) -> Result<(), String> {
        let Some(person) = &self.actor.person else {
            return Err("Sign in first.".to_owned());
        };
        if !self
            .actor
            .may(Action::Approve, Some(&facts.target.environment))
        {
            return Err("Your roles do not permit you to approve here.".to_owned());
        }
        if facts.in_lineage(&person.id) {
            return Err(
                "You wrote or edited this migration: someone else must approve it.".to_owned(),
            );
        }
        match facts.review() {
            ReviewState::InReview if facts.plan.is_some() => Ok(()),
            ReviewState::InReview | ReviewState::Draft => {
                Err("Review was not asked for yet.".to_owned())
            }
            ReviewState::Rejected => {
                Err("The version was rejected; an edit makes a new one.".to_owned())
            }
        }
    }

    fn phase_views(&self, facts: &Facts) -> Vec<PhaseView> {
        facts
            .version()
            .document
            .phases
            .iter()
            .map(|phase| {
                let number = phase.phase;
                // Whether a backup can be taken is asked when it is started.
                let live = Live {
                    busy: self
                        .state
                        .runs
                        .busy(&facts.target.id, facts.executions.first()),
                    ..Live::default()
                };
                PhaseView {
                    backup: backup_need(facts, number),
                    phase: number,
                    state: facts.phase_state(number),
                    approvals: u32::try_from(facts.approvals_of(number).len()).unwrap_or(u32::MAX),
                    approvals_needed: facts.policy.approvals,
                    can_approve: self.can_approve(facts),
                    blocked: blocked(facts, number, &self.actor, live),
                    can_hold: hold_point(&facts.version().document, number).is_some(),
                    is_held: facts.policy.hold_cut_over,
                    gate_confirmed: facts
                        .gate_confirmed(number)
                        .map(|gate| gate.confirmed.clone()),
                }
            })
            .collect()
    }

    /// Whether the next thing to be done with it is this person's.
    pub(super) fn waits_for(&self, facts: &Facts) -> bool {
        let Some(person) = &self.actor.person else {
            return false;
        };
        if facts.review() != ReviewState::InReview {
            return false;
        }
        let unfinished =
            |phase: &u32| facts.phase_state(*phase) != bellows::run::PhaseState::Completed;
        let phases: Vec<u32> = facts
            .version()
            .document
            .phases
            .iter()
            .map(|phase| phase.phase)
            .filter(unfinished)
            .collect();
        let to_approve = self.can_approve(facts).is_ok()
            && phases.iter().any(|phase| {
                let given = facts.approvals_of(*phase);
                given.len() < facts.policy.approvals as usize
                    && !given.iter().any(|approval| approval.person_id == person.id)
            });
        let to_start = phases.first().is_some_and(|phase| {
            blocked(facts, *phase, &self.actor, Live::default()) == BlockedBy::default()
        });
        let to_confirm = phases.first().is_some_and(|phase| {
            let gate = facts.phase(*phase).and_then(|plan| plan.gate.as_ref());
            gate.is_some_and(|gate| gate.deploy.is_some())
                && facts.gate_confirmed(*phase).is_none()
                && self
                    .actor
                    .may(Action::Execute, Some(&facts.target.environment))
        });
        to_approve || to_start || to_confirm
    }
}

#[async_trait]
impl MigrationBackend for RequestBackend {
    async fn migrations(&self) -> Answer<Vec<MigrationSummary>> {
        self.require(Action::Read, None, "migrations").await?;
        let mut tx = self.store().read().await?;
        Ok(self
            .all_facts(&mut tx)
            .await?
            .iter()
            .map(Facts::summary)
            .collect())
    }

    async fn migration(&self, id: String) -> Answer<MigrationDetail> {
        let facts = self.facts(&id, Action::Read).await?;
        let (plan, plan_error) = match self.shown_plan(&facts).await {
            Ok(plan) => (Some(plan), None),
            Err(error) => {
                let lines = std::iter::once(error.message).chain(error.details);
                (None, Some(lines.collect::<Vec<_>>().join("\n")))
            }
        };
        let names = facts.names();
        let environment = Some(facts.target.environment.as_str());
        let can_edit = self.actor.may(Action::Author, environment);
        let version = facts.version();
        Ok(MigrationDetail {
            summary: facts.summary(),
            document: version.document.clone(),
            text: version.text.clone(),
            can_request_review: can_edit && plan.is_some() && version.review == ReviewState::Draft,
            plan,
            plan_error,
            versions: views::versions(&facts),
            approvals: views::approvals(&facts),
            phases: self.phase_views(&facts),
            executions: facts
                .executions
                .iter()
                .map(|execution| views::execution(execution, &names))
                .collect(),
            can_edit,
        })
    }

    async fn forecast(&self, id: String) -> Answer<Forecast> {
        let facts = self.facts(&id, Action::Read).await?;
        let plan = self.shown_plan(&facts).await?;
        let target = reach::target(&self.state, &facts.target.id).await?;
        let options = RunOptions::new(&self.state.owner);
        reach::within(executor::forecast(&target, &plan, &options))
            .await?
            .map_err(|error| reach::refused(&error))
    }

    async fn save_migration(&self, request: SaveRequest) -> Answer<Saved> {
        let person = self.may_at_all(Action::Author, "migration").await?;
        if request.text.len() > LONGEST {
            return Err(invalid("The document is longer than a megabyte."));
        }
        let document = parse(&request.text).map_err(|problems| {
            with_details(
                invalid("The document has mistakes."),
                problem_lines(&problems),
            )
        })?;
        let subject = format!("migration {}", document.name);
        let target = self.target_record(&request.target_id).await?;
        self.require(Action::Author, Some(&target.environment), &subject)
            .await?;
        if document.database != target.engine {
            return Err(invalid(format!(
                "The document is for {}, and {} is a {} database.",
                document.database.word(),
                target.name,
                target.engine.word()
            )));
        }
        if let Some(id) = &request.id {
            // Where it is now must be theirs to edit, too.
            self.facts(id, Action::Author).await?;
        }

        let at = now();
        let mut tx = self.store().write().await?;
        let namesake = migrations::by_name(&mut tx, &document.name).await?;
        let (id, base, before) = match &request.id {
            None => {
                if namesake.is_some() {
                    return Err(conflict(format!(
                        "A migration named {} is there already.",
                        document.name
                    )));
                }
                let migration = MigrationRecord {
                    id: new_id(),
                    name: document.name.clone(),
                    target_id: target.id.clone(),
                    latest: 0,
                    updated_at: at,
                };
                migrations::insert(&mut tx, &migration).await?;
                (migration.id, 0, None)
            }
            Some(id) => {
                let migration = migrations::by_id(&mut tx, id)
                    .await?
                    .ok_or_else(|| not_found("migration"))?;
                if migration.latest != request.base_version {
                    return Err(conflict(format!(
                        "Version {} was saved meanwhile. Load it, and make your changes there.",
                        migration.latest
                    )));
                }
                if namesake.is_some_and(|other| other.id != *id) {
                    return Err(conflict(format!(
                        "Another migration is named {}.",
                        document.name
                    )));
                }
                let moved = migration.name != document.name || migration.target_id != target.id;
                if moved && !executions::of_migration(&mut tx, id).await?.is_empty() {
                    return Err(conflict(
                        "It has been run: its name and its target stay as they are.",
                    ));
                }
                let latest = migrations::version(&mut tx, id, migration.latest).await?;
                (
                    id.clone(),
                    migration.latest,
                    latest.map(|version| (version, moved)),
                )
            }
        };
        let digest = hash(&document);
        if let Some((latest, moved)) = &before
            && latest.hash == digest
            && latest.text == request.text
            && !moved
        {
            return Ok(Saved {
                id,
                version: latest.number,
                hash: digest,
            });
        }
        if !migrations::advance(&mut tx, &id, base, &document.name, &target.id, at).await? {
            return Err(conflict("Somebody saved another version at this moment."));
        }
        let version = VersionRecord {
            number: base + 1,
            hash: digest.clone(),
            text: request.text,
            document,
            author_id: person.id.clone(),
            author: person.name.clone(),
            review: ReviewState::Draft,
            created_at: at,
        };
        migrations::insert_version(&mut tx, &id, &version).await?;
        let entry = Entry::new("version.saved", subject)
            .hash(&digest)
            .detail(json!({
                "version": version.number,
                "target": target.name,
                "before": before.map(|(latest, _)| latest.hash),
                "waivers": written(&version.document, None),
            }));
        append(&mut tx, &self.actor, entry).await?;
        tx.commit().await?;
        Ok(Saved {
            id,
            version: version.number,
            hash: digest,
        })
    }

    async fn request_review(&self, id: String, version: u32) -> Answer<()> {
        self.ask_for_review(&id, version).await
    }

    async fn decide(
        &self,
        id: String,
        plan_hash: String,
        phases: Vec<u32>,
        decision: Decision,
        comment: String,
    ) -> Answer<()> {
        self.give_decision(&id, &plan_hash, &phases, decision, comment.trim())
            .await
    }

    async fn preview(&self, request: PreviewRequest) -> Answer<Plan> {
        self.may_at_all(Action::Author, "a preview").await?;
        if request.text.len() > LONGEST {
            return Err(invalid(format!("A document has at most {LONGEST} bytes.")));
        }
        let record = self.target_record(&request.target_id).await?;
        let environment = record.environment.clone();
        self.require(Action::Author, Some(&environment), "a preview")
            .await?;
        let document = parse(&request.text).map_err(|problems| {
            with_details(
                invalid("The document has mistakes."),
                problem_lines(&problems),
            )
        })?;
        let mut plan = self.plan_for(&record.id, &document, &request.text).await?;
        let mut tx = self.store().read().await?;
        if let Some(policy) = environments::policy(&mut tx, &environment).await? {
            lint::adjust(&mut plan.findings, &policy.severities);
            plan.safe = !lint::blocks(&plan.findings);
        }
        Ok(plan)
    }

    async fn waive(&self, request: WaiveRequest) -> Answer<()> {
        self.accept_finding(&request).await
    }
}
