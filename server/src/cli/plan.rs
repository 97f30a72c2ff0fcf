//! `bellows migrate plan`: what would be sent.

use bellows::plan::wire::PlanJson;
use bellows::plan::{Plan as Planned, text};

use super::args::{Format, Plan};
use super::document;
use super::exit::{CliError, Exit};
use super::screen::Screen;
use crate::executor::{self, RunOptions};

/// `bellows migrate plan`: 0 however unsafe the plan is.
pub async fn plan(arguments: Plan, screen: &mut Screen) -> Result<Exit, CliError> {
    let source = document::read(&arguments.file)?;
    let target = arguments.target.optional().await?;
    let (plan, _) = source.plan(target.as_ref()).await?;
    let forecast = match &target {
        Some(target) => {
            Some(executor::forecast(target, &plan, &RunOptions::new("forecast")).await?)
        }
        None => None,
    };
    match arguments.format.format {
        Format::Text => {
            show_plan(&plan, Format::Text, screen)?;
            if let Some(forecast) = &forecast {
                screen.print_report(&text::forecast(forecast))?;
            }
        }
        Format::Json => {
            screen.print_json(&PlanJson::from(&plan).with_forecast(forecast.as_ref()))?;
        }
    }
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
