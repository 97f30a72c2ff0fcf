//! The account that the sample PostgreSQL runs as, and a folder that it can reach.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::DemoError;

/// A user of this machine other than the one that Bellows runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// Whom to become: nobody else where Bellows is not root, for then it cannot, and need not.
    pub fn to_become() -> Result<Option<Account>, DemoError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let path = Path::new("/etc/passwd");
        let text = std::fs::read_to_string(path).map_err(DemoError::at(path))?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| Self::listed(&text, name))
            .map(Some)
            .ok_or(DemoError::NoUser)
    }

    fn listed(passwd: &str, name: &str) -> Option<Account> {
        let line = passwd
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(uid)), Some(Ok(gid))) if uid != 0 => Some(Account { uid, gid }),
            (Some(_) | None, Some(_) | None) => None,
        }
    }

    /// Gives a file or folder to the account.
    pub fn own(self, path: &Path) -> Result<(), DemoError> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid)).map_err(DemoError::at(path))
    }

    /// Has the command run as the account.
    pub fn run(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    async fn reaches(self, folder: &Path) -> bool {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "cd \"$1\"", "sh"])
            .arg(folder)
            .current_dir("/");
        command.stderr(std::process::Stdio::null());
        self.run(&mut command);
        command.status().await.is_ok_and(|status| status.success())
    }
}

/// Where the cluster of the demo lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The folder, which may not be there yet.
    pub folder: PathBuf,
    /// Outside the data directory, which the account cannot reach: a link in the data directory
    /// leads there.
    pub outside: bool,
}

/// Finds the folder for the cluster: in the data directory, unless the account that must run it
/// cannot get there (a checkout in root's home) and nothing of ours is in the way to change that.
pub async fn place(data_dir: &Path, account: Option<Account>) -> Result<Place, DemoError> {
    let inside = data_dir.join("demo-postgres");
    let Some(account) = account else {
        return Ok(Place {
            folder: inside,
            outside: false,
        });
    };
    let data_dir = data_dir.canonicalize().map_err(DemoError::at(data_dir))?;
    let above = data_dir.parent().unwrap_or(Path::new("/"));
    if account.reaches(above).await {
        if !account.reaches(&data_dir).await {
            // The data directory is ours: its group may pass through, and see nothing of it.
            let mode = std::fs::metadata(&data_dir)
                .map_err(DemoError::at(&data_dir))?
                .mode();
            std::os::unix::fs::chown(&data_dir, None, Some(account.gid))
                .map_err(DemoError::at(&data_dir))?;
            let narrowed = std::fs::Permissions::from_mode(mode & 0o707 | 0o010);
            std::fs::set_permissions(&data_dir, narrowed).map_err(DemoError::at(&data_dir))?;
        }
        return Ok(Place {
            folder: inside,
            outside: false,
        });
    }
    let digest = Sha256::digest(data_dir.as_os_str().as_encoded_bytes());
    let name: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let folder = Path::new("/var/lib").join(format!("bellows-demo-{name}"));
    Ok(Place {
        folder,
        outside: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_read_from_its_line() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533::/:/bin/false\n";
        assert_eq!(
            Account::listed(passwd, "nobody"),
            Some(Account {
                uid: 65534,
                gid: 65533
            })
        );
        assert_eq!(Account::listed(passwd, "postgres"), None);
        assert_eq!(
            Account::listed(passwd, "root"),
            None,
            "root is what it is not to be"
        );
    }

    #[tokio::test]
    async fn a_closed_data_directory_lets_the_account_through_and_no_one_else() {
        let Ok(Some(account)) = Account::to_become() else {
            return; // Only root can become somebody else.
        };
        let dir = tempfile::tempdir().unwrap();
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(dir.path(), open).unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();

        let found = place(&data, Some(account)).await.unwrap();
        assert!(!found.outside);
        assert!(account.reaches(&data).await);
        assert_eq!(std::fs::metadata(&data).unwrap().mode() & 0o777, 0o710);

        let closed = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(dir.path(), closed).unwrap();
        let found = place(&data, Some(account)).await.unwrap();
        assert!(
            found.outside,
            "what is above the data directory is not ours to open"
        );
    }
}
