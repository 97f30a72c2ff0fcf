//! `bellows backup copies` and `remove-copy`: what phases keep on a database of what they destroyed.

use bellows::estimate::bytes;
use serde_json::{Value, json};

use super::args::{CopyList, CopyRemove, Format};
use super::exit::{CliError, Exit};
use super::records::Records;
use super::report::span;
use super::run::Runner;
use super::screen::Screen;
use crate::audit::Entry;
use crate::executor::{self, KeptCopy, Removed};
use crate::usecase::removal;

/// As other programs read it.
pub fn wire(kept: &KeptCopy) -> Value {
    json!({
        "place": kept.copy.place, "table": kept.copy.table, "column": kept.copy.column,
        "bytes": kept.bytes, "ageMs": kept.age_ms, "executionId": kept.execution,
        "migration": kept.migration, "phase": kept.phase, "held": kept.held,
    })
}

/// As a person reads it.
pub fn line(kept: &KeptCopy) -> String {
    let held = kept.held.map_or(String::new(), |why| format!("; {why}"));
    format!(
        "saved copy: {} in {}, {}, {} old, of {} (phase {} of execution {}){held}",
        kept.copy.what(),
        kept.copy.place,
        bytes(kept.bytes),
        span(kept.age_ms),
        kept.migration,
        kept.phase,
        kept.execution
    )
}

/// `bellows backup copies`.
pub async fn list(arguments: CopyList, screen: &mut Screen) -> Result<Exit, CliError> {
    let target = arguments.target.required().await?;
    let kept = executor::saved_copies(&target).await?;
    match arguments.format.format {
        Format::Json => screen.print_json(&kept.iter().map(wire).collect::<Vec<_>>())?,
        Format::Text if kept.is_empty() => screen.print("There are no saved copies.")?,
        Format::Text => {
            for kept in &kept {
                screen.print(&line(kept))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// `bellows backup remove-copy`.
pub async fn remove(
    arguments: CopyRemove,
    records: &Records,
    screen: Screen,
) -> Result<Exit, CliError> {
    let target = arguments.target.required().await?;
    let runner = Runner::new(&target, records, screen, Format::Text);
    let question = format!(
        "Remove {} for good? What it was saved from cannot be rolled back then.",
        arguments.place
    );
    if !runner.confirmed(&question, arguments.yes)? {
        runner.say("Nothing was removed.")?;
        return Ok(Exit::Failed);
    }
    let subject = format!("target {}", target.address());
    match executor::remove_saved_copy(&target, &arguments.place, runner.owner()).await {
        Ok(Removed::Gone(kept)) => {
            records.audit(removal(subject, &kept)).await?;
            runner.say(&format!("{} is removed.", arguments.place))?;
            Ok(Exit::Done)
        }
        Ok(Removed::Busy(who)) => {
            records
                .audit(Entry::refusal("copy.remove", subject, &who))
                .await?;
            runner.say(&who)?;
            Ok(Exit::Stopped)
        }
        Err(error) => {
            let entry = Entry::refusal("copy.remove", subject, &error.to_string());
            records.audit(entry).await?;
            Err(error.into())
        }
    }
}
