//! Targets and environments.

use async_trait::async_trait;
use bellows::access::{Action, Policy};
use bellows::document::nearest;
use bellows::estimate::TargetFacts;
use bellows::lint::RULE_IDS;
use bellows::schema::Schema;
use bellows_app::backend::{
    Answer, EnvironmentView, LeftBackend, LeftBehindView, LeftView, NewTarget, TargetBackend,
    TargetSummary, UnfinishedView,
};
use serde_json::json;

use super::{RequestBackend, conflict, invalid, not_found, reach};
use crate::audit::{Entry, append};
use crate::auth::Actor;
use crate::executor;
use crate::state::AppState;
use crate::store::targets::{self, TargetRecord};
use crate::store::{environments, new_id, now};
use crate::target::{Target, TargetError, TargetUrl};

fn view(target: TargetRecord) -> TargetSummary {
    TargetSummary {
        id: target.id,
        name: target.name,
        environment: target.environment,
        engine: target.engine,
        address: target.address,
        created_at: target.created_at,
    }
}

/// A name for a target or an environment.
fn check_name(what: &str, name: &str) -> Answer<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(invalid(format!(
            "The name of {what} has 1 to 100 characters."
        )));
    }
    Ok(name.to_owned())
}

/// The same database is at another address now, or has other credentials: what the server itself
/// does for the databases that it starts.
pub async fn readdress_target(state: &AppState, id: &str, url: &str) -> Answer<TargetSummary> {
    let url: TargetUrl = url
        .parse()
        .map_err(|error: TargetError| invalid(error.to_string()))?;
    let sealed = state.secrets.seal(id, url.secret())?;
    let mut tx = state.store.write().await?;
    let before = targets::by_id(&mut tx, id)
        .await?
        .ok_or_else(|| not_found("target"))?;
    targets::readdress(&mut tx, id, &url.address(), &sealed).await?;
    if before.address != url.address() {
        let entry = Entry::new("target.readdressed", format!("target {}", before.name))
            .detail(json!({ "before": before.address, "after": url.address() }));
        append(&mut tx, &Actor::server(), entry).await?;
    }
    tx.commit().await?;
    state.reached.forget(id);
    Ok(view(TargetRecord {
        address: url.address(),
        ..before
    }))
}

impl RequestBackend {
    /// The target, connected, for someone who may read it.
    async fn readable_target(&self, id: &str) -> Answer<Target> {
        self.may_at_all(Action::Read, "target").await?;
        let mut tx = self.store().read().await?;
        let target = targets::by_id(&mut tx, id).await?;
        drop(tx);
        let target = target.ok_or_else(|| not_found("target"))?;
        let subject = format!("target {}", target.name);
        self.require(Action::Read, Some(&target.environment), &subject)
            .await?;
        reach::target(&self.state, id).await
    }
}

#[async_trait]
impl LeftBackend for RequestBackend {
    async fn left_behind(&self, target_id: String) -> Answer<LeftBehindView> {
        let live = self.readable_target(&target_id).await?;
        let left = reach::within(executor::left_behind(&live))
            .await?
            .map_err(|error| reach::refused(&error))?;
        Ok(LeftBehindView {
            executions: left
                .executions
                .into_iter()
                .map(|execution| UnfinishedView {
                    id: execution.id,
                    migration: execution.migration,
                    state: execution.state,
                    next: execution
                        .next
                        .map(|(phase, of)| (phase, u32::try_from(of).unwrap_or(u32::MAX))),
                    by: execution.by,
                    age_ms: execution.age_ms,
                })
                .collect(),
            found: left
                .found
                .into_iter()
                .map(|found| LeftView {
                    left: found.left,
                    migration: found.of.map(|(_, migration)| migration),
                    by: found.by,
                    age_ms: found.age_ms,
                    unfinished: found.unfinished,
                })
                .collect(),
            document: left.document,
        })
    }
}

#[async_trait]
impl TargetBackend for RequestBackend {
    async fn targets(&self) -> Answer<Vec<TargetSummary>> {
        self.require(Action::Read, None, "targets").await?;
        let mut tx = self.store().read().await?;
        Ok(targets::all(&mut tx)
            .await?
            .into_iter()
            .filter(|target| self.actor.may(Action::Read, Some(&target.environment)))
            .map(view)
            .collect())
    }

    async fn environments(&self) -> Answer<Vec<EnvironmentView>> {
        self.require(Action::Read, None, "environments").await?;
        let mut tx = self.store().read().await?;
        Ok(environments::all(&mut tx)
            .await?
            .into_iter()
            .filter(|(name, _)| self.actor.may(Action::Read, Some(name)))
            .map(|(name, policy)| EnvironmentView { name, policy })
            .collect())
    }

    async fn target_schema(&self, id: String) -> Answer<Schema> {
        let live = self.readable_target(&id).await?;
        reach::within(live.inspect())
            .await?
            .map_err(|error| reach::unreachable(&error))
    }

    async fn target_facts(&self, id: String) -> Answer<TargetFacts> {
        let live = self.readable_target(&id).await?;
        reach::within(executor::facts(&live))
            .await?
            .map_err(|error| reach::refused(&error))
    }

    async fn add_target(&self, target: NewTarget) -> Answer<TargetSummary> {
        self.may_at_all(Action::ManageTargets, "targets").await?;
        let environment = check_name("an environment", &target.environment)?;
        self.require(Action::ManageTargets, Some(&environment), "targets")
            .await?;
        let name = check_name("a target", &target.name)?;
        let url: TargetUrl = target
            .url
            .trim()
            .parse()
            .map_err(|error: TargetError| invalid(error.to_string()))?;
        let live = reach::connect(&url).await?;
        reach::within(live.inspect())
            .await?
            .map_err(|error| reach::unreachable(&error))?;

        let id = new_id();
        let sealed = self.state.secrets.seal(&id, url.secret())?;
        let at = now();
        let record = TargetRecord {
            id,
            name,
            environment,
            engine: live.engine(),
            address: url.address(),
            created_at: at,
        };
        let mut tx = self.store().write().await?;
        let policy = Policy::default();
        if environments::ensure(&mut tx, &record.environment, &policy, at).await? {
            // Only whoever manages all environments makes new ones.
            if !self.actor.may(Action::ManageTargets, None) {
                drop(tx);
                return self.forbid(Action::ManageTargets, "environments").await;
            }
            let entry = Entry::new(
                "environment.added",
                format!("environment {}", record.environment),
            )
            .detail(json!({ "after": policy }));
            append(&mut tx, &self.actor, entry).await?;
        }
        targets::insert(&mut tx, &record, &sealed)
            .await
            .map_err(|error| {
                if error.is_duplicate() {
                    conflict(format!("A target named {} is there already.", record.name))
                } else {
                    error.into()
                }
            })?;
        let entry = Entry::new("target.added", format!("target {}", record.name)).detail(json!({
            "after": {
                "environment": record.environment,
                "engine": record.engine,
                "address": record.address,
            }
        }));
        append(&mut tx, &self.actor, entry).await?;
        tx.commit().await?;
        Ok(view(record))
    }

    async fn set_policy(&self, environment: String, policy: Policy) -> Answer<()> {
        self.may_at_all(Action::ManageTargets, "environments")
            .await?;
        let subject = format!("environment {environment}");
        self.require(Action::ManageTargets, Some(&environment), &subject)
            .await?;
        for rule in policy.severities.keys() {
            if !RULE_IDS.contains(&rule.as_str()) {
                let meant = nearest(rule, RULE_IDS.iter().copied())
                    .map_or(String::new(), |near| format!(" Did you mean `{near}`?"));
                return Err(invalid(format!("There is no rule `{rule}`.{meant}")));
            }
        }
        if policy.backup_days == Some(0) {
            return Err(invalid(
                "Backups that are kept for 0 days would go as soon as they are taken. Give at least 1 day, or leave it empty to keep them.",
            ));
        }
        if policy.saved_copy_days == Some(0) {
            return Err(invalid(
                "Saved copies that are kept for 0 days would go as soon as their phase is done. Give at least 1 day, or leave it empty to keep them.",
            ));
        }
        let mut tx = self.store().write().await?;
        let before = environments::policy(&mut tx, &environment)
            .await?
            .ok_or_else(|| not_found("environment"))?;
        environments::set_policy(&mut tx, &environment, &policy).await?;
        let entry = Entry::new("environment.policy", subject)
            .detail(json!({ "before": before, "after": policy }));
        append(&mut tx, &self.actor, entry).await?;
        tx.commit().await?;
        Ok(())
    }
}
