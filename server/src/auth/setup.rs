//! The one-time token with which the first admin is made.

use rand::TryRngCore;
use rand::rngs::OsRng;
use sha2::{Digest, Sha256};

use crate::store::{Store, StoreError, Stored, now, people, sessions};

/// Where nobody is registered: makes a token, in place of an older one, and keeps its hash. The
/// caller shows it to whoever started the server.
pub async fn prepare(store: &Store) -> Stored<Option<String>> {
    let mut tx = store.write().await?;
    if people::count(&mut tx).await? > 0 {
        return Ok(None);
    }
    let mut bytes = [0_u8; 16];
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| StoreError::unreadable("the system's randomness", error))?;
    let token = hex(&bytes);
    sessions::set_setup_token(&mut tx, &digest(&token), now()).await?;
    tx.commit().await?;
    Ok(Some(token))
}

/// What the store keeps in place of the token. A hash without stretching will do: the token is
/// 128 random bits.
pub fn digest(token: &str) -> String {
    hex(&Sha256::digest(token.trim().as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
