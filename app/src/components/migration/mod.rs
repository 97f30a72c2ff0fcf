//! One migration: its phases with what can be done about them, approvals, versions.

mod decide;
mod forecast;
mod history;
mod phase_card;
mod start;

pub use decide::DecidePanel;
pub use forecast::outlook;
pub use history::{Approvals, Versions};
pub use phase_card::PhaseCard;
