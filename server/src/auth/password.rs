//! Passwords: the rules for new ones, hashing and checking with argon2id.

use std::sync::LazyLock;

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// Characters that a password has at least.
pub const SHORTEST: usize = 12;
/// And at most: what is hashed is bounded.
pub const LONGEST: usize = 256;

/// Passwords of twelve characters and more that everybody tries first, from the public lists of
/// leaked ones; and the roots that people lengthen.
const COMMON: &str = include_str!("common_passwords.txt");

/// Each hash takes 19 MiB: so many at once and no more.
static AT_ONCE: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(4));

/// Checked where no such account is there, so that the answer takes as long.
static NOBODYS: LazyLock<String> =
    LazyLock::new(|| hash_now("a password that nobody has").unwrap_or_default());

/// What can go wrong while hashing.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The hasher's own words.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
    /// The task that hashed was lost.
    #[error("the password could not be hashed: the task was lost")]
    Lost,
}

/// Why a password will not do; `None` where it will.
pub fn refuse(password: &str, login: &str) -> Option<String> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Some(format!("A password has at least {SHORTEST} characters."));
    }
    if length > LONGEST {
        return Some(format!("A password has at most {LONGEST} characters."));
    }
    let lower = password.to_lowercase();
    let root = lower.trim_matches(|c: char| !c.is_alphabetic());
    let common = COMMON
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .any(|line| line == lower || line == root);
    let first = lower.chars().next();
    if common || lower.chars().all(|c| Some(c) == first) {
        return Some("This password is among the first that are tried. Choose another.".to_owned());
    }
    if !login.is_empty() && lower.contains(&login.to_lowercase()) {
        return Some("A password must not hold the login name.".to_owned());
    }
    None
}

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
fn hasher() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(19 * 1024, 2, 1, None)
        .map_err(|error| PasswordError::Hash(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &str) -> Result<String, PasswordError> {
    hasher()?
        .hash_password(password.as_bytes(), &SaltString::generate(&mut OsRng))
        .map(|hash| hash.to_string())
        .map_err(|error| PasswordError::Hash(error.to_string()))
}

/// Hashes, off the threads that serve.
pub async fn hash(password: String) -> Result<String, PasswordError> {
    let _permit = AT_ONCE.acquire().await.map_err(|_| PasswordError::Lost)?;
    tokio::task::spawn_blocking(move || hash_now(&password))
        .await
        .map_err(|_| PasswordError::Lost)?
}

/// Whether the password is the one of the hash. Without a hash it takes as long, and is not.
pub async fn verify(password: String, hash: Option<String>) -> Result<bool, PasswordError> {
    let _permit = AT_ONCE.acquire().await.map_err(|_| PasswordError::Lost)?;
    tokio::task::spawn_blocking(move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODYS.clone());
        let parsed =
            PasswordHash::new(&hash).map_err(|error| PasswordError::Hash(error.to_string()))?;
        let right = hasher()?
            .verify_password(password.as_bytes(), &parsed)
            .is_ok();
        Ok(right && known)
    })
    .await
    .map_err(|_| PasswordError::Lost)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_passwords_are_refused() {
        for password in [
            "short",
            "elevenchars",
            "passwordpassword",
            "Password1234!",
            "qwertyuiop123",
            "aaaaaaaaaaaaaaaa",
            "ada-lovelace-1815",
        ] {
            assert!(refuse(password, "ada").is_some(), "{password}");
        }
        assert!(refuse(&"long ".repeat(60), "ada").is_some());
    }

    #[test]
    fn a_sentence_will_do() {
        assert_eq!(refuse("tidal wax orbit seven", "ada"), None);
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_account_passes() {
        let hash = hash("tidal wax orbit seven".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let check =
            |password: &str, hash: Option<&String>| verify(password.to_owned(), hash.cloned());
        assert!(check("tidal wax orbit seven", Some(&hash)).await.unwrap());
        assert!(!check("tidal wax orbit eight", Some(&hash)).await.unwrap());
        assert!(!check("a password that nobody has", None).await.unwrap());
    }
}
