//! Whether what a contract phase takes away is still used: looks at the target, kept in its records,
//! and what follows from them.

mod mysql;
mod postgres;
mod sqlite;

use bellows::document::{self, Engine, Migration};
use bellows::plan::PhasePlan;
use bellows::run::{
    Look, OldSide, PhaseEvidence, PhaseState, Seen, Sight, Source, names, old_sides,
};

use super::birth::find;
use super::halt::Halt;
use super::ledger;
use super::record::{ExecuteError, ExecutionRecord};
use super::run::Run;
use crate::target::{COUNTED, Fault, Link, Target, ensure_layout, fault, identity_on};

/// Between two looks that nobody asked for, in milliseconds: a part of the time for which the old
/// side has to be quiet, within these.
const BETWEEN_MS: (u64, u64) = (60_000, 3_600_000);

/// Looks in the time for which it has to be quiet.
const LOOKS: u64 = 200;

/// What a phase takes away, and what it does about what stands on it.
struct Asked<'a> {
    sides: Vec<OldSide>,
    plan: &'a PhasePlan,
}

impl ExecutionRecord {
    /// The first phase to come that takes something away from applications.
    pub fn takes_away(&self) -> Option<u32> {
        self.taking_away(0)
    }

    /// The first one behind that phase.
    fn taking_away(&self, behind: u32) -> Option<u32> {
        let document = self.read().ok()?;
        self.phases
            .iter()
            .filter(|p| p.phase > behind && p.state == PhaseState::Pending)
            .map(|p| p.phase)
            .find(|phase| !old_sides(&document, *phase).is_empty())
    }

    fn read(&self) -> Result<Migration, ExecuteError> {
        document::parse(&self.document)
            .map_err(|_| ExecuteError::Records("a document cannot be read any more".to_owned()))
    }

    fn asked(&self, phase: u32) -> Result<Asked<'_>, ExecuteError> {
        Ok(Asked {
            sides: old_sides(&self.read()?, phase),
            plan: find(&self.plan, phase).ok_or(ExecuteError::NoPhase(phase))?,
        })
    }
}

/// Looks once more, and says what all looks together say; nothing where the phase takes nothing
/// away. `need_ms`: how long that has to be quiet.
pub async fn evidence(
    target: &Target,
    record: &ExecutionRecord,
    phase: u32,
    need_ms: u64,
) -> Result<Option<PhaseEvidence>, ExecuteError> {
    let asked = record.asked(phase)?;
    if asked.sides.is_empty() {
        return Ok(None);
    }
    let mut link = open(target).await?;
    look(&mut link, &record.id, &asked).await?;
    let looks = ledger::looks(&mut link, &record.id, phase).await?;
    Ok(PhaseEvidence::of(phase, need_ms, &looks))
}

/// The same of a phase that begins a new execution, which nobody could watch before: what stands on
/// what it takes away.
pub async fn first_evidence(
    target: &Target,
    document: &Migration,
    plan: &PhasePlan,
) -> Result<Option<PhaseEvidence>, ExecuteError> {
    let asked = Asked {
        sides: old_sides(document, plan.phase),
        plan,
    };
    if asked.sides.is_empty() {
        return Ok(None);
    }
    let mut link = target.look().await?;
    let looks = [see(&mut link, &asked).await?];
    Ok(PhaseEvidence::of(plan.phase, 0, &looks))
}

/// Looks once more, where the last look is so old that it is time.
pub async fn watch(
    target: &Target,
    record: &ExecutionRecord,
    phase: u32,
    need_ms: u64,
) -> Result<(), ExecuteError> {
    let asked = record.asked(phase)?;
    let mut link = open(target).await?;
    let last = ledger::last_look(&mut link, &record.id, phase).await?;
    let now = ledger::now(&mut link).await?;
    let between = (need_ms / LOOKS).clamp(BETWEEN_MS.0, BETWEEN_MS.1);
    let age = last.map(|last| u64::try_from((now - last) / 1_000).unwrap_or(0));
    if age.is_none_or(|age| age >= between) {
        look(&mut link, &record.id, &asked).await?;
    }
    Ok(())
}

async fn open(target: &Target) -> Result<Link, ExecuteError> {
    let mut link = target.open().await?;
    ensure_layout(&mut link).await?;
    identity_on(&mut link).await?;
    Ok(link)
}

async fn look(link: &mut Link, id: &str, asked: &Asked<'_>) -> Result<(), ExecuteError> {
    let look = see(link, asked).await?;
    ledger::keep_look(link, id, asked.plan.phase, &look).await
}

/// What can be seen now.
async fn see(link: &mut Link, asked: &Asked<'_>) -> Result<Look, ExecuteError> {
    let mut sights = Vec::new();
    for side in &asked.sides {
        let engine = link.engine();
        let (mut seen, dependents) = match engine {
            Engine::PostgreSql => postgres::see(link, side).await?,
            Engine::MySql | Engine::MariaDb => mysql::see(link, side).await?,
            Engine::Sqlite => sqlite::see(link, side).await?,
        };
        let dependents = match dependents {
            Ok(dependents) => Seen::Dependents(asked.left(engine, dependents)),
            Err(hidden) => hidden,
        };
        seen.push((Source::Dependents, dependents));
        for (source, seen) in seen {
            sights.push(Sight {
                side: side.clone(),
                source,
                seen,
            });
        }
    }
    Ok(Look {
        at: ledger::now(link).await?,
        sights,
    })
}

/// What an engine shows of an old side: its uses, and what stands on it.
type Shown = (Vec<(Source, Seen)>, Result<Vec<Dependent>, Seen>);

/// What stands on an old side: its name as the catalogue has it, and for people.
struct Dependent {
    name: String,
    words: String,
}

impl Asked<'_> {
    /// Those that the phase does nothing about itself.
    fn left(&self, engine: Engine, dependents: Vec<Dependent>) -> Vec<String> {
        let statements = || {
            self.plan
                .steps
                .iter()
                .flat_map(|step| step.action.statements())
        };
        dependents
            .into_iter()
            .filter(|dependent| !statements().any(|s| names(engine, &s.sql, &dependent.name)))
            .map(|dependent| dependent.words)
            .collect()
    }
}

/// What a source gave; a refusal hides it.
fn told<T>(result: Result<T, sqlx::Error>) -> Result<Result<T, Seen>, ExecuteError> {
    match result {
        Ok(told) => Ok(Ok(told)),
        Err(error) => Ok(Err(hidden(error)?)),
    }
}

/// A statement of ours that the server refuses hides what it asks for; a lost connection does not.
fn hidden(error: sqlx::Error) -> Result<Seen, ExecuteError> {
    match fault(&error) {
        Fault::Statement | Fault::Cancelled | Fault::Lock => Ok(Seen::Hidden(error.to_string())),
        Fault::Lost | Fault::Disk => Err(error.into()),
    }
}

impl Run<'_> {
    /// At the end of a phase: looks at what a later one takes away, so that it is watched from now
    /// on. That it cannot be seen stops no run.
    pub(super) async fn look_ahead(&mut self, done: u32) -> Result<(), Halt> {
        let Some(phase) = self.record.taking_away(done) else {
            return Ok(());
        };
        let asked = self.record.asked(phase)?;
        match look(&mut self.session.link, &self.record.id, &asked).await {
            Err(error) if error.is_lost() => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "who uses the old side was not looked at");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}
