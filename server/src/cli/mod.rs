//! The command line: one file a command, over the same core and executor as the server.

mod apply;
mod args;
mod audit;
mod backup;
mod copies;
mod document;
mod evidence;
mod exit;
mod fields;
mod history;
mod hold;
mod left;
mod new_document;
mod plan;
mod project;
mod records;
mod report;
mod rollback;
mod run;
mod screen;
mod serve;
mod target;
mod verify;
mod wire;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command, Migrate};
use exit::{CliError, Exit};
use records::Records;
use screen::Screen;

/// Does what the arguments of the process say.
pub async fn main() -> ExitCode {
    let exit = match run(Cli::parse()).await {
        Ok(exit) => exit,
        Err(error) => {
            // A reader that has seen enough (`| head`) is told nothing.
            if !error.is_closed_pipe() {
                screen::complain(&error.to_string());
            }
            error.exit()
        }
    };
    ExitCode::from(exit.status())
}

async fn run(cli: Cli) -> Result<Exit, CliError> {
    let mut screen = Screen::standard();
    let records = || Records::new(cli.data_dir.clone());
    match cli.command {
        Command::Serve(arguments) => serve::serve(arguments, &records()?).await,
        Command::Schema => {
            screen.print_json(&bellows::document::json_schema())?;
            Ok(Exit::Done)
        }
        Command::Audit(command) => audit::audit(command, &records()?, &mut screen).await,
        Command::Leftovers(arguments) => left::leftovers(arguments, &mut screen).await,
        Command::Backup(command) => backup::backup(command, &records()?, screen).await,
        Command::Migrate(command) => match command {
            Migrate::Create(arguments) => new_document::create(arguments, &mut screen).await,
            Migrate::Generate(arguments) => new_document::generate(arguments, &mut screen).await,
            Migrate::Plan(arguments) => plan::plan(arguments, &mut screen).await,
            Migrate::Verify(arguments) => verify::verify(arguments, &mut screen).await,
            Migrate::Apply(arguments) => apply::apply(arguments, &records()?, screen).await,
            Migrate::Rollback(arguments) => {
                rollback::rollback(arguments, &records()?, screen).await
            }
            Migrate::Status(arguments) => {
                history::status(arguments, &records()?, &mut screen).await
            }
            Migrate::List(arguments) => history::list(arguments, &records()?, &mut screen).await,
            Migrate::History(arguments) => {
                history::history(arguments, &records()?, &mut screen).await
            }
        },
    }
}
