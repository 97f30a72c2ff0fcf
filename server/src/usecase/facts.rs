//! Everything that the store knows of one migration, read in one transaction: what views are made
//! of, and what the guard judges by.

use std::collections::HashMap;

use bellows::access::{Action, Policy};
use bellows::plan::PhasePlan;
use bellows::run::PhaseState;
use bellows_app::backend::{Answer, Decision, MigrationSummary, ReviewState};

use super::{RequestBackend, not_found, views};
use crate::store::executions::{self, ExecutionRecord};
use crate::store::migrations::{self, MigrationRecord, VersionRecord};
use crate::store::reviews::{self, ApprovalRecord, GateRecord, PlanRecord};
use crate::store::targets::{self, TargetRecord};
use crate::store::waivers::{self, WaiverRecord};
use crate::store::{StoreError, Stored, Tx, environments};

/// Names of targets and their environments, by the target's id.
pub type TargetNames = HashMap<String, (String, String)>;

/// See the room's first line.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The migration.
    pub migration: MigrationRecord,
    /// Its target.
    pub target: TargetRecord,
    /// What the target's environment asks for.
    pub policy: Policy,
    /// Newest first; never empty.
    pub versions: Vec<VersionRecord>,
    /// The latest version's plan, where review was asked for.
    pub plan: Option<PlanRecord>,
    /// Newest first.
    pub approvals: Vec<ApprovalRecord>,
    /// Newest first.
    pub gates: Vec<GateRecord>,
    /// Newest first.
    pub waivers: Vec<WaiverRecord>,
    /// Newest first.
    pub executions: Vec<ExecutionRecord>,
}

impl Facts {
    /// Reads them; `None` where there is no such migration.
    pub async fn read(tx: &mut Tx, id: &str) -> Stored<Option<Facts>> {
        match migrations::by_id(tx, id).await? {
            Some(migration) => Ok(Some(Self::of(tx, migration).await?)),
            None => Ok(None),
        }
    }

    async fn of(tx: &mut Tx, migration: MigrationRecord) -> Stored<Facts> {
        let missing = |what: &str| {
            StoreError::unreadable(
                format!("migration {}", migration.id),
                format!("{what} is missing"),
            )
        };
        let target = targets::by_id(tx, &migration.target_id)
            .await?
            .ok_or_else(|| missing("its target"))?;
        let policy = environments::policy(tx, &target.environment)
            .await?
            .ok_or_else(|| missing("its environment"))?;
        let versions = migrations::versions(tx, &migration.id).await?;
        if versions.is_empty() {
            return Err(missing("its first version"));
        }
        Ok(Facts {
            plan: reviews::plan(tx, &migration.id, migration.latest).await?,
            approvals: reviews::approvals(tx, &migration.id).await?,
            gates: reviews::gates(tx, &migration.id).await?,
            waivers: waivers::of_migration(tx, &migration.id).await?,
            executions: executions::of_migration(tx, &migration.id).await?,
            target,
            policy,
            versions,
            migration,
        })
    }

    /// The latest version.
    pub fn version(&self) -> &VersionRecord {
        // `of` refuses a migration without versions.
        &self.versions[0]
    }

    /// Where the latest version stands.
    pub fn review(&self) -> ReviewState {
        self.version().review
    }

    /// `migration NAME`, as the audit calls it.
    pub fn subject(&self) -> String {
        format!("migration {}", self.migration.name)
    }

    /// The phase of the reviewed plan.
    pub fn phase(&self, phase: u32) -> Option<&PhasePlan> {
        self.plan
            .as_ref()?
            .plan
            .phases
            .iter()
            .find(|plan| plan.phase == phase)
    }

    /// Whether that person wrote or edited the latest version, or one before it.
    pub fn in_lineage(&self, person_id: &str) -> bool {
        self.versions
            .iter()
            .any(|version| version.author_id == person_id)
    }

    /// Whether what was said is about something else than the plan that would run now.
    pub fn is_stale(&self, approval: &ApprovalRecord) -> bool {
        let Some(plan) = &self.plan else {
            return true;
        };
        approval.version != self.migration.latest
            || approval.plan_hash != plan.plan.plan_hash
            || approval.target_id != self.target.id
    }

    /// What was said last about the phase, one a person, stale ones and those of the lineage left
    /// out.
    fn said(&self, phase: u32) -> Vec<&ApprovalRecord> {
        let mut said: Vec<&ApprovalRecord> = Vec::new();
        for approval in &self.approvals {
            let counts = approval.phase == phase
                && !self.is_stale(approval)
                && !self.in_lineage(&approval.person_id);
            if counts
                && !said
                    .iter()
                    .any(|other| other.person_id == approval.person_id)
            {
                said.push(approval);
            }
        }
        said
    }

    /// Approvals of the phase that count, one a person.
    pub fn approvals_of(&self, phase: u32) -> Vec<&ApprovalRecord> {
        let mut said = self.said(phase);
        said.retain(|approval| approval.decision == Decision::Approved);
        said
    }

    /// Whether somebody's last word on the phase is no.
    pub fn rejected_by(&self, phase: u32) -> Option<&ApprovalRecord> {
        self.said(phase)
            .into_iter()
            .find(|approval| approval.decision == Decision::Rejected)
    }

    /// The version that was confirmed at the phase's deploy gate, for this plan.
    pub fn gate_confirmed(&self, phase: u32) -> Option<&GateRecord> {
        let plan = self.plan.as_ref()?;
        self.gates
            .iter()
            .find(|gate| gate.phase == phase && gate.plan_hash == plan.plan.plan_hash)
    }

    /// Where the phase stands: in the last execution, as far as its text is the same.
    pub fn phase_state(&self, phase: u32) -> PhaseState {
        let (Some(execution), Some(plan)) = (self.executions.first(), &self.plan) else {
            return PhaseState::Pending;
        };
        let find = |of: &bellows::plan::Plan| {
            of.phases
                .iter()
                .position(|plan| plan.phase == phase)
                .map(|i| (i, of.phases[i].hash.clone()))
        };
        match (find(&execution.plan), find(&plan.plan)) {
            (Some((i, was)), Some((_, is))) => {
                let state = execution
                    .phases
                    .get(i)
                    .map_or(PhaseState::Pending, |progress| progress.state);
                let same_plan = execution.plan.plan_hash == plan.plan.plan_hash;
                if same_plan || (was == is && state == PhaseState::Completed) {
                    state
                } else {
                    PhaseState::Pending
                }
            }
            (Some(_) | None, Some(_) | None) => PhaseState::Pending,
        }
    }

    /// When the phase was done, by the target's clock.
    pub fn completed_at(&self, phase: u32) -> Option<i64> {
        let execution = self.executions.first()?;
        let i = execution
            .plan
            .phases
            .iter()
            .position(|plan| plan.phase == phase)?;
        execution.phases.get(i)?.completed_at
    }

    /// The line of a list.
    pub fn summary(&self) -> MigrationSummary {
        let version = self.version();
        let phases: Vec<u32> = version.document.phases.iter().map(|p| p.phase).collect();
        let count = |of: &dyn Fn(u32) -> bool| {
            u32::try_from(phases.iter().filter(|phase| of(**phase)).count()).unwrap_or(u32::MAX)
        };
        let enough = |phase: u32| {
            self.plan.is_some()
                && self.rejected_by(phase).is_none()
                && self.approvals_of(phase).len() >= self.policy.approvals as usize
        };
        let names = self.names();
        MigrationSummary {
            id: self.migration.id.clone(),
            name: self.migration.name.clone(),
            description: version.document.description.clone(),
            database: version.document.database,
            target_id: self.target.id.clone(),
            target: self.target.name.clone(),
            environment: self.target.environment.clone(),
            version: version.number,
            review: version.review,
            phases: u32::try_from(phases.len()).unwrap_or(u32::MAX),
            approved: count(&enough),
            done: count(&|phase| self.phase_state(phase) == PhaseState::Completed),
            execution: self
                .executions
                .first()
                .map(|execution| views::execution(execution, &names)),
            author: version.author.clone(),
            updated_at: self.migration.updated_at,
        }
    }

    /// The target's name, for its executions.
    pub fn names(&self) -> TargetNames {
        let target = &self.target;
        TargetNames::from([(
            target.id.clone(),
            (target.name.clone(), target.environment.clone()),
        )])
    }
}

impl RequestBackend {
    /// The facts of one migration, for someone who may do that with it. Whoever may it nowhere is
    /// refused before the migration is looked for.
    pub(super) async fn facts(&self, id: &str, action: Action) -> Answer<Facts> {
        self.may_at_all(action, "migration").await?;
        let mut tx = self.store().read().await?;
        let facts = Facts::read(&mut tx, id).await?;
        drop(tx);
        let facts = facts.ok_or_else(|| not_found("migration"))?;
        let environment = facts.target.environment.clone();
        self.require(action, Some(&environment), &facts.subject())
            .await?;
        Ok(facts)
    }

    /// Those of every migration that the person may read, newest change first.
    pub(super) async fn all_facts(&self, tx: &mut Tx) -> Answer<Vec<Facts>> {
        let mut all = Vec::new();
        for migration in migrations::all(tx).await? {
            let facts = Facts::of(tx, migration).await?;
            if self
                .actor
                .may(Action::Read, Some(&facts.target.environment))
            {
                all.push(facts);
            }
        }
        Ok(all)
    }

    /// The targets that the person may read.
    pub(super) async fn target_names(&self, tx: &mut Tx) -> Answer<TargetNames> {
        Ok(targets::all(tx)
            .await?
            .into_iter()
            .filter(|target| self.actor.may(Action::Read, Some(&target.environment)))
            .map(|target| (target.id, (target.name, target.environment)))
            .collect())
    }
}
