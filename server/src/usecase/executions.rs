//! Executions: start through the guard, watch, control.

use async_trait::async_trait;
use bellows::access::Action;
use bellows::run::{BackupNeed, EventKind, ExecutionState, PhaseEvidence, PhaseState, RunEvent};
use bellows_app::backend::{
    Answer, BlockedBy, Control, ErrorCode, ExecutionBackend, ExecutionDetail, ExecutionSummary,
    StartRequest,
};
use serde_json::json;

use super::facts::{Facts, TargetNames};
use super::guard::{Live, backup_need, blocked, quiet_ms};
use super::reviews::LONGEST_COMMENT;
use super::runs::{self, Occasion};
use super::{ApiError, RequestBackend, conflict, drift, invalid, not_found, reach, told, views};
use crate::audit::{Entry, append, execution_subject, record};
use crate::executor::{self, NewExecution};
use crate::store::executions::{self as rows, ExecutionRecord, Intent};
use crate::store::{migrations, new_id, now, reviews, targets};
use crate::target::Target;

impl RequestBackend {
    /// The execution with its target's name and environment, for someone who may do that with it.
    pub(super) async fn known(
        &self,
        id: &str,
        action: Action,
    ) -> Answer<(ExecutionRecord, TargetNames)> {
        self.may_at_all(action, "execution").await?;
        let mut tx = self.store().read().await?;
        let execution = rows::by_id(&mut tx, id).await?;
        let target = match execution.as_ref().and_then(|e| e.target_id.as_ref()) {
            Some(target_id) => targets::by_id(&mut tx, target_id).await?,
            None => None,
        };
        drop(tx);
        let (Some(execution), Some(target)) = (execution, target) else {
            return Err(not_found("execution"));
        };
        let subject = execution_subject(id, &execution.name);
        self.require(action, Some(&target.environment), &subject)
            .await?;
        let names = TargetNames::from([(target.id, (target.name, target.environment))]);
        Ok((execution, names))
    }

    /// Whether the person may watch the execution's events.
    pub async fn may_watch(&self, id: &str) -> Answer<()> {
        self.known(id, Action::Read).await.map(drop)
    }

    /// Whether the person may watch what goes on.
    pub async fn may_read(&self) -> Answer<()> {
        self.require(Action::Read, None, "activity").await.map(drop)
    }

    /// Refuses a start, with the guard's reasons, and records it.
    pub(super) async fn not_started<T>(
        &self,
        facts: &Facts,
        phase: u32,
        by: BlockedBy,
    ) -> Answer<T> {
        let entry = Entry::refusal("phase.refused", facts.subject(), "the guard says no")
            .hash(plan_hash(facts))
            .detail(json!({ "phase": phase, "person": by.person, "time": by.time }));
        record(self.store(), &self.actor, entry).await?;
        Err(ApiError {
            code: ErrorCode::Blocked,
            message: format!("Phase {phase} cannot start now."),
            details: by.person.into_iter().chain(by.time).collect(),
        })
    }

    /// What only the target can say.
    pub(super) async fn ask_target(
        &self,
        facts: &Facts,
        phase: u32,
        target: &Target,
        request: &StartRequest,
    ) -> Answer<Live> {
        let without_backup = request.without_backup;
        let needs = backup_need(facts, phase) != BackupNeed::None && !without_backup;
        let mut live = Live {
            backup_obstacle: match needs {
                true => self.backup_obstacle(facts, target).await?,
                false => None,
            },
            busy: self
                .state
                .runs
                .busy(&facts.target.id, facts.executions.first()),
            without_backup,
            despite_use: request.despite_use.is_some(),
            ..Live::default()
        };
        if let Some(reviewed) = &facts.plan {
            live.drift = drift::since_review(target, &facts.version().document, reviewed).await?;
        }
        if let Some(execution) = facts.executions.first()
            && !execution.state.is_over()
            && let Some(seen) = reach::within(executor::execution(target, &execution.id))
                .await?
                .map_err(|error| reach::refused(&error))?
        {
            let soak = reach::within(executor::soak_left_ms(target, &seen, phase)).await?;
            live.soak_left_ms = Some(soak.map_err(|error| reach::refused(&error))?);
            if live.drift.is_none() {
                live.drift = reach::within(executor::drift(target, &seen, phase))
                    .await?
                    .map_err(|error| reach::refused(&error))?;
            }
            let need = quiet_ms(facts, phase);
            live.evidence = reach::within(executor::evidence(target, &seen, phase, need))
                .await?
                .map_err(|error| reach::refused(&error))?;
        } else if let Some(plan) = facts.phase(phase) {
            let document = &facts.version().document;
            live.evidence = reach::within(executor::first_evidence(target, document, plan))
                .await?
                .map_err(|error| reach::refused(&error))?;
        }
        Ok(live)
    }

    /// Has the execution go on with that intent: kept and recorded first, then begun.
    pub(super) async fn go_on(
        &self,
        mut execution: ExecutionRecord,
        target: Target,
        intent: Intent,
        state: ExecutionState,
        entry: Entry,
    ) -> Answer<()> {
        if !self.state.runs.settled(&execution.id).await {
            return Err(conflict("It is being run."));
        }
        execution.intent = Some(intent);
        execution.wanted = true;
        execution.state = state;
        execution.error = None;
        let mut tx = self.store().write().await?;
        rows::put(&mut tx, &execution).await?;
        append(&mut tx, &self.actor, entry).await?;
        tx.commit().await?;
        runs::begin(&self.state, execution, target, Occasion::Person)
    }
}

/// Whether something is being done.
fn is_running(state: ExecutionState) -> bool {
    match state {
        ExecutionState::Running | ExecutionState::RollingBack => true,
        ExecutionState::Waiting
        | ExecutionState::Paused
        | ExecutionState::Completed
        | ExecutionState::Failed
        | ExecutionState::RolledBack
        | ExecutionState::Cancelled => false,
    }
}

fn plan_hash(facts: &Facts) -> String {
    facts
        .plan
        .as_ref()
        .map_or_else(String::new, |plan| plan.plan.plan_hash.clone())
}

#[async_trait]
impl ExecutionBackend for RequestBackend {
    async fn executions(&self) -> Answer<Vec<ExecutionSummary>> {
        self.require(Action::Read, None, "executions").await?;
        let mut tx = self.store().read().await?;
        let names = self.target_names(&mut tx).await?;
        Ok(rows::all(&mut tx)
            .await?
            .iter()
            .filter(|execution| {
                execution
                    .target_id
                    .as_ref()
                    .is_some_and(|id| names.contains_key(id))
            })
            .map(|execution| views::execution(execution, &names))
            .collect())
    }

    async fn execution(&self, id: String) -> Answer<ExecutionDetail> {
        let (execution, names) = self.known(&id, Action::Read).await?;
        let environment = names.values().next().map(|(_, environment)| environment);
        let can_control = self
            .actor
            .may(Action::Control, environment.map(String::as_str));
        Ok(ExecutionDetail {
            summary: views::execution(&execution, &names),
            phases: execution.phases.iter().map(|phase| phase.state).collect(),
            events: self.state.events.all_after(&id, 0).await?,
            plan: execution.plan,
            can_control,
        })
    }

    async fn evidence(&self, id: String) -> Answer<Option<PhaseEvidence>> {
        self.evidence_of(&id).await
    }

    async fn events(&self, id: String, after: u64) -> Answer<Vec<RunEvent>> {
        self.known(&id, Action::Read).await?;
        Ok(self.state.events.all_after(&id, after).await?)
    }

    async fn start_phase(&self, request: StartRequest) -> Answer<String> {
        let phase = request.phase;
        let facts = self.facts(&request.migration_id, Action::Execute).await?;
        let person = self.signed_in(Action::Execute, &facts.subject()).await?;
        if let Some(last) = facts.executions.first()
            && !is_running(last.state)
            && !self.state.runs.settled(&last.id).await
        {
            return Err(conflict("It is being run."));
        }
        if facts.phase(phase).is_none() && facts.plan.is_some() {
            return Err(invalid(format!("The plan has no phase {phase}.")));
        }
        if let Some(reason) = &request.despite_use {
            let length = reason.trim().chars().count();
            if length == 0 || length > LONGEST_COMMENT {
                return Err(invalid(format!(
                    "Say why it may go although it is used, in 1 to {LONGEST_COMMENT} characters."
                )));
            }
        }
        // What the store alone can say comes first: the target need not be asked.
        let live = Live {
            soak_left_ms: Some(0),
            without_backup: request.without_backup,
            ..Live::default()
        };
        let by = blocked(&facts, phase, &self.actor, live);
        if by != BlockedBy::default() {
            return self.not_started(&facts, phase, by).await;
        }
        let Some(reviewed) = facts
            .plan
            .clone()
            .filter(|plan| plan.plan.plan_hash == request.plan_hash)
        else {
            return Err(conflict(
                "The plan is not the one that you saw. Load it again and look once more.",
            ));
        };
        let target = reach::target(&self.state, &facts.target.id).await?;
        let live = self.ask_target(&facts, phase, &target, &request).await?;
        let by = blocked(&facts, phase, &self.actor, live.clone());
        if by != BlockedBy::default() {
            return self.not_started(&facts, phase, by).await;
        }

        let version = facts.version();
        let new = NewExecution {
            id: new_id(),
            migration: version.document.name.clone(),
            document: version.text.clone(),
            plan: reviewed.plan.clone(),
            planned_on: Some(reviewed.base.clone()),
            by: person.login.clone(),
        };
        let opened = reach::within(executor::open(&target, new))
            .await?
            .map_err(|error| reach::refused(&error))?;
        if let Some(gate) = facts.gate_confirmed(phase) {
            reach::within(executor::confirm_gate(
                &target,
                &opened.record.id,
                phase,
                &gate.confirmed,
                &gate.by,
            ))
            .await?
            .map_err(|error| reach::refused(&error))?;
        }

        // The last word is said where nothing can change any more: with the migration's row held.
        let mut tx = self.store().write().await?;
        migrations::touch(&mut tx, &request.migration_id, now()).await?;
        let facts = Facts::read(&mut tx, &request.migration_id)
            .await?
            .ok_or_else(|| not_found("migration"))?;
        let in_use = live
            .evidence
            .as_ref()
            .map_or_else(Vec::new, |evidence| evidence.in_use());
        let by = blocked(&facts, phase, &self.actor, live);
        let unchanged = plan_hash(&facts) == request.plan_hash;
        if by != BlockedBy::default() || !unchanged {
            drop(tx);
            return self.not_started(&facts, phase, by).await;
        }
        let need = backup_need(&facts, phase);
        let mut execution = ExecutionRecord {
            id: opened.record.id.clone(),
            migration_id: Some(facts.migration.id.clone()),
            name: facts.migration.name.clone(),
            version: facts.version().number,
            target_id: Some(facts.target.id.clone()),
            address: None,
            plan: reviewed.plan,
            state: ExecutionState::Running,
            phases: Vec::new(),
            phase,
            started_by: person.name.clone(),
            started_at: opened.record.started_at,
            completed_at: None,
            error: None,
            snapshot: None,
            intent: Some(Intent::Phase {
                phase,
                by: person.login.clone(),
                backup: (need != BackupNeed::None && !request.without_backup)
                    .then_some(facts.policy.backup_whole),
                hold: request.hold || facts.policy.hold_cut_over,
                despite_use: request.despite_use.clone(),
            }),
            wanted: true,
        };
        runs::take_over(&mut execution, &opened.record);
        execution.state = ExecutionState::Running;
        execution.error = None;
        if let Some(at) = opened
            .record
            .phases
            .iter()
            .position(|record| record.phase == phase)
            && let Some(progress) = execution.phases.get_mut(at)
        {
            progress.state = PhaseState::Running;
        }
        rows::put(&mut tx, &execution).await?;
        let entry = Entry::new("phase.started", facts.subject())
            .hash(&request.plan_hash)
            .detail(json!({
                "execution": execution.id,
                "phase": phase,
                "version": execution.version,
                "document": facts.version().hash,
                "target": facts.target.name,
                "withoutBackup": request.without_backup,
                "hold": request.hold || facts.policy.hold_cut_over,
                "despiteUse": request.despite_use,
                "inUse": in_use,
                "approvals": facts
                    .approvals_of(phase)
                    .iter()
                    .map(|approval| approval.by.clone())
                    .collect::<Vec<_>>(),
            }));
        append(&mut tx, &self.actor, entry).await?;
        tx.commit().await?;
        // Its birth, and what was done before it, elsewhere or by one that is over.
        told::catch_up(&self.state.events, &opened.record).await?;
        let id = execution.id.clone();
        if need == BackupNeed::Destroys && request.without_backup {
            let event = EventKind::BackupSkipped {
                before: phase,
                by: person.login.clone(),
            };
            self.state.events.append(&id, event).await?;
        }
        if let (Some(reason), false) = (&request.despite_use, in_use.is_empty()) {
            let event = EventKind::Notice {
                message: format!(
                    "{} started phase {phase} although {}: {}",
                    person.login,
                    in_use.join("; "),
                    reason.trim()
                ),
            };
            self.state.events.append(&id, event).await?;
        }
        runs::begin(&self.state, execution, target, Occasion::Person)?;
        Ok(id)
    }

    async fn confirm_gate(&self, migration_id: String, phase: u32, version: String) -> Answer<()> {
        let facts = self.facts(&migration_id, Action::Execute).await?;
        let person = self.signed_in(Action::Execute, &facts.subject()).await?;
        let version = version.trim();
        if version.is_empty() || version.chars().count() > 200 {
            return Err(invalid(
                "Name the version that is deployed, in 1 to 200 characters.",
            ));
        }
        let deploy = facts
            .phase(phase)
            .and_then(|plan| plan.gate.as_ref())
            .and_then(|gate| gate.deploy.clone())
            .ok_or_else(|| invalid(format!("Phase {phase} of the plan waits for no deploy.")))?;
        if let Some(execution) = facts.executions.first().filter(|e| !e.state.is_over()) {
            let target = reach::target(&self.state, &facts.target.id).await?;
            reach::within(executor::confirm_gate(
                &target,
                &execution.id,
                phase,
                version,
                &person.login,
            ))
            .await?
            .map_err(|error| reach::refused(&error))?;
        }
        let at = now();
        let hash = plan_hash(&facts);
        let mut tx = self.store().write().await?;
        migrations::touch(&mut tx, &migration_id, at).await?;
        reviews::confirm_gate(
            &mut tx,
            &migration_id,
            &hash,
            phase,
            version,
            &person.id,
            at,
        )
        .await?;
        let entry = Entry::new("gate.confirmed", facts.subject())
            .hash(hash)
            .detail(json!({ "phase": phase, "deploy": deploy, "version": version }));
        append(&mut tx, &self.actor, entry).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn end_blocker(&self, id: String, pid: i32) -> Answer<()> {
        self.end_session(id, pid).await
    }

    async fn control(&self, id: String, control: Control) -> Answer<()> {
        let (execution, _) = self.known(&id, Action::Control).await?;
        let subject = execution_subject(&id, &execution.name);
        let by = self
            .signed_in(Action::Control, &subject)
            .await?
            .login
            .clone();
        let action = match control {
            Control::Pause => "execution.pause",
            Control::Resume => "execution.resume",
            Control::Go => "execution.go",
            Control::Faster => "execution.faster",
            Control::Slower => "execution.slower",
            Control::Cancel => "execution.cancel",
            Control::RollBack => "execution.roll_back",
        };
        let entry = Entry::new(action, subject)
            .hash(&execution.plan.plan_hash)
            .detail(json!({
                "migration": execution.name,
                "phase": execution.phase,
                "before": execution.state,
            }));
        let target_id = execution.target_id.clone().unwrap_or_default();
        let live = self.state.runs.is_live(&id) && is_running(execution.state);
        match control {
            Control::Pause => {
                if !live {
                    return Err(conflict("It does not run, so it cannot be paused."));
                }
                record(self.store(), &self.actor, entry).await?;
                if !self.state.runs.pause(&id) {
                    return Err(conflict("It came to its end at this moment."));
                }
                Ok(())
            }
            Control::Faster | Control::Slower => {
                if !live {
                    return Err(conflict("It does not run."));
                }
                let faster = control == Control::Faster;
                let Some((before, workers)) = self.state.runs.step(&id, faster) else {
                    return Err(conflict("It came to its end at this moment."));
                };
                if before == workers {
                    return Err(conflict(if faster {
                        "It is as fast as it can be."
                    } else {
                        "It is as slow as it can be; pause it."
                    }));
                }
                let detail = json!({
                    "migration": execution.name,
                    "phase": execution.phase,
                    "sessionsBefore": before,
                    "sessions": workers,
                });
                record(self.store(), &self.actor, entry.detail(detail)).await?;
                self.state.runs.set_workers(&id, workers);
                Ok(())
            }
            Control::Cancel if live => {
                let mut tx = self.store().write().await?;
                rows::set_intent(&mut tx, &id, &Intent::Cancel { by }).await?;
                append(&mut tx, &self.actor, entry).await?;
                tx.commit().await?;
                if !self.state.runs.cancel(&id) {
                    return Err(conflict("It came to its end at this moment."));
                }
                Ok(())
            }
            Control::Resume => {
                // One that is said to run, and not here, may have been left by a command line that
                // died: whoever really holds the target keeps it.
                if live
                    || (execution.state != ExecutionState::Paused && !is_running(execution.state))
                {
                    return Err(conflict("It is not stopped in the middle of a phase."));
                }
                let target = reach::target(&self.state, &target_id).await?;
                let phase = execution.phase;
                let intent = execution.intent.clone().unwrap_or(Intent::Phase {
                    phase,
                    by,
                    backup: None,
                    hold: false,
                    despite_use: None,
                });
                let state = match &intent {
                    Intent::Phase { .. } => ExecutionState::Running,
                    Intent::RollBack { .. } | Intent::Cancel { .. } => ExecutionState::RollingBack,
                };
                self.go_on(execution, target, intent, state, entry).await
            }
            Control::Go => {
                if live || is_running(execution.state) {
                    return Err(conflict("It runs: nothing of it is held."));
                }
                self.say_go(execution, &by, entry).await
            }
            Control::Cancel => {
                if execution.state.is_over() {
                    return Err(conflict("It is over."));
                }
                let target = reach::target(&self.state, &target_id).await?;
                let state = ExecutionState::RollingBack;
                self.go_on(execution, target, Intent::Cancel { by }, state, entry)
                    .await
            }
            Control::RollBack => {
                if live {
                    return Err(conflict("Pause it first."));
                }
                let target = reach::target(&self.state, &target_id).await?;
                let state = ExecutionState::RollingBack;
                self.go_on(execution, target, Intent::RollBack { by }, state, entry)
                    .await
            }
        }
    }
}
