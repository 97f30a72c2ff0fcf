//! What PostgreSQL does: the locks of its statements, as they were seen on 15 and as the manual has
//! them for other versions (`tests/locks/postgresql.yaml` is the list).

mod alter;
mod column;
mod constraint;
mod convert;
mod index;
mod other;
mod partition;
mod rows;
mod table;
mod types;

use super::act::{Act, Control};
use super::build::Build;
use super::effect::{Effect, TransactionRule};
use super::object::{Object, Role};
use super::state::State;
use super::unknown::Unknown;
use crate::plan::Lock;
use crate::schema::TableName;

/// The major version that a number means.
const fn major(version: u32) -> u32 {
    version * 10_000
}

/// What a statement does in that world.
pub(super) fn effect(act: &Act, state: &State<'_>) -> Effect {
    let mut build = Build::new(state, subject(act, state).as_ref());
    say(act, &mut build);
    build.finish()
}

/// The table that a statement is about.
fn subject(act: &Act, state: &State<'_>) -> Option<TableName> {
    match act {
        Act::CreateTable(new) => new
            .partition_of
            .clone()
            .or_else(|| new.query.as_ref().and_then(|reads| reads.first().cloned())),
        Act::AlterTable { table, .. }
        | Act::CreateIndex { table, .. }
        | Act::Attach { table, .. }
        | Act::AlterAttachment { table, .. }
        | Act::Insert { table, .. }
        | Act::Update { table, .. }
        | Act::Delete { table, .. }
        | Act::Merge { table, .. } => Some(table.clone()),
        Act::DropTables { tables, .. }
        | Act::Truncate { tables, .. }
        | Act::Vacuum { tables, .. }
        | Act::Analyze { tables }
        | Act::Publication { tables, .. } => tables.first().cloned(),
        Act::DropIndexes { indexes, .. } => indexes.first().and_then(|i| state.table_of_index(i)),
        Act::AlterIndex { index, .. } => state.table_of_index(index),
        Act::Reindex { scope, .. } => index::subject(scope, state),
        Act::Detach { table, .. }
        | Act::Comment { table, .. }
        | Act::Statistics { table, .. }
        | Act::ClusterTable { table }
        | Act::Repack { table, .. }
        | Act::Copy { table, .. } => table.clone(),
        Act::LockTables { tables } => tables.first().map(|(table, _)| table.clone()),
        Act::RefreshView { view, .. }
        | Act::AlterView { view, .. }
        | Act::CreateView { view, .. } => Some(view.clone()),
        Act::DropViews { views, .. } => views.first().cloned(),
        Act::Select { reads, inner, .. } => match inner.first() {
            Some(change) => subject(change, state),
            None => reads.first().cloned(),
        },
        Act::Explain { inner, .. } => subject(inner, state),
        Act::RenameTables { .. }
        | Act::CreateSequence { .. }
        | Act::AlterSequence { .. }
        | Act::DropSequences { .. }
        | Act::CreateType { .. }
        | Act::AlterType { .. }
        | Act::CreateDomain { .. }
        | Act::AlterDomain { .. }
        | Act::DropTypes { .. }
        | Act::CreateFunction { .. }
        | Act::DropFunctions { .. }
        | Act::CreateSchema { .. }
        | Act::DropSchemas { .. }
        | Act::RenameSchema { .. }
        | Act::Extension { .. }
        | Act::Cluster { .. }
        | Act::Object { .. }
        | Act::Grant { .. }
        | Act::Revoke { .. }
        | Act::Transaction(_)
        | Act::Set { .. }
        | Act::Reset { .. }
        | Act::Session { .. }
        | Act::Unknown(_) => None,
    }
}

fn say(act: &Act, b: &mut Build<'_, '_>) {
    match act {
        Act::CreateTable(new) => table::create(b, new),
        Act::AlterTable {
            table,
            only,
            if_exists,
            changes,
            ..
        } => alter::alter(b, table, *only, *if_exists, changes),
        Act::DropTables {
            tables,
            if_exists,
            cascade,
        } => table::drop(b, tables, *if_exists, *cascade),
        Act::RenameTables { .. } => b.unknown(Unknown::Statement {
            words: "RENAME TABLE".into(),
        }),
        Act::Truncate {
            tables,
            cascade,
            restart_identity,
        } => table::truncate(b, tables, *cascade, *restart_identity),
        Act::CreateIndex {
            table, only, index, ..
        } => index::create(b, table, *only, index),
        Act::DropIndexes {
            indexes,
            concurrently,
            if_exists,
            cascade,
            ..
        } => index::drop(b, indexes, *concurrently, *if_exists, *cascade),
        Act::AlterIndex { index, change } => index::alter(b, index, change),
        Act::Reindex {
            scope,
            concurrently,
        } => index::reindex(b, scope, *concurrently),
        Act::CreateView { .. }
        | Act::DropViews { .. }
        | Act::AlterView { .. }
        | Act::RefreshView { .. } => other::view(b, act),
        Act::Attach { .. } | Act::Detach { .. } | Act::AlterAttachment { .. } => {
            other::attachment(b, act);
        }
        Act::CreateSequence { .. } | Act::AlterSequence { .. } | Act::DropSequences { .. } => {
            other::sequence(b, act);
        }
        Act::CreateType { .. }
        | Act::AlterType { .. }
        | Act::CreateDomain { .. }
        | Act::AlterDomain { .. }
        | Act::DropTypes { .. } => types::say(b, act),
        Act::CreateFunction { .. }
        | Act::DropFunctions { .. }
        | Act::CreateSchema { .. }
        | Act::DropSchemas { .. }
        | Act::RenameSchema { .. }
        | Act::Extension { .. }
        | Act::Cluster { .. }
        | Act::Object { .. } => other::object(b, act),
        Act::Grant { .. } | Act::Revoke { .. } | Act::Comment { .. } => other::words(b, act),
        Act::Statistics { .. } | Act::Publication { .. } => other::collected(b, act),
        Act::LockTables { .. }
        | Act::Vacuum { .. }
        | Act::Analyze { .. }
        | Act::ClusterTable { .. }
        | Act::Repack { .. } => table::maintain(b, act),
        Act::Insert { .. }
        | Act::Update { .. }
        | Act::Delete { .. }
        | Act::Merge { .. }
        | Act::Select { .. }
        | Act::Copy { .. } => rows::say(b, act),
        Act::Explain { analyze, inner } => explain(b, *analyze, inner),
        Act::Transaction(control) => {
            if *control != Control::Mode {
                b.transaction(TransactionRule::Controls);
            }
        }
        Act::Set { .. } | Act::Reset { .. } | Act::Session { .. } => {}
        Act::Unknown(why) => {
            b.unknown(why.clone());
            if matches!(why, Unknown::Procedure { .. }) {
                // A procedure may end the transaction.
                b.transaction(TransactionRule::Refused);
            }
        }
    }
}

/// Planning takes the statement's locks, and nothing is done.
fn explain(b: &mut Build<'_, '_>, analyze: bool, inner: &Act) {
    if matches!(inner, Act::Unknown(_)) {
        b.lock(Object::Every(None), Role::Read, Lock::AccessShare);
        if analyze {
            say(inner, b);
        }
        return;
    }
    say(inner, b);
    if !analyze {
        let effect = b.edit();
        effect.work.clear();
        effect.rows = None;
        effect.breaks.clear();
        effect.creates.clear();
        effect.unknown = None;
        effect.changes_schema = false;
    }
}
