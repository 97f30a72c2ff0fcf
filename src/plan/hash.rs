//! The hash of a plan: what an approval is given to, beside the document's.

use sha2::{Digest, Sha256};

use super::{Action, COMPILER_VERSION, Known, PhasePlan, Step};
use crate::document::Engine;
use crate::estimate::{Estimate, Load};

/// SHA-256 (`sha256:...`) over the compiler's version, the engine, the server's version and every
/// step, forward and back.
pub(super) fn plan_hash(engine: Engine, version: u32, phases: &[PhasePlan]) -> String {
    let steps: Vec<_> = phases
        .iter()
        .map(|p| {
            (
                p.phase,
                lasting(&p.steps),
                lasting(&p.rollback),
                &p.validation,
            )
        })
        .collect();
    let canonical = serde_json::to_value((COMPILER_VERSION, engine, version, steps))
        .and_then(|value| serde_json_canonicalizer::to_string(&value))
        // Structs, lists and texts: nothing in them fails to become JSON. Were it ever so, the
        // error's text stands in, so that nothing else has that hash.
        .unwrap_or_else(|error| format!("not canonical: {error}"));
    let digest = Sha256::digest(canonical.as_bytes());
    let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

/// The steps without what follows the number of rows and the target's speed, which change by
/// themselves, and without what is worked out from the statements beside their own locks.
fn lasting(steps: &[Step]) -> Vec<Step> {
    let mut steps = steps.to_vec();
    for step in &mut steps {
        for statement in step.action.statements_mut() {
            statement.load = Load::default();
            statement.estimate = Estimate::default();
            statement.known = Known::default();
            statement.other_locks.clear();
            statement.breaks.clear();
        }
        match &mut step.action {
            Action::Backfill(fill) => fill.estimated_rows = 0,
            Action::Copy(copy) | Action::Compare(copy) => copy.estimated_rows = 0,
            Action::Transaction { .. }
            | Action::BuildIndex { .. }
            | Action::DropIndex { .. }
            | Action::Outside { .. }
            | Action::Ddl { .. }
            | Action::Rebuild { .. } => {}
        }
    }
    steps
}
