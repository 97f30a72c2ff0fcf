//! A phase that is held before what applications notice, until a person says go. The hold is in the
//! target's records: it outlives whoever ran the phase, and everybody who goes on heeds it. While it
//! lasts nothing runs; triggers keep copies in step by themselves.

use bellows::document;
use bellows::plan::{PhasePlan, Step};
use bellows::run::{EventKind, HoldPoint, PhaseState, StopReason, hold_point};

use super::halt::Halt;
use super::ledger::{self, StepState};
use super::record::{ExecuteError, Outcome};
use super::run::Run;
use crate::target::{Target, ensure_layout, identity_on};

/// Records on the target that a person said go to what is held there; gives the phase.
pub async fn say_go(target: &Target, id: &str, by: &str) -> Result<u32, ExecuteError> {
    let mut link = target.open().await?;
    ensure_layout(&mut link).await?;
    identity_on(&mut link).await?;
    ledger::say_go(&mut link, id, by)
        .await?
        .ok_or_else(|| ExecuteError::NotHeld(id.to_owned()))
}

impl Run<'_> {
    /// Where that phase can be held.
    fn hold_point(&self, phase: u32) -> Result<Option<HoldPoint>, ExecuteError> {
        let document = document::parse(&self.record.document)
            .map_err(|_| ExecuteError::Records("the document cannot be read any more".into()))?;
        Ok(hold_point(&document, phase))
    }

    /// Why the run stands before that point of the phase; nothing where it may pass.
    async fn held(&mut self, phase: u32, before: &str) -> Result<Option<String>, ExecuteError> {
        let (link, id) = (&mut self.session.link, &self.record.id);
        match ledger::hold(link, id, phase).await? {
            None => Ok(None),
            Some(hold) if hold.gone => Ok(None),
            Some(hold) => {
                ledger::set_held(link, id, phase).await?;
                Ok(Some(format!(
                    "held before {before}, as {} asked: it goes on once a person says go",
                    hold.asked_by
                )))
            }
        }
    }

    /// Before a phase begins: keeps that it is to be held, and stands still where that is here.
    pub(super) async fn hold_phase(
        &mut self,
        phase: u32,
        was: PhaseState,
        by: &str,
    ) -> Result<Option<Outcome>, ExecuteError> {
        let Some(point) = self.hold_point(phase)? else {
            return Ok(None);
        };
        let id = self.record.id.clone();
        if self.options.hold {
            ledger::ask_hold(&mut self.session.link, &id, phase, by).await?;
        }
        let message = match point {
            HoldPoint::Phase if was == PhaseState::Pending => {
                self.held(phase, "it takes anything away").await?
            }
            HoldPoint::Phase | HoldPoint::Operation(_) => None,
        };
        let Some(message) = message else {
            return Ok(None);
        };
        let reason = StopReason::Held;
        self.sink
            .append(
                &id,
                EventKind::Stopped {
                    phase,
                    reason,
                    message: message.clone(),
                },
            )
            .await?;
        Ok(Some(Outcome::Stopped { reason, message }))
    }

    /// Before a step: stands still where it is the first one of the cut-over.
    pub(super) async fn hold_step(
        &mut self,
        phase: &PhasePlan,
        step: &Step,
        begun: impl Fn(&str) -> Option<StepState>,
    ) -> Result<(), Halt> {
        let point = self.hold_point(phase.phase)?;
        if point != Some(HoldPoint::Operation(step.operation)) {
            return Ok(());
        }
        // What was begun is brought to its end.
        let own = |other: &&Step| other.operation == step.operation;
        if phase
            .steps
            .iter()
            .filter(own)
            .any(|s| begun(&s.id).is_some())
        {
            return Ok(());
        }
        let before = format!("\"{}\"", step.title);
        match self.held(phase.phase, &before).await? {
            Some(message) => Err(Halt::Stop(StopReason::Held, message)),
            None => Ok(()),
        }
    }
}
