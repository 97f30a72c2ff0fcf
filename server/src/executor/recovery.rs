//! After a lost connection or a run that died: a new connection, and what the target says was done.

use std::time::{Duration, Instant};

use bellows::plan::Step;
use bellows::run::StopReason;

use super::birth::find;
use super::halt::Halt;
use super::ledger::{self, StepState};
use super::record::ExecuteError;
use super::run::Run;

impl Run<'_> {
    /// Tries for a new connection. The inner error is why the run must stop.
    pub(super) async fn reconnect(
        &mut self,
        why: &str,
    ) -> Result<Result<(), (StopReason, String)>, ExecuteError> {
        let until = Instant::now() + Duration::from_millis(self.options.reconnect_ms);
        let mut pause = Duration::from_millis(100);
        loop {
            let error = match self.session.reconnect().await.map_err(Halt::from) {
                Ok(None) => return Ok(Ok(())),
                Ok(Some(who)) => return Ok(Err((StopReason::Busy, who))),
                Err(Halt::Error(error)) => return Err(error),
                Err(Halt::Lost(error) | Halt::Stop(_, error) | Halt::Fail(error)) => error,
                Err(Halt::Cancel) => String::new(),
            };
            if Instant::now() + pause > until {
                let message = format!("the connection was lost ({why}), and trying again: {error}");
                return Ok(Err((StopReason::Connection, message)));
            }
            if let Err(Halt::Stop(reason, message)) = self.rest(pause).await {
                return Ok(Err((reason, message)));
            }
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Everything that a run moves forward, to see whether it did.
    pub(super) async fn mark(&mut self) -> Result<(usize, i64), Halt> {
        let steps = ledger::steps(&mut self.session.link, &self.record.id).await?;
        let done = steps.values().filter(|s| **s == StepState::Done).count();
        let walked = ledger::walked(&mut self.session.link, &self.record.id).await?;
        Ok((done, walked))
    }

    /// What the target says was done of a phase, for people.
    pub(super) async fn found(&mut self, phase: u32) -> Result<String, Halt> {
        let steps = ledger::steps(&mut self.session.link, &self.record.id).await?;
        let Some(plan) = find(&self.record.plan, phase) else {
            return Ok("nothing".into());
        };
        let all = if self.undoing {
            &plan.rollback
        } else {
            &plan.steps
        };
        let done = |step: &&Step| steps.get(&step.id) == Some(&StepState::Done);
        let next = all.iter().find(|step| !done(step));
        Ok(format!(
            "{} of {} steps are done{}",
            all.iter().filter(done).count(),
            all.len(),
            match next {
                Some(step) => format!("; it goes on with: {}", step.title),
                None => String::new(),
            }
        ))
    }
}
