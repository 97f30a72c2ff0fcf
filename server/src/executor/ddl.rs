//! Statements that commit by themselves, as all DDL does on MySQL and MariaDB, and what PostgreSQL
//! does concurrently. Nothing takes one back but another statement, so before one is sent a second
//! time the catalogue is asked whether the first one took effect.

use std::collections::HashMap;

use bellows::plan::{PhasePlan, Statement, Step};
use bellows::run::EventKind;

use super::control::Wish;
use super::halt::{Halt, of_plan};
use super::ledger::{self, StepState};
use super::locks::Patience;
use super::run::Run;
use crate::target::{Fault, fault};

impl Run<'_> {
    /// Intent, act, done; tried again and again for its lock.
    pub(super) async fn ddl(
        &mut self,
        phase: &PhasePlan,
        step: &Step,
        statement: &Statement,
        done_sql: &str,
        state: Option<StepState>,
    ) -> Result<(), Halt> {
        // What is taken back may never have been done: of an operation's statements one failed,
        // and those before it stand.
        let asks = self.undoing || state == Some(StepState::Intent);
        if asks && self.stands(done_sql).await? {
            if state == Some(StepState::Intent) {
                self.emit(EventKind::Notice {
                    message: format!("{}: this had taken effect already", step.title),
                })
                .await?;
            }
            return self.record_step(phase.phase, step, StepState::Done).await;
        }
        self.record_step(phase.phase, step, StepState::Intent)
            .await?;
        let mut patience = Patience::new(self.budget(phase));
        loop {
            self.heed()?;
            self.limit(phase, statement).await?;
            let wait = self.wait_in_queue(statement);
            let (result, recalled) = self.send_for(&statement.sql, wait).await;
            if result.is_ok() {
                self.took(0);
            }
            if !matches!(&result, Err(error) if fault(error) == Fault::Lost) {
                self.unlimited().await?;
            }
            let Err(error) = result else {
                return self.record_step(phase.phase, step, StepState::Done).await;
            };
            match fault(&error) {
                // These servers' DDL is done or not done: without its lock it is not.
                Fault::Lock => {
                    self.wait_for_lock(step, statement.lock, &mut patience)
                        .await?;
                }
                Fault::Cancelled if recalled => {
                    self.wait_for_lock(step, statement.lock, &mut patience)
                        .await?;
                }
                Fault::Lost => return Err(of_plan(&error, &statement.sql)),
                Fault::Cancelled | Fault::Disk | Fault::Statement => {
                    self.forget_step(step).await?;
                    if fault(&error) == Fault::Cancelled && self.wish() == Wish::Cancel {
                        return Err(Halt::Cancel);
                    }
                    return Err(of_plan(&error, &statement.sql));
                }
            }
        }
    }

    /// Before anything of a phase is done: may its triggers be made at all?
    pub(super) async fn may_make_triggers(
        &mut self,
        phase: &PhasePlan,
        steps: &HashMap<String, StepState>,
    ) -> Result<(), Halt> {
        let makes = phase
            .steps
            .iter()
            .any(|s| steps.get(&s.id) != Some(&StepState::Done) && s.action.makes_trigger());
        if !makes || !self.session.link.engine().is_mysql_family() {
            return Ok(());
        }
        match self.target.inspect().await?.trigger_problem {
            Some(problem) => Err(Halt::Fail(problem)),
            None => Ok(()),
        }
    }

    /// A statement that failed did nothing, so nothing of it is to be taken back: the table that
    /// CREATE TABLE found in its place is somebody else's.
    async fn forget_step(&mut self, step: &Step) -> Result<(), Halt> {
        let id = self.record.id.clone();
        loop {
            self.open_records().await?;
            ledger::forget_step(&mut self.session.link, &id, &step.id).await?;
            if self.close_records().await? {
                return Ok(());
            }
        }
    }

    /// Whether a statement's effect is there.
    async fn stands(&mut self, done_sql: &str) -> Result<bool, Halt> {
        let rows = self
            .session
            .link
            .raw_rows(done_sql)
            .await
            .map_err(|error| of_plan(&error, done_sql))?;
        match rows.first() {
            Some(row) => Ok(row.truth(0)?),
            None => Ok(false),
        }
    }
}
