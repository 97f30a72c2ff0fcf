//! The demo's passwords: random at the first start, the same ones ever after.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use bellows::access::Role;
use rand::Rng;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::DemoError;

/// One of the demo's people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemoPerson {
    /// What they sign in with.
    pub login: String,
    /// As others see them.
    pub name: String,
    /// Their one role, everywhere.
    pub role: Role,
    /// In clear: it is printed to the terminal at every start.
    pub password: String,
}

const PEOPLE: &str = "demo-people.json";

/// Whether a demo was started in `data_dir` before.
pub fn are_kept(data_dir: &Path) -> bool {
    data_dir.join(PEOPLE).exists()
}

/// The demo's people, one a role; made up if this is the first start in `data_dir`.
pub fn people(data_dir: &Path) -> Result<Vec<DemoPerson>, DemoError> {
    let person = |role: Role| {
        let (login, name) = match role {
            Role::Engineer => ("engineer", "Erin Engineer"),
            Role::Approver => ("approver", "Alex Approver"),
            Role::Auditor => ("auditor", "Audrey Auditor"),
            Role::Admin => ("admin", "Adam Admin"),
        };
        DemoPerson {
            login: login.to_owned(),
            name: name.to_owned(),
            role,
            password: password(),
        }
    };
    keep(&data_dir.join(PEOPLE), || {
        Role::ALL.into_iter().map(person).collect()
    })
}

/// The value kept in a file that its owner alone can read; made if the file is not there.
pub(super) fn keep<T>(path: &Path, make: impl FnOnce() -> T) -> Result<T, DemoError>
where
    T: Serialize + DeserializeOwned,
{
    let damaged = |error: serde_json::Error| DemoError::Damaged {
        path: path.to_owned(),
        message: error.to_string(),
    };
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(damaged),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let value = make();
            let text = serde_json::to_string_pretty(&value).map_err(damaged)?;
            // Whole or not at all: a start that is killed here must not leave half a file.
            let draft = path.with_extension("new");
            write_private(&draft, &text)?;
            std::fs::rename(&draft, path).map_err(DemoError::at(path))?;
            Ok(value)
        }
        Err(source) => Err(DemoError::at(path)(source)),
    }
}

/// 74 bits, without letters that look like others, in groups that can be typed.
pub(super) fn password() -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut random = rand::rng();
    let mut group = || -> String {
        let letter = |_| char::from(LETTERS[random.random_range(0..LETTERS.len())]);
        (0..5).map(letter).collect()
    };
    [group(), group(), group()].join("-")
}

/// Writes a file that only its owner can read.
pub(super) fn write_private(path: &Path, text: &str) -> Result<(), DemoError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(DemoError::at(path))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(DemoError::at(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn the_second_start_has_the_passwords_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let first = people(dir.path()).unwrap();
        assert_eq!(people(dir.path()).unwrap(), first);
        let file = std::fs::metadata(dir.path().join("demo-people.json")).unwrap();
        assert_eq!(file.mode() & 0o777, 0o600);
        let roles: Vec<Role> = first.iter().map(|p| p.role).collect();
        assert_eq!(roles, Role::ALL);
    }

    #[test]
    fn a_damaged_file_is_named_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("demo-people.json");
        std::fs::write(&path, "{").unwrap();
        let error = people(dir.path()).unwrap_err();
        assert!(error.to_string().contains("demo-people.json"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{");
    }
}
