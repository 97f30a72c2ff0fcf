//! The binary `bellows`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    bellows_server::cli::main().await
}
