//! A plan to be read: phases, steps, statements with their locks, findings.

mod findings;
mod phase;
mod statement;

pub use findings::{FindingActs, Findings};
pub use phase::{FactsTime, PhaseFacts, PhaseSteps};
pub use statement::StatementView;
