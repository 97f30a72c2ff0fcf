//! Environments and their policies.

use bellows::access::Policy;

use super::words::{from_json, json};
use super::{Stored, Tx};

/// Every environment with its policy, by name.
pub async fn all(tx: &mut Tx) -> Stored<Vec<(String, Policy)>> {
    let rows = fetch_all!(
        tx,
        (String, String),
        "SELECT name, policy FROM environment ORDER BY name"
    )?;
    rows.into_iter()
        .map(|(name, policy)| {
            Ok((
                name.clone(),
                from_json(&format!("policy of {name}"), &policy)?,
            ))
        })
        .collect()
}

/// The policy, where the environment is there.
pub async fn policy(tx: &mut Tx, name: &str) -> Stored<Option<Policy>> {
    let row = fetch_optional!(
        tx,
        (String,),
        "SELECT policy FROM environment WHERE name = $1",
        name
    )?;
    row.map(|(policy,)| from_json(&format!("policy of {name}"), &policy))
        .transpose()
}

/// Makes it with the policy, unless it is there; true where it was made.
pub async fn ensure(tx: &mut Tx, name: &str, policy: &Policy, at: i64) -> Stored<bool> {
    let made = execute!(
        tx,
        "INSERT INTO environment (name, policy, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING",
        name,
        json(policy)?,
        at
    )?;
    Ok(made == 1)
}

/// Replaces the policy; false where there is no such environment.
pub async fn set_policy(tx: &mut Tx, name: &str, policy: &Policy) -> Stored<bool> {
    let changed = execute!(
        tx,
        "UPDATE environment SET policy = $2 WHERE name = $1",
        name,
        json(policy)?
    )?;
    Ok(changed == 1)
}
