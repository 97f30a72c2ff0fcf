//! Documents from files, and their plans.

use std::collections::BTreeMap;
use std::path::Path;

use bellows::document::{self, Migration};
use bellows::lint::{self, Severity};
use bellows::plan::{Plan, plan_with};
use bellows::schema::Schema;

use super::exit::CliError;
use super::project;
use super::target::same_engine;
use crate::executor::{facts_if_any, planning_schema};
use crate::target::Target;

/// A document, as it was found.
pub struct Source {
    /// As it was given.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What it says.
    pub migration: Migration,
    /// What its project says of rules.
    pub severities: BTreeMap<String, Severity>,
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
            severities: project::severities(path)?,
        }),
        Err(problems) => Err(CliError::Document { file, problems }),
    }
}

impl Source {
    /// The plan, for the target where there is one, and the schema that it was made for.
    pub async fn plan(&self, target: Option<&Target>) -> Result<(Plan, Option<Schema>), CliError> {
        let (schema, facts) = match target {
            Some(target) => {
                same_engine(self.migration.database, target)?;
                let schema = planning_schema(target, &self.migration).await?;
                (Some(schema), facts_if_any(target).await)
            }
            None => (None, None),
        };
        let mut plan =
            plan_with(&self.migration, schema.as_ref(), facts.as_ref()).map_err(|problems| {
                CliError::Document {
                    file: self.file.clone(),
                    problems: document::locate(&self.text, problems),
                }
            })?;
        plan.findings = lint::located(&self.text, plan.findings);
        lint::adjust(&mut plan.findings, &self.severities);
        plan.safe = !lint::blocks(&plan.findings);
        Ok((plan, schema))
    }
}
