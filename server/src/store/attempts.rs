//! Failed sign-ins, by account and by address.

use super::{Stored, Tx};

/// What is known of one account or address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Attempts {
    /// Failures in a row.
    pub failures: i64,
    /// The last of them, microseconds.
    pub last_at: i64,
    /// Until when no try is let through, microseconds.
    pub blocked_until: i64,
}

/// What is known; nothing is zeros.
pub async fn get(tx: &mut Tx, subject: &str) -> Stored<Attempts> {
    let found = fetch_optional!(
        tx,
        Attempts,
        "SELECT failures, last_at, blocked_until FROM sign_in_attempt WHERE subject = $1",
        subject
    )?;
    Ok(found.unwrap_or_default())
}

/// Keeps it.
pub async fn put(tx: &mut Tx, subject: &str, attempts: Attempts) -> Stored<()> {
    execute!(
        tx,
        "INSERT INTO sign_in_attempt (subject, failures, last_at, blocked_until) VALUES ($1, $2, $3, $4)
         ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures,
             last_at = excluded.last_at, blocked_until = excluded.blocked_until",
        subject,
        attempts.failures,
        attempts.last_at,
        attempts.blocked_until
    )?;
    Ok(())
}

/// Forgets it.
pub async fn clear(tx: &mut Tx, subject: &str) -> Stored<()> {
    execute!(
        tx,
        "DELETE FROM sign_in_attempt WHERE subject = $1",
        subject
    )?;
    Ok(())
}

/// Forgets everything that is older.
pub async fn forget_before(tx: &mut Tx, at: i64) -> Stored<()> {
    execute!(
        tx,
        "DELETE FROM sign_in_attempt WHERE last_at < $1 AND blocked_until < $1",
        at
    )?;
    Ok(())
}
