//! One batch of a walk: its rows, its checkpoint, and with a walk's last one the record that the
//! step is done, in one transaction, over whichever connection.

use bellows::document::Engine;
use bellows::plan::Step;

use super::checkpoint::{self, Checkpoint, Part};
use super::halt::{Halt, of_plan};
use super::job::Job;
use super::ledger::{self, StepState};
use super::run::taken_over;
use super::session;
use super::walk::Walk;
use crate::target::{Fault, Link, fault};

/// How long a batch waits on PostgreSQL for a row that somebody else has locked. Whoever has it may
/// wait for a row of the batch, and must not be the one whom the server picks to end the knot: that
/// is who has waited for `deadlock_timeout`, a second unless somebody changed it.
const ROW_WAIT_MS: u64 = 300;

/// What one batch did.
pub(super) struct Batch {
    /// The checkpoint after it.
    pub(super) next: Checkpoint,
    /// Rows it walked.
    pub(super) walked: u64,
    /// Whether it was the last one of its part.
    pub(super) last: bool,
    /// What a comparison found, in words.
    pub(super) wrong: Option<String>,
}

/// Why a batch was not had.
pub(super) enum BatchError {
    /// A row was locked, or a deadlock was resolved against it: try again.
    Locked,
    /// The checkpoint is not where it was: an earlier try came through after all.
    Moved,
    /// Anything else.
    Halt(Halt),
}

/// Of the records around a batch.
impl From<sqlx::Error> for BatchError {
    fn from(error: sqlx::Error) -> Self {
        named(&error, "the checkpoint of a batch")
    }
}

fn named(error: &sqlx::Error, what: &str) -> BatchError {
    match fault(error) {
        Fault::Lock => BatchError::Locked,
        Fault::Lost | Fault::Disk | Fault::Cancelled | Fault::Statement => {
            BatchError::Halt(of_plan(error, what))
        }
    }
}

/// What the batches of a walk have in common.
pub(super) struct Course<'p> {
    pub(super) execution: String,
    /// Of the lease: every batch asks whether it is still ours.
    pub(super) token: String,
    pub(super) phase: u32,
    pub(super) step: &'p Step,
    pub(super) job: Job<'p>,
    pub(super) walk: Walk,
    /// Whether there are several parts: then none of their last batches ends the step.
    pub(super) several: bool,
}

impl Course<'_> {
    /// Settings of a batch, which end with it.
    ///
    /// The plan must not depend on what the server knows of the table: where nobody analysed it,
    /// the key is to be used all the same. The commit is not waited for: batch and checkpoint are
    /// lost together or not at all, in their order, and the last one waits for all of them.
    fn begin(&self, engine: Engine) -> String {
        let past = self.job.past_triggers();
        match engine {
            Engine::PostgreSql => format!(
                "BEGIN; SET LOCAL lock_timeout = '{ROW_WAIT_MS}ms'; \
                 SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = off; \
                 SET LOCAL enable_bitmapscan = off; SET LOCAL synchronous_commit = off{}",
                if past {
                    "; SET LOCAL bellows.backfill = 'on'"
                } else {
                    ""
                }
            ),
            Engine::MySql | Engine::MariaDb => format!(
                "SET SESSION innodb_lock_wait_timeout = 1, @bellows_bypass = {}; BEGIN",
                if past { "1" } else { "NULL" }
            ),
            Engine::Sqlite if past => {
                "BEGIN IMMEDIATE; INSERT INTO _bellows_bypass DEFAULT VALUES".to_owned()
            }
            Engine::Sqlite => "BEGIN IMMEDIATE".to_owned(),
        }
    }

    /// Does a part's next batch.
    pub(super) async fn batch(
        &self,
        link: &mut Link,
        part: &Part,
        rows: u32,
    ) -> Result<Batch, BatchError> {
        let engine = link.engine();
        let mut begin = self.begin(engine);
        if engine != Engine::PostgreSql {
            link.raw(&begin).await?;
            begin.clear();
        }
        if engine.is_mysql_family() && !session::fence(link, &self.token).await? {
            return Err(BatchError::Halt(taken_over()));
        }
        let batch = self
            .walk
            .batch(link, part, rows, &begin)
            .await
            .map_err(|error| named(&error, self.job.batch_words()))?;
        if let Some(wrong) = batch.wrong {
            return Err(BatchError::Halt(Halt::Fail(wrong)));
        }
        if self.job.past_triggers() && engine == Engine::Sqlite {
            link.raw("DELETE FROM _bellows_bypass").await?;
        }
        let written =
            checkpoint::write(link, &self.token, &self.execution, part, &batch.next).await?;
        if !written {
            if session::fence(link, &self.token).await? {
                return Err(BatchError::Moved);
            }
            return Err(BatchError::Halt(taken_over()));
        }
        if batch.last && !self.several {
            ledger::set_step(
                link,
                &self.execution,
                self.phase,
                &self.step.id,
                StepState::Done,
            )
            .await?;
            if engine == Engine::PostgreSql {
                link.raw("SET LOCAL synchronous_commit = on").await?;
            }
        }
        link.raw(match engine {
            Engine::PostgreSql | Engine::Sqlite => "COMMIT",
            Engine::MySql | Engine::MariaDb => "COMMIT; SET @bellows_bypass = NULL",
        })
        .await?;
        Ok(batch)
    }
}
