//! Findings that an approver accepted.

use super::words::number;
use super::{Stored, Tx};

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaiverRecord {
    /// The plan that it was found in.
    pub plan_hash: String,
    /// The rule.
    pub rule: String,
    /// The phase it is about; absent: the document as a whole.
    pub phase: Option<u32>,
    /// Index of the operation in its phase; absent: the phase as a whole.
    pub operation: Option<usize>,
    /// Why, in their words.
    pub reason: String,
    /// Who, as others see them.
    pub by: String,
}

/// Keeps one; `person_id` is who it is from.
pub async fn insert(
    tx: &mut Tx,
    migration_id: &str,
    waiver: &WaiverRecord,
    person_id: &str,
    at: i64,
) -> Stored<()> {
    execute!(
        tx,
        "INSERT INTO waiver (id, migration_id, plan_hash, rule, phase, operation, reason, person_id, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        super::new_id(),
        migration_id,
        &waiver.plan_hash,
        &waiver.rule,
        waiver.phase.map(i64::from),
        waiver.operation.and_then(|index| i64::try_from(index).ok()),
        &waiver.reason,
        person_id,
        at
    )?;
    Ok(())
}

/// Those of a migration, newest first.
pub async fn of_migration(tx: &mut Tx, migration_id: &str) -> Stored<Vec<WaiverRecord>> {
    fetch_all!(
        tx,
        (String, String, Option<i64>, Option<i64>, String, String),
        "SELECT w.plan_hash, w.rule, w.phase, w.operation, w.reason, p.name
         FROM waiver w JOIN person p ON p.id = w.person_id
         WHERE w.migration_id = $1 ORDER BY w.created_at DESC, w.id DESC",
        migration_id
    )?
    .into_iter()
    .map(|(plan_hash, rule, phase, operation, reason, by)| {
        Ok(WaiverRecord {
            plan_hash,
            rule,
            phase: phase.map(number).transpose()?,
            operation: operation
                .map(number)
                .transpose()?
                .map(|index| index as usize),
            reason,
            by,
        })
    })
    .collect()
}
