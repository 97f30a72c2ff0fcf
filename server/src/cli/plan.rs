//! `bellows migrate plan`: what would be sent.

use bellows::plan::wire::PlanJson;
use bellows::plan::{Plan as Planned, text};

use super::args::{Format, Plan};
use super::document;
use super::exit::{CliError, Exit};
use super::screen::Screen;

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
