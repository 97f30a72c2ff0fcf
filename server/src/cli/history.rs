//! `bellows migrate status`, `history` and `list`: what was run, and what there is to run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bellows::document;
use bellows::run::ExecutionState;
use serde::Serialize;
use time::OffsetDateTime;
use time::macros::format_description;

use super::args::{Format, History, List, Status, TargetOption};
use super::exit::{CliError, Exit};
use super::records::Records;
use super::screen::{Screen, Tone};
use super::wire::{ExecutionWire, StatusWire, Summary};
use crate::executor;

/// `bellows migrate status`.
pub async fn status(
    arguments: Status,
    records: &Records,
    screen: &mut Screen,
) -> Result<Exit, CliError> {
    let executions = known(&arguments.target, records).await?;
    let summary = Summary::of(&executions);
    let last = executions.first();
    match arguments.format.format {
        Format::Json => screen.print_json(&StatusWire { last, summary })?,
        Format::Text => screen.print_report(&status_text(last, summary))?,
    }
    Ok(Exit::Done)
}

/// The executions of the target where one is given, else of this command line's own records;
/// newest first.
async fn known(target: &TargetOption, records: &Records) -> Result<Vec<ExecutionWire>, CliError> {
    match target.optional().await? {
        Some(target) => {
            let address = target.address();
            let found = executor::executions(&target).await?;
            Ok(found
                .iter()
                .map(|e| ExecutionWire::new(e, &address))
                .collect())
        }
        None => records.executions().await,
    }
}

fn status_text(last: Option<&ExecutionWire>, summary: Summary) -> String {
    let mut lines = vec!["Migration Status".to_owned(), String::new()];
    match last {
        Some(last) => {
            lines.push("Last Migration:".to_owned());
            lines.extend(details(last));
        }
        None => lines.push("No migration has been run.".to_owned()),
    }
    lines.extend([
        String::new(),
        "Summary:".to_owned(),
        format!("  Total executions: {}", summary.total),
        format!("  Completed: {}", summary.completed),
        format!("  Failed: {}", summary.failed),
        format!("  Rolled back: {}", summary.rolled_back),
        format!("  Running: {}", summary.running),
    ]);
    lines.join("\n")
}

fn details(execution: &ExecutionWire) -> Vec<String> {
    let mut lines = vec![
        format!("  Name: {}", execution.migration),
        format!("  Execution ID: {}", execution.execution_id),
        format!("  Target: {}", execution.target),
        format!("  Status: {}", word(execution.status)),
        format!("  Phase: {}/{}", execution.phase, execution.phases),
        format!("  Started: {}", moment(execution.started_at)),
    ];
    if let Some(at) = execution.completed_at {
        lines.push(format!("  Completed: {}", moment(at)));
    }
    if let Some(duration) = execution.duration_ms {
        lines.push(format!("  Duration: {duration}ms"));
    }
    if let Some(error) = &execution.error {
        lines.push(format!("  Error: {error}"));
    }
    if let Some(snapshot) = &execution.snapshot_id {
        lines.push(format!("  Backup: {snapshot}"));
    }
    lines
}

/// `bellows migrate history`.
pub async fn history(
    arguments: History,
    records: &Records,
    screen: &mut Screen,
) -> Result<Exit, CliError> {
    let mut executions = known(&arguments.target, records).await?;
    executions.truncate(arguments.limit.unwrap_or(usize::MAX));
    match arguments.format.format {
        Format::Json => screen.print_json(&executions)?,
        Format::Text if executions.is_empty() => screen.print("No migration has been run.")?,
        Format::Text => {
            let entries: Vec<String> = executions.iter().map(|e| details(e).join("\n")).collect();
            screen.print_report(&format!("Migration History\n\n{}", entries.join("\n\n")))?;
        }
    }
    Ok(Exit::Done)
}

/// A document of the folder, as `list` prints it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    file: Option<String>,
    migration: Option<String>,
    phases: Option<usize>,
    /// Where its last execution stands; null where it was never run.
    status: Option<ExecutionState>,
    execution_id: Option<String>,
    /// Why the file cannot be read.
    error: Option<String>,
}

/// `bellows migrate list`.
pub async fn list(
    arguments: List,
    records: &Records,
    screen: &mut Screen,
) -> Result<Exit, CliError> {
    let executions = known(&arguments.target, records).await?;
    // Newest first: the first of a name is its last execution.
    let mut last: HashMap<&str, &ExecutionWire> = HashMap::new();
    for execution in &executions {
        last.entry(&execution.migration).or_insert(execution);
    }
    let mut listed = documents(&arguments.dir, &last)?;
    if arguments.all {
        let mut files: HashMap<String, Listed> = listed
            .into_iter()
            .filter_map(|entry| Some((entry.migration.clone()?, entry)))
            .collect();
        let mut seen = std::collections::HashSet::new();
        listed = executions
            .iter()
            .filter(|execution| seen.insert(execution.migration.as_str()))
            .map(|execution| {
                files
                    .remove(&execution.migration)
                    .unwrap_or_else(|| Listed {
                        file: None,
                        migration: Some(execution.migration.clone()),
                        phases: usize::try_from(execution.phases).ok(),
                        status: Some(execution.status),
                        execution_id: Some(execution.execution_id.clone()),
                        error: None,
                    })
            })
            .collect();
    }
    match arguments.format.format {
        Format::Json => screen.print_json(&listed)?,
        Format::Text if listed.is_empty() => {
            screen.print(&if arguments.all {
                "No migration has been run.".to_owned()
            } else {
                format!("No documents in {}", arguments.dir.display())
            })?;
        }
        Format::Text => {
            for entry in &listed {
                let line = listed_line(entry, screen);
                screen.print(&line)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// The documents of a folder, by file name.
fn documents(folder: &Path, last: &HashMap<&str, &ExecutionWire>) -> Result<Vec<Listed>, CliError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(CliError::at(folder)(error)),
    };
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry.map_err(CliError::at(folder))?.path();
        if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.into_iter().map(|path| listed(&path, last)).collect()
}

fn listed(path: &Path, last: &HashMap<&str, &ExecutionWire>) -> Result<Listed, CliError> {
    let text = std::fs::read_to_string(path).map_err(CliError::at(path))?;
    let file = Some(path.display().to_string());
    Ok(match document::parse(&text) {
        Ok(migration) => {
            let execution = last.get(migration.name.as_str());
            Listed {
                file,
                phases: Some(migration.phases.len()),
                status: execution.map(|e| e.status),
                execution_id: execution.map(|e| e.execution_id.clone()),
                migration: Some(migration.name),
                error: None,
            }
        }
        Err(problems) => Listed {
            file,
            migration: None,
            phases: None,
            status: None,
            execution_id: None,
            error: problems.first().map(ToString::to_string),
        },
    })
}

fn listed_line(entry: &Listed, screen: &Screen) -> String {
    let name = entry.migration.as_deref().unwrap_or("-");
    let file = entry.file.as_deref().unwrap_or("(no document here)");
    let state = match (&entry.error, entry.status) {
        (Some(error), _) => screen.tone(Tone::Bad, &format!("cannot be read: {error}")),
        (None, Some(state)) => screen.tone(tone(state), word(state)),
        (None, None) => screen.tone(Tone::Faint, "not run"),
    };
    format!("{file}  {name}  {state}")
}

fn tone(state: ExecutionState) -> Tone {
    match state {
        ExecutionState::Completed => Tone::Good,
        ExecutionState::Running
        | ExecutionState::Waiting
        | ExecutionState::Paused
        | ExecutionState::RollingBack => Tone::Careful,
        ExecutionState::Failed | ExecutionState::RolledBack | ExecutionState::Cancelled => {
            Tone::Bad
        }
    }
}

/// The state as the wire has it, and people read it.
pub fn word(state: ExecutionState) -> &'static str {
    match state {
        ExecutionState::Running => "running",
        ExecutionState::Waiting => "waiting",
        ExecutionState::Paused => "paused",
        ExecutionState::RollingBack => "rolling_back",
        ExecutionState::Completed => "completed",
        ExecutionState::Failed => "failed",
        ExecutionState::RolledBack => "rolled_back",
        ExecutionState::Cancelled => "cancelled",
    }
}

/// `2025-01-28 10:00:00`, in UTC.
pub fn moment(ms: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000)
        .ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| ms.to_string())
}
