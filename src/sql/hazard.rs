//! What statements do together that none does alone: locks that are held too long, and locks that
//! are taken in an order that others do not keep.

use std::collections::BTreeMap;

use super::act::{Act, Change};
use super::effect::{Effect, Lasts};
use super::object::{Object, ObjectLock};
use super::script::{Hazard, Reading, Script};
use super::state::State;
use crate::document::Engine;
use crate::schema::TableName;

/// Tables of one transaction that are looked at for their order; whoever locks more has other
/// troubles.
const MOST: usize = 64;

/// What is held, each object once.
pub(super) fn strictest(held: &[(usize, ObjectLock)]) -> Vec<ObjectLock> {
    let mut out: BTreeMap<&Object, ObjectLock> = BTreeMap::new();
    for (_, lock) in held {
        out.entry(&lock.object)
            .and_modify(|known| known.lock = known.lock.max(lock.lock))
            .or_insert_with(|| lock.clone());
    }
    out.into_values().collect()
}

/// Whether the traffic of a table that was there before waits for it.
fn hinders(lock: &ObjectLock) -> bool {
    let shared = matches!(
        lock.object,
        Object::Table(_) | Object::View(_) | Object::TableOfIndex(_) | Object::Every(_)
    );
    shared && !lock.made_here && lock.lock.blocks_writes()
}

/// What a statement does beside what its transaction holds.
pub(super) fn within(
    at: usize,
    effect: &Effect,
    held: &[(usize, ObjectLock)],
    out: &mut Vec<Hazard>,
) {
    if effect.lasts != Lasts::Moment {
        let mut told: Vec<&Object> = Vec::new();
        for (since, lock) in held.iter().filter(|(_, lock)| hinders(lock)) {
            let own = effect.locks.iter().find(|l| l.object == lock.object);
            let weaker = own.is_none_or(|own| own.lock < lock.lock);
            if weaker && !told.contains(&&lock.object) {
                told.push(&lock.object);
                out.push(Hazard::HeldWhile {
                    statement: at,
                    since: *since,
                    object: lock.object.clone(),
                });
            }
        }
    }
    for lock in effect.locks.iter().filter(|lock| hinders(lock)) {
        let before: Vec<&(usize, ObjectLock)> = held
            .iter()
            .filter(|(_, h)| h.object == lock.object)
            .collect();
        let most = before.iter().map(|(_, h)| h.lock).max();
        if let Some((first, _)) = before
            .first()
            .filter(|_| most.is_some_and(|m| m < lock.lock))
        {
            out.push(Hazard::Upgrade {
                first: *first,
                second: at,
                object: lock.object.clone(),
            });
        }
        // Once for each table that comes in new.
        let other = held
            .iter()
            .find(|(_, h)| hinders(h) && h.object != lock.object);
        if let Some((first, earlier)) = other.filter(|_| !before.iter().any(|(_, h)| hinders(h))) {
            out.push(Hazard::TwoTables {
                first: *first,
                first_object: earlier.object.clone(),
                second: at,
                second_object: lock.object.clone(),
            });
        }
    }
}

/// What two transactions of a text do beside each other, were they run at the same time.
pub(super) fn between(script: &mut Script) {
    // For each pair in its order: the statement that takes the second one.
    let mut pairs: BTreeMap<(Object, Object), usize> = BTreeMap::new();
    let mut found = Vec::new();
    for transaction in &script.transactions {
        let mut order: Vec<(Object, usize)> = Vec::new();
        let length = (transaction.last + 1).saturating_sub(transaction.first);
        let statements = script.statements.iter().enumerate();
        for (at, reading) in statements.skip(transaction.first).take(length) {
            if order.len() >= MOST {
                break;
            }
            for lock in reading.effect.locks.iter().filter(|lock| hinders(lock)) {
                if !order.iter().any(|(object, _)| *object == lock.object) {
                    order.push((lock.object.clone(), at));
                }
            }
        }
        let mut own = Vec::new();
        for (i, (first, _)) in order.iter().enumerate() {
            for (second, at) in &order[i + 1..] {
                if let Some(earlier) = pairs.get(&(second.clone(), first.clone())) {
                    found.push(Hazard::OrderDiffers {
                        first: *earlier,
                        second: *at,
                        object: second.clone(),
                        other: first.clone(),
                    });
                }
                own.push(((first.clone(), second.clone()), *at));
            }
        }
        for (pair, at) in own {
            pairs.entry(pair).or_insert(at);
        }
    }
    script.hazards.extend(found);
}

/// Whether a statement ends a table's being made anew: `before` is the world when its transaction
/// began, and `done` what the transaction has done so far, from the statement of that number on.
pub(super) fn rebuilt(
    (first, done): (usize, &[Reading]),
    act: &Act,
    before: &State<'_>,
) -> Option<Hazard> {
    let Act::AlterTable { table, changes, .. } = act else {
        return None;
    };
    let [Change::Rename { to }] = changes.as_slice() else {
        return None;
    };
    if before.engine != Engine::Sqlite || !keys_are_off(before, to) {
        return None;
    }
    let find = |wanted: &dyn Fn(&Act) -> bool| {
        let found = done.iter().position(|reading| wanted(&reading.act));
        found.map(|at| first + at)
    };
    let new = done.iter().find_map(|reading| {
        if let Act::CreateTable(new) = &reading.act {
            (new.name == *table).then_some(new)
        } else {
            None
        }
    })?;
    let create = find(&|act| matches!(act, Act::CreateTable(made) if made.name == *table))?;
    let copy = find(&|act| {
        matches!(act, Act::Insert { table: into, reads, from_query: true, .. }
            if into == table && reads.contains(to))
    })?;
    let drop = find(
        &|act| matches!(act, Act::DropTables { tables, .. } if tables == std::slice::from_ref(to)),
    )?;
    if !(create < copy && copy < drop) {
        return None;
    }
    let old = before.table(to).map(|t| t.columns.as_slice());
    let old = old.unwrap_or_default();
    let is_new = |name: &str| {
        new.columns
            .iter()
            .any(|c| c.name.eq_ignore_ascii_case(name))
    };
    let was = |name: &str| old.iter().any(|c| c.name.eq_ignore_ascii_case(name));
    let lost = old.iter().filter(|c| !is_new(&c.name));
    let required = new.columns.iter().filter(|c| {
        let filled = c.default.is_some() || c.identity || c.generated.is_some();
        !old.is_empty() && c.not_null && !filled && !was(&c.name)
    });
    Some(Hazard::Rebuilt {
        table: to.clone(),
        create,
        copy,
        drop,
        rename: first + done.len(),
        lost: lost.map(|c| c.name.clone()).collect(),
        required: required.map(|c| c.name.clone()).collect(),
    })
}

/// Whether dropping the table leaves the rows alone that point to it: foreign keys were off before
/// the transaction began, or the live schema has none.
fn keys_are_off(before: &State<'_>, table: &TableName) -> bool {
    let value = before.setting("foreign_keys").flatten();
    let off = value
        .is_some_and(|value| ["off", "0", "false", "no"].contains(&value.to_lowercase().as_str()));
    let alone = before.is_live()
        && before
            .table(table)
            .is_some_and(|known| known.referenced_by.iter().all(|(by, _)| by == table));
    off || alone
}
