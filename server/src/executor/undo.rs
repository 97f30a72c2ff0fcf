//! The way back: phases are taken back last first, and a rollback that stopped goes on.

use std::collections::HashMap;

use bellows::plan::{Action, PhasePlan, Step};
use bellows::run::{EventKind, ExecutionState, FinalStatus, PhaseState};

use super::birth::find;
use super::halt::Halt;
use super::ledger::{self, Ending, StepState, Undo};
use super::record::{ExecuteError, Outcome};
use super::run::Run;
use super::saved;

impl Run<'_> {
    /// Takes phases back, last first. What was taken back before a stop is not repeated.
    pub(super) async fn back(&mut self, undo: Undo, why: Option<&str>) -> Result<Outcome, Halt> {
        self.undoing = true;
        self.phase = undo.down_to;
        let id = self.record.id.clone();
        let before = ledger::undo(&mut self.session.link, &id).await?;
        let undo = before.unwrap_or(undo);
        if before.is_none() {
            ledger::start_undo(&mut self.session.link, &id, undo, why).await?;
        }
        let record = ledger::one(&mut self.session.link, &id)
            .await?
            .ok_or_else(|| ExecuteError::NotFound(id.clone()))?;
        let message = why.map(str::to_owned).or(record.error.clone());
        for phase in record
            .phases
            .iter()
            .rev()
            .filter(|p| p.phase >= undo.down_to)
        {
            match phase.state {
                PhaseState::Pending | PhaseState::RolledBack => {}
                PhaseState::Running
                | PhaseState::Paused
                | PhaseState::Completed
                | PhaseState::Failed => self.take_back(phase.phase, undo.ending).await?,
            }
        }
        self.end(undo, message).await
    }

    /// Takes one phase back.
    async fn take_back(&mut self, number: u32, ending: Ending) -> Result<(), Halt> {
        self.phase = number;
        let id = self.record.id.clone();
        let phase = find(&self.record.plan, number)
            .cloned()
            .ok_or(ExecuteError::NoPhase(number))?;
        if ending == Ending::Failure {
            ledger::set_phase(&mut self.session.link, &id, number, PhaseState::Failed).await?;
        }
        self.emit(EventKind::RollbackStarted { phase: number })
            .await?;
        let link = &mut self.session.link;
        if let Some(message) = saved::obstacle(link, &self.record, number).await? {
            return Err(Halt::Fail(message));
        }
        let steps = ledger::steps(link, &id).await?;
        for step in &phase.rollback {
            if begun(&phase, step, &steps) {
                match steps.get(&step.id) {
                    Some(StepState::Done) => {}
                    state => self.step(&phase, step, state.copied()).await?,
                }
            }
        }
        ledger::set_phase(&mut self.session.link, &id, number, PhaseState::RolledBack).await?;
        self.emit(EventKind::PhaseRolledBack { phase: number })
            .await
    }

    /// Ends a rollback: the execution is over, or, where single phases were taken back at a
    /// person's request, waits for them again.
    async fn end(&mut self, undo: Undo, message: Option<String>) -> Result<Outcome, Halt> {
        let id = self.record.id.clone();
        let over = match undo.ending {
            Ending::Failure => Some((ExecutionState::RolledBack, FinalStatus::RolledBack)),
            Ending::Cancel => Some((ExecutionState::Cancelled, FinalStatus::Cancelled)),
            Ending::Request if undo.down_to <= 1 => {
                Some((ExecutionState::RolledBack, FinalStatus::RolledBack))
            }
            Ending::Request => None,
        };
        let Some((state, status)) = over else {
            loop {
                self.open_records().await?;
                let link = &mut self.session.link;
                for phase in &self.record.plan.phases {
                    if phase.phase >= undo.down_to {
                        ledger::forget_phase(link, &id, phase.phase).await?;
                    }
                }
                ledger::end_undo(link, &id).await?;
                if self.close_records().await? {
                    break;
                }
            }
            return Ok(Outcome::RolledBack {
                message: format!("phase {} was taken back", undo.down_to),
            });
        };
        let error = match undo.ending {
            Ending::Failure => message.clone(),
            Ending::Cancel | Ending::Request => None,
        };
        ledger::set_execution(&mut self.session.link, &id, state, error.as_deref()).await?;
        self.emit(EventKind::Finished {
            status,
            message: error,
        })
        .await?;
        Ok(match undo.ending {
            Ending::Cancel => Outcome::Cancelled,
            Ending::Failure => Outcome::RolledBack {
                message: message.unwrap_or_else(|| "the phase failed".into()),
            },
            Ending::Request => Outcome::RolledBack {
                message: "every phase was taken back".into(),
            },
        })
    }

    /// A rollback that was not possible: says what is left.
    pub(super) async fn failed(
        &mut self,
        phase: u32,
        why: String,
    ) -> Result<Outcome, ExecuteError> {
        let id = self.record.id.clone();
        let plan = find(&self.record.plan, phase).cloned();
        let link = &mut self.session.link;
        let steps = ledger::steps(link, &id).await?;
        let left: Vec<String> = plan
            .iter()
            .flat_map(|plan| plan.rollback.iter().map(move |step| (plan, step)))
            .filter(|(plan, step)| {
                begun(plan, step, &steps) && steps.get(&step.id) != Some(&StepState::Done)
            })
            .map(|(_, step)| step.title.clone())
            .collect();
        let record = ledger::one(link, &id).await?;
        let first = record.and_then(|r| r.error);
        let mut message = format!(
            "phase {phase} could not be taken back: {why}. Left to be done by hand: {}",
            left.join("; ")
        );
        if let Some(first) = first {
            message += &format!(". It was being taken back because: {first}");
        }
        ledger::set_phase(link, &id, phase, PhaseState::Failed).await?;
        ledger::set_execution(link, &id, ExecutionState::Failed, Some(&message)).await?;
        self.sink
            .append(
                &id,
                EventKind::Finished {
                    status: FinalStatus::Failed,
                    message: Some(message.clone()),
                },
            )
            .await?;
        Ok(Outcome::Failed { message })
    }
}

/// Whether something of what that step undoes was begun that left anything behind. A written rollback
/// may name an operation that has no step at all: that one runs.
fn begun(phase: &PhasePlan, back: &Step, steps: &HashMap<String, StepState>) -> bool {
    if let Some(forth) = &back.undoes {
        return steps.contains_key(forth);
    }
    let mut own = phase
        .steps
        .iter()
        .filter(|step| step.operation == back.operation)
        .peekable();
    own.peek().is_none()
        || own.any(|step| {
            let changes = !matches!(step.action, Action::Compare(_));
            changes && steps.contains_key(&step.id)
        })
}
