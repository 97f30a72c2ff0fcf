//! A run as a page shows it: its events, folded. A reload folds them again and sees the same.

use std::collections::VecDeque;

use super::{
    Blocker, EventKind, ExecutionState, FinalStatus, HeldBy, IllegalTransition, PhaseState,
    RunEvent, StopReason, next, next_phase,
};

/// Notices kept; the server keeps them all.
const NOTICES_MAX: usize = 50;

/// A run so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The document's name.
    pub migration: String,
    /// Where the execution stands; `None` before its first event.
    pub state: Option<ExecutionState>,
    /// Its phases, in order.
    pub phases: Vec<PhaseProgress>,
    /// Number of the last event taken; what to ask for after a reconnect.
    pub seq: u64,
    /// When that was, in microseconds since 1970.
    pub at: i64,
    /// Why it stands still; gone when it goes on.
    pub stopped: Option<Stopped>,
    /// The phase that is being taken back.
    pub rolling_back: Option<u32>,
    /// How it ended, and what was said about it.
    pub finished: Option<(FinalStatus, Option<String>)>,
    /// The backups that it took, newest last.
    pub backups: Vec<BackupProgress>,
    /// What the server said last, newest last.
    pub notices: VecDeque<String>,
    /// Events that could not have come where they did.
    pub illegal: Vec<IllegalTransition>,
}

/// One phase so far.
#[derive(Clone, Debug, PartialEq)]
pub struct PhaseProgress {
    /// 1, 2, 3, ...
    pub phase: u32,
    /// Where it stands.
    pub state: PhaseState,
    /// Who started it, or had it go on, last.
    pub by: Option<String>,
    /// When it was first started, in microseconds since 1970.
    pub started_at: Option<i64>,
    /// What it took, in milliseconds, once it is done.
    pub duration_ms: Option<u64>,
    /// Its steps in the order that they began, those of its rollback too.
    pub steps: Vec<StepProgress>,
    /// Its checks in the order that they were made.
    pub checks: Vec<CheckOutcome>,
    /// Why it failed.
    pub error: Option<String>,
    /// What a restart found on the target.
    pub recovered: Vec<String>,
}

/// One step so far.
#[derive(Clone, Debug, PartialEq)]
pub struct StepProgress {
    /// Its id in the plan.
    pub step: String,
    /// For people.
    pub title: String,
    /// The SQL that it sends.
    pub sql: Vec<String>,
    /// When it began, in microseconds since 1970.
    pub started_at: i64,
    /// What it took, in milliseconds; `None` while it is in hand.
    pub duration_ms: Option<u64>,
    /// The last [`EventKind::Progress`] of it.
    pub progress: Option<EventKind>,
    /// While its lock is not had: tries, milliseconds to the next, who stands in the way.
    pub waiting: Option<(u32, u64, Vec<Blocker>)>,
    /// What holds it back, and since when, in microseconds since 1970.
    pub held: Vec<(HeldBy, i64)>,
    /// Whether it takes something back.
    pub rollback: bool,
}

/// A backup of the execution so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupProgress {
    /// The phase that it was taken before.
    pub before: u32,
    /// Bytes written.
    pub bytes: u64,
    /// Bytes that what is backed up takes on the target.
    pub total: u64,
    /// Its id and what it took, in milliseconds, once it is complete.
    pub taken: Option<(String, u64)>,
}

/// A check that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckOutcome {
    /// It holds.
    Passed {
        /// The check, for people.
        check: String,
    },
    /// It does not.
    Failed {
        /// The check, for people.
        check: String,
        /// The document's message, or ours.
        message: String,
        /// The value found.
        found: String,
        /// The query that was asked.
        sql: String,
    },
}

/// Why a run stands still.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The phase.
    pub phase: u32,
    /// Why.
    pub reason: StopReason,
    /// For people.
    pub message: String,
    /// Since when, in microseconds since 1970.
    pub since: i64,
}

/// What was done with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was the next one.
    Next,
    /// It is known already, and nothing changed.
    Known,
    /// Some before it are missing, and nothing changed: ask for those after this number.
    Gap {
        /// Number of the last event taken.
        after: u64,
    },
}

impl View {
    /// The view after those events, in their order.
    pub fn fold<'e>(events: impl IntoIterator<Item = &'e RunEvent>) -> Self {
        let mut view = Self::default();
        for event in events {
            view.take(event);
        }
        view
    }

    /// Takes one event, if it is the next one.
    pub fn take(&mut self, event: &RunEvent) -> Taken {
        if event.seq <= self.seq {
            return Taken::Known;
        }
        if event.seq != self.seq + 1 {
            return Taken::Gap { after: self.seq };
        }
        self.seq = event.seq;
        self.at = event.at;
        match next(self.state, &event.event) {
            Ok(state) => self.state = Some(state),
            Err(illegal) => self.illegal.push(illegal),
        }
        if let Some(phase) = event.event.phase().and_then(|n| self.phase_mut(n)) {
            match next_phase(phase.state, &event.event) {
                Ok(state) => phase.state = state,
                Err(illegal) => self.illegal.push(illegal),
            }
        }
        self.show(&event.event, event.at);
        Taken::Next
    }

    /// The step in hand, with its phase.
    pub fn current(&self) -> Option<(&PhaseProgress, &StepProgress)> {
        self.phases.iter().rev().find_map(|phase| {
            let step = phase.steps.last()?;
            step.duration_ms.is_none().then_some((phase, step))
        })
    }

    /// The phase of that number.
    pub fn phase(&self, number: u32) -> Option<&PhaseProgress> {
        self.phases.iter().find(|p| p.phase == number)
    }

    fn phase_mut(&mut self, number: u32) -> Option<&mut PhaseProgress> {
        self.phases.iter_mut().find(|p| p.phase == number)
    }

    /// Keeps the last of what is worth a line.
    fn note(&mut self, message: String) {
        if self.notices.len() == NOTICES_MAX {
            self.notices.pop_front();
        }
        self.notices.push_back(message);
    }

    fn step_mut(&mut self, id: &str) -> Option<&mut StepProgress> {
        self.phases
            .iter_mut()
            .flat_map(|p| p.steps.iter_mut().rev())
            .find(|s| s.step == id)
    }

    /// The backup before that phase that is not complete yet; begun where there is none.
    fn backup_mut(&mut self, before: u32) -> &mut BackupProgress {
        let open = |b: &BackupProgress| b.before == before && b.taken.is_none();
        let at = self.backups.iter().position(open).unwrap_or_else(|| {
            self.backups.push(BackupProgress {
                before,
                bytes: 0,
                total: 0,
                taken: None,
            });
            self.backups.len() - 1
        });
        &mut self.backups[at]
    }

    fn show(&mut self, event: &EventKind, at: i64) {
        let rolling_back = self.rolling_back.is_some();
        match event {
            EventKind::ExecutionCreated { migration, phases } => {
                self.migration = migration.clone();
                self.phases = (1..=*phases).map(PhaseProgress::pending).collect();
            }
            EventKind::PhaseStarted { phase, by, .. } => {
                self.stopped = None;
                if let Some(phase) = self.phase_mut(*phase) {
                    phase.by = Some(by.clone());
                    phase.started_at.get_or_insert(at);
                    phase.error = None;
                }
            }
            EventKind::Recovered { phase, found } => {
                if let Some(phase) = self.phase_mut(*phase) {
                    phase.recovered.push(found.clone());
                }
            }
            EventKind::StepStarted {
                phase,
                step,
                title,
                sql,
            } => {
                self.stopped = None;
                if let Some(phase) = self.phase_mut(*phase) {
                    // A step that is begun again after a stop is the same step.
                    phase.steps.retain(|s| &s.step != step);
                    phase.steps.push(StepProgress {
                        step: step.clone(),
                        title: title.clone(),
                        sql: sql.clone(),
                        started_at: at,
                        duration_ms: None,
                        progress: None,
                        waiting: None,
                        held: Vec::new(),
                        rollback: rolling_back,
                    });
                }
            }
            EventKind::StepCompleted {
                step, duration_ms, ..
            } => {
                if let Some(step) = self.step_mut(step) {
                    step.duration_ms = Some(*duration_ms);
                    step.waiting = None;
                    step.held.clear();
                }
            }
            EventKind::LockWaiting {
                step,
                tries,
                next_ms,
                blockers,
            } => {
                if let Some(step) = self.step_mut(step) {
                    step.waiting = Some((*tries, *next_ms, blockers.clone()));
                }
            }
            EventKind::BlockerEnded { step, by, blocker } => {
                if let Some(step) = self.step_mut(step)
                    && let Some((_, _, blockers)) = &mut step.waiting
                {
                    blockers.retain(|b| b.pid != blocker.pid);
                }
                self.note(format!(
                    "{by} ended the session {} of {}, which stood in the way: {}",
                    blocker.pid, blocker.user, blocker.query
                ));
            }
            EventKind::Progress { step, .. } => {
                if let Some(step) = self.step_mut(step) {
                    step.waiting = None;
                    step.progress = Some(event.clone());
                }
            }
            EventKind::Throttled { step, held, .. } => {
                if let Some(step) = self.step_mut(step) {
                    let since = |by: &HeldBy| {
                        let known = step.held.iter().find(|(was, _)| was.signal == by.signal);
                        known.map_or(at, |(_, since)| *since)
                    };
                    step.held = held.iter().map(|by| (by.clone(), since(by))).collect();
                }
            }
            EventKind::Released { step, .. } => {
                if let Some(step) = self.step_mut(step) {
                    step.held.clear();
                }
            }
            EventKind::CheckPassed { phase, check } => {
                let passed = CheckOutcome::Passed {
                    check: check.clone(),
                };
                if let Some(phase) = self.phase_mut(*phase) {
                    phase.checks.push(passed);
                }
            }
            EventKind::CheckFailed {
                phase,
                check,
                message,
                found,
                sql,
            } => {
                let failed = CheckOutcome::Failed {
                    check: check.clone(),
                    message: message.clone(),
                    found: found.clone(),
                    sql: sql.clone(),
                };
                if let Some(phase) = self.phase_mut(*phase) {
                    phase.checks.push(failed);
                }
            }
            EventKind::Stopped {
                phase,
                reason,
                message,
            } => {
                self.stopped = Some(Stopped {
                    phase: *phase,
                    reason: *reason,
                    message: message.clone(),
                    since: at,
                });
            }
            EventKind::GoSaid { phase, by } => {
                self.note(format!("{by} said go for phase {phase}"));
            }
            EventKind::PhaseCompleted { phase, duration_ms } => {
                if let Some(phase) = self.phase_mut(*phase) {
                    phase.duration_ms = Some(*duration_ms);
                }
            }
            EventKind::PhaseFailed { phase, message } => {
                if let Some(phase) = self.phase_mut(*phase) {
                    phase.error = Some(message.clone());
                }
            }
            EventKind::RollbackStarted { phase } => {
                self.stopped = None;
                self.finished = None;
                self.rolling_back = Some(*phase);
            }
            EventKind::PhaseRolledBack { .. } => self.rolling_back = None,
            EventKind::BackupProgress {
                before,
                bytes,
                total,
            } => {
                let backup = self.backup_mut(*before);
                backup.bytes = *bytes;
                backup.total = *total;
            }
            EventKind::BackupTaken {
                before,
                snapshot,
                bytes,
                duration_ms,
                ..
            } => {
                let backup = self.backup_mut(*before);
                backup.bytes = *bytes;
                backup.taken = Some((snapshot.clone(), *duration_ms));
            }
            EventKind::BackupSkipped { before, by } => {
                let message = format!("{by} had phase {before} start without a backup");
                self.note(message);
            }
            EventKind::Restored {
                snapshot, phases, ..
            } => {
                self.stopped = None;
                self.rolling_back = None;
                for (phase, state) in self.phases.iter_mut().zip(phases) {
                    phase.state = *state;
                }
                self.note(format!("backup {snapshot} was restored"));
            }
            EventKind::Notice { message } => self.note(message.clone()),
            EventKind::Finished { status, message } => {
                self.stopped = None;
                self.rolling_back = None;
                self.finished = Some((*status, message.clone()));
            }
        }
    }
}

impl PhaseProgress {
    fn pending(phase: u32) -> Self {
        Self {
            phase,
            state: PhaseState::Pending,
            by: None,
            started_at: None,
            duration_ms: None,
            steps: Vec::new(),
            checks: Vec::new(),
            error: None,
            recovered: Vec::new(),
        }
    }
}
