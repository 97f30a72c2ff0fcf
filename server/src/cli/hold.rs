//! `apply --go`: what is held is done after all.

use bellows::run::EventKind;
use serde_json::json;

use super::exit::CliError;
use super::run::Runner;
use crate::audit::{Entry, execution_subject};
use crate::executor::{self, EventSink, ExecuteError, ExecutionRecord};

impl Runner<'_> {
    /// Records go, on the target and here; an error where nothing is held.
    pub async fn go(&self, record: &ExecutionRecord) -> Result<(), CliError> {
        let by = self.records.user();
        let phase = executor::say_go(self.target, &record.id, by).await?;
        let subject = execution_subject(&record.id, &record.migration);
        let entry = Entry::new("execution.go", subject)
            .hash(record.hash.clone())
            .detail(json!({ "phase": phase }));
        self.records.audit(entry).await?;
        let event = EventKind::GoSaid {
            phase,
            by: by.to_owned(),
        };
        let told = self.sink().await?.append(&record.id, event).await;
        Ok(told.map_err(ExecuteError::from)?)
    }
}
