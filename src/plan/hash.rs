//! The hash of a plan: what an approval is given to, beside the document's.

use sha2::{Digest, Sha256};

use super::{COMPILER_VERSION, PhasePlan};
use crate::document::Engine;

/// SHA-256 (`sha256:...`) over the compiler's version, the engine, the server's version and every
/// step, forward and back.
pub(super) fn plan_hash(engine: Engine, version: u32, phases: &[PhasePlan]) -> String {
    let steps: Vec<_> = phases
        .iter()
        .map(|p| (p.phase, &p.steps, &p.rollback, &p.validation))
        .collect();
    // Estimates follow the number of rows, which changes by itself: they are left out.
    let canonical = serde_json::to_value((COMPILER_VERSION, engine, version, steps))
        .map(without_estimates)
        .and_then(|value| serde_json_canonicalizer::to_string(&value))
        // Structs, lists and texts: nothing in them fails to become JSON. Were it ever so, the
        // error's text stands in, so that nothing else has that hash.
        .unwrap_or_else(|error| format!("not canonical: {error}"));
    let digest = Sha256::digest(canonical.as_bytes());
    let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

fn without_estimates(mut value: serde_json::Value) -> serde_json::Value {
    match &mut value {
        serde_json::Value::Object(map) => {
            map.remove("estimatedMs");
            map.remove("estimatedRows");
            for inner in map.values_mut() {
                *inner = without_estimates(inner.take());
            }
        }
        serde_json::Value::Array(items) => {
            for inner in items {
                *inner = without_estimates(inner.take());
            }
        }
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => {}
    }
    value
}
