//! `bellows migrate plan` and `verify`: what would be sent, and whether it is safe.

use bellows::lint::{Finding, Severity};
use bellows::plan::wire::PlanJson;
use bellows::plan::{Plan as Planned, text};
use bellows::run::PhaseState;
use serde_json::json;

use super::args::{Format, Plan, Verify};
use super::document::{self, Source};
use super::exit::{CliError, Exit};
use super::screen::{Screen, complain};
use super::wire::{CheckedWire, FileWire, VerdictWire};
use crate::executor::{self, ExecuteError};
use crate::target::Target;

/// `bellows migrate plan`: 0 however unsafe the plan is.
pub async fn plan(arguments: Plan, screen: &mut Screen) -> Result<Exit, CliError> {
    let source = document::read(&arguments.file)?;
    let target = arguments.target.optional().await?;
    let (plan, _) = source.plan(target.as_ref()).await?;
    show_plan(&plan, arguments.format.format, screen)?;
    Ok(Exit::Done)
}

/// Prints a plan.
pub fn show_plan(plan: &Planned, format: Format, screen: &mut Screen) -> Result<(), CliError> {
    match format {
        Format::Text => screen.print_report(&format!(
            "Analyzing migration: {}\n\n{}",
            plan.migration,
            text::plan(plan)
        )),
        Format::Json => screen.print_json(&PlanJson::from(plan)),
    }
}

/// `bellows migrate verify`: the judge.
pub async fn verify(arguments: Verify, screen: &mut Screen) -> Result<Exit, CliError> {
    if let Some(id) = &arguments.execution {
        return verify_execution(id, &arguments, screen).await;
    }
    let target = arguments.target.optional().await?;
    let mut files = Vec::new();
    let mut exit = Exit::Done;
    for path in &arguments.files {
        let file = path.display().to_string();
        match judge(document::read(path), target.as_ref()).await {
            Ok(plan) => {
                if !plan.safe && exit == Exit::Done {
                    exit = Exit::Failed;
                }
                if arguments.format.format == Format::Text {
                    screen.print_report(&text::verify(&plan.migration, &plan.findings))?;
                }
                files.push(FileWire {
                    file,
                    safe: plan.safe,
                    findings: plan.findings,
                });
            }
            Err(error @ (CliError::Document { .. } | CliError::File { .. })) => {
                exit = Exit::Wrong;
                match arguments.format.format {
                    Format::Text => complain(&error.to_string()),
                    Format::Json => {
                        files.push(FileWire {
                            file,
                            safe: false,
                            findings: unreadable(&error),
                        });
                    }
                }
            }
            Err(other) => return Err(other),
        }
    }
    if arguments.format.format == Format::Json {
        let safe = files.iter().all(|file| file.safe);
        screen.print_json(&VerdictWire { safe, files })?;
    }
    Ok(exit)
}

async fn judge(
    source: Result<Source, CliError>,
    target: Option<&Target>,
) -> Result<Planned, CliError> {
    let (plan, _) = source?.plan(target).await?;
    Ok(plan)
}

/// `verify --execution`: the checks of the phases that are done, once more.
async fn verify_execution(
    id: &str,
    arguments: &Verify,
    screen: &mut Screen,
) -> Result<Exit, CliError> {
    let target = arguments.target.required().await?;
    let record = executor::execution(&target, id)
        .await?
        .ok_or_else(|| ExecuteError::NotFound(id.to_owned()))?;
    let mut checks = Vec::new();
    for phase in &record.plan.phases {
        let state = record.phase(phase.phase).map(|p| p.state);
        if state == Some(PhaseState::Completed) {
            let verdicts = executor::verify(&target, &phase.validation).await?;
            checks.extend(
                verdicts
                    .into_iter()
                    .map(|v| CheckedWire::new(phase.phase, v)),
            );
        }
    }
    let safe = checks.iter().all(|check| check.passed);
    match arguments.format.format {
        Format::Json => {
            screen.print_json(&json!({ "safe": safe, "executionId": id, "checks": checks }))?;
        }
        Format::Text => {
            let mut lines = vec![format!("Verifying execution: {id}"), String::new()];
            lines.extend(checks.iter().map(CheckedWire::line));
            if checks.is_empty() {
                lines.push("No phase that is done has checks.".to_owned());
            }
            screen.print_report(&lines.join("\n"))?;
        }
    }
    Ok(if safe { Exit::Done } else { Exit::Failed })
}

/// What cannot be read, as findings: one for each line of the message.
fn unreadable(error: &CliError) -> Vec<Finding> {
    error
        .to_string()
        .lines()
        .map(|line| Finding {
            rule: "syntax-error".to_owned(),
            severity: Severity::Error,
            phase: None,
            operation: None,
            message: line.to_owned(),
            recommendation: "Correct the document; nothing else can be said before that."
                .to_owned(),
            fix: None,
            waived: None,
        })
        .collect()
}
