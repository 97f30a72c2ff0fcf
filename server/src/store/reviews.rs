//! Plans as they were reviewed, approvals and confirmed gates.

use bellows::plan::Plan;
use bellows::schema::Schema;
use bellows_app::backend::Decision;

use super::words::{from_json, from_word, json, number, word};
use super::{Stored, Tx};

/// A plan that approvals bind to.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRecord {
    /// UUIDv7.
    pub id: String,
    /// The migration.
    pub migration_id: String,
    /// The version.
    pub version: u32,
    /// The target that it was computed against.
    pub target_id: String,
    /// What was computed; its hash is `plan.plan_hash`.
    pub plan: Plan,
    /// The schema that it was computed against.
    pub base: Schema,
    /// Of the tables touched.
    pub fingerprint: String,
    /// Who asked: id.
    pub requested_by: String,
    /// Microseconds.
    pub created_at: i64,
}

/// An approval or rejection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRecord {
    /// The version.
    pub version: u32,
    /// The target.
    pub target_id: String,
    /// The plan.
    pub plan_hash: String,
    /// The phase.
    pub phase: u32,
    /// Who: id.
    pub person_id: String,
    /// Who, as others see them.
    pub by: String,
    /// What they said.
    pub decision: Decision,
    /// Their words.
    pub comment: String,
    /// Microseconds.
    pub created_at: i64,
}

#[derive(sqlx::FromRow)]
struct PlanRow {
    id: String,
    migration_id: String,
    version: i64,
    target_id: String,
    plan: String,
    base: String,
    fingerprint: String,
    requested_by: String,
    created_at: i64,
}

#[derive(sqlx::FromRow)]
struct ApprovalRow {
    version: i64,
    target_id: String,
    plan_hash: String,
    phase: i64,
    person_id: String,
    person: String,
    decision: String,
    comment: String,
    created_at: i64,
}

impl ApprovalRow {
    fn read(self) -> Stored<ApprovalRecord> {
        Ok(ApprovalRecord {
            version: number(self.version)?,
            phase: number(self.phase)?,
            decision: from_word(&self.decision)?,
            target_id: self.target_id,
            plan_hash: self.plan_hash,
            person_id: self.person_id,
            by: self.person,
            comment: self.comment,
            created_at: self.created_at,
        })
    }
}

/// Keeps a plan.
pub async fn insert_plan(tx: &mut Tx, record: &PlanRecord) -> Stored<()> {
    execute!(
        tx,
        "INSERT INTO plan (id, migration_id, version, target_id, hash, plan, base, fingerprint, requested_by, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &record.id,
        &record.migration_id,
        i64::from(record.version),
        &record.target_id,
        &record.plan.plan_hash,
        json(&record.plan)?,
        json(&record.base)?,
        &record.fingerprint,
        &record.requested_by,
        record.created_at
    )?;
    Ok(())
}

/// The version's newest plan.
pub async fn plan(tx: &mut Tx, migration_id: &str, version: u32) -> Stored<Option<PlanRecord>> {
    let row = fetch_optional!(
        tx,
        PlanRow,
        "SELECT id, migration_id, version, target_id, plan, base, fingerprint, requested_by, created_at
         FROM plan WHERE migration_id = $1 AND version = $2 ORDER BY created_at DESC, id DESC LIMIT 1",
        migration_id,
        i64::from(version)
    )?;
    row.map(|row| {
        Ok(PlanRecord {
            version: number(row.version)?,
            plan: from_json(&format!("plan {}", row.id), &row.plan)?,
            base: from_json(&format!("schema of plan {}", row.id), &row.base)?,
            id: row.id,
            migration_id: row.migration_id,
            target_id: row.target_id,
            fingerprint: row.fingerprint,
            requested_by: row.requested_by,
            created_at: row.created_at,
        })
    })
    .transpose()
}

/// Keeps an approval or rejection.
pub async fn insert_approval(
    tx: &mut Tx,
    migration_id: &str,
    approval: &ApprovalRecord,
) -> Stored<()> {
    execute!(
        tx,
        "INSERT INTO approval (id, migration_id, version, target_id, plan_hash, phase, person_id, decision, comment, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        super::new_id(),
        migration_id,
        i64::from(approval.version),
        &approval.target_id,
        &approval.plan_hash,
        i64::from(approval.phase),
        &approval.person_id,
        word(&approval.decision)?,
        &approval.comment,
        approval.created_at
    )?;
    Ok(())
}

/// Everything said about the migration, newest first.
pub async fn approvals(tx: &mut Tx, migration_id: &str) -> Stored<Vec<ApprovalRecord>> {
    fetch_all!(
        tx,
        ApprovalRow,
        "SELECT a.version, a.target_id, a.plan_hash, a.phase, a.person_id, p.name AS person, a.decision, a.comment, a.created_at
         FROM approval a JOIN person p ON p.id = a.person_id
         WHERE a.migration_id = $1 ORDER BY a.created_at DESC, a.id DESC",
        migration_id
    )?
    .into_iter()
    .map(ApprovalRow::read)
    .collect()
}

/// A deploy gate that was confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateRecord {
    /// The plan.
    pub plan_hash: String,
    /// The phase.
    pub phase: u32,
    /// The application's version that the person named.
    pub confirmed: String,
    /// Who, as others see them.
    pub by: String,
}

/// Keeps a confirmation.
pub async fn confirm_gate(
    tx: &mut Tx,
    migration_id: &str,
    plan_hash: &str,
    phase: u32,
    confirmed: &str,
    person_id: &str,
    at: i64,
) -> Stored<()> {
    execute!(
        tx,
        "INSERT INTO gate (id, migration_id, plan_hash, phase, confirmed, person_id, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        super::new_id(),
        migration_id,
        plan_hash,
        i64::from(phase),
        confirmed,
        person_id,
        at
    )?;
    Ok(())
}

/// Every confirmation for the migration, newest first.
pub async fn gates(tx: &mut Tx, migration_id: &str) -> Stored<Vec<GateRecord>> {
    fetch_all!(
        tx,
        (String, i64, String, String),
        "SELECT g.plan_hash, g.phase, g.confirmed, p.name FROM gate g JOIN person p ON p.id = g.person_id
         WHERE g.migration_id = $1 ORDER BY g.created_at DESC, g.id DESC",
        migration_id
    )?
    .into_iter()
    .map(|(plan_hash, phase, confirmed, by)| {
        Ok(GateRecord {
            plan_hash,
            phase: number(phase)?,
            confirmed,
            by,
        })
    })
    .collect()
}
