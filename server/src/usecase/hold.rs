//! Go: what is held before a cut-over or a contract phase is done after all.

use bellows::access::Action;
use bellows::run::{BackupNeed, EventKind, ExecutionState, PhaseState};
use bellows_app::backend::{Answer, BlockedBy, StartRequest};

use super::guard::{backup_need, blocked};
use super::{RequestBackend, conflict, reach};
use crate::audit::Entry;
use crate::executor;
use crate::store::executions::{ExecutionRecord, Intent};

impl RequestBackend {
    /// Records go on the target and has the run go on. A phase that has not begun passes the guard
    /// once more: much may have happened while it was held.
    pub(super) async fn say_go(
        &self,
        mut execution: ExecutionRecord,
        by: &str,
        entry: Entry,
    ) -> Answer<()> {
        let target_id = execution.target_id.clone().unwrap_or_default();
        let target = reach::target(&self.state, &target_id).await?;
        let Some(intent @ Intent::Phase { .. }) = execution.intent.clone() else {
            return Err(conflict("Nothing of it is held."));
        };
        if let Intent::Phase {
            phase,
            backup,
            despite_use,
            ..
        } = &intent
        {
            self.still_may(&execution, &target, *phase, *backup, despite_use)
                .await?;
        }
        let phase = reach::within(executor::say_go(&target, &execution.id, by))
            .await?
            .map_err(|error| reach::refused(&error))?;
        let event = EventKind::GoSaid {
            phase,
            by: by.to_owned(),
        };
        self.state.events.append(&execution.id, event).await?;
        execution.phase = phase;
        let state = ExecutionState::Running;
        self.go_on(execution, target, intent, state, entry).await
    }

    async fn still_may(
        &self,
        execution: &ExecutionRecord,
        target: &crate::target::Target,
        phase: u32,
        backup: Option<bool>,
        despite_use: &Option<String>,
    ) -> Answer<()> {
        let migration_id = execution.migration_id.clone().unwrap_or_default();
        let facts = self.facts(&migration_id, Action::Execute).await?;
        if facts.phase_state(phase) != PhaseState::Pending {
            return Ok(());
        }
        let request = StartRequest {
            migration_id,
            plan_hash: execution.plan.plan_hash.clone(),
            phase,
            without_backup: backup.is_none() && backup_need(&facts, phase) != BackupNeed::None,
            despite_use: despite_use.clone(),
            hold: false,
        };
        let live = self.ask_target(&facts, phase, target, &request).await?;
        let by = blocked(&facts, phase, &self.actor, live);
        if by == BlockedBy::default() {
            Ok(())
        } else {
            self.not_started(&facts, phase, by).await
        }
    }
}
