//! `bellows migrate rollback`: takes back the phases of an execution that are done.

use super::args::Rollback;
use super::exit::{CliError, Exit};
use super::records::Records;
use super::run::Runner;
use super::screen::Screen;
use crate::executor::{self, ExecuteError};

/// `bellows migrate rollback`.
pub async fn rollback(
    arguments: Rollback,
    records: &Records,
    screen: Screen,
) -> Result<Exit, CliError> {
    let target = arguments.target.required().await?;
    let record = executor::execution(&target, &arguments.execution)
        .await?
        .ok_or_else(|| ExecuteError::NotFound(arguments.execution.clone()))?;
    let mut runner = Runner::new(&target, records, screen, arguments.format.format);
    let what = match arguments.phase {
        Some(phase) => format!("phase {phase} of {}", record.migration),
        None => format!("every phase of {} that is done", record.migration),
    };
    let question = format!("Take back {what} on {}?", target.address());
    if !runner.confirmed(&question, arguments.yes)? {
        runner.say("Nothing was taken back.")?;
        return Ok(Exit::Failed);
    }
    runner.roll_back(&record, arguments.phase).await
}
