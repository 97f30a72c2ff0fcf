//! What the linter says.

use bellows::lint::Finding;
use leptos::prelude::*;

use crate::components::SeverityBadge;

/// Findings, one a row; nothing where there are none.
#[component]
pub fn Findings(
    /// In the order shown.
    findings: Vec<Finding>,
) -> impl IntoView {
    (!findings.is_empty()).then(|| {
        view! {
            <ul class="findings" data-testid="findings">
                {findings
                    .into_iter()
                    .map(|finding| {
                        let place = finding
                            .operation
                            .map(|index| format!(", operation {}", index + 1))
                            .unwrap_or_default();
                        let place = finding.phase.map(|phase| format!("Phase {phase}{place}"));
                        view! {
                            <li>
                                <p>
                                    <SeverityBadge severity=finding.severity />
                                    " "
                                    <code>{finding.rule}</code>
                                    {place
                                        .map(|place| view! { <span class="muted">" · "{place}</span> })}
                                </p>
                                <p>{finding.message}</p>
                                <p class="muted">{finding.recommendation}</p>
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
        }
    })
}
