//! Where transactions begin and end.

use super::{Open, Simulation};
use crate::document::Engine;
use crate::sql::act::{Act, Control};
use crate::sql::script::{Hazard, Transaction, TransactionEnd};

impl Simulation<'_> {
    /// MySQL and MariaDB: without `autocommit` whatever comes next begins a transaction.
    pub(super) fn autocommit(&mut self, at: usize, act: &Act) {
        let Act::Set {
            name,
            value: Some(value),
            ..
        } = act
        else {
            return;
        };
        if name != "autocommit" || !self.state.engine.is_mysql_family() {
            return;
        }
        let off = ["0", "off", "false"].contains(&value.to_lowercase().as_str());
        if off && self.open.is_none() {
            self.open = Some(Open::at(at, &self.state, false));
        } else if !off && self.open.as_ref().is_some_and(|open| !open.around) {
            self.close(at, TransactionEnd::Committed, false);
        }
    }

    pub(super) fn begin(&mut self, at: usize, control: &Control) {
        let nested = match control {
            Control::Begin => self.open.is_some(),
            Control::Commit { .. } | Control::Rollback { .. } | Control::Prepare => {
                self.open.is_none()
            }
            Control::Savepoint { .. }
            | Control::RollbackTo { .. }
            | Control::Release { .. }
            | Control::Mode => false,
        };
        if nested {
            self.script.hazards.push(Hazard::Nesting { statement: at });
        } else if *control == Control::Begin {
            self.open = Some(Open::at(at, &self.state, false));
        } else if matches!(control, Control::Savepoint { .. })
            && self.state.engine == Engine::Sqlite
            && self.open.is_none()
        {
            // SQLite begins a transaction there, which ends with the savepoint's release.
            self.open = Some(Open {
                by_savepoint: true,
                ..Open::at(at, &self.state, false)
            });
        }
    }

    pub(super) fn end(&mut self, at: usize, control: &Control) {
        match control {
            Control::Commit { chain } => self.close(at, TransactionEnd::Committed, *chain),
            Control::Rollback { chain } => self.close(at, TransactionEnd::RolledBack, *chain),
            Control::Prepare => {
                if let Some(open) = &self.open {
                    self.script.hazards.push(Hazard::NeverEnded {
                        statement: open.first,
                    });
                }
                self.close(at, TransactionEnd::Open, false);
            }
            Control::Savepoint { name } => {
                if let Some(open) = &mut self.open {
                    open.savepoints
                        .push((name.clone(), open.held.len(), self.state.clone()));
                }
            }
            Control::RollbackTo { name } => {
                if let Some(open) = &mut self.open
                    && let Some(place) = open.savepoints.iter().rposition(|(n, _, _)| n == name)
                {
                    open.savepoints.truncate(place + 1);
                    if let Some((_, held, state)) = open.savepoints.last() {
                        open.held.truncate(*held);
                        self.state = state.clone();
                    }
                }
            }
            Control::Release { name } => {
                if let Some(open) = &mut self.open
                    && let Some(place) = open.savepoints.iter().rposition(|(n, _, _)| n == name)
                {
                    open.savepoints.truncate(place);
                    if place == 0 && open.by_savepoint {
                        self.close(at, TransactionEnd::Committed, false);
                    }
                }
            }
            Control::Begin | Control::Mode => {}
        }
    }

    pub(super) fn close(&mut self, at: usize, end: TransactionEnd, chain: bool) {
        let Some(open) = self.open.take() else {
            return;
        };
        self.script.transactions.push(Transaction {
            first: open.first,
            last: at,
            end,
        });
        if end == TransactionEnd::RolledBack {
            self.state = open.before;
        }
        (self.state.lock_timeout, self.state.statement_timeout) = open.timeouts;
        self.state.new_labels.clear();
        if chain {
            self.open = Some(Open::at(at + 1, &self.state, false));
        }
    }
}
