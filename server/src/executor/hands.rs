//! Who does the batches of a walk: the run's own session, and others beside it where a person wants
//! more than one at work.

use std::time::{Duration, Instant};

use super::batch::{BatchError, Course};
use super::checkpoint::Part;
use super::control::{ControlReceiver, Wish};
use super::halt::Halt;
use super::monitor::Monitor;
use super::pace::Size;
use super::record::ExecuteError;
use super::session;
use crate::target::{Fault, Link, Target, fault};

/// How long one of several works before all of them look up. One alone does after every batch.
const TURN: Duration = Duration::from_millis(100);

/// A session at work, with the size of its batches.
pub(super) struct Hand {
    /// Absent: the run's own.
    link: Option<Link>,
    size: Size,
    /// The part that it is at.
    pub(super) part: Option<usize>,
}

/// What ended a turn before its time.
pub(super) enum Stumble {
    /// Rows were locked by others, or a deadlock was resolved against it; nothing was done.
    Locked,
    /// The part is somewhere else than it was thought to be.
    Moved,
    /// Anything else.
    Halt(Halt),
}

impl Hand {
    /// The run's own session.
    pub(super) fn own(batch_size: Option<u32>) -> Self {
        Self {
            link: None,
            size: Size::new(batch_size),
            part: None,
        }
    }

    /// Another session.
    pub(super) async fn hired(
        target: &Target,
        monitor: &Monitor,
        batch_size: Option<u32>,
    ) -> Result<Self, ExecuteError> {
        let mut link = target.open().await?;
        monitor.claim(session::prepare(&mut link).await?);
        Ok(Self {
            link: Some(link),
            ..Self::own(batch_size)
        })
    }

    pub(super) fn is_own(&self) -> bool {
        self.link.is_none()
    }

    /// Rows of its next batch.
    pub(super) fn rows(&self) -> u32 {
        self.size.rows()
    }

    /// Works at a part until the turn or the part is over, or a person wants something. `lent` is
    /// the run's own session, for the hand that has none.
    pub(super) async fn turn(
        &mut self,
        course: &Course<'_>,
        part: &mut Part,
        lent: Option<&mut Link>,
        alone: bool,
        (control, deaf): (&ControlReceiver, bool),
    ) -> Option<Stumble> {
        let link = self.link.as_mut().or(lent)?;
        let begun = Instant::now();
        loop {
            let started = Instant::now();
            let rows = self.size.rows();
            match course.batch(link, part, rows).await {
                Ok(batch) => {
                    self.size.took(batch.walked, started.elapsed());
                    part.at = batch.next;
                    part.done = batch.last;
                }
                Err(error) => {
                    let lost = matches!(error, BatchError::Halt(Halt::Lost(_)));
                    if !lost && let Err(error) = link.raw(session::clear(link.engine())).await {
                        if fault(&error) == Fault::Lost {
                            return Some(Stumble::Halt(Halt::Lost(error.to_string())));
                        }
                        tracing::debug!(%error, "nothing was rolled back");
                    }
                    return Some(match error {
                        BatchError::Locked => {
                            self.size.shrink();
                            Stumble::Locked
                        }
                        BatchError::Moved => Stumble::Moved,
                        BatchError::Halt(halt) => Stumble::Halt(halt),
                    });
                }
            }
            let wanted = !deaf && control.wish() != Wish::Run;
            if alone || part.done || wanted || begun.elapsed() >= TURN {
                return None;
            }
        }
    }
}
