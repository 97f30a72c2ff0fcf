//! What phases keep beside the database of what they destroyed: whether it is there, what it takes,
//! and its end.

use bellows::plan::SavedCopy;
use bellows::run::PhaseState;

use super::ledger;
use super::record::{ExecuteError, ExecutionRecord, is_over};
use super::session::{Acquired, Session};
use crate::target::{Link, Target, layout_present};

/// Who has the target while a copy is removed, in place of an execution.
const REMOVAL: &str = "the removal of a saved copy";

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// A copy that is kept on a target.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptCopy {
    /// The execution that made it.
    pub execution: String,
    /// Its document's name.
    pub migration: String,
    /// The phase that made it.
    pub phase: u32,
    /// What is kept, and where.
    pub copy: SavedCopy,
    /// Bytes that it takes.
    pub bytes: u64,
    /// Milliseconds since its phase ended, or began where it did not end.
    pub age_ms: u64,
    /// Why it cannot be removed now; absent: it can.
    pub held: Option<&'static str>,
}

/// What became of a removal.
#[derive(Clone, Debug, PartialEq)]
pub enum Removed {
    /// It is gone.
    Gone(Box<KeptCopy>),
    /// Somebody has the target: who.
    Busy(String),
}

/// Whether a phase in this state holds on to its copies.
fn held(record: &ExecutionRecord, state: PhaseState) -> Option<&'static str> {
    match state {
        PhaseState::Running | PhaseState::Paused => Some("its phase is not over"),
        PhaseState::Completed if record.state == bellows::run::ExecutionState::RollingBack => {
            Some("its execution is being taken back")
        }
        PhaseState::Pending
        | PhaseState::Completed
        | PhaseState::Failed
        | PhaseState::RolledBack => None,
    }
}

async fn truth(link: &mut Link, sql: &str) -> Result<bool, ExecuteError> {
    Ok(link.fetch_one(sql, &[]).await?.truth(0)?)
}

/// The copies that are on a target, newest first.
pub async fn saved_copies(target: &Target) -> Result<Vec<KeptCopy>, ExecuteError> {
    let mut link = target.look().await?;
    on(&mut link).await
}

pub(super) async fn on(link: &mut Link) -> Result<Vec<KeptCopy>, ExecuteError> {
    if !layout_present(link).await? {
        return Ok(Vec::new());
    }
    let known = ledger::all(link).await?;
    let now = ledger::now(link).await?;
    let mut all: Vec<KeptCopy> = Vec::new();
    for record in &known {
        for plan in record.plan.phases.iter().rev() {
            let Some(phase) = record.phase(plan.phase) else {
                continue;
            };
            for copy in &plan.saved {
                // A document that ran twice names the same places; the newest run has them.
                let seen = all.iter().any(|k| k.copy.place == copy.place);
                let begun = phase.state != PhaseState::Pending;
                if seen || !begun || !truth(link, &copy.present_sql).await? {
                    continue;
                }
                let bytes = link.fetch_one(&copy.bytes_sql, &[]).await?.int(0)?;
                let since = phase.completed_at.or(phase.started_at).unwrap_or(now);
                all.push(KeptCopy {
                    execution: record.id.clone(),
                    migration: record.migration.clone(),
                    phase: plan.phase,
                    copy: copy.clone(),
                    bytes: bytes.and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
                    age_ms: u64::try_from((now - since) / 1_000).unwrap_or(0),
                    held: held(record, phase.state),
                });
            }
        }
    }
    Ok(all)
}

/// Removes a copy for good, by the name of its place: what it held can come back only from a backup
/// then.
pub async fn remove_saved_copy(
    target: &Target,
    place: &str,
    owner: &str,
) -> Result<Removed, ExecuteError> {
    let mut session = match Session::acquire(target, owner, REMOVAL).await? {
        Acquired::Held(session) => *session,
        Acquired::Busy(who) => return Ok(Removed::Busy(who)),
    };
    let removed = remove(&mut session, place).await;
    session.release().await?;
    removed.map(|kept| Removed::Gone(Box::new(kept)))
}

async fn remove(session: &mut Session, place: &str) -> Result<KeptCopy, ExecuteError> {
    let kept = on(&mut session.link).await?;
    let Some(kept) = kept.into_iter().find(|kept| kept.copy.place == place) else {
        return Err(ExecuteError::Saved(format!(
            "no saved copy is called {place}"
        )));
    };
    if let Some(why) = kept.held {
        return Err(ExecuteError::Saved(format!(
            "{place} cannot be removed now: {why}"
        )));
    }
    // Nobody reads it: there is nobody to wait for.
    session.link.begin().await?;
    let mut done = session.fence().await?;
    for sql in &kept.copy.remove {
        if done {
            session.link.raw(sql).await?;
        }
    }
    if !done {
        session.link.raw("ROLLBACK").await?;
        return Err(ExecuteError::Saved(
            "another run has taken this target over".into(),
        ));
    }
    session.link.raw("COMMIT").await?;
    done = !truth(&mut session.link, &kept.copy.present_sql).await?;
    match done {
        true => Ok(kept),
        false => Err(ExecuteError::Saved(format!("{place} is still there"))),
    }
}

/// Removes the copies whose executions are over and whose time is over, too.
pub async fn expire_saved_copies(
    target: &Target,
    days: u32,
    owner: &str,
) -> Result<Vec<KeptCopy>, ExecuteError> {
    let old = u64::try_from(i64::from(days) * DAY_US / 1_000).unwrap_or(u64::MAX);
    let mut link = target.look().await?;
    let over: Vec<String> = match layout_present(&mut link).await? {
        false => return Ok(Vec::new()),
        true => ledger::all(&mut link)
            .await?
            .into_iter()
            .filter(|record| is_over(record.state))
            .map(|record| record.id)
            .collect(),
    };
    let mut gone = Vec::new();
    for kept in on(&mut link).await? {
        let due = kept.held.is_none() && kept.age_ms >= old && over.contains(&kept.execution);
        if !due {
            continue;
        }
        match remove_saved_copy(target, &kept.copy.place, owner).await? {
            Removed::Gone(kept) => gone.push(*kept),
            // Whoever has the target now: it is looked for again.
            Removed::Busy(_) => break,
        }
    }
    Ok(gone)
}

/// What keeps phases down to that one from being taken back; nothing is changed by asking.
pub(super) async fn obstacle(
    link: &mut Link,
    record: &ExecutionRecord,
    down_to: u32,
) -> Result<Option<String>, ExecuteError> {
    let steps = ledger::steps(link, &record.id).await?;
    let phases = record.plan.phases.iter().rev();
    for phase in phases.filter(|phase| phase.phase >= down_to) {
        let back_begun = |copy: &SavedCopy| {
            let mut own = phase
                .rollback
                .iter()
                .filter(|step| step.undoes.as_ref() == Some(&copy.step));
            own.any(|step| steps.contains_key(&step.id))
        };
        for copy in &phase.saved {
            if !steps.contains_key(&copy.step) || back_begun(copy) {
                continue;
            }
            if !truth(link, &copy.present_sql).await? {
                return Ok(Some(format!(
                    "phase {} destroyed {}, and the copy that was saved of it ({}) is not there any more: it was removed, or its time was over. Only a backup brings it back",
                    phase.phase,
                    copy.what(),
                    copy.place
                )));
            }
            for need in &copy.needs {
                if !truth(link, &need.sql).await? {
                    return Ok(Some(format!(
                        "phase {} cannot be taken back: {}",
                        phase.phase, need.message
                    )));
                }
            }
        }
    }
    Ok(None)
}

/// A copy that an earlier run of the same document left in the place that a phase needs.
pub(super) async fn in_the_way(
    link: &mut Link,
    record: &ExecutionRecord,
    phase: u32,
) -> Result<Option<String>, ExecuteError> {
    let plan = record.plan.phases.iter().find(|p| p.phase == phase);
    for copy in plan.into_iter().flat_map(|plan| &plan.saved) {
        if truth(link, &copy.present_sql).await? {
            return Ok(Some(format!(
                "a copy of {} that an earlier run of {} saved is kept still in {}; remove that first (bellows backup remove-copy), or give the document another name",
                copy.what(),
                record.migration,
                copy.place
            )));
        }
    }
    Ok(None)
}
