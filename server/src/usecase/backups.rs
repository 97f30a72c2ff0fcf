//! Backups: list, take, restore, and forget those past their time.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bellows::access::Action;
use bellows::run::EventKind;
use bellows_app::backend::{
    Answer, BackupBackend, BackupView, RestorePreview, RestoreResult, TableRows,
};
use serde_json::json;

use super::facts::Facts;
use super::runs::{keep, take_over};
use super::{RequestBackend, conflict, invalid, not_found, reach};
use crate::audit::{Entry, record};
use crate::auth::Actor;
use crate::backup::{self, BackupError, Order, Scope};
use crate::executor::{self, ExecuteError, Preview, PreviewedTable, Restored};
use crate::state::AppState;
use crate::store::targets::{self, TargetRecord};
use crate::store::{StoreError, Stored, environments, executions, now};
use crate::target::Target;

impl RequestBackend {
    /// The target, for someone who may do that with it, connected.
    pub(super) async fn backed_up(
        &self,
        id: &str,
        action: Action,
    ) -> Answer<(TargetRecord, Target)> {
        self.may_at_all(action, "target").await?;
        let mut tx = self.store().read().await?;
        let target = targets::by_id(&mut tx, id).await?;
        drop(tx);
        let target = target.ok_or_else(|| not_found("target"))?;
        let subject = subject(&target);
        self.require(action, Some(&target.environment), &subject)
            .await?;
        let live = reach::target(&self.state, id).await?;
        Ok((target, live))
    }

    /// Why no backup can be taken for the migration.
    pub(super) async fn backup_obstacle(
        &self,
        facts: &Facts,
        target: &Target,
    ) -> Answer<Option<String>> {
        let scope = match (&facts.plan, facts.policy.backup_whole) {
            (Some(reviewed), false) => {
                let phases = reviewed.plan.phases.iter();
                Scope::Tables(phases.flat_map(|phase| phase.tables.clone()).collect())
            }
            (Some(_) | None, _) => Scope::Whole,
        };
        reach::within(backup::obstacle(target, &self.state.backups, &scope))
            .await?
            .map_err(|error| reach::refused(&error.into()))
    }

    /// The backup's id, as far as it can be one: it names a file.
    fn backup_id(id: &str) -> Answer<()> {
        match uuid::Uuid::parse_str(id) {
            Ok(_) => Ok(()),
            Err(_) => Err(not_found("backup")),
        }
    }

    /// Records that it failed, and says why.
    async fn not_done<T>(
        &self,
        action: &'static str,
        target: &TargetRecord,
        error: ExecuteError,
    ) -> Answer<T> {
        let entry = Entry::refusal(action, subject(target), &error.to_string());
        record(self.store(), &self.actor, entry).await?;
        Err(reach::refused(&error))
    }
}

fn subject(target: &TargetRecord) -> String {
    format!("target {}", target.name)
}

fn view(table: &PreviewedTable) -> TableRows {
    TableRows {
        table: table.name.to_string(),
        now: table.now,
        then: table.then,
    }
}

fn executions_of(preview: &Preview) -> Vec<String> {
    let name = |e: &executor::Rewound| format!("{} ({})", e.migration, e.id);
    preview.executions.iter().map(name).collect()
}

#[async_trait]
impl BackupBackend for RequestBackend {
    async fn backups(&self, target_id: String) -> Answer<Vec<BackupView>> {
        let (_, live) = self.backed_up(&target_id, Action::Read).await?;
        let here: BTreeSet<String> = backup::list(&self.state.backups)
            .map_err(|error| super::internal(&error))?
            .into_iter()
            .map(|manifest| manifest.id)
            .collect();
        let snapshots = reach::within(executor::snapshots(&live))
            .await?
            .map_err(|error| reach::refused(&error))?;
        Ok(snapshots
            .into_iter()
            .map(|snapshot| BackupView {
                here: here.contains(&snapshot.id),
                id: snapshot.id,
                taken_at: snapshot.taken_at,
                by: snapshot.by,
                holds: snapshot.holds,
                bytes: snapshot.bytes,
                execution: snapshot.execution,
                phase: snapshot.phase,
                host: snapshot.host,
                restored_at: snapshot.restored_at,
            })
            .collect())
    }

    async fn take_backup(&self, target_id: String) -> Answer<String> {
        let (target, live) = self.backed_up(&target_id, Action::Execute).await?;
        let by = self.signed_in(Action::Execute, &subject(&target)).await?;
        let order = Order {
            folder: self.state.backups.clone(),
            scope: Scope::Whole,
            by: by.login.clone(),
            occasion: None,
        };
        let owner = self.state.owner.clone();
        // It goes on where whoever asked goes away.
        let work =
            tokio::spawn(async move { executor::create_backup(&live, &order, &owner).await });
        let taken = work.await.map_err(|error| super::internal(&error))?;
        match taken {
            Ok(Ok(Some(manifest))) => {
                let entry = Entry::new("backup.taken", subject(&target)).detail(json!({
                    "snapshot": manifest.id,
                    "holds": manifest.holds(),
                    "bytes": manifest.bytes,
                    "sha256": manifest.sha256,
                    "tool": manifest.tool,
                }));
                record(self.store(), &self.actor, entry).await?;
                Ok(manifest.id)
            }
            Ok(Ok(None)) => Err(invalid("There is nothing to back up.")),
            Ok(Err(who)) => Err(conflict(format!("The target is taken: {who}."))),
            Err(error) => self.not_done("backup.failed", &target, error).await,
        }
    }

    async fn preview_restore(&self, target_id: String, id: String) -> Answer<RestorePreview> {
        let (_, live) = self.backed_up(&target_id, Action::Restore).await?;
        Self::backup_id(&id)?;
        let preview = executor::preview_restore(&live, &self.state.backups, &id)
            .await
            .map_err(|error| reach::refused(&error))?;
        let tables = preview.tables.iter().chain(&preview.made_since);
        Ok(RestorePreview {
            tables: tables.map(view).collect(),
            executions: executions_of(&preview),
        })
    }

    async fn restore_backup(&self, target_id: String, id: String) -> Answer<RestoreResult> {
        let (target, live) = self.backed_up(&target_id, Action::Restore).await?;
        Self::backup_id(&id)?;
        let by = self.signed_in(Action::Restore, &subject(&target)).await?;
        let by = by.login.clone();
        let entry =
            Entry::new("backup.restore", subject(&target)).detail(json!({ "snapshot": id }));
        record(self.store(), &self.actor, entry).await?;
        let state = self.state.clone();
        let work = tokio::spawn(async move {
            let restored =
                executor::restore_backup(&live, &state.backups, &id, &by, &state.owner, true)
                    .await?;
            if let Restored::Done { preview, .. } = &restored {
                tell(&state, &live, preview).await?;
            }
            Ok::<_, ExecuteError>(restored)
        });
        match work.await.map_err(|error| super::internal(&error))? {
            Ok(Restored::Done {
                preview,
                saved,
                as_then,
            }) => {
                let saved = saved.map(|saved| saved.id);
                let entry = Entry::new("backup.restored", subject(&target)).detail(json!({
                    "snapshot": preview.manifest.id,
                    "saved": saved,
                    "asThen": as_then,
                    "executions": executions_of(&preview),
                }));
                record(self.store(), &self.actor, entry).await?;
                Ok(RestoreResult { saved, as_then })
            }
            Ok(Restored::Busy(who)) => {
                let entry = Entry::refusal("backup.restore", subject(&target), &who);
                record(self.store(), &self.actor, entry).await?;
                Err(conflict(format!("The target is taken: {who}.")))
            }
            Err(error) => self.not_done("backup.restore", &target, error).await,
        }
    }
}

/// Takes over where the target says that executions stand after a restore, and tells it.
async fn tell(state: &AppState, live: &Target, preview: &Preview) -> Result<(), ExecuteError> {
    for execution in &preview.executions {
        let Some(seen) = executor::execution(live, &execution.id).await? else {
            continue;
        };
        let told = async {
            let mut tx = state.store.read().await?;
            let known = executions::by_id(&mut tx, &execution.id).await?;
            drop(tx);
            if let Some(mut known) = known {
                take_over(&mut known, &seen);
                known.intent = None;
                known.wanted = false;
                keep(state, &known, None).await?;
                let event = EventKind::Restored {
                    snapshot: preview.manifest.id.clone(),
                    state: seen.state,
                    phases: seen.phases.iter().map(|phase| phase.state).collect(),
                };
                state.events.append(&execution.id, event).await?;
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = told.await {
            tracing::error!(%error, execution = execution.id, "a restore could not be told");
        }
    }
    Ok(())
}

/// Removes the backups whose time is over by their environments' policies.
pub async fn expire(state: &AppState) -> Result<(), ExpireError> {
    let mut tx = state.store.read().await?;
    let targets = targets::all(&mut tx).await?;
    let mut kept = Vec::new();
    for target in targets {
        let policy = environments::policy(&mut tx, &target.environment).await?;
        if let Some(days) = policy.and_then(|policy| policy.backup_days) {
            kept.push((target, days));
        }
    }
    drop(tx);
    for (target, days) in kept {
        let own = backup::list(&state.backups)?;
        let Some(identity) = own
            .iter()
            .find(|manifest| manifest.address == target.address)
            .map(|manifest| manifest.target.clone())
        else {
            continue;
        };
        for gone in backup::expire(&state.backups, &identity, days, now())? {
            let entry = Entry::new("backup.removed", subject(&target)).detail(json!({
                "snapshot": gone.id,
                "takenAt": gone.taken_at,
                "keptDays": days,
            }));
            removed(state, entry).await?;
        }
    }
    Ok(())
}

async fn removed(state: &AppState, entry: Entry) -> Stored<()> {
    record(&state.store, &Actor::server(), entry).await
}

/// Why backups could not be forgotten.
#[derive(Debug, thiserror::Error)]
pub enum ExpireError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The files.
    #[error(transparent)]
    Backup(#[from] BackupError),
}
