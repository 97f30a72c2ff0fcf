//! How long a statement of the plan may wait for its lock and how long it may run, as settings of
//! the very connection that runs it.

use std::time::Duration;

use bellows::document::Engine;
use bellows::plan::{PhasePlan, Statement, Wait};

use super::halt::Halt;
use super::run::Run;
use super::session::UNLIMITED_WAITS;

/// How long the limits hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// Until the end of the transaction, where the engine can; else until they are lifted.
    Transaction,
    /// Until they are lifted.
    Session,
}

impl Run<'_> {
    /// The limits under which a statement runs, as SQL; empty where the engine has none.
    pub(super) fn limits(&self, phase: &PhasePlan, statement: &Statement, span: Span) -> String {
        let (lock_ms, statement_ms) = match statement.wait {
            Wait::Short => (
                self.options.lock_timeout_ms,
                self.timeout_ms(phase).unwrap_or(0),
            ),
            Wait::Patient => (self.options.patient_ms, 0),
        };
        let engine = self.session.link.engine();
        match engine {
            Engine::PostgreSql => {
                let local = match span {
                    Span::Transaction => "LOCAL ",
                    Span::Session => "",
                };
                format!(
                    "SET {local}lock_timeout = '{lock_ms}ms'; \
                     SET {local}statement_timeout = '{statement_ms}ms'"
                )
            }
            Engine::MySql | Engine::MariaDb => {
                let (table, row) = waits(engine, statement, lock_ms);
                let mut sql = format!(
                    "SET SESSION lock_wait_timeout = {table}, innodb_lock_wait_timeout = {row}"
                );
                // MySQL can limit nothing but a SELECT.
                if engine == Engine::MariaDb {
                    sql += &format!(
                        ", max_statement_time = {}.{:03}",
                        statement_ms / 1000,
                        statement_ms % 1000
                    );
                }
                sql
            }
            Engine::Sqlite => String::new(),
        }
    }

    /// How long a statement may stand in the queue for its lock, traffic behind it, before it is
    /// called back. MySQL itself counts in seconds, and its least is one.
    pub(super) fn wait_in_queue(&self, statement: &Statement) -> Option<Duration> {
        let brief = !statement.scans_table && !statement.rewrites_table;
        let mysql = self.session.link.engine() == Engine::MySql;
        (mysql && brief && statement.wait == Wait::Short)
            .then(|| Duration::from_millis(self.options.lock_timeout_ms.max(1)))
    }

    /// Sets them.
    pub(super) async fn limit(
        &mut self,
        phase: &PhasePlan,
        statement: &Statement,
    ) -> Result<(), Halt> {
        let sql = self.limits(phase, statement, Span::Session);
        if !sql.is_empty() {
            self.session.link.raw(&sql).await?;
        }
        Ok(())
    }

    /// Lifts them.
    pub(super) async fn unlimited(&mut self) -> Result<(), Halt> {
        let sql = match self.session.link.engine() {
            Engine::PostgreSql => "SET lock_timeout = 0; SET statement_timeout = 0".to_owned(),
            // A foreign key goes in with the checks off, and one that failed leaves them off.
            Engine::MySql => format!("{UNLIMITED_WAITS}, foreign_key_checks = 1"),
            Engine::MariaDb => format!("{UNLIMITED_WAITS}, max_statement_time = 0"),
            Engine::Sqlite => return Ok(()),
        };
        self.session.link.raw(&sql).await?;
        Ok(())
    }
}

/// The waits for a table's metadata and for a row, in the whole seconds that these servers count.
///
/// MariaDB can refuse to wait at all, so that a statement which would hold traffic up is tried
/// again and again instead. One that works for long first needs the table for itself once more at
/// its end: not waiting there would throw the work away whenever any transaction happens to be
/// open, so it gets the least that is not nothing. So do all of MySQL's, and the brief ones are
/// called back before.
fn waits(engine: Engine, statement: &Statement, lock_ms: u64) -> (u64, u64) {
    let seconds = lock_ms.div_ceil(1000).max(1);
    let works = statement.scans_table || statement.rewrites_table;
    let table = if engine == Engine::MariaDb && statement.wait == Wait::Short && !works {
        lock_ms / 1000
    } else {
        seconds
    };
    (table, seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellows::plan::Lock;

    #[test]
    fn only_a_brief_statement_waits_for_nothing() {
        let mut statement = Statement::brief("ALTER TABLE t", Lock::MetadataExclusive);
        assert_eq!(waits(Engine::MariaDb, &statement, 50), (0, 1));
        assert_eq!(waits(Engine::MariaDb, &statement, 2000), (2, 2));
        assert_eq!(waits(Engine::MySql, &statement, 50), (1, 1));
        statement.scans_table = true;
        assert_eq!(waits(Engine::MariaDb, &statement, 50), (1, 1));
        statement.wait = Wait::Patient;
        assert_eq!(waits(Engine::MariaDb, &statement, 30_000), (30, 30));
    }
}
