//! Concurrent index builds and drops on PostgreSQL: without a lock timeout, for they hold nobody
//! up and must outwait writers and old snapshots, and never trusting a name alone.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bellows::plan::{PhasePlan, Statement, Step};
use bellows::run::EventKind;
use bellows::schema::TableName;

use super::control::Wish;
use super::halt::{Halt, of_plan};
use super::ledger::StepState;
use super::locks::Patience;
use super::measure;
use super::monitor::{BuildProgress, postgres_name};
use super::run::Run;
use crate::target::{Fault, fault};

/// How often a build's progress is asked for.
const LOOK: Duration = Duration::from_millis(500);

/// What stands under an index's name.
struct Standing {
    on_table: bool,
    valid: bool,
    definition: String,
}

impl Run<'_> {
    /// Builds an index, unless it is there; an invalid leftover is dropped first.
    pub(super) async fn build_index(
        &mut self,
        phase: &PhasePlan,
        step: &Step,
        statement: &Statement,
        (table, index): (&TableName, &str),
        state: Option<StepState>,
    ) -> Result<(), Halt> {
        let mut patience = Patience::new(self.budget(phase));
        let mut begun = state.is_some();
        loop {
            self.heed()?;
            match self.standing(table, index).await? {
                Some(there) if !there.on_table => {
                    return Err(Halt::Fail(format!(
                        "the name {index} is taken by something that is no index of {table}; \
                         choose another one"
                    )));
                }
                Some(there) if !there.valid => {
                    self.notice(format!(
                        "{index} was left invalid by a build that did not end; it is dropped and \
                         built again"
                    ))
                    .await?;
                    let name = qualified(table, index);
                    self.alone(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"))
                        .await?;
                }
                // After our own intent, and nothing under the name before it, it is ours.
                Some(there) if begun || same_index(&there.definition, &statement.sql) => {
                    return self.record_step(phase.phase, step, StepState::Done).await;
                }
                Some(there) => {
                    return Err(Halt::Fail(format!(
                        "there is another index under the name {index} already: {}; drop it or \
                         choose another name",
                        there.definition
                    )));
                }
                None => {
                    self.record_step(phase.phase, step, StepState::Intent)
                        .await?;
                    begun = true;
                    let Err(error) = self.watched(step, &statement.sql).await? else {
                        self.took(0);
                        continue;
                    };
                    match fault(&error) {
                        Fault::Cancelled if self.wish() == Wish::Cancel => {
                            return Err(Halt::Cancel);
                        }
                        // A deadlock with a transaction that it had to wait for; what it left is
                        // dropped at the next turn.
                        Fault::Lock => {
                            self.wait_for_lock(step, statement.lock, &mut patience)
                                .await?;
                        }
                        Fault::Cancelled | Fault::Lost | Fault::Disk | Fault::Statement => {
                            return Err(of_plan(&error, &statement.sql));
                        }
                    }
                }
            }
        }
    }

    /// Drops an index; an absent one is done.
    pub(super) async fn drop_index(
        &mut self,
        phase: &PhasePlan,
        step: &Step,
        statement: &Statement,
        (table, index): (&TableName, &str),
    ) -> Result<(), Halt> {
        let mut patience = Patience::new(self.budget(phase));
        loop {
            self.heed()?;
            // An index of another table, or no index at all, is not what this step means.
            let there = self.standing(table, index).await?;
            if !there.is_some_and(|there| there.on_table) {
                return self.record_step(phase.phase, step, StepState::Done).await;
            }
            self.record_step(phase.phase, step, StepState::Intent)
                .await?;
            let Err(error) = self.send_raw(&statement.sql).await else {
                self.took(0);
                continue;
            };
            match fault(&error) {
                Fault::Cancelled if self.wish() == Wish::Cancel => return Err(Halt::Cancel),
                Fault::Lock => {
                    self.wait_for_lock(step, statement.lock, &mut patience)
                        .await?;
                }
                Fault::Cancelled | Fault::Lost | Fault::Disk | Fault::Statement => {
                    return Err(of_plan(&error, &statement.sql));
                }
            }
        }
    }

    /// Sends a statement of ours to the plan's objects.
    async fn alone(&mut self, sql: &str) -> Result<(), Halt> {
        match self.send_raw(sql).await {
            Ok(_) => Ok(()),
            Err(error) if fault(&error) == Fault::Cancelled && self.wish() == Wish::Cancel => {
                Err(Halt::Cancel)
            }
            Err(error) => Err(of_plan(&error, sql)),
        }
    }

    async fn notice(&self, message: String) -> Result<(), Halt> {
        self.emit(EventKind::Notice { message }).await
    }

    /// Sends a build and tells how far it is until it ends; the inner error is the server's.
    async fn watched(&mut self, step: &Step, sql: &str) -> Result<Result<(), sqlx::Error>, Halt> {
        let undoing = self.undoing;
        let (sink, id) = (self.sink, self.record.id.clone());
        let (monitor, pid) = (self.session.monitor.clone(), self.session.pid);
        let mut control = self.control.clone();
        let (started, waited) = (Instant::now(), AtomicU64::new(0));
        let watching = measure::watch(monitor.clone(), pid, &waited);
        tokio::pin!(watching);
        let work = self.session.link.raw(sql);
        tokio::pin!(work);
        let mut last = None;
        let mut cancelled = undoing;
        loop {
            tokio::select! {
                result = &mut work => {
                    self.clocked = measure::clock(started, &waited);
                    return Ok(result.map(|_| ()));
                }
                () = &mut watching => {}
                () = control.cancelled(), if !cancelled => {
                    cancelled = true;
                    if let Some(pid) = pid
                        && let Err(error) = monitor.cancel(pid).await
                    {
                        tracing::warn!(%error, "the build could not be cancelled");
                    }
                }
                () = tokio::time::sleep(LOOK) => {
                    let Some(pid) = pid else { continue };
                    let seen = match monitor.build(pid).await {
                        Ok(seen) => seen,
                        Err(error) => {
                            tracing::debug!(%error, "the build's progress could not be seen");
                            continue;
                        }
                    };
                    if seen.is_none() || seen == last {
                        continue;
                    }
                    if let Some(now) = &seen {
                        for event in told(step, last.as_ref(), now) {
                            sink.append(&id, event).await?;
                        }
                    }
                    last = seen;
                }
            }
        }
    }

    /// What stands under the index's name, in the table's schema.
    async fn standing(&mut self, table: &TableName, index: &str) -> Result<Option<Standing>, Halt> {
        let row = self
            .session
            .link
            .fetch_optional(
                "SELECT coalesce(i.indrelid = to_regclass($1), false),
                        coalesce(i.indisvalid AND i.indisready, false),
                        CASE WHEN i.indexrelid IS NOT NULL THEN pg_get_indexdef(c.oid) ELSE '' END
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 LEFT JOIN pg_index i ON i.indexrelid = c.oid
                 WHERE n.nspname = $2 AND c.relname = $3",
                &[
                    postgres_name(table).into(),
                    table.schema.as_deref().unwrap_or("public").into(),
                    index.into(),
                ],
            )
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some(Standing {
            on_table: row.truth(0)?,
            valid: row.truth(1)?,
            definition: row.text(2)?.unwrap_or_default(),
        }))
    }
}

/// The events for what has changed in a build.
fn told(step: &Step, last: Option<&BuildProgress>, now: &BuildProgress) -> Vec<EventKind> {
    let mut events = Vec::new();
    if last.map(|l| (&l.phase, l.waits_for)) != Some((&now.phase, now.waits_for)) {
        let waits = now
            .waits_for
            .map(|pid| format!(" (pid {pid})"))
            .unwrap_or_default();
        events.push(EventKind::Notice {
            message: format!("{}: {}{waits}", step.title, now.phase),
        });
    }
    // The server counts blocks while it reads and tuples while it sorts; each phase goes from
    // nothing to all of its own.
    let (rows, total) = if now.tuples.1 > 0 {
        now.tuples
    } else {
        now.blocks
    };
    if total > 0 {
        events.push(EventKind::Progress {
            step: step.id.clone(),
            rows,
            changed: 0,
            total,
            rate: 0.0,
            left_ms: None,
            batch: 0,
            pace: Default::default(),
        });
    }
    events
}

/// The index's name as SQL, in its table's schema.
fn qualified(table: &TableName, index: &str) -> String {
    postgres_name(&TableName {
        schema: table.schema.clone(),
        name: index.to_owned(),
    })
}

/// Whether the definition that the catalogue prints is what the statement would build, as far as
/// uniqueness, method, keys and condition tell.
fn same_index(definition: &str, sql: &str) -> bool {
    shape(definition) == shape(sql)
}

/// What is left of a CREATE INDEX without its name, its table, quotes, brackets and blanks.
fn shape(sql: &str) -> (bool, String, String) {
    let upper = sql.to_uppercase();
    let unique = upper.trim_start().starts_with("CREATE UNIQUE");
    let body = sql.find('(').map_or("", |at| &sql[at..]);
    let head = sql.find('(').map_or(sql, |at| &sql[..at]);
    let method = head
        .to_uppercase()
        .rfind(" USING ")
        .and_then(|at| head.get(at + 7..))
        .map_or_else(|| "btree".to_owned(), |m| m.trim().to_lowercase());
    let body: String = body
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '"'))
        .collect();
    (unique, method, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_known_by_its_shape_and_not_by_its_name() {
        let printed = "CREATE UNIQUE INDEX i ON public.users USING btree (email, \"Name\") \
                       WHERE (deleted_at IS NULL)";
        assert!(same_index(
            printed,
            "CREATE UNIQUE INDEX CONCURRENTLY i ON users (email, \"Name\") WHERE deleted_at IS NULL"
        ));
        assert!(!same_index(
            printed,
            "CREATE INDEX CONCURRENTLY i ON users (email, \"Name\") WHERE deleted_at IS NULL"
        ));
        assert!(!same_index(
            printed,
            "CREATE UNIQUE INDEX CONCURRENTLY i ON users (email)"
        ));
        assert!(!same_index(
            "CREATE INDEX i ON public.users USING gin (tags)",
            "CREATE INDEX CONCURRENTLY i ON users (tags)"
        ));
    }
}
