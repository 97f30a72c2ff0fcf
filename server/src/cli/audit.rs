//! `bellows audit verify` and `export`: the chained record in the data directory.

use super::args::Audit;
use super::exit::{CliError, Exit};
use super::records::Records;
use super::screen::Screen;
use crate::audit;

/// `bellows audit ...`.
pub async fn audit(
    command: Audit,
    records: &Records,
    screen: &mut Screen,
) -> Result<Exit, CliError> {
    let Some(store) = records.existing().await? else {
        // An empty chain is sound, but more likely the folder is the wrong one.
        return Err(CliError::Usage(format!(
            "there are no records in {}; --data-dir says where they are",
            records.data_dir().display()
        )));
    };
    match command {
        Audit::Verify => {
            let verdict = audit::verify(store).await?;
            match verdict.broken {
                None => {
                    screen.print_report(&format!(
                        "✓ The chain of {} entries is whole.",
                        verdict.entries
                    ))?;
                    Ok(Exit::Done)
                }
                Some((seq, how)) => {
                    screen
                        .print_report(&format!("✗ The chain is broken at entry {seq}: {how}."))?;
                    Ok(Exit::Failed)
                }
            }
        }
        Audit::Export => {
            let mut last = 0;
            loop {
                let entries = audit::after(store, last).await?;
                let Some(newest) = entries.last() else {
                    return Ok(Exit::Done);
                };
                last = newest.seq;
                for entry in &entries {
                    screen.print_json_line(entry)?;
                }
            }
        }
    }
}
