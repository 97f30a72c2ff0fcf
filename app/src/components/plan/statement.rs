//! One statement: its SQL, and what it does to the traffic.

use bellows::estimate::{Kind, range, rests_on};
use bellows::plan::{Lock, Statement, Wait};
use leptos::prelude::*;

use crate::components::Sql;

/// A statement with its lock and its risks.
#[component]
pub fn StatementView(
    /// The statement.
    statement: Statement,
) -> impl IntoView {
    let lock = lock_word(statement.lock);
    let blocks = match (statement.blocks_reads, statement.blocks_writes) {
        (true, _) => ("badge bad", "blocks reads and writes"),
        (false, true) => ("badge warn", "blocks writes"),
        (false, false) => ("badge good", "blocks nobody"),
    };
    let short = statement.wait == Wait::Short && statement.lock != Lock::None;
    // What only touches the catalogue takes as long on a table of any size.
    let rests = (statement.load.kind != Kind::Brief).then(|| rests_on(&statement));
    view! {
        <div class="statement" data-testid="statement">
            <div class="badges">
                <span class="badge plain lock">{lock}</span>
                <span class=blocks.0>{blocks.1}</span>
                {statement
                    .rewrites_table
                    .then(|| view! { <span class="badge bad">"rewrites the table"</span> })}
                {statement
                    .scans_table
                    .then(|| view! { <span class="badge warn">"reads the whole table"</span> })}
                {short
                    .then(|| {
                        view! {
                            <span
                                class="badge plain"
                                title="Waits only briefly for its lock and tries again, so that no traffic queues behind it"
                            >
                                "short lock tries"
                            </span>
                        }
                    })}
                {(!statement.in_transaction)
                    .then(|| view! { <span class="badge plain">"outside a transaction"</span> })}
                <span class="estimate">{range(statement.estimate.span)}</span>
                {rests.map(|rests| view! { <span class="muted small">{rests}</span> })}
            </div>
            <Sql sql=statement.sql />
        </div>
    }
    .into_any()
}

/// The lock in the engine's own words.
fn lock_word(lock: Lock) -> &'static str {
    match lock {
        Lock::None => "no table lock",
        Lock::AccessShare => "ACCESS SHARE",
        Lock::RowShare => "ROW SHARE",
        Lock::RowExclusive => "ROW EXCLUSIVE",
        Lock::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
        Lock::Share => "SHARE",
        Lock::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
        Lock::Exclusive => "EXCLUSIVE",
        Lock::AccessExclusive => "ACCESS EXCLUSIVE",
        Lock::DatabaseWrite => "DATABASE WRITE",
        Lock::MetadataRead => "METADATA SHARED READ",
        Lock::MetadataWrite => "METADATA SHARED WRITE",
        Lock::MetadataUpgradable => "METADATA SHARED UPGRADABLE",
        Lock::MetadataNoWrite => "METADATA SHARED NO WRITE",
        Lock::MetadataExclusive => "METADATA EXCLUSIVE",
        Lock::Unknown => "lock unknown",
    }
}
