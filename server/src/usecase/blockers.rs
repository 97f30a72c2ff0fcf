//! Sessions of the target that stand in the way of a run, and are ended because a person says so.

use bellows::access::Action;
use bellows_app::backend::{Answer, ApiError, ErrorCode};
use serde_json::json;

use super::{RequestBackend, conflict};
use crate::audit::{Entry, execution_subject, record};
use crate::executor::Evicted;

impl RequestBackend {
    /// Ends a session that stands in the way at this moment. The wish is recorded before anything is
    /// done, and what became of it afterwards.
    pub(super) async fn end_session(&self, id: String, pid: i32) -> Answer<()> {
        let (execution, _) = self.known(&id, Action::Control).await?;
        let subject = execution_subject(&id, &execution.name);
        let by = self
            .signed_in(Action::Control, &subject)
            .await?
            .login
            .clone();
        if !self.state.runs.is_live(&id) {
            return Err(conflict("It does not run, so nobody stands in its way."));
        }
        let entry = |action| {
            Entry::new(action, subject.clone())
                .hash(&execution.plan.plan_hash)
                .detail(json!({
                    "migration": execution.name,
                    "phase": execution.phase,
                    "pid": pid,
                }))
        };
        record(self.store(), &self.actor, entry("blocker.end")).await?;
        let why = match self.state.runs.end_blocker(&id, pid, &by).await {
            Some(Evicted::Ended) => {
                record(self.store(), &self.actor, entry("blocker.ended")).await?;
                return Ok(());
            }
            None => "The run does not wait for a lock any more; nothing was ended.".to_owned(),
            Some(Evicted::Elsewhere) => {
                format!("The session {pid} does not stand in the way any more; nothing was ended.")
            }
            Some(Evicted::NoSession) => format!(
                "{pid} is no session of an application: a vacuum is made to give way by itself, and a prepared transaction is ended by ROLLBACK PREPARED."
            ),
            Some(Evicted::Unsure) => format!(
                "The server keeps no list of metadata locks, so that the session {pid} may have nothing to do with it. Install the plugin metadata_lock_info (INSTALL SONAME 'metadata_lock_info'), or end the session yourself (KILL {pid})."
            ),
            Some(Evicted::Refused(error)) => {
                return Err(ApiError {
                    code: ErrorCode::Target,
                    message: format!("The target did not end the session {pid}: {error}"),
                    details: vec![
                        "On PostgreSQL the role that Bellows signs in as needs pg_signal_backend, and nobody but a superuser ends a superuser's session.".to_owned(),
                    ],
                });
            }
        };
        Err(conflict(why))
    }
}
