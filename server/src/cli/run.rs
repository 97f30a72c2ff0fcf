//! One run at the command line: what it tells, how it is interrupted, how it ends.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use bellows::run::{EventKind, FinalStatus, StopReason, Throttle};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::args::{Apply, Format};
use super::exit::{CliError, Exit};
use super::records::Records;
use super::report::{Report, SharedScreen};
use super::screen::Screen;
use crate::audit::{Entry, execution_subject};
use crate::events::Events;
use crate::executor::{
    self, BackupOrder, ControlSender, EventSink, ExecuteError, ExecutionRecord, Outcome, RunOptions,
};
use crate::target::Target;

/// What a person says of a run's limits.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// What a statement that blocks others may take.
    timeout_ms: Option<u64>,
    /// From where on signals of the target hold batches back.
    throttle: Throttle,
    /// Sessions at work on a large table.
    workers: Option<u32>,
    /// Whether it is held before a cut-over.
    hold: bool,
}

impl Limits {
    /// As the options say.
    pub fn of(arguments: &Apply) -> Self {
        let mut throttle = Throttle::default();
        for (signal, limit) in &arguments.throttle {
            throttle.set(*signal, *limit);
        }
        Self {
            timeout_ms: arguments.timeout,
            throttle,
            workers: Some(arguments.workers),
            hold: arguments.hold_cut_over,
        }
    }
}

/// What every command that runs something needs.
pub struct Runner<'a> {
    /// Where it runs.
    pub target: &'a Target,
    /// The command line's own records.
    pub records: &'a Records,
    screen: SharedScreen,
    /// How it talks.
    pub format: Format,
    owner: String,
}

impl<'a> Runner<'a> {
    /// For one target.
    pub fn new(target: &'a Target, records: &'a Records, screen: Screen, format: Format) -> Self {
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        // Two command lines of one person are two: each gets an id of its own.
        let id = crate::store::new_id();
        let owner = format!("command line of {} on {host} ({id})", records.user());
        Self {
            target,
            records,
            screen: Arc::new(Mutex::new(screen)),
            format,
            owner,
        }
    }

    /// Does something with the screen.
    pub fn with_screen<T>(&self, f: impl FnOnce(&mut Screen) -> T) -> T {
        f(&mut self.screen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says something to people; programs read the events.
    pub fn say(&self, words: &str) -> Result<(), CliError> {
        match self.format {
            Format::Text => self.with_screen(|screen| screen.print(words)),
            Format::Json => Ok(()),
        }
    }

    /// Asks, unless the answer is yes already. Where nobody answers, that is an error.
    pub fn confirmed(&self, question: &str, yes: bool) -> Result<bool, CliError> {
        if yes {
            return Ok(true);
        }
        // The question is not part of the output that a program reads.
        let mut error = std::io::stderr();
        write!(error, "{question} [y/N] ")
            .and_then(|()| error.flush())
            .map_err(CliError::Output)?;
        let mut answer = String::new();
        let read = std::io::stdin()
            .read_line(&mut answer)
            .map_err(CliError::Output)?;
        if read == 0 {
            return Err(CliError::Usage(
                "\nnobody is there to answer: -y answers questions with yes".to_owned(),
            ));
        }
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// What the target says of the execution now; a copy is kept.
    pub async fn reread(&self, id: &str) -> Result<ExecutionRecord, CliError> {
        let record = executor::execution(self.target, id)
            .await?
            .ok_or_else(|| ExecuteError::NotFound(id.to_owned()))?;
        self.records.keep(&record, &self.target.address()).await?;
        Ok(record)
    }

    /// Records that an execution was made.
    pub async fn created(&self, record: &ExecutionRecord) -> Result<(), CliError> {
        self.records.keep(record, &self.target.address()).await?;
        let entry = Entry::new(
            "execution.created",
            execution_subject(&record.id, &record.migration),
        )
        .hash(record.hash.clone())
        .detail(json!({ "migration": record.migration, "target": self.target.address() }));
        self.records.audit(entry).await?;
        let event = EventKind::ExecutionCreated {
            migration: record.migration.clone(),
            phases: u32::try_from(record.phases.len()).unwrap_or(u32::MAX),
        };
        self.sink()
            .await?
            .append(&record.id, event)
            .await
            .map_err(ExecuteError::from)?;
        Ok(())
    }

    /// Where events go, and who shows them.
    pub async fn sink(&self) -> Result<Report, CliError> {
        let events = Events::new(self.records.store().await?.clone());
        Ok(Report::new(events, Arc::clone(&self.screen), self.format))
    }

    /// Runs one phase. Says how the command ends, or nothing where it goes on.
    pub async fn run_phase(
        &mut self,
        record: &ExecutionRecord,
        phase: u32,
        limits: &Limits,
        backup: Option<BackupOrder>,
    ) -> Result<Option<Exit>, CliError> {
        let id = &record.id;
        let entry = Entry::new("phase.started", execution_subject(id, &record.migration))
            .hash(record.hash.clone())
            .detail(json!({ "phase": phase, "target": self.target.address() }));
        self.records.audit(entry).await?;
        let options = RunOptions {
            backup,
            ..self.options(limits)
        };
        let sink = self.sink().await?;
        let (sender, receiver) = executor::control();
        let by = self.records.user();
        let run = executor::run_phase(self.target, id, phase, by, &options, &sink, receiver);
        let outcome = self.interruptible(sender, run).await;
        self.backed_up(record).await?;
        if let Err(CliError::Execute(error @ ExecuteError::Backup(_))) = &outcome {
            let subject = execution_subject(id, &record.migration);
            let entry = Entry::refusal("backup.failed", subject, &error.to_string());
            let entry = entry.hash(record.hash.clone());
            self.records.audit(entry).await?;
        }
        self.concluded(id, phase, outcome?, Exit::Failed).await
    }

    /// Records the backup that the run has taken, where it has.
    async fn backed_up(&self, before: &ExecutionRecord) -> Result<(), CliError> {
        let Some(after) = executor::execution(self.target, &before.id).await? else {
            return Ok(());
        };
        let Some(snapshot) = after
            .snapshot
            .filter(|id| before.snapshot.as_ref() != Some(id))
        else {
            return Ok(());
        };
        let subject = execution_subject(&before.id, &before.migration);
        let entry = Entry::new("backup.taken", subject)
            .hash(before.hash.clone())
            .detail(json!({ "snapshot": snapshot, "target": self.target.address() }));
        self.records.audit(entry).await
    }

    /// Tells that the phase starts without a backup, and who wanted it so.
    pub async fn backup_skipped(&self, id: &str, phase: u32) -> Result<(), CliError> {
        let event = EventKind::BackupSkipped {
            before: phase,
            by: self.records.user().to_owned(),
        };
        let told = self.sink().await?.append(id, event).await;
        Ok(told.map_err(ExecuteError::from)?)
    }

    /// Tells that a restore has put an execution back.
    pub async fn restored(&self, backup: &str, record: &ExecutionRecord) -> Result<(), CliError> {
        let event = EventKind::Restored {
            snapshot: backup.to_owned(),
            state: record.state,
            phases: record.phases.iter().map(|phase| phase.state).collect(),
        };
        let events = Events::new(self.records.store().await?.clone());
        Ok(events.append(&record.id, event).await.map(drop)?)
    }

    /// Who runs, for the target's records.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Takes phases back: one, or all that are done. Says how the command ends.
    pub async fn roll_back(
        &mut self,
        record: &ExecutionRecord,
        phase: Option<u32>,
    ) -> Result<Exit, CliError> {
        let id = &record.id;
        let entry = Entry::new(
            "execution.rollback",
            execution_subject(id, &record.migration),
        )
        .hash(record.hash.clone())
        .detail(json!({ "phase": phase, "target": self.target.address() }));
        self.records.audit(entry).await?;
        let options = self.options(&Limits::default());
        let sink = self.sink().await?;
        let (sender, receiver) = executor::control();
        let by = self.records.user();
        let run = executor::roll_back(self.target, id, phase, by, &options, &sink, receiver);
        let outcome = self.interruptible(sender, run).await?;
        let last = record
            .next_phase()
            .map_or(record.phases.len(), |next| next as usize - 1);
        let last = u32::try_from(last).unwrap_or(u32::MAX);
        match self
            .concluded(id, phase.unwrap_or(last), outcome, Exit::Done)
            .await?
        {
            Some(exit) => Ok(exit),
            None => Ok(Exit::Done),
        }
    }

    fn options(&self, limits: &Limits) -> RunOptions {
        let usual = RunOptions::new(self.owner.clone());
        RunOptions {
            timeout_ms: limits.timeout_ms,
            throttle: limits.throttle.clone(),
            hold: limits.hold,
            workers: limits.workers.unwrap_or(usual.workers),
            ..usual
        }
    }

    /// Waits for the run; Ctrl-C and a polite kill ask it to pause, and once more end it at once.
    async fn interruptible<T>(
        &self,
        control: ControlSender,
        run: impl Future<Output = Result<T, ExecuteError>>,
    ) -> Result<T, CliError> {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Output)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Output)?;
        tokio::pin!(run);
        let mut asked = false;
        loop {
            tokio::select! {
                result = &mut run => return Ok(result?),
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if asked {
                // The target's own records say where to go on.
                std::process::exit(Exit::Stopped.status().into());
            }
            asked = true;
            control.pause();
            // Where nobody reads any more the run must still come to its pause.
            let words = "Pausing after the statement or batch in hand; once more to end at once.";
            if let Err(error) = self.say(words) {
                tracing::debug!(%error, "the pause could not be told");
            }
        }
    }

    /// Keeps and tells how a run ended; nothing where the execution goes on. Whether it is well
    /// that phases were taken back, the command knows.
    async fn concluded(
        &self,
        id: &str,
        phase: u32,
        outcome: Outcome,
        taken_back: Exit,
    ) -> Result<Option<Exit>, CliError> {
        let record = self.reread(id).await?;
        let (action, detail) = match &outcome {
            Outcome::PhaseCompleted | Outcome::Completed => ("phase.completed", json!({})),
            Outcome::RolledBack { message } => {
                ("execution.rolled_back", json!({ "message": message }))
            }
            Outcome::Failed { message } => ("execution.failed", json!({ "message": message })),
            Outcome::Cancelled => ("execution.cancelled", json!({})),
            Outcome::Stopped { reason, message } => (
                "phase.stopped",
                json!({ "reason": reason, "message": message }),
            ),
        };
        let mut detail = detail;
        detail["phase"] = phase.into();
        let entry = Entry::new(action, execution_subject(id, &record.migration))
            .hash(record.hash)
            .detail(detail);
        self.records.audit(entry).await?;
        let snapshot = record.snapshot.as_deref();
        match outcome {
            Outcome::PhaseCompleted => Ok(None),
            Outcome::Completed => self
                .finished(id, FinalStatus::Completed, snapshot)
                .map(Some),
            Outcome::RolledBack { message } => {
                self.say(&message)?;
                self.finished(id, FinalStatus::RolledBack, snapshot)?;
                Ok(Some(taken_back))
            }
            Outcome::Failed { message } => {
                self.say(&message)?;
                self.finished(id, FinalStatus::Failed, snapshot).map(Some)
            }
            Outcome::Cancelled => self
                .finished(id, FinalStatus::Cancelled, snapshot)
                .map(Some),
            Outcome::Stopped { reason, message } => {
                self.stopped(id, phase, reason, &message).map(Some)
            }
        }
    }

    /// The last words of an execution that is over.
    pub fn finished(
        &self,
        id: &str,
        status: FinalStatus,
        snapshot: Option<&str>,
    ) -> Result<Exit, CliError> {
        let (exit, words) = match status {
            FinalStatus::Completed => (Exit::Done, "completed"),
            FinalStatus::Failed => (Exit::Failed, "failed"),
            FinalStatus::RolledBack => (Exit::Failed, "rolled back"),
            FinalStatus::Cancelled => (Exit::Failed, "cancelled"),
        };
        match self.format {
            Format::Text => self.say(&format!("Execution {id}: {words}"))?,
            Format::Json => self.with_screen(|screen| {
                screen.print_json_line(&json!({
                    "event": "finished",
                    "status": status,
                    "executionId": id,
                    "snapshotId": snapshot,
                }))
            })?,
        }
        Ok(exit)
    }

    /// The last words of a phase that was asked for alone and is done, where others remain.
    pub fn phase_done(&self, id: &str, phase: u32) -> Result<(), CliError> {
        match self.format {
            Format::Text => self.say(&format!("Execution {id}: phase {phase} is done")),
            Format::Json => self.with_screen(|screen| {
                screen.print_json_line(&json!({
                    "event": "phase_completed",
                    "phase": phase,
                    "executionId": id,
                }))
            }),
        }
    }

    /// The last words of an execution that can go on.
    pub fn stopped(
        &self,
        id: &str,
        phase: u32,
        reason: StopReason,
        message: &str,
    ) -> Result<Exit, CliError> {
        match self.format {
            Format::Text => {
                self.say(message)?;
                self.say(&format!("Execution {id}: stopped at phase {phase}"))?;
            }
            Format::Json => self.with_screen(|screen| {
                screen.print_json_line(&json!({
                    "event": "stopped",
                    "reason": reason,
                    "phase": phase,
                    "executionId": id,
                }))
            })?,
        }
        Ok(Exit::Stopped)
    }
}
