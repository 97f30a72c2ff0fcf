//! The database that a command is about.

use bellows::document::Engine;

use super::args::TargetOption;
use super::exit::CliError;
use crate::target::{Target, TargetUrl};

impl TargetOption {
    /// Reaches the target, which must have been given.
    pub async fn required(&self) -> Result<Target, CliError> {
        self.optional().await?.ok_or_else(|| {
            CliError::Usage(
                "which database? Give --target URL, or set BELLOWS_TARGET in the environment"
                    .to_owned(),
            )
        })
    }

    /// Reaches the target, where one was given.
    pub async fn optional(&self) -> Result<Option<Target>, CliError> {
        match &self.url {
            Some(url) => {
                let url: TargetUrl = url.parse()?;
                Ok(Some(Target::connect(&url).await?))
            }
            None => Ok(None),
        }
    }
}

/// Refuses a document that is for another engine than the target's.
pub fn same_engine(document: Engine, target: &Target) -> Result<(), CliError> {
    if document == target.engine() {
        return Ok(());
    }
    Err(CliError::Usage(format!(
        "the document is for {}, and {} is {}",
        document.word(),
        target.address(),
        target.engine().word()
    )))
}
