//! One statement: its SQL, and what it does to the traffic.

use bellows::estimate::{Kind, range, rests_on};
use bellows::plan::{Known, Lock, Statement, Wait};
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
    let others: Vec<(String, &str)> = statement
        .other_locks
        .iter()
        .map(|other| (other.object.clone(), lock_word(other.lock)))
        .collect();
    let breaks: Vec<String> = statement.breaks.iter().map(ToString::to_string).collect();
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
                {(statement.known == Known::Words)
                    .then(|| {
                        view! {
                            <span
                                class="badge plain"
                                title="What is said of it is the worst that its first words allow"
                            >
                                "read by its first words"
                            </span>
                        }
                    })}
                <span class="estimate">{range(statement.estimate.span)}</span>
                {rests.map(|rests| view! { <span class="muted small">{rests}</span> })}
            </div>
            <Sql sql=statement.sql />
            {(!others.is_empty())
                .then(|| {
                    view! {
                        <p class="beside small" data-testid="other-locks">
                            "Also locks "
                            {others
                                .into_iter()
                                .enumerate()
                                .map(|(at, (object, lock))| {
                                    view! {
                                        {(at > 0).then_some("; ")}
                                        <strong>{object}</strong>
                                        " "
                                        <span class="lock">{lock}</span>
                                    }
                                })
                                .collect_view()}
                        </p>
                    }
                })}
            {(!breaks.is_empty())
                .then(|| {
                    view! {
                        <ul class="breaks small" aria-label="What it breaks" data-testid="breaks">
                            {breaks.into_iter().map(|what| view! { <li>{what}</li> }).collect_view()}
                        </ul>
                    }
                })}
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
