//! What was said about a migration, and its versions.

use leptos::prelude::*;

use crate::backend::{ApprovalView, VersionView};
use crate::components::{DecisionBadge, Empty, Hash, ReviewBadge, Time};

/// Approvals and rejections, stale ones too.
#[component]
pub fn Approvals(
    /// Newest first.
    approvals: Vec<ApprovalView>,
) -> impl IntoView {
    if approvals.is_empty() {
        return view! { <Empty>"Nobody has approved or rejected anything yet."</Empty> }.into_any();
    }
    let rows = approvals
        .into_iter()
        .map(|approval| {
            view! {
                <tr class:stale=approval.stale data-testid="approval">
                    <td data-label="Phase">{approval.phase}</td>
                    <td data-label="Decision">
                        <DecisionBadge decision=approval.decision />
                        {approval
                            .stale
                            .then(|| {
                                view! {
                                    " "
                                    <span
                                        class="badge off"
                                        title="Given to another version or plan than the one shown: it counts no more"
                                    >
                                        "stale"
                                    </span>
                                }
                            })}
                    </td>
                    <td data-label="By">{approval.by}</td>
                    <td data-label="Version">{approval.version}</td>
                    <td data-label="Comment" class="words">{approval.comment}</td>
                    <td data-label="When" class="nowrap"><Time at=approval.at /></td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-box">
            <table class="list" aria-label="Approvals">
                <thead>
                    <tr>
                        <th scope="col">"Phase"</th>
                        <th scope="col">"Decision"</th>
                        <th scope="col">"By"</th>
                        <th scope="col">"Version"</th>
                        <th scope="col">"Comment"</th>
                        <th scope="col">"When"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// The versions.
#[component]
pub fn Versions(
    /// Newest first.
    versions: Vec<VersionView>,
) -> impl IntoView {
    let rows = versions
        .into_iter()
        .map(|version| {
            view! {
                <tr data-testid="version">
                    <td data-label="Version">{version.number}</td>
                    <td data-label="Review"><ReviewBadge state=version.review /></td>
                    <td data-label="By">{version.author}</td>
                    <td data-label="Hash"><Hash hash=version.hash /></td>
                    <td data-label="When" class="nowrap"><Time at=version.at /></td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-box">
            <table class="list" aria-label="Versions">
                <thead>
                    <tr>
                        <th scope="col">"Version"</th>
                        <th scope="col">"Review"</th>
                        <th scope="col">"By"</th>
                        <th scope="col">"Hash"</th>
                        <th scope="col">"When"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}
