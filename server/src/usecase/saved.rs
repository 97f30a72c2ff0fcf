//! Saved copies: list, remove, and forget those past their time.

use async_trait::async_trait;
use bellows::access::Action;
use bellows_app::backend::{Answer, SavedCopyBackend, SavedCopyView};
use serde_json::json;

use super::{RequestBackend, conflict, reach};
use crate::audit::{Entry, record};
use crate::auth::Actor;
use crate::executor::{self, KeptCopy, Removed};
use crate::state::AppState;
use crate::store::targets::{self, TargetRecord};
use crate::store::{StoreError, environments};

fn view(kept: KeptCopy) -> SavedCopyView {
    SavedCopyView {
        what: kept.copy.what(),
        place: kept.copy.place,
        bytes: kept.bytes,
        age_ms: kept.age_ms,
        execution: kept.execution,
        migration: kept.migration,
        phase: kept.phase,
        held: kept.held.map(str::to_owned),
    }
}

/// The record that a copy is gone.
pub(crate) fn removal(subject: String, kept: &KeptCopy) -> Entry {
    Entry::new("copy.removed", subject).detail(json!({
        "what": kept.copy.what(),
        "place": kept.copy.place,
        "bytes": kept.bytes,
        "ageMs": kept.age_ms,
        "execution": kept.execution,
        "phase": kept.phase,
    }))
}

fn subject(target: &TargetRecord) -> String {
    format!("target {}", target.name)
}

#[async_trait]
impl SavedCopyBackend for RequestBackend {
    async fn saved_copies(&self, target_id: String) -> Answer<Vec<SavedCopyView>> {
        let (_, live) = self.backed_up(&target_id, Action::Read).await?;
        let kept = reach::within(executor::saved_copies(&live))
            .await?
            .map_err(|error| reach::refused(&error))?;
        Ok(kept.into_iter().map(view).collect())
    }

    async fn remove_saved_copy(&self, target_id: String, place: String) -> Answer<()> {
        let (target, live) = self.backed_up(&target_id, Action::Restore).await?;
        let owner = self.state.owner.clone();
        let wanted = place.clone();
        // It goes on where whoever asked goes away.
        let work =
            tokio::spawn(async move { executor::remove_saved_copy(&live, &wanted, &owner).await });
        match work.await.map_err(|error| super::internal(&error))? {
            Ok(Removed::Gone(kept)) => {
                let entry = removal(subject(&target), &kept);
                Ok(record(self.store(), &self.actor, entry).await?)
            }
            Ok(Removed::Busy(who)) => {
                let entry = Entry::refusal("copy.remove", subject(&target), &who);
                record(self.store(), &self.actor, entry).await?;
                Err(conflict(format!("The target is taken: {who}.")))
            }
            Err(error) => {
                let entry = Entry::refusal("copy.remove", subject(&target), &error.to_string());
                record(self.store(), &self.actor, entry).await?;
                Err(reach::refused(&error))
            }
        }
    }
}

/// Removes the copies whose time is over by their environments' policies; a target that cannot be
/// reached is asked again the next time.
pub async fn expire(state: &AppState) -> Result<(), StoreError> {
    let mut tx = state.store.read().await?;
    let targets = targets::all(&mut tx).await?;
    let mut due = Vec::new();
    for target in targets {
        let policy = environments::policy(&mut tx, &target.environment).await?;
        if let Some(days) = policy.and_then(|policy| policy.saved_copy_days) {
            due.push((target, days));
        }
    }
    drop(tx);
    for (target, days) in due {
        let Ok(live) = reach::target(state, &target.id).await else {
            continue;
        };
        match executor::expire_saved_copies(&live, days, &state.owner).await {
            Ok(gone) => {
                for kept in gone {
                    let entry = removal(subject(&target), &kept);
                    record(&state.store, &Actor::server(), entry).await?;
                }
            }
            Err(error) => {
                tracing::warn!(%error, target = target.name, "saved copies could not be looked at");
            }
        }
    }
    Ok(())
}
