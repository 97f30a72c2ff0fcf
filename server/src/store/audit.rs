//! The rows of the audit log; `crate::audit` knows the chain.

use super::{StoreError, Stored, Tx};

/// One entry as it is kept; `detail` is the text that was hashed.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct AuditRow {
    /// 1, 2, 3, ...
    pub seq: i64,
    /// Microseconds.
    pub at: i64,
    /// Login; absent for nobody.
    pub actor: Option<String>,
    /// An address, `command line` or `server`.
    pub origin: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Of the document or plan.
    pub hash: Option<String>,
    /// Whether it was refused.
    pub refused: bool,
    /// JSON.
    pub detail: String,
    /// The chain's hash at this entry.
    pub chain: String,
}

/// The last number and hash, and the right to append: nobody else appends until the transaction
/// ends.
pub async fn lock_head(tx: &mut Tx) -> Stored<(i64, String)> {
    let row = fetch_optional!(
        tx,
        (i64, String),
        "UPDATE audit_head SET seq = seq WHERE id = 1 RETURNING seq, chain"
    )?;
    row.ok_or_else(|| StoreError::unreadable("audit head", "it is missing"))
}

/// The last number and hash.
pub async fn head(tx: &mut Tx) -> Stored<(i64, String)> {
    let row = fetch_optional!(
        tx,
        (i64, String),
        "SELECT seq, chain FROM audit_head WHERE id = 1"
    )?;
    row.ok_or_else(|| StoreError::unreadable("audit head", "it is missing"))
}

/// Appends, and moves the head.
pub async fn append(tx: &mut Tx, row: &AuditRow) -> Stored<()> {
    execute!(
        tx,
        "INSERT INTO audit (seq, at, actor, origin, action, subject, hash, refused, detail, chain)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        row.seq,
        row.at,
        row.actor.as_deref(),
        &row.origin,
        &row.action,
        &row.subject,
        row.hash.as_deref(),
        row.refused,
        &row.detail,
        &row.chain
    )?;
    execute!(
        tx,
        "UPDATE audit_head SET seq = $1, chain = $2 WHERE id = 1",
        row.seq,
        &row.chain
    )?;
    Ok(())
}

/// Entries after a number, in order.
pub async fn after(tx: &mut Tx, seq: i64, limit: i64) -> Stored<Vec<AuditRow>> {
    Ok(fetch_all!(
        tx,
        AuditRow,
        "SELECT seq, at, actor, origin, action, subject, hash, refused, detail, chain
         FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2",
        seq,
        limit
    )?)
}

/// Entries before a number, newest first; `text` (lower case, `%` around it) in actor, action or
/// subject, and only refusals where asked.
pub async fn before(
    tx: &mut Tx,
    seq: i64,
    text: &str,
    refused_only: bool,
    limit: i64,
) -> Stored<Vec<AuditRow>> {
    Ok(fetch_all!(
        tx,
        AuditRow,
        "SELECT seq, at, actor, origin, action, subject, hash, refused, detail, chain
         FROM audit
         WHERE seq < $1
           AND (LOWER(COALESCE(actor, '')) LIKE $2 ESCAPE '\\' OR LOWER(action) LIKE $2 ESCAPE '\\'
                OR LOWER(subject) LIKE $2 ESCAPE '\\')
           AND (refused OR NOT $3)
         ORDER BY seq DESC LIMIT $4",
        seq,
        text,
        refused_only,
        limit
    )?)
}
