//! The key outside the store, and what is sealed under it: the credentials of targets.
//!
//! XChaCha20-Poly1305 with a random nonce in front; the row's id is authenticated with it, so
//! that one row's credentials cannot be put in another's place.

use std::fs;
use std::io::Write;
use std::path::Path;

use chacha20poly1305::aead::{Aead, AeadCore, KeyInit, OsRng, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

/// The environment's variable that takes the file's place.
pub const VARIABLE: &str = "BELLOWS_SECRET_KEY";
const FILE: &str = "secret.key";
const NONCE: usize = 24;

/// What can go wrong with the key.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file could not be read or made.
    #[error("the key file {0}: {1}")]
    File(String, std::io::Error),
    /// What is there is no key.
    #[error("the key must be 64 hexadecimal digits ({0})")]
    Malformed(String),
    /// Under another key, in another row, or damaged.
    #[error("the credentials cannot be opened: they were sealed under another key, or are damaged")]
    Sealed,
}

/// The key. It is never printed.
#[derive(Clone)]
pub struct Secrets {
    cipher: XChaCha20Poly1305,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// The environment's key, or else that of the data directory's file, which is made where it
    /// is missing and which only its owner can read.
    pub fn open(data_dir: &Path) -> Result<Self, SecretError> {
        if let Ok(hex) = std::env::var(VARIABLE) {
            return Self::from_hex(&hex, VARIABLE);
        }
        let path = data_dir.join(FILE);
        let shown = path.display().to_string();
        let failed = |error| SecretError::File(shown.clone(), error);
        match fs::read_to_string(&path) {
            Ok(hex) => Self::from_hex(&hex, &shown),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = XChaCha20Poly1305::generate_key(&mut OsRng);
                let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
                let mut options = fs::OpenOptions::new();
                options.write(true).create_new(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let mut file = options.open(&path).map_err(failed)?;
                writeln!(file, "{hex}").map_err(failed)?;
                file.sync_all().map_err(failed)?;
                Self::from_hex(&hex, &shown)
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn from_hex(hex: &str, place: &str) -> Result<Self, SecretError> {
        let hex = hex.trim();
        let malformed = || SecretError::Malformed(place.to_owned());
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(malformed());
        }
        let bytes = (0..32)
            .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16))
            .collect::<Result<Vec<u8>, _>>()
            .map_err(|_| malformed())?;
        Ok(Self {
            cipher: XChaCha20Poly1305::new_from_slice(&bytes).map_err(|_| malformed())?,
        })
    }

    /// Seals a text for the row with that id.
    pub fn seal(&self, row: &str, text: &str) -> Result<Vec<u8>, SecretError> {
        let nonce = XChaCha20Poly1305::generate_nonce(&mut OsRng);
        let payload = Payload {
            msg: text.as_bytes(),
            aad: row.as_bytes(),
        };
        let sealed = self
            .cipher
            .encrypt(&nonce, payload)
            .map_err(|_| SecretError::Sealed)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for the row with that id.
    pub fn open_sealed(&self, row: &str, sealed: &[u8]) -> Result<String, SecretError> {
        let (nonce, message) = sealed.split_at_checked(NONCE).ok_or(SecretError::Sealed)?;
        let payload = Payload {
            msg: message,
            aad: row.as_bytes(),
        };
        let text = self
            .cipher
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| SecretError::Sealed)?;
        String::from_utf8(text).map_err(|_| SecretError::Sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_row_under_its_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = Secrets::open(folder.path()).unwrap();
        let sealed = secrets.seal("row 1", "postgres://u:p@h/d").unwrap();
        assert!(!sealed.windows(3).any(|w| w == b"u:p"));
        assert_eq!(
            Secrets::open(folder.path())
                .unwrap()
                .open_sealed("row 1", &sealed)
                .unwrap(),
            "postgres://u:p@h/d"
        );
        assert!(secrets.open_sealed("row 2", &sealed).is_err());
        let mut damaged = sealed.clone();
        damaged[30] ^= 1;
        assert!(secrets.open_sealed("row 1", &damaged).is_err());
        let other = tempfile::tempdir().unwrap();
        assert!(
            Secrets::open(other.path())
                .unwrap()
                .open_sealed("row 1", &sealed)
                .is_err()
        );
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_reads_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        Secrets::open(folder.path()).unwrap();
        let mode = fs::metadata(folder.path().join(FILE))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
