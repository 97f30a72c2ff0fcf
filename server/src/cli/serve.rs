//! `bellows serve`: the page.

use rustix::fs::Mode;
use tracing_subscriber::EnvFilter;

use super::args::Serve;
use super::exit::{CliError, Exit};
use super::records::Records;
use crate::http::{self, ServeOptions};

/// Serves until it is told to stop.
pub async fn serve(arguments: Serve, records: &Records) -> Result<Exit, CliError> {
    // What the server makes is for its owner alone; SQLite gives its files what this leaves.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    log();
    http::serve(ServeOptions {
        addr: arguments.addr,
        data_dir: records.data_dir().to_owned(),
        store: arguments.store,
        demo: arguments.demo,
        public_url: arguments.public_url,
    })
    .await?;
    Ok(Exit::Done)
}

/// What happens goes to the standard error: warnings, and with `RUST_LOG` what it asks for.
fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
