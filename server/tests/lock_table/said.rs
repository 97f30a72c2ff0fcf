//! What the reader says, in the words of the list.

use std::collections::{BTreeMap, BTreeSet};

use bellows::plan::Lock;
use bellows::sql::{Object, Role, Script, TransactionRule, WorkKind};

use crate::Differences;
use crate::row::{Lasts, Row};

/// Holds the row against what the reader says with the live schema.
pub fn compare(row: &Row, read: &Script, wrong: &mut Differences) {
    let any = |what: fn(&bellows::sql::Effect) -> bool| {
        read.statements.iter().any(|s| what(&s.effect)).to_string()
    };
    let unknown = any(|effect| effect.unknown.is_some());
    wrong.compare(
        row,
        "the reader: unknown",
        &unknown,
        &row.unknown.to_string(),
    );
    if row.unknown || row.unsaid {
        return;
    }
    let fails = any(|effect| !effect.fails.is_empty());
    wrong.compare(row, "the reader: fails", &fails, &row.fails.to_string());
    if row.fails {
        return;
    }
    let outside = any(|effect| effect.transaction == TransactionRule::Refused);
    wrong.compare(
        row,
        "the reader: outside",
        &outside,
        &row.outside.to_string(),
    );
    let (named, all_named) = locks(read);
    let mut claimed: BTreeMap<String, Lock> = row
        .locks()
        .into_iter()
        .map(|(name, lock)| (name.to_owned(), lock))
        .collect();
    if !all_named {
        claimed.retain(|name, _| named.contains_key(name));
    }
    wrong.compare(
        row,
        "the reader: locks",
        &format!("{named:?}"),
        &format!("{claimed:?}"),
    );
    wrong.compare(
        row,
        "the reader: does",
        &format!("{:?}", work(read)),
        &format!("{:?}", row.does),
    );
    let grows = any(|effect| effect.lasts != bellows::sql::Lasts::Moment);
    let claimed = row.lasts == Lasts::Grows;
    wrong.compare(row, "the reader: grows", &grows, &claimed.to_string());
}

/// The locks of all statements together; whether every object could be named.
fn locks(read: &Script) -> (BTreeMap<String, Lock>, bool) {
    let mut out: BTreeMap<String, Lock> = BTreeMap::new();
    let mut all_named = true;
    let all = || read.statements.iter().flat_map(|s| &s.effect.locks);
    let tables = all()
        .filter(|l| matches!(l.object, Object::Table(_)) && l.role == Role::Itself)
        .map(|l| l.lock)
        .max()
        .unwrap_or(Lock::None);
    for lock in all().filter(|l| !l.made_here) {
        let name = match &lock.object {
            Object::Index(_) if lock.lock <= tables => continue,
            Object::Table(name)
            | Object::Index(name)
            | Object::View(name)
            | Object::Sequence(name)
            | Object::CompositeType(name) => name.name.clone(),
            Object::Database
            | Object::TableOfIndex(_)
            | Object::TableOf(_)
            | Object::IndexesOf(_)
            | Object::ReferencedBy(_)
            | Object::Referencing(_)
            | Object::PartitionsOf(_)
            | Object::DefaultPartitionOf(_)
            | Object::ParentOf(_)
            | Object::UsersOf(_)
            | Object::DependentsOf(_)
            | Object::Every(_) => {
                all_named = false;
                continue;
            }
        };
        let known = out.entry(name).or_insert(lock.lock);
        *known = (*known).max(lock.lock);
    }
    (out, all_named)
}

fn work(read: &Script) -> BTreeSet<String> {
    [
        ("rewrite", WorkKind::Rewrite),
        ("scan", WorkKind::Scan),
        ("reindex", WorkKind::RebuildIndex),
    ]
    .into_iter()
    .filter(|(_, kind)| read.statements.iter().any(|s| s.effect.does(*kind)))
    .map(|(word, _)| word.to_owned())
    .collect()
}
