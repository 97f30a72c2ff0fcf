//! A run as it happens.

mod controls;
mod end_session;
mod link;
mod now;
mod phase_progress;

pub use controls::Controls;
pub use link::LinkNote;
pub use now::NowPanel;
pub use phase_progress::PhaseProgressCard;
