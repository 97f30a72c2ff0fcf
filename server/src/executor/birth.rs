//! How an execution comes to be on the target, and how one that is there is found again.
//!
//! There is one execution per migration name and target until it ends. When one ended because a
//! phase failed or was cancelled, the phases before that one are still done on the target; the
//! next execution of the same name inherits those whose text has not changed, and goes on after
//! them. Phases that a person took back are not done, so nothing of them is inherited.

use bellows::document::{Migration, phase_hash};
use bellows::plan::{PhasePlan, Plan};
use bellows::run::{ExecutionState, PhaseState};
use bellows::schema::{Schema, TableName};

use crate::target::{Link, Target, ensure_layout, identity_on, layout_present};

use super::ledger;
use super::record::{ExecuteError, ExecutionRecord, NewExecution, Opened, is_over};

/// Makes the execution on the target, or finds the one that is there. A document that was edited
/// meanwhile takes the place of the old one where the phases already begun are unchanged;
/// otherwise [`ExecuteError::DocumentChanged`]. An execution that completed is given back as it
/// is where the document is the same.
pub async fn open(target: &Target, new: NewExecution) -> Result<Opened, ExecuteError> {
    let live = match &new.planned_on {
        Some(schema) => schema.clone(),
        None => target.inspect().await?,
    };
    let before = only(&live, &tables(&new.plan));
    let mut link = target.open().await?;
    ensure_layout(&mut link).await?;
    identity_on(&mut link).await?;
    ledger::begin(&mut link).await?;
    let opened = settle(&mut link, &new, before).await;
    match &opened {
        Ok(_) => link.raw("COMMIT").await?,
        Err(_) => link.raw("ROLLBACK").await?,
    };
    let (id, created) = opened?;
    let record = ledger::one(&mut link, &id)
        .await?
        .ok_or(ExecuteError::NotFound(id))?;
    Ok(Opened { record, created })
}

/// Decides, inside the transaction, which execution it is.
async fn settle(
    link: &mut Link,
    new: &NewExecution,
    before: Schema,
) -> Result<(String, bool), ExecuteError> {
    let Some(last) = ledger::latest(link, &new.migration).await? else {
        ledger::create(link, &new.id, &new.document, &new.plan, &before, &new.by).await?;
        return Ok((new.id.clone(), true));
    };
    if is_over(last.state) {
        if last.state == ExecutionState::Completed && last.hash == new.plan.hash {
            return Ok((last.id, false));
        }
        let hashes: Vec<String> = new.plan.phases.iter().map(|p| p.hash.clone()).collect();
        let kept = unchanged(&last, &hashes);
        let (plan, before) = if kept == 0 {
            (new.plan.clone(), before)
        } else {
            let old = ledger::before(link, &last.id).await?;
            (
                grafted(&last.plan, &new.plan, kept),
                over(before, old, &tables(&last.plan)),
            )
        };
        ledger::create(link, &new.id, &new.document, &plan, &before, &new.by).await?;
        if kept > 0 {
            ledger::inherit(link, &last.id, &new.id, kept).await?;
        }
        return Ok((new.id.clone(), true));
    }
    let begun = last
        .phases
        .iter()
        .filter(|p| p.state != PhaseState::Pending)
        .map(|p| p.phase)
        .max()
        .unwrap_or(0);
    if begun == 0 {
        // Nothing has happened yet: the plan and what it was made for may be newer.
        ledger::replace(link, &last.id, &new.document, &new.plan, &before).await?;
    } else if last.hash != new.plan.hash {
        for phase in 1..=begun {
            if hash(&last.plan, phase) != hash(&new.plan, phase) {
                return Err(ExecuteError::DocumentChanged {
                    migration: new.migration.clone(),
                    phase,
                });
            }
        }
        let old = ledger::before(link, &last.id).await?;
        let plan = grafted(&last.plan, &new.plan, begun);
        let before = over(before, old, &tables(&last.plan));
        ledger::replace(link, &last.id, &new.document, &plan, &before).await?;
    }
    Ok((last.id, false))
}

/// The schema to plan a document for: the live one, and where an execution of that name has
/// begun phases which the document still has, its tables as they were before its first phase. A
/// plan starts before phase 1, whatever has been done since.
pub async fn planning_schema(
    target: &Target,
    migration: &Migration,
) -> Result<Schema, ExecuteError> {
    let live = target.inspect().await?;
    let mut link = target.look().await?;
    if !layout_present(&mut link).await? {
        return Ok(live);
    }
    let Some(last) = ledger::latest(&mut link, &migration.name).await? else {
        return Ok(live);
    };
    let hashes: Vec<String> = migration.phases.iter().map(phase_hash).collect();
    let stands_on_it = if is_over(last.state) {
        unchanged(&last, &hashes) > 0
    } else {
        last.phases.iter().any(|p| p.state != PhaseState::Pending)
    };
    if !stands_on_it {
        return Ok(live);
    }
    let before = ledger::before(&mut link, &last.id).await?;
    Ok(over(live, before, &tables(&last.plan)))
}

/// How many of the first phases are done and read the same.
fn unchanged(last: &ExecutionRecord, hashes: &[String]) -> u32 {
    let mut kept = 0;
    for (phase, new) in last.phases.iter().zip(hashes) {
        let same = hash(&last.plan, phase.phase) == Some(new);
        if phase.state != PhaseState::Completed || !same {
            break;
        }
        kept = phase.phase;
    }
    kept
}

/// The new plan with the first phases of the old one, which is what was run.
fn grafted(old: &Plan, new: &Plan, kept: u32) -> Plan {
    let mut plan = new.clone();
    plan.phases = old
        .phases
        .iter()
        .filter(|p| p.phase <= kept)
        .chain(new.phases.iter().filter(|p| p.phase > kept))
        .cloned()
        .collect();
    plan
}

fn hash(plan: &Plan, phase: u32) -> Option<&str> {
    find(plan, phase).map(|p| p.hash.as_str())
}

/// The phase of a plan, by its number.
pub(super) fn find(plan: &Plan, phase: u32) -> Option<&PhasePlan> {
    plan.phases.iter().find(|p| p.phase == phase)
}

/// Every table that the plan touches.
pub(super) fn tables(plan: &Plan) -> Vec<TableName> {
    let mut tables: Vec<TableName> = plan.phases.iter().flat_map(|p| p.tables.clone()).collect();
    tables.sort();
    tables.dedup();
    tables
}

/// The schema with those tables and views alone.
pub(super) fn only(schema: &Schema, tables: &[TableName]) -> Schema {
    let mut small = Schema::empty(schema.engine);
    small.version = schema.version;
    for name in tables {
        if let Some(table) = schema.table(name) {
            small.tables.insert(name.clone(), table.clone());
        }
        if let Some(view) = schema.views.get(name) {
            small.views.insert(name.clone(), view.clone());
        }
    }
    small
}

/// The schema with those tables and views as they were before: what was not there is not there.
fn over(mut schema: Schema, before: Schema, touched: &[TableName]) -> Schema {
    for name in touched {
        schema.tables.remove(name);
        schema.views.remove(name);
    }
    schema.tables.extend(before.tables);
    schema.views.extend(before.views);
    schema
}
