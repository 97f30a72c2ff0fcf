//! `bellows migrate apply`: plans, asks, and runs the phases that can run.

use bellows::document;
use bellows::plan::{PhasePlan, Plan, text};
use bellows::run::{ExecutionState, FinalStatus, PhaseEvidence, PhaseState, StopReason};
use serde_json::json;

use super::args::{Apply, BackupScope, Format};
use super::document::{self as source, Source};
use super::evidence::still_used;
use super::exit::{CliError, Exit};
use super::plan::show_plan;
use super::records::Records;
use super::report::span;
use super::run::{Limits, Runner};
use super::screen::Screen;
use crate::audit::{Entry, execution_subject};
use crate::backup::{self, Scope};
use crate::executor::{self, BackupOrder, ExecutionRecord, NewExecution};
use crate::store;
use crate::target::Target;

/// `bellows migrate apply`.
pub async fn apply(arguments: Apply, records: &Records, screen: Screen) -> Result<Exit, CliError> {
    let source = source::read(&arguments.file)?;
    let target = arguments.target.required().await?;
    let mut runner = Runner::new(&target, records, screen, arguments.format.format);
    if let Some(done) = completed(&target, &source).await? {
        runner.say(&format!(
            "{} is done on {}; there is nothing to do.",
            source.migration.name,
            target.address()
        ))?;
        return runner.finished(&done.id, FinalStatus::Completed, done.snapshot.as_deref());
    }
    let (plan, schema) = source.plan(Some(&target)).await?;
    if let Some(phase) = arguments.phase
        && !plan.phases.iter().any(|p| p.phase == phase)
    {
        return Err(executor::ExecuteError::NoPhase(phase).into());
    }
    if arguments.dry_run {
        runner.with_screen(|screen| show_plan(&plan, arguments.format.format, screen))?;
        return Ok(if plan.safe { Exit::Done } else { Exit::Failed });
    }
    if !plan.safe {
        return refuse_unsafe(&plan, &mut runner).await;
    }
    let begun = begun(&target, &plan).await?;
    let way = Way {
        arguments: &arguments,
        target: &target,
    };
    if let Some(phase) = way.first_with_backup(&plan, begun.as_ref()).await?
        && let Some(obstacle) = way.obstacle(&plan, records).await?
    {
        return refuse_without_backup(phase, &plan, &obstacle, &mut runner).await;
    }
    if !runner.confirmed(
        &question(&plan, &arguments, &target, begun.as_ref()),
        arguments.yes,
    )? {
        runner.say("Nothing was run.")?;
        return Ok(Exit::Failed);
    }
    let opened = executor::open(
        &target,
        NewExecution {
            id: store::new_id(),
            migration: source.migration.name.clone(),
            document: source.text.clone(),
            plan,
            planned_on: schema,
            by: records.user().to_owned(),
        },
    )
    .await?;
    if opened.created {
        runner.created(&opened.record).await?;
    }
    run_phases(&way, opened.record, &mut runner).await
}

/// The last execution of this very document, where it ran to its end.
async fn completed(target: &Target, source: &Source) -> Result<Option<ExecutionRecord>, CliError> {
    let hash = document::hash(&source.migration);
    let all = executor::executions(target).await?;
    let last = all
        .into_iter()
        .find(|e| e.migration == source.migration.name);
    Ok(last.filter(|e| e.state == ExecutionState::Completed && e.hash == hash))
}

/// The execution of that name that goes on, if there is one.
async fn begun(target: &Target, plan: &Plan) -> Result<Option<ExecutionRecord>, CliError> {
    let all = executor::executions(target).await?;
    let last = all.into_iter().find(|e| e.migration == plan.migration);
    Ok(last.filter(|e| !executor::is_over(e.state)))
}

async fn refuse_unsafe(plan: &Plan, runner: &mut Runner<'_>) -> Result<Exit, CliError> {
    let subject = format!("migration {}", plan.migration);
    let reason = "the plan has findings that are errors";
    let entry = Entry::refusal("migration.apply", subject, reason).hash(plan.hash.clone());
    runner.records.audit(entry).await?;
    match runner.format {
        Format::Text => {
            runner.with_screen(|screen| {
                screen.print_report(&text::verify(&plan.migration, &plan.findings))
            })?;
            runner.say("Not safe: nothing was run.")?;
        }
        Format::Json => runner.with_screen(|screen| {
            screen.print_json_line(&json!({
                "event": "refused",
                "reason": "unsafe",
                "migration": plan.migration,
                "findings": plan.findings,
            }))
        })?,
    }
    Ok(Exit::Failed)
}

async fn refuse_without_backup(
    phase: &PhasePlan,
    plan: &Plan,
    obstacle: &str,
    runner: &mut Runner<'_>,
) -> Result<Exit, CliError> {
    let number = phase.phase;
    let message = format!(
        "Phase {number} needs a backup, and none can be taken: {obstacle}. Or take one yourself \
         and run this again with --skip-backup, which is recorded. Nothing was run."
    );
    let subject = format!("migration {}", plan.migration);
    let entry = Entry::refusal("migration.apply", subject, &message).hash(plan.hash.clone());
    runner.records.audit(entry).await?;
    match runner.format {
        Format::Text => runner.say(&message)?,
        Format::Json => runner.with_screen(|screen| {
            screen.print_json_line(&json!({
                "event": "refused",
                "reason": "backup",
                "migration": plan.migration,
                "phase": number,
                "message": message,
            }))
        })?,
    }
    Ok(Exit::Failed)
}

/// What the person is asked before anything runs.
fn question(
    plan: &Plan,
    arguments: &Apply,
    target: &Target,
    begun: Option<&ExecutionRecord>,
) -> String {
    let what = match (arguments.phase, begun.and_then(ExecutionRecord::next_phase)) {
        (Some(phase), _) => format!("Run phase {phase} of {}", plan.migration),
        (None, Some(next)) if next > 1 => format!("Go on with {} at phase {next}", plan.migration),
        (None, Some(_) | None) => {
            format!("Run {} ({} phases)", plan.migration, plan.phases.len())
        }
    };
    format!("{what} on {}?", target.address())
}

/// What the options let a run pass.
struct Way<'a> {
    arguments: &'a Apply,
    target: &'a Target,
}

/// What keeps a phase from starting.
pub(super) struct Stop {
    pub(super) reason: StopReason,
    pub(super) message: String,
}

impl Way<'_> {
    /// The phases that this call is to run, of those that are not done, in order.
    fn wanted<'p>(
        &self,
        plan: &'p Plan,
        begun: Option<&ExecutionRecord>,
    ) -> impl Iterator<Item = &'p PhasePlan> {
        let done: Vec<u32> = begun
            .iter()
            .flat_map(|record| &record.phases)
            .filter(|p| p.state == PhaseState::Completed)
            .map(|p| p.phase)
            .collect();
        let only = self.arguments.phase;
        plan.phases.iter().filter(move |phase| {
            !done.contains(&phase.phase) && only.is_none_or(|only| only == phase.phase)
        })
    }

    /// Whether a backup is taken before that phase.
    fn backs_up(&self, phase: &PhasePlan, first: bool) -> bool {
        let asked = self.arguments.backup.is_some() && first;
        !self.arguments.skip_backup && (asked || !phase.reversible)
    }

    /// What is backed up, and where to.
    fn order(&self, records: &Records) -> BackupOrder {
        BackupOrder {
            folder: backup::folder(records.data_dir()),
            whole: self.arguments.backup == Some(BackupScope::Whole),
        }
    }

    /// Why no backup can be taken.
    async fn obstacle(&self, plan: &Plan, records: &Records) -> Result<Option<String>, CliError> {
        records.store().await?;
        let order = self.order(records);
        let scope = if order.whole {
            Scope::Whole
        } else {
            let touched = plan.phases.iter().flat_map(|phase| phase.tables.clone());
            Scope::Tables(touched.collect())
        };
        Ok(backup::obstacle(self.target, &order.folder, &scope).await?)
    }

    /// The first phase before which this call would take a backup. What lies behind a gate or a
    /// soak it does not come to.
    async fn first_with_backup<'p>(
        &self,
        plan: &'p Plan,
        begun: Option<&ExecutionRecord>,
    ) -> Result<Option<&'p PhasePlan>, CliError> {
        for (nth, phase) in self.wanted(plan, begun).enumerate() {
            let closed = match begun {
                // The soak of the next phase may be over; those behind it have not begun.
                Some(record) if nth == 0 => self.stop(record, phase).await?.is_some(),
                Some(_) | None => self.closed_for_now(phase),
            };
            if closed {
                return Ok(None);
            }
            if self.backs_up(phase, begun.is_none_or(nothing_begun) && nth == 0) {
                return Ok(Some(phase));
            }
        }
        Ok(None)
    }

    fn closed_for_now(&self, phase: &PhasePlan) -> bool {
        let Some(gate) = &phase.gate else {
            return false;
        };
        let deploy = gate.deploy.is_some() && self.arguments.confirm_gates.is_none();
        let soak = gate
            .soak
            .as_deref()
            .is_some_and(|soak| document::soak_ms(soak) != Ok(0));
        deploy || soak && !self.arguments.skip_soak
    }

    /// What keeps the phase from starting now. A phase that was begun passed its gate then.
    async fn stop(
        &self,
        record: &ExecutionRecord,
        phase: &PhasePlan,
    ) -> Result<Option<Stop>, CliError> {
        let number = phase.phase;
        let state = record.phase(number).map(|p| p.state);
        if matches!(state, Some(PhaseState::Running | PhaseState::Paused)) {
            return Ok(None);
        }
        let deploy = phase.gate.as_ref().and_then(|gate| gate.deploy.as_deref());
        let confirmed = record.gates.iter().any(|gate| gate.phase == number);
        if let Some(deploy) = deploy
            && !confirmed
            && self.arguments.confirm_gates.is_none()
        {
            return Ok(Some(Stop {
                reason: StopReason::Gate,
                message: format!(
                    "Phase {number} waits for a deploy: {deploy}. Once it is out, run this again \
                     with --confirm-gates VERSION."
                ),
            }));
        }
        let left = executor::soak_left_ms(self.target, record, number).await?;
        if left > 0 && !self.arguments.skip_soak {
            return Ok(Some(Stop {
                reason: StopReason::Soak,
                message: format!(
                    "Phase {number} waits for {} more. Run this again then, or now with \
                     --skip-soak.",
                    span(left)
                ),
            }));
        }
        Ok(None)
    }

    /// Does not start the phase, and records why.
    async fn stand(
        &self,
        record: &ExecutionRecord,
        phase: &PhasePlan,
        stop: Stop,
        runner: &Runner<'_>,
    ) -> Result<Exit, CliError> {
        let subject = execution_subject(&record.id, &record.migration);
        let entry = Entry::refusal("phase.start", subject, &stop.message);
        runner
            .records
            .audit(entry.hash(record.hash.clone()))
            .await?;
        runner.records.keep(record, &self.target.address()).await?;
        runner.stopped(&record.id, phase.phase, stop.reason, &stop.message)
    }

    /// Whether what the phase takes away is still used; nothing where it takes nothing away, or was
    /// begun already.
    async fn evidence(
        &self,
        record: &ExecutionRecord,
        phase: &PhasePlan,
    ) -> Result<Option<PhaseEvidence>, CliError> {
        let number = phase.phase;
        if record.phase(number).map(|p| p.state) != Some(PhaseState::Pending) {
            return Ok(None);
        }
        let need = match &phase.gate {
            Some(gate) if !self.arguments.skip_soak => {
                gate.soak_ms().map_err(executor::ExecuteError::Soak)?
            }
            Some(_) | None => 0,
        };
        Ok(executor::evidence(self.target, record, number, need).await?)
    }

    /// Writes down what the options let the phase pass.
    async fn record(
        &self,
        record: &ExecutionRecord,
        phase: &PhasePlan,
        runner: &Runner<'_>,
    ) -> Result<(), CliError> {
        let number = phase.phase;
        let subject = execution_subject(&record.id, &record.migration);
        let entry = |action, detail| {
            Entry::new(action, subject.clone())
                .hash(record.hash.clone())
                .detail(detail)
        };
        let deploy = phase.gate.as_ref().and_then(|gate| gate.deploy.as_deref());
        let confirmed = record.gates.iter().any(|gate| gate.phase == number);
        if let (Some(deploy), false, Some(version)) =
            (deploy, confirmed, &self.arguments.confirm_gates)
        {
            executor::confirm_gate(
                self.target,
                &record.id,
                number,
                version,
                runner.records.user(),
            )
            .await?;
            let detail = json!({ "phase": number, "deploy": deploy, "version": version });
            runner
                .records
                .audit(entry("gate.confirmed", detail))
                .await?;
        }
        let left = executor::soak_left_ms(self.target, record, number).await?;
        if left > 0 && self.arguments.skip_soak {
            let detail = json!({ "phase": number, "leftMs": left });
            runner.records.audit(entry("soak.skipped", detail)).await?;
        }
        if !phase.reversible && self.arguments.skip_backup {
            runner
                .records
                .audit(entry("backup.skipped", json!({ "phase": number })))
                .await?;
            runner.backup_skipped(&record.id, number).await?;
        }
        Ok(())
    }
}

/// Whether no phase of the execution was started.
fn nothing_begun(record: &ExecutionRecord) -> bool {
    record.phases.iter().all(|p| p.state == PhaseState::Pending)
}

/// Runs the phases, one after the other, until one ends the execution or stops it.
async fn run_phases(
    way: &Way<'_>,
    mut record: ExecutionRecord,
    runner: &mut Runner<'_>,
) -> Result<Exit, CliError> {
    let id = record.id.clone();
    if way.arguments.go {
        runner.go(&record).await?;
    }
    loop {
        let phases = record.plan.clone();
        let Some(phase) = way.wanted(&phases, Some(&record)).next() else {
            if record.state == ExecutionState::Completed {
                return runner.finished(&id, FinalStatus::Completed, record.snapshot.as_deref());
            }
            if let Some(phase) = way.arguments.phase {
                runner.phase_done(&id, phase)?;
            }
            return Ok(Exit::Done);
        };
        if let Some(stop) = way.stop(&record, phase).await? {
            return way.stand(&record, phase, stop, runner).await;
        }
        if let Some(evidence) = way.evidence(&record, phase).await? {
            runner.evidence(&evidence)?;
            match (still_used(&evidence), &way.arguments.despite_use) {
                (Some(stop), None) => return way.stand(&record, phase, stop, runner).await,
                (Some(stop), Some(reason)) => {
                    runner
                        .use_accepted(&record, phase.phase, &stop.message, reason)
                        .await?;
                }
                (None, _) => {}
            }
        }
        way.record(&record, phase, runner).await?;
        let backup = way
            .backs_up(phase, nothing_begun(&record))
            .then(|| way.order(runner.records));
        if let Some(exit) = runner
            .run_phase(&record, phase.phase, &Limits::of(way.arguments), backup)
            .await?
        {
            return Ok(exit);
        }
        record = runner.reread(&id).await?;
    }
}
