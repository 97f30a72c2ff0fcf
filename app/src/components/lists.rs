//! Tables of migrations and of executions.

use leptos::prelude::*;
use leptos_router::components::A;

use super::{ExecutionBadge, ReviewBadge, Time};
use crate::backend::{ExecutionSummary, MigrationSummary};
use crate::text;

/// Migrations, one a row.
#[component]
pub fn MigrationTable(
    /// In the order shown.
    migrations: Vec<MigrationSummary>,
    /// What the table holds, for screen readers.
    label: &'static str,
) -> impl IntoView {
    view! {
        <div class="table-box">
            <table class="list" aria-label=label>
                <thead>
                    <tr>
                        <th scope="col">"Migration"</th>
                        <th scope="col">"Target"</th>
                        <th scope="col">"Review"</th>
                        <th scope="col">"Phases"</th>
                        <th scope="col">"Execution"</th>
                        <th scope="col">"Changed"</th>
                    </tr>
                </thead>
                <tbody>
                    {migrations
                        .into_iter()
                        .map(|migration| view! { <MigrationRow migration /> })
                        .collect_view()}
                </tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn MigrationRow(migration: MigrationSummary) -> impl IntoView {
    let phases = format!(
        "{} of {} approved, {} done",
        migration.approved, migration.phases, migration.done
    );
    view! {
        <tr data-testid="migration-row">
            <td data-label="Migration">
                <A href=format!("/migrations/{}", migration.id) attr:class="strong">
                    {migration.name}
                </A>
                <span class="sub">{migration.description}</span>
            </td>
            <td data-label="Target">
                {migration.target} <span class="sub">{migration.environment}</span>
            </td>
            <td data-label="Review">
                <ReviewBadge state=migration.review />
                <span class="sub">"version "{migration.version}" by "{migration.author}</span>
            </td>
            <td data-label="Phases">{phases}</td>
            <td data-label="Execution">
                {match migration.execution {
                    Some(execution) => {
                        view! {
                            <A href=format!("/executions/{}", execution.id)>
                                <ExecutionBadge state=execution.state />
                            </A>
                        }
                            .into_any()
                    }
                    None => view! { <span class="muted">"none"</span> }.into_any(),
                }}
            </td>
            <td data-label="Changed" class="nowrap"><Time at=migration.updated_at /></td>
        </tr>
    }
    .into_any()
}

/// Executions, one a row.
#[component]
pub fn ExecutionTable(
    /// In the order shown.
    executions: Vec<ExecutionSummary>,
    /// What the table holds, for screen readers.
    label: &'static str,
) -> impl IntoView {
    view! {
        <div class="table-box">
            <table class="list" aria-label=label>
                <thead>
                    <tr>
                        <th scope="col">"Execution of"</th>
                        <th scope="col">"Target"</th>
                        <th scope="col">"State"</th>
                        <th scope="col">"Phase"</th>
                        <th scope="col">"Started"</th>
                        <th scope="col">"Took"</th>
                    </tr>
                </thead>
                <tbody>
                    {executions
                        .into_iter()
                        .map(|execution| view! { <ExecutionRow execution /> })
                        .collect_view()}
                </tbody>
            </table>
        </div>
    }
    .into_any()
}

#[component]
fn ExecutionRow(execution: ExecutionSummary) -> impl IntoView {
    let took = execution.completed_at.map(|end| {
        let micros = end.saturating_sub(execution.started_at);
        text::duration(u64::try_from(micros).unwrap_or_default() / 1000)
    });
    view! {
        <tr data-testid="execution-row">
            <td data-label="Execution of">
                <A href=format!("/executions/{}", execution.id) attr:class="strong">
                    {execution.migration}
                </A>
                {execution.error.map(|error| view! { <span class="sub bad-text">{error}</span> })}
            </td>
            <td data-label="Target">{execution.target}</td>
            <td data-label="State"><ExecutionBadge state=execution.state /></td>
            <td data-label="Phase">{execution.phase}" of "{execution.phases}</td>
            <td data-label="Started">
                <Time at=execution.started_at />
                <span class="sub">"by "{execution.started_by}</span>
            </td>
            <td data-label="Took">{took.unwrap_or_else(|| "–".to_owned())}</td>
        </tr>
    }
    .into_any()
}
