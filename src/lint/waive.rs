//! What people say of findings: that one is accepted, with a reason; that a rule weighs more or
//! less where they work.

use std::collections::BTreeMap;

use super::{Finding, Severity, unused_waiver};
use crate::document::{Migration, Waiver};

/// Marks what the document's waivers cover, and gives a finding for each that covers nothing.
pub(super) fn by_document(migration: &Migration, findings: &mut [Finding]) -> Vec<Finding> {
    let mut unused = Vec::new();
    let mut apply = |waiver: &Waiver, phase: Option<u32>| {
        let mut used = false;
        for finding in findings.iter_mut().filter(|f| covers(waiver, phase, f)) {
            used = true;
            finding.waived.get_or_insert_with(|| waiver.reason.clone());
        }
        if !used {
            unused.push(unused_waiver::finding(
                &waiver.rule,
                phase,
                waiver.operation,
            ));
        }
    };
    for waiver in &migration.waivers {
        apply(waiver, None);
    }
    for phase in &migration.phases {
        for waiver in &phase.waivers {
            apply(waiver, Some(phase.phase));
        }
    }
    unused
}

fn covers(waiver: &Waiver, phase: Option<u32>, finding: &Finding) -> bool {
    finding.rule == waiver.rule
        && finding.phase == phase
        && (waiver.operation.is_none() || finding.operation == waiver.operation)
}

/// Gives the findings the severities that a project has set for their rules.
pub fn adjust(findings: &mut [Finding], severities: &BTreeMap<String, Severity>) {
    for finding in findings {
        if let Some(severity) = severities.get(&finding.rule) {
            finding.severity = *severity;
        }
    }
}

/// The worst of what nobody waived.
pub fn worst<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Option<Severity> {
    findings
        .into_iter()
        .filter(|finding| finding.waived.is_none())
        .map(|finding| finding.severity)
        .max()
}

/// Whether any of them says that the document is not safe.
pub fn blocks(findings: &[Finding]) -> bool {
    worst(findings) == Some(Severity::Error)
}
