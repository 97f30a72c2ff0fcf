//! What a server does about executions that it finds: goes on with those that were being run, and
//! takes over what the targets say of the others.

use std::time::Duration;

use tokio::time::sleep;

use super::runs::{Occasion, begin, keep, take_over};
use super::{reach, told};
use crate::executor;
use crate::state::AppState;
use crate::store::{Stored, executions};

/// Runs that a restart has to go on with are looked for so often.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Goes on with what a server before this one, or this one before a restart, left unfinished;
/// again and again, since a target may be away, or held by what is left of a run.
pub async fn recover(state: AppState) {
    // A target that does not answer holds up nothing but itself.
    let look = async {
        if let Err(error) = look_at_targets(&state).await {
            tracing::error!(%error, "what the targets say could not be kept");
        }
    };
    tokio::join!(look, go_on(&state));
}

async fn go_on(state: &AppState) {
    loop {
        if let Err(error) = recover_once(state).await {
            tracing::error!(%error, "unfinished runs could not be looked for");
        }
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            () = state.stopping.cancelled() => return,
        }
    }
}

/// Takes over what the targets say of executions that nobody runs here: a command line may have gone
/// on with them while this server was away.
async fn look_at_targets(state: &AppState) -> Stored<()> {
    let mut tx = state.store.read().await?;
    let known = executions::all(&mut tx).await?;
    drop(tx);
    for record in known {
        let Some(target_id) = &record.target_id else {
            continue;
        };
        if record.state.is_over() || record.wanted || state.stopping.is_cancelled() {
            continue;
        }
        let asked = async {
            let target = reach::target(state, target_id).await?;
            reach::within(executor::execution(&target, &record.id))
                .await?
                .map_err(|error| reach::refused(&error))
        };
        match asked.await {
            Ok(Some(seen)) => {
                let mut now = record.clone();
                take_over(&mut now, &seen);
                told::catch_up(&state.events, &seen).await?;
                keep(state, &now, None).await?;
            }
            Ok(None) => {
                tracing::warn!(execution = record.id, "its target does not know it");
            }
            Err(error) => {
                tracing::warn!(%error, execution = record.id, "its target cannot be asked");
            }
        }
    }
    Ok(())
}

async fn recover_once(state: &AppState) -> Stored<()> {
    let mut tx = state.store.read().await?;
    let wanted = executions::wanted(&mut tx).await?;
    drop(tx);
    for record in wanted {
        if state.runs.is_live(&record.id) || state.stopping.is_cancelled() {
            continue;
        }
        let Some(target_id) = record.target_id.clone() else {
            continue;
        };
        match reach::target(state, &target_id).await {
            Ok(target) => {
                tracing::info!(execution = record.id, "going on with an unfinished run");
                // It may have been begun meanwhile by a person: that is as good.
                if let Err(error) = begin(state, record, target, Occasion::Recovery) {
                    tracing::debug!(%error, "not begun");
                }
            }
            Err(error) => {
                let words = format!("The target cannot be reached: {error} It is tried again.");
                if record.error.as_ref() != Some(&words) {
                    let mut told = record;
                    told.error = Some(words);
                    keep(state, &told, None).await?;
                }
            }
        }
    }
    Ok(())
}
