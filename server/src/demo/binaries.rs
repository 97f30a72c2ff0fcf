//! Which PostgreSQL is installed here: finds a set of server programs that belong together.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs of one PostgreSQL version, all from one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    /// The folder, without symbolic links.
    pub folder: PathBuf,
    /// `15`, `16`, ...
    pub major: u32,
    minor: u32,
}

impl Binaries {
    /// The path of one of the programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Every usable set on this machine, newest first.
    pub fn installed() -> Vec<Binaries> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        for (parent, below) in [
            ("/usr/lib/postgresql", "bin"),
            ("/usr/local", "pgsql/bin"),
            ("/opt/homebrew/opt", "bin"),
            ("/usr/local/opt", "bin"),
        ] {
            folders.extend(children(Path::new(parent)).map(|child| child.join(below)));
        }
        Self::among(folders)
    }

    /// The usable sets among some folders, newest first.
    pub fn among(folders: impl IntoIterator<Item = PathBuf>) -> Vec<Binaries> {
        let mut found: Vec<Binaries> = Vec::new();
        for folder in folders {
            // A link in the PATH leads to the folder in which the other programs are.
            let Ok(initdb) = folder.join("initdb").canonicalize() else {
                continue;
            };
            let Some(real) = initdb.parent() else {
                continue;
            };
            if found.iter().any(|f| f.folder == real) {
                continue;
            }
            found.extend(Self::in_folder(real));
        }
        found.sort_by_key(|b| std::cmp::Reverse((b.major, b.minor)));
        found
    }

    /// The set in a folder, if its programs run and are of one version: a package manager's wrapper
    /// or a client-only installation has an `initdb` that cannot make a server.
    fn in_folder(folder: &Path) -> Option<Binaries> {
        let (major, minor) = version(&folder.join("postgres"))?;
        let same = ["initdb", "pg_ctl"]
            .iter()
            .all(|name| version(&folder.join(name)) == Some((major, minor)));
        same.then(|| Binaries {
            folder: folder.to_owned(),
            major,
            minor,
        })
    }
}

fn children(folder: &Path) -> impl Iterator<Item = PathBuf> {
    // A folder that is not there holds no PostgreSQL: that is the answer, not an error.
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

/// What `PROGRAM --version` says: `postgres (PostgreSQL) 15.18 (Debian ...)`.
fn version(program: &Path) -> Option<(u32, u32)> {
    let output = match Command::new(program).arg("--version").output() {
        Ok(output) if output.status.success() => output,
        Ok(_) | Err(_) => return None,
    };
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let number = text.split("(PostgreSQL) ").nth(1)?;
    let digits = |text: &str| -> Option<u32> {
        let end = text.find(|c: char| !c.is_ascii_digit());
        text[..end.unwrap_or(text.len())].parse().ok()
    };
    let major = digits(number)?;
    // A beta (`18beta1`) has no minor number.
    let minor = number.split('.').nth(1).and_then(digits).unwrap_or(0);
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn script(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn installation(folder: &Path, version: &str) {
        std::fs::create_dir_all(folder).unwrap();
        for name in ["initdb", "postgres", "pg_ctl"] {
            script(
                folder,
                name,
                &format!("echo '{name} (PostgreSQL) {version}'"),
            );
        }
    }

    #[test]
    fn a_version_is_read_from_what_the_program_says() {
        assert_eq!(
            parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some((15, 18))
        );
        assert_eq!(
            parse_version("initdb (PostgreSQL) 18beta1\n"),
            Some((18, 0))
        );
        assert_eq!(parse_version("no such thing"), None);
    }

    #[test]
    fn the_newest_complete_set_comes_first() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        installation(&old, "9.6.1");
        installation(&new, "16.2");
        let found = Binaries::among([old, new.clone()]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].folder, new.canonicalize().unwrap());
    }

    #[test]
    fn an_initdb_without_its_server_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        script(dir.path(), "initdb", "echo 'initdb (PostgreSQL) 16.2'");
        assert_eq!(Binaries::among([dir.path().to_owned()]), Vec::new());
        installation(dir.path(), "16.2");
        script(dir.path(), "initdb", "exit 127");
        assert_eq!(Binaries::among([dir.path().to_owned()]), Vec::new());
    }

    #[test]
    fn a_link_in_the_path_leads_to_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (real, path) = (dir.path().join("real"), dir.path().join("path"));
        installation(&real, "15.3");
        std::fs::create_dir_all(&path).unwrap();
        std::os::unix::fs::symlink(real.join("initdb"), path.join("initdb")).unwrap();
        let found = Binaries::among([path, real.clone()]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].folder, real.canonicalize().unwrap());
    }
}
