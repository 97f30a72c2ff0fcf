//! Queries and what changes rows: metadata locks that keep DDL out, and row locks that keep writers
//! out until the transaction ends.

use super::{lock_of, work};
use crate::plan::Lock;
use crate::schema::TableName;
use crate::sql::act::Act;
use crate::sql::effect::{Blocks, Bound, Effect, Lasts, WorkKind};
use crate::sql::object::Role;
use crate::sql::state::State;
use crate::sql::unknown::Unknown;

/// Writers wait for rows for as long as the statement takes, and its transaction beyond that.
const ROWS: Blocks = Blocks {
    reads: false,
    writes: true,
    lasts: Lasts::Grows,
};

/// INSERT; also REPLACE.
pub(super) fn insert(
    table: &TableName,
    reads: &[TableName],
    from_query: bool,
    calls: &[String],
    state: &State<'_>,
) -> Effect {
    let mut effect = write(table, calls, state);
    if from_query {
        effect.work.push(work(WorkKind::ChangeRows, table, state));
        effect.lasts = Lasts::Grows;
        let others: Vec<TableName> = reads.iter().filter(|r| *r != table).cloned().collect();
        read(&mut effect, &others, state);
    } else {
        lock_reads(&mut effect, reads, state);
    }
    effect
}

/// UPDATE and DELETE.
pub(super) fn change(
    table: &TableName,
    reads: &[TableName],
    bound: Bound,
    calls: &[String],
    state: &State<'_>,
) -> Effect {
    let mut effect = write(table, calls, state);
    effect.rows = Some(bound);
    lock_reads(&mut effect, reads, state);
    if bound != Bound::Batch {
        effect.work.push(work(WorkKind::ChangeRows, table, state));
        effect.lasts = Lasts::Grows;
        if !state.made_here(table) {
            effect.blocks = ROWS;
        }
    }
    effect
}

/// SELECT, with what stands in its WITH.
pub(super) fn select(
    reads: &[TableName],
    locks_rows: &[TableName],
    inner: &[Act],
    bounded: bool,
    calls: &[String],
    state: &State<'_>,
) -> Effect {
    let mut effect = Effect {
        table: reads.first().cloned(),
        unknown: function(calls),
        ..Effect::default()
    };
    lock_reads(&mut effect, reads, state);
    for table in locks_rows {
        let lock = lock_of(table, Role::Read, Lock::MetadataWrite, state);
        effect.locks.push(lock);
        if !bounded && !state.made_here(table) {
            effect.blocks = ROWS;
        }
    }
    if !bounded {
        effect.lasts = Lasts::Grows;
        let scans = reads.iter().map(|t| work(WorkKind::Scan, t, state));
        effect.work.extend(scans);
    }
    inner
        .iter()
        .map(|act| super::effect(act, state))
        .fold(effect, super::merge)
}

/// LOAD DATA.
pub(super) fn load(table: &TableName, state: &State<'_>) -> Effect {
    let mut effect = write(table, &[], state);
    effect.work.push(work(WorkKind::ChangeRows, table, state));
    effect.lasts = Lasts::Grows;
    effect
}

/// A function that nobody knows.
fn function(calls: &[String]) -> Option<Unknown> {
    let name = calls.first()?.clone();
    Some(Unknown::Function { name })
}

fn write(table: &TableName, calls: &[String], state: &State<'_>) -> Effect {
    Effect {
        table: Some(table.clone()),
        locks: vec![lock_of(table, Role::Itself, Lock::MetadataWrite, state)],
        unknown: function(calls),
        ..Effect::default()
    }
}

fn lock_reads(effect: &mut Effect, reads: &[TableName], state: &State<'_>) {
    let locks = reads
        .iter()
        .map(|table| lock_of(table, Role::Read, Lock::MetadataRead, state));
    effect.locks.extend(locks);
}

/// What INSERT ... SELECT and CREATE TABLE ... SELECT read: rows that nobody else can write
/// meanwhile, but where each statement has a snapshot of its own (READ COMMITTED).
pub(super) fn read(effect: &mut Effect, reads: &[TableName], state: &State<'_>) {
    lock_reads(effect, reads, state);
    let committed = state.setting("transaction_isolation") == Some(Some("read-committed"));
    for table in reads {
        effect.work.push(work(WorkKind::Scan, table, state));
        effect.lasts = Lasts::Grows;
        if !committed && !state.made_here(table) {
            effect.blocks = ROWS;
        }
    }
}
