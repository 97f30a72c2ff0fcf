//! Documents from files, and their plans.

use std::path::Path;

use bellows::document::{self, Migration};
use bellows::plan::{Plan, plan};
use bellows::schema::Schema;

use super::exit::CliError;
use super::target::same_engine;
use crate::executor::planning_schema;
use crate::target::Target;

/// A document, as it was found.
pub struct Source {
    /// As it was given.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What it says.
    pub migration: Migration,
}

/// Reads a document; all its mistakes are the error.
pub fn read(path: &Path) -> Result<Source, CliError> {
    let text = std::fs::read_to_string(path).map_err(CliError::at(path))?;
    let file = path.display().to_string();
    match document::parse(&text) {
        Ok(migration) => Ok(Source {
            file,
            text,
            migration,
        }),
        Err(problems) => Err(CliError::Document { file, problems }),
    }
}

impl Source {
    /// The plan, for the target where there is one, and the schema that it was made for.
    pub async fn plan(&self, target: Option<&Target>) -> Result<(Plan, Option<Schema>), CliError> {
        let schema = match target {
            Some(target) => {
                same_engine(self.migration.database, target)?;
                Some(planning_schema(target, &self.migration).await?)
            }
            None => None,
        };
        let plan =
            plan(&self.migration, schema.as_ref()).map_err(|problems| CliError::Document {
                file: self.file.clone(),
                problems: document::locate(&self.text, problems),
            })?;
        Ok((plan, schema))
    }
}
