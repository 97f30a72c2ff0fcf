//! The driver of a run: forward through a phase, or back through what was done, whatever happens
//! to the connection in between.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bellows::plan::{Action, PhasePlan, Step};
use bellows::run::{EventKind, ExecutionState, FinalStatus, PhaseState, Signal, StopReason};

use super::birth::{self, find};
use super::control::{ControlReceiver, EventSink, Wish};
use super::halt::Halt;
use super::job::Job;
use super::ledger::{self, Ending, StepState, Undo};
use super::measure::Took;
use super::record::{ExecuteError, ExecutionRecord, Outcome, RunOptions};
use super::session::Session;
use super::throttle::Gauge;
use super::{check, drift};
use crate::target::Target;

/// How often the connection may be lost without anything done in between.
const FRUITLESS_LOSSES: u32 = 10;

/// A run: one session, one execution, one direction at a time.
pub(super) struct Run<'a> {
    pub(super) target: &'a Target,
    pub(super) options: &'a RunOptions,
    pub(super) sink: &'a dyn EventSink,
    pub(super) control: ControlReceiver,
    pub(super) session: Session,
    pub(super) record: ExecutionRecord,
    /// While it goes back, a cancel has nothing left to ask for.
    pub(super) undoing: bool,
    /// What the last statement took, and how much of it was a wait for locks.
    pub(super) clocked: (Duration, Duration),
    /// What the statements of the step in hand took.
    pub(super) measured: Vec<Took>,
    /// The phase in hand, for what is told about a stop.
    pub(super) phase: u32,
    /// Whoever looks at the target for a step whose connection was lost.
    pub(super) gauge: Option<(String, Gauge)>,
    /// Signals that cannot be seen here, and of which that was told.
    pub(super) hidden: BTreeSet<Signal>,
}

/// What a run is to do.
#[derive(Clone, Debug)]
pub(super) enum Goal {
    /// Bring that phase to its end.
    Forward(u32),
    /// Take phases back; the message is why.
    Back(Undo, Option<String>),
}

impl<'a> Run<'a> {
    /// A run that has its session, and has read nothing yet.
    pub(super) fn new(
        target: &'a Target,
        options: &'a RunOptions,
        sink: &'a dyn EventSink,
        control: ControlReceiver,
        session: Session,
        record: ExecutionRecord,
    ) -> Self {
        Self {
            target,
            options,
            sink,
            control,
            session,
            record,
            undoing: false,
            clocked: Default::default(),
            measured: Vec::new(),
            phase: 0,
            gauge: None,
            hidden: BTreeSet::new(),
        }
    }

    /// Marks a phase as running and tells so, and what an earlier run left of it.
    pub(super) async fn start(
        &mut self,
        phase: u32,
        was: PhaseState,
        by: &str,
    ) -> Result<(), ExecuteError> {
        let id = self.record.id.clone();
        let link = &mut self.session.link;
        ledger::set_phase(link, &id, phase, PhaseState::Running).await?;
        ledger::set_execution(link, &id, ExecutionState::Running, None).await?;
        self.sink
            .append(
                &id,
                EventKind::PhaseStarted {
                    phase,
                    by: by.to_owned(),
                    resumed: was != PhaseState::Pending,
                },
            )
            .await?;
        if was == PhaseState::Running {
            // Nobody runs it, for the lock is ours: its run died.
            let found = self.found(phase).await.map_err(broken)?;
            self.sink
                .append(&id, EventKind::Recovered { phase, found })
                .await?;
        }
        Ok(())
    }

    /// The rollback under way, where there is one.
    pub(super) async fn undo(&mut self) -> Result<Option<Undo>, ExecuteError> {
        ledger::undo(&mut self.session.link, &self.record.id).await
    }

    /// Refuses to take back what a newer execution of the same migration stands on.
    pub(super) async fn not_superseded(&mut self) -> Result<(), ExecuteError> {
        let latest = ledger::latest(&mut self.session.link, &self.record.migration).await?;
        match latest {
            Some(latest) if latest.id != self.record.id => {
                Err(ExecuteError::Superseded { newer: latest.id })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Keeps an event.
    pub(super) async fn emit(&self, event: EventKind) -> Result<(), Halt> {
        Ok(self.sink.append(&self.record.id, event).await?)
    }

    /// Tells something in passing.
    pub(super) async fn note(&self, message: String) -> Result<(), ExecuteError> {
        let event = EventKind::Notice { message };
        Ok(self.sink.append(&self.record.id, event).await?)
    }

    /// What a person wants, as far as it still counts.
    pub(super) fn wish(&self) -> Wish {
        let wish = self.control.wish();
        if self.undoing && wish == Wish::Cancel {
            return Wish::Run;
        }
        wish
    }

    /// Stops where a person wants it to.
    pub(super) fn heed(&self) -> Result<(), Halt> {
        match self.wish() {
            Wish::Run => Ok(()),
            Wish::Pause => Err(Halt::Stop(StopReason::Paused, "paused".into())),
            Wish::Cancel => Err(Halt::Cancel),
        }
    }

    /// Rests, and stops where a person wants it to.
    pub(super) async fn rest(&mut self, time: Duration) -> Result<(), Halt> {
        let until = Instant::now() + time;
        loop {
            self.heed()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            if self.undoing && self.control.wish() == Wish::Cancel {
                tokio::time::sleep(left).await;
            } else {
                self.control.rest(left).await;
            }
        }
    }

    /// Goes for the goal until it is reached or something ends the run.
    pub(super) async fn go(&mut self, mut goal: Goal) -> Result<Outcome, ExecuteError> {
        let mut losses = 0;
        let mut mark = None;
        loop {
            let result = match &goal {
                Goal::Forward(phase) => self.forward(*phase).await,
                Goal::Back(undo, why) => self.back(*undo, why.as_deref()).await,
            };
            let phase = self.phase;
            if !matches!(result, Ok(_) | Err(Halt::Lost(_))) {
                self.clear().await;
            }
            match result {
                Ok(outcome) => return Ok(outcome),
                Err(Halt::Lost(why)) => {
                    tracing::info!(%why, "the connection to the target was lost");
                    if let Err(message) = self.reconnect(&why).await? {
                        return self.stopped(phase, message).await;
                    }
                    let now = self.mark().await.ok();
                    losses = if now == mark { losses + 1 } else { 0 };
                    mark = now;
                    if losses >= FRUITLESS_LOSSES {
                        let message = (
                            StopReason::Connection,
                            format!("the connection is lost again and again: {why}"),
                        );
                        return self.stopped(phase, message).await;
                    }
                    let found = match self.found(phase).await {
                        Ok(found) => format!("the connection was lost ({why}); {found}"),
                        Err(_) => continue,
                    };
                    self.sink
                        .append(&self.record.id, EventKind::Recovered { phase, found })
                        .await?;
                }
                Err(Halt::Stop(reason, message)) => {
                    return self.stopped(phase, (reason, message)).await;
                }
                Err(Halt::Fail(message)) => match goal {
                    Goal::Forward(phase) => {
                        self.sink
                            .append(
                                &self.record.id,
                                EventKind::PhaseFailed {
                                    phase,
                                    message: message.clone(),
                                },
                            )
                            .await?;
                        let undo = Undo {
                            down_to: phase,
                            ending: Ending::Failure,
                        };
                        goal = Goal::Back(undo, Some(message));
                    }
                    Goal::Back(_, _) => return self.failed(phase, message).await,
                },
                Err(Halt::Cancel) => {
                    let undo = Undo {
                        down_to: phase,
                        ending: Ending::Cancel,
                    };
                    goal = Goal::Back(undo, None);
                }
                Err(Halt::Error(error)) => {
                    // What broke is told to the caller; that the phase is not running any more
                    // is worth a try.
                    if matches!(goal, Goal::Forward(_)) {
                        self.rest_paused(phase).await.unwrap_or_else(|error| {
                            tracing::warn!(?error, "the phase was left as running");
                        });
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Brings a phase to its end: the steps that are not done, then the checks.
    async fn forward(&mut self, number: u32) -> Result<Outcome, Halt> {
        self.phase = number;
        let phase = find(&self.record.plan, number)
            .cloned()
            .ok_or(ExecuteError::NoPhase(number))?;
        let steps = ledger::steps(&mut self.session.link, &self.record.id).await?;
        self.may_make_triggers(&phase, &steps).await?;
        for step in &phase.steps {
            match steps.get(&step.id) {
                Some(StepState::Done) => {}
                state => {
                    let begun = |id: &str| steps.get(id).copied();
                    self.hold_step(&phase, step, begun).await?;
                    self.step(&phase, step, state.copied()).await?;
                }
            }
        }
        for planned in &phase.validation {
            self.heed()?;
            check::ask(self, number, planned).await?;
        }
        self.complete(&phase).await
    }

    /// One step, in either direction.
    pub(super) async fn step(
        &mut self,
        phase: &PhasePlan,
        step: &Step,
        state: Option<StepState>,
    ) -> Result<(), Halt> {
        self.heed()?;
        self.measured.clear();
        let started = Instant::now();
        self.emit(EventKind::StepStarted {
            phase: phase.phase,
            step: step.id.clone(),
            title: step.title.clone(),
            sql: step
                .action
                .statements()
                .into_iter()
                .map(|s| s.sql.clone())
                .collect(),
        })
        .await?;
        match &step.action {
            Action::Transaction { statements } => {
                self.transaction(phase, step, statements, false).await?;
            }
            Action::Rebuild { statements, .. } => {
                self.transaction(phase, step, statements, true).await?;
            }
            Action::BuildIndex {
                statement,
                table,
                index,
            } => {
                self.build_index(phase, step, statement, (table, index), state)
                    .await?;
            }
            Action::DropIndex {
                statement,
                table,
                index,
            } => {
                self.drop_index(phase, step, statement, (table, index))
                    .await?;
            }
            Action::Outside { statement } => self.outside(phase, step, statement, state).await?,
            Action::Ddl {
                statement,
                done_sql,
            } => self.ddl(phase, step, statement, done_sql, state).await?,
            Action::Backfill(fill) => self.work_through(phase, step, Job::Fill(fill)).await?,
            Action::Copy(copy) => self.work_through(phase, step, Job::Copy(copy)).await?,
            Action::Compare(copy) => self.work_through(phase, step, Job::Compare(copy)).await?,
        }
        let duration_ms = millis(started.elapsed());
        self.keep_measures(step).await?;
        self.emit(EventKind::StepCompleted {
            phase: phase.phase,
            step: step.id.clone(),
            duration_ms,
        })
        .await
    }

    /// Writes that the phase is done, and with the last one, that the execution is.
    async fn complete(&mut self, phase: &PhasePlan) -> Result<Outcome, Halt> {
        let id = self.record.id.clone();
        let live = self.target.inspect().await?;
        let left = birth::only(&live, &birth::tables(&self.record.plan));
        let last = self
            .record
            .plan
            .phases
            .iter()
            .all(|p| p.phase <= phase.phase);
        let to = if last {
            ExecutionState::Completed
        } else {
            ExecutionState::Waiting
        };
        self.look_ahead(phase.phase).await?;
        loop {
            self.open_records().await?;
            let link = &mut self.session.link;
            ledger::complete_phase(link, &id, phase.phase, &phase.tables, &left).await?;
            ledger::set_execution(link, &id, to, None).await?;
            if self.close_records().await? {
                break;
            }
        }
        let duration_us = self.running_for(phase.phase).await?;
        self.emit(EventKind::PhaseCompleted {
            phase: phase.phase,
            duration_ms: u64::try_from(duration_us / 1000).unwrap_or(0),
        })
        .await?;
        if !last {
            return Ok(Outcome::PhaseCompleted);
        }
        self.emit(EventKind::Finished {
            status: FinalStatus::Completed,
            message: None,
        })
        .await?;
        Ok(Outcome::Completed)
    }

    /// Microseconds since the phase was first started, by the target's clock.
    async fn running_for(&mut self, phase: u32) -> Result<i64, Halt> {
        let now = ledger::now(&mut self.session.link).await?;
        let record = ledger::one(&mut self.session.link, &self.record.id).await?;
        let started = record
            .and_then(|r| r.phase(phase).and_then(|p| p.started_at))
            .unwrap_or(now);
        Ok(now.saturating_sub(started))
    }

    /// Stops where it can go on, and writes so where it still may.
    async fn stopped(
        &mut self,
        phase: u32,
        (reason, message): (StopReason, String),
    ) -> Result<Outcome, ExecuteError> {
        if !self.undoing && reason != StopReason::Busy {
            match self.rest_paused(phase).await {
                Ok(()) => {}
                Err(Halt::Error(error)) => return Err(error),
                // The target cannot be asked; the next run finds the phase running, and nobody
                // at it.
                Err(Halt::Lost(_) | Halt::Stop(_, _) | Halt::Fail(_) | Halt::Cancel) => {
                    tracing::info!(phase, "the stop could not be written to the target");
                }
            }
        }
        self.sink
            .append(
                &self.record.id,
                EventKind::Stopped {
                    phase,
                    reason,
                    message: message.clone(),
                },
            )
            .await?;
        Ok(Outcome::Stopped { reason, message })
    }

    async fn rest_paused(&mut self, phase: u32) -> Result<(), Halt> {
        let id = self.record.id.clone();
        let link = &mut self.session.link;
        ledger::set_phase(link, &id, phase, PhaseState::Paused).await?;
        ledger::set_execution(link, &id, ExecutionState::Paused, None).await?;
        Ok(())
    }

    /// Whether the tables of the phase are as the plan expects them.
    pub(super) async fn check_drift(&mut self, phase: u32) -> Result<(), ExecuteError> {
        match drift::difference(self.target, &mut self.session.link, &self.record, phase).await? {
            None => Ok(()),
            Some(difference) => Err(ExecuteError::Drift { phase, difference }),
        }
    }
}

/// An error outside the flow that knows how to go on after one: a stop is an error there.
fn broken(halt: Halt) -> ExecuteError {
    match halt {
        Halt::Error(error) => error,
        Halt::Stop(_, why) | Halt::Fail(why) | Halt::Lost(why) => ExecuteError::Records(why),
        Halt::Cancel => ExecuteError::Records("cancelled".into()),
    }
}

/// The run has lost its place to another one.
pub(super) fn taken_over() -> Halt {
    Halt::Stop(
        StopReason::Busy,
        "another run has taken this target over".into(),
    )
}

/// Whole milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
