//! Which person a session belongs to, and the one-time token of the first start.

use super::{Stored, Tx};

/// A session that someone signed in with.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct SignedIn {
    /// What the cookie's session knows; not the cookie's own value.
    pub id: String,
    /// Who.
    pub person_id: String,
    /// The address that they signed in from.
    pub origin: String,
    /// Microseconds.
    pub created_at: i64,
    /// Microseconds.
    pub last_seen_at: i64,
}

/// Keeps a new one.
pub async fn insert(tx: &mut Tx, session: &SignedIn) -> Stored<()> {
    execute!(
        tx,
        "INSERT INTO person_session (id, person_id, origin, created_at, last_seen_at) VALUES ($1, $2, $3, $4, $5)",
        &session.id,
        &session.person_id,
        &session.origin,
        session.created_at,
        session.last_seen_at
    )?;
    Ok(())
}

/// One of them.
pub async fn by_id(tx: &mut Tx, id: &str) -> Stored<Option<SignedIn>> {
    Ok(fetch_optional!(
        tx,
        SignedIn,
        "SELECT id, person_id, origin, created_at, last_seen_at FROM person_session WHERE id = $1",
        id
    )?)
}

/// Notes that it was used.
pub async fn touch(tx: &mut Tx, id: &str, at: i64) -> Stored<()> {
    execute!(
        tx,
        "UPDATE person_session SET last_seen_at = $2 WHERE id = $1",
        id,
        at
    )?;
    Ok(())
}

/// Ends it.
pub async fn delete(tx: &mut Tx, id: &str) -> Stored<()> {
    execute!(tx, "DELETE FROM person_session WHERE id = $1", id)?;
    Ok(())
}

/// Ends all of a person's.
pub async fn delete_of(tx: &mut Tx, person_id: &str) -> Stored<u64> {
    Ok(execute!(
        tx,
        "DELETE FROM person_session WHERE person_id = $1",
        person_id
    )?)
}

/// Forgets those that were not used since, or are older than, the given times.
pub async fn delete_expired(tx: &mut Tx, idle_since: i64, made_before: i64) -> Stored<u64> {
    Ok(execute!(
        tx,
        "DELETE FROM person_session WHERE last_seen_at < $1 OR created_at < $2",
        idle_since,
        made_before
    )?)
}

/// Keeps the hash of the set-up token, in place of an older one.
pub async fn set_setup_token(tx: &mut Tx, hash: &str, at: i64) -> Stored<()> {
    execute!(tx, "DELETE FROM setup_token")?;
    execute!(
        tx,
        "INSERT INTO setup_token (id, hash, created_at) VALUES (1, $1, $2)",
        hash,
        at
    )?;
    Ok(())
}

/// The hash of the set-up token, while there is one.
pub async fn setup_token(tx: &mut Tx) -> Stored<Option<String>> {
    let row = fetch_optional!(tx, (String,), "SELECT hash FROM setup_token WHERE id = 1")?;
    Ok(row.map(|(hash,)| hash))
}

/// Uses the set-up token up; false where somebody was faster.
pub async fn take_setup_token(tx: &mut Tx, hash: &str) -> Stored<bool> {
    Ok(execute!(tx, "DELETE FROM setup_token WHERE hash = $1", hash)? == 1)
}
