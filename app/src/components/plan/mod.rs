//! A plan to be read: phases, steps, statements with their locks, findings.

mod findings;
mod phase;
mod statement;

pub use findings::{FindingActs, Findings};
pub use phase::{PhaseFacts, PhaseSteps};
pub use statement::StatementView;
