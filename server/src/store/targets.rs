//! Targets and their sealed credentials.

use bellows::document::Engine;

use super::words::{from_word, word};
use super::{Stored, Tx};

/// A target, without its credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetRecord {
    /// UUIDv7.
    pub id: String,
    /// Unique.
    pub name: String,
    /// Its environment.
    pub environment: String,
    /// Its engine.
    pub engine: Engine,
    /// Without user and password.
    pub address: String,
    /// Microseconds.
    pub created_at: i64,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    environment: String,
    engine: String,
    address: String,
    created_at: i64,
}

impl Row {
    fn read(self) -> Stored<TargetRecord> {
        Ok(TargetRecord {
            engine: from_word(&self.engine)?,
            id: self.id,
            name: self.name,
            environment: self.environment,
            address: self.address,
            created_at: self.created_at,
        })
    }
}

/// Registers one; `sealed` is its URL under the key.
pub async fn insert(tx: &mut Tx, target: &TargetRecord, sealed: &[u8]) -> Stored<()> {
    execute!(
        tx,
        "INSERT INTO target (id, name, environment, engine, address, credentials, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &target.id,
        &target.name,
        &target.environment,
        word(&target.engine)?,
        &target.address,
        sealed,
        target.created_at
    )?;
    Ok(())
}

/// All of them, by environment and name.
pub async fn all(tx: &mut Tx) -> Stored<Vec<TargetRecord>> {
    fetch_all!(
        tx,
        Row,
        "SELECT id, name, environment, engine, address, created_at FROM target ORDER BY environment, name"
    )?
    .into_iter()
    .map(Row::read)
    .collect()
}

/// One of them.
pub async fn by_id(tx: &mut Tx, id: &str) -> Stored<Option<TargetRecord>> {
    fetch_optional!(
        tx,
        Row,
        "SELECT id, name, environment, engine, address, created_at FROM target WHERE id = $1",
        id
    )?
    .map(Row::read)
    .transpose()
}

/// Its sealed credentials.
pub async fn credentials(tx: &mut Tx, id: &str) -> Stored<Option<Vec<u8>>> {
    let row = fetch_optional!(
        tx,
        (Vec<u8>,),
        "SELECT credentials FROM target WHERE id = $1",
        id
    )?;
    Ok(row.map(|(sealed,)| sealed))
}

/// Replaces where it is and its sealed credentials.
pub async fn readdress(tx: &mut Tx, id: &str, address: &str, sealed: &[u8]) -> Stored<()> {
    execute!(
        tx,
        "UPDATE target SET address = $2, credentials = $3 WHERE id = $1",
        id,
        address,
        sealed
    )?;
    Ok(())
}
