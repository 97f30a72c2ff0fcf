//! What `apply` tells of who uses what a contract phase takes away.

use bellows::run::{EventKind, PhaseEvidence, StopReason};
use serde_json::json;

use super::apply::Stop;
use super::args::Format;
use super::exit::CliError;
use super::report::span;
use super::run::Runner;
use crate::audit::{Entry, execution_subject};
use crate::executor::{EventSink, ExecuteError, ExecutionRecord};

/// What the evidence keeps from starting.
pub(super) fn still_used(evidence: &PhaseEvidence) -> Option<Stop> {
    let (number, lines) = (evidence.phase, evidence.in_use());
    let left = evidence.quiet_left_ms();
    let why = match (lines.is_empty(), left) {
        (true, 0) => return None,
        (true, left) => format!(
            "what phase {number} takes away has been watched for too short a time, {} more to go",
            span(left)
        ),
        (false, _) => lines.join("; "),
    };
    Some(Stop {
        reason: StopReason::InUse,
        message: format!(
            "Phase {number} does not begin: {why}. Run this again once that is over, or now with \
             --despite-use REASON, which is recorded."
        ),
    })
}

impl Runner<'_> {
    /// Shows it.
    pub fn evidence(&self, evidence: &PhaseEvidence) -> Result<(), CliError> {
        match self.format {
            Format::Text => {
                self.say(&format!("What phase {} takes away:", evidence.phase))?;
                for one in &evidence.all {
                    self.say(&format!(
                        "  {}, {}: {}",
                        one.side,
                        one.source.title().to_lowercase(),
                        one.words(evidence.read_at)
                    ))?;
                }
                Ok(())
            }
            Format::Json => self.with_screen(|screen| {
                screen.print_json_line(&json!({ "event": "evidence", "evidence": evidence }))
            }),
        }
    }

    /// Records that the phase begins although what it takes away is used, and why.
    pub async fn use_accepted(
        &self,
        record: &ExecutionRecord,
        phase: u32,
        seen: &str,
        reason: &str,
    ) -> Result<(), CliError> {
        let subject = execution_subject(&record.id, &record.migration);
        let entry = Entry::new("use.accepted", subject)
            .hash(record.hash.clone())
            .detail(json!({ "phase": phase, "seen": seen, "reason": reason }));
        self.records.audit(entry).await?;
        let event = EventKind::Notice {
            message: format!(
                "{} had phase {phase} begin although what it takes away is used: {reason}",
                self.records.user()
            ),
        };
        let told = self.sink().await?.append(&record.id, event).await;
        Ok(told.map_err(ExecuteError::from)?)
    }
}
