//! Whether a plan's locks would be had now, and who stands in the way: from what the sessions of
//! the target hold, without taking any lock of its tables.

use bellows::document::Engine;
use bellows::plan::{Action, Lock, PhasePlan, Plan, Step, Wait};
use bellows::run::{Blocker, Forecast, Hold, Obstacle, PhaseForecast, Prospect, StepForecast};

use super::ledger;
use super::locks::BUDGET;
use super::monitor::Monitor;
use super::record::{ExecuteError, RunOptions};
use super::run::millis;
use crate::target::{Fault, Target, fault};

/// Looks at what the sessions hold now, for every step of the plan that takes a lock.
pub async fn forecast(
    target: &Target,
    plan: &Plan,
    options: &RunOptions,
) -> Result<Forecast, ExecuteError> {
    let read_at = ledger::now(&mut target.look().await?).await?;
    let look = Look {
        target,
        options,
        monitor: Monitor::new(target),
    };
    let mut phases = Vec::new();
    for phase in &plan.phases {
        let mut steps = Vec::new();
        for step in &phase.steps {
            steps.extend(look.step(phase, step).await?);
        }
        phases.push(PhaseForecast {
            phase: phase.phase,
            steps,
        });
    }
    Ok(Forecast { read_at, phases })
}

struct Look<'a> {
    target: &'a Target,
    options: &'a RunOptions,
    monitor: Monitor,
}

impl Look<'_> {
    /// `None` for a step that takes no lock to speak of.
    async fn step(
        &self,
        phase: &PhasePlan,
        step: &Step,
    ) -> Result<Option<StepForecast>, ExecuteError> {
        let statements = step.action.statements();
        let Some(lock) = statements.iter().map(|s| s.lock).max() else {
            return Ok(None);
        };
        if lock.only_reads() {
            return Ok(None);
        }
        let short = statements.iter().any(|s| s.wait == Wait::Short);
        let in_the_way = self.in_the_way(step, lock).await?;
        Ok(Some(StepForecast {
            step: step.id.clone(),
            title: step.title.clone(),
            lock,
            try_ms: self.try_ms(short),
            budget_ms: self
                .options
                .timeout_ms
                .or(phase.timeout_ms)
                .or(self.options.budget_ms)
                .unwrap_or(millis(BUDGET)),
            prospect: prospect(&in_the_way, short),
            in_the_way,
        }))
    }

    /// How long a try waits; the servers that count whole seconds are told to wait none or one.
    fn try_ms(&self, short: bool) -> u64 {
        match (self.target.engine(), short) {
            (_, false) => self.options.patient_ms,
            (Engine::MariaDb | Engine::Sqlite, true) => 0,
            (Engine::MySql, true) => 1_000,
            (Engine::PostgreSql, true) => self.options.lock_timeout_ms,
        }
    }

    async fn in_the_way(&self, step: &Step, lock: Lock) -> Result<Vec<Obstacle>, ExecuteError> {
        let engine = self.target.engine();
        if engine == Engine::Sqlite {
            return Ok(self.busy().await?.into_iter().collect());
        }
        let (lock, outwaits) = match &step.action {
            // It waits for every writer of the table, and for every older snapshot there is.
            Action::BuildIndex { .. } => (Lock::Share, true),
            // It waits until nobody uses the index any more.
            Action::DropIndex { .. } => (Lock::AccessExclusive, false),
            Action::Transaction { .. }
            | Action::Outside { .. }
            | Action::Ddl { .. }
            | Action::Backfill(_)
            | Action::Copy(_)
            | Action::Compare(_)
            | Action::Rebuild { .. } => (lock, false),
        };
        // No session has the number 0; those of prepared transactions have none.
        let held = self.monitor.blockers(&step.tables, lock, Some(0)).await?;
        let mut found: Vec<Obstacle> = held.into_iter().map(|b| obstacle(b, Hold::Lock)).collect();
        if outwaits && engine == Engine::PostgreSql {
            for blocker in self.monitor.snapshots().await? {
                if !found.iter().any(|o| o.blocker.pid == blocker.pid) {
                    found.push(obstacle(blocker, Hold::Snapshot));
                }
            }
        }
        found.sort_by_key(|o| std::cmp::Reverse(o.blocker.age_ms));
        Ok(found)
    }

    /// Whether somebody writes to the file at this moment: the one writer's lock is tried, and
    /// given back at once. Who has it SQLite does not say.
    async fn busy(&self) -> Result<Option<Obstacle>, ExecuteError> {
        let mut link = self.target.open().await?;
        link.raw("PRAGMA busy_timeout = 0").await?;
        match link.raw("BEGIN IMMEDIATE").await {
            Ok(_) => {
                link.raw("ROLLBACK").await?;
                Ok(None)
            }
            Err(error) if fault(&error) == Fault::Lock => Ok(Some(Obstacle {
                blocker: Blocker {
                    guessed: false,
                    pid: 0,
                    user: String::new(),
                    query: String::new(),
                    age_ms: 0,
                    autovacuum: false,
                },
                has: Hold::File,
            })),
            Err(error) => Err(error.into()),
        }
    }
}

fn obstacle(blocker: Blocker, has: Hold) -> Obstacle {
    Obstacle { blocker, has }
}

fn prospect(in_the_way: &[Obstacle], short: bool) -> Prospect {
    // A vacuum against wraparound is the one that does not give way.
    let yields = |o: &Obstacle| o.blocker.autovacuum && !o.blocker.query.contains("wraparound");
    if in_the_way.is_empty() {
        Prospect::Free
    } else if in_the_way.iter().all(yields) {
        Prospect::GivesWay
    } else if short {
        Prospect::Blocked
    } else {
        Prospect::Waits
    }
}
