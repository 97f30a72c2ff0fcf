//! The lease on a target: who runs there, and when there was a last sign of life.

use super::process;
use super::record::ExecuteError;
use crate::target::{Link, ours};

/// A lease without a heartbeat for that long belongs to nobody any more.
const STALE_MS: i64 = 30_000;

/// What a lease says in place of an execution while a backup is taken by hand.
pub(super) const BACKUP: &str = "backup";

/// The same while one is restored.
pub(super) const RESTORE: &str = "restore";

/// A lease as it was found.
pub(super) struct Lease {
    pub(super) token: String,
    pub(super) owner: String,
    pub(super) execution: String,
    pub(super) host: String,
    pub(super) process: String,
    pub(super) pid: Option<i64>,
    pub(super) backend_start: Option<i64>,
    pub(super) age_ms: i64,
}

impl Lease {
    /// Whether whoever had it is gone: nobody has renewed it for long, or it was this owner's own
    /// process, which runs no more.
    pub(super) fn orphaned(&self, owner: &str) -> bool {
        self.age_ms > STALE_MS
            || (self.owner == owner && !process::other_is_alive(&self.host, &self.process))
    }

    fn who(&self) -> String {
        let does = match self.execution.as_str() {
            BACKUP => "takes a backup of this target".to_owned(),
            RESTORE => "restores a backup onto this target".to_owned(),
            execution => format!("runs execution {execution} on this target"),
        };
        format!(
            "{} on {} {does} (last sign of life {} s ago)",
            self.owner,
            self.host,
            self.age_ms / 1000
        )
    }
}

/// For people: whose lease it is.
pub(super) fn who(lease: Option<Lease>, otherwise: &str) -> String {
    match lease {
        Some(lease) => lease.who(),
        None => format!("{otherwise} holds this target"),
    }
}

/// The lease, where there is one.
pub(super) async fn read_lease(link: &mut Link) -> Result<Option<Lease>, ExecuteError> {
    let sql = ours(
        link.engine(),
        "SELECT token, owner, execution, host, process, pid, backend_start,
                CAST(({now} - heartbeat) / 1000 AS {integer}) FROM {b}lease",
    );
    let Some(row) = link.fetch_optional(&sql, &[]).await? else {
        return Ok(None);
    };
    Ok(Some(Lease {
        token: row.text(0)?.unwrap_or_default(),
        owner: row.text(1)?.unwrap_or_default(),
        execution: row.text(2)?.unwrap_or_default(),
        host: row.text(3)?.unwrap_or_default(),
        process: row.text(4)?.unwrap_or_default(),
        pid: row.int(5)?,
        backend_start: row.int(6)?,
        age_ms: row.int(7)?.unwrap_or(0),
    }))
}
