//! The engines' own tools: where they are, how old they are, and how they are called. Credentials go
//! by the environment, never by the command line, which everybody on the machine can read.

use std::path::PathBuf;
use std::process::Stdio;

use bellows::document::Engine;
use sqlx::mysql::MySqlSslMode;
use sqlx::postgres::PgSslMode;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, Command};

use super::BackupError;
use crate::target::{MySqlTarget, PostgresTarget, TargetUrl};

/// Where Debian, Red Hat and PostgreSQL's own packages keep several versions side by side.
const FOLDERS: [&str; 3] = ["/usr/lib/postgresql", "/usr", "/usr/local"];

/// A program, and what its `--version` says.
#[derive(Clone, Debug)]
pub(super) struct Tool {
    pub(super) word: &'static str,
    pub(super) path: PathBuf,
    /// `15.14`.
    pub(super) version: String,
    /// MariaDB's programs answer to MySQL's names, and take other options.
    pub(super) mariadb: bool,
}

impl Tool {
    /// For records: `pg_dump 15.14`.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.word, self.version)
    }

    fn major(&self) -> u32 {
        let digits = self.version.split('.').next();
        digits.and_then(|d| d.parse().ok()).unwrap_or(0)
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(super) fn failed(&self, words: impl Into<String>) -> BackupError {
        BackupError::Tool {
            tool: self.word,
            words: words.into(),
        }
    }

    pub(super) fn spawn(&self, command: &mut Command) -> Result<Child, BackupError> {
        command.spawn().map_err(BackupError::at(&self.path))
    }

    /// Waits for its end; what it complained of is the error.
    pub(super) async fn end(
        &self,
        mut child: Child,
        words: impl Future<Output = String>,
    ) -> Result<(), BackupError> {
        let (status, words) = tokio::join!(child.wait(), words);
        let status = status.map_err(BackupError::at(&self.path))?;
        if status.success() {
            return Ok(());
        }
        let words = words.trim();
        Err(self.failed(if words.is_empty() {
            status.to_string()
        } else {
            words.to_owned()
        }))
    }
}

/// The first few thousand bytes of what a program complains of; the rest is read and left.
pub(super) async fn complaints(stderr: Option<ChildStderr>) -> String {
    const MOST: usize = 4_000;
    let Some(mut stderr) = stderr else {
        return String::new();
    };
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        let room = MOST.saturating_sub(kept.len()).min(read);
        kept.extend_from_slice(&buffer[..room]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// One of PostgreSQL's tools: the oldest one that knows the server, since newer ones write what
/// older servers do not read.
pub(super) async fn postgres(word: &'static str, server: u32) -> Result<Tool, BackupError> {
    let major = server / 10_000;
    let package = format!("postgresql-client-{major}");
    let mut found = Vec::new();
    for path in candidates(word) {
        found.extend(ask(word, path).await);
    }
    found.sort_by_key(Tool::major);
    match found.iter().find(|tool| tool.major() >= major) {
        Some(tool) => Ok(tool.clone()),
        None => Err(match found.pop() {
            Some(tool) => BackupError::Old {
                tool: word,
                found: tool.version,
                server: major.to_string(),
                package,
            },
            None => BackupError::Missing {
                tool: word,
                package,
            },
        }),
    }
}

/// One of MySQL's or MariaDB's tools, by the names that the two have for it.
pub(super) async fn mysql(
    engine: Engine,
    mysql: &'static str,
    mariadb: &'static str,
) -> Result<Tool, BackupError> {
    let (words, package) = match engine {
        Engine::MariaDb => ([mariadb, mysql], "mariadb-client"),
        Engine::MySql | Engine::PostgreSql | Engine::Sqlite => {
            ([mysql, mariadb], "mysql-client (or mariadb-client)")
        }
    };
    for word in words {
        for path in candidates(word) {
            if let Some(tool) = ask(word, path).await {
                return Ok(tool);
            }
        }
    }
    Err(BackupError::Missing {
        tool: words[0],
        package: package.to_owned(),
    })
}

/// Where a program of that name is: on PATH, then in the folders of distributions.
fn candidates(word: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for folder in FOLDERS {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut beside: Vec<PathBuf> = entries
            .filter(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                folder.ends_with("postgresql")
                    || ["pgsql", "mysql", "mariadb"]
                        .iter()
                        .any(|w| name.starts_with(w))
            })
            .map(|entry| entry.path().join("bin"))
            .collect();
        beside.sort();
        all.extend(beside);
    }
    all.into_iter()
        .map(|folder| folder.join(word))
        .filter(|path| path.is_file())
        .collect()
}

/// What the program says that it is; nothing where it does not run.
async fn ask(word: &'static str, path: PathBuf) -> Option<Tool> {
    let said = Command::new(&path)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .await
        .ok()?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let version = read_version(&text)?;
    Some(Tool {
        word,
        path,
        version,
        mariadb: text.to_lowercase().contains("mariadb"),
    })
}

/// `pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` is 15.14; `mysqldump from 11.4.2-MariaDB,
/// client 10.19 for ...` 11.4.2; `mysqldump  Ver 8.0.36 for Linux` 8.0.36, and `mysqldump  Ver 10.19
/// Distrib 10.11.14-MariaDB` 10.11.14.
fn read_version(text: &str) -> Option<String> {
    let numbered = |word: &str| {
        let end = word
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(word.len());
        let number = word[..end].trim_matches('.');
        number
            .starts_with(|c: char| c.is_ascii_digit())
            .then(|| number.to_owned())
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let after = |mark: &str| {
        let at = words.iter().position(|word| *word == mark)?;
        numbered(words.get(at + 1)?)
    };
    after("Distrib")
        .or_else(|| after("from"))
        .or_else(|| words.iter().find_map(|word| numbered(word)))
}

/// Says to one of PostgreSQL's tools where the database is.
pub(super) fn to_postgres(command: &mut Command, target: &PostgresTarget) {
    let options = &target.options;
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().to_owned(),
    };
    let ssl = match options.get_ssl_mode() {
        PgSslMode::Disable => "disable",
        PgSslMode::Allow => "allow",
        PgSslMode::Prefer => "prefer",
        PgSslMode::Require => "require",
        PgSslMode::VerifyCa => "verify-ca",
        PgSslMode::VerifyFull => "verify-full",
    };
    let database = options.get_database().unwrap_or(options.get_username());
    command
        .env("PGHOST", host)
        .env("PGPORT", options.get_port().to_string())
        .env("PGUSER", options.get_username())
        .env("PGDATABASE", database)
        .env("PGSSLMODE", ssl)
        .env("PGAPPNAME", "bellows")
        .env_remove("PGOPTIONS")
        .env_remove("PGSERVICE");
    for (variable, keys) in [
        ("PGSSLROOTCERT", ["sslrootcert", "ssl-root-cert", "ssl-ca"]),
        ("PGSSLCERT", ["sslcert", "ssl-cert", ""]),
        ("PGSSLKEY", ["sslkey", "ssl-key", ""]),
    ] {
        if let Some(value) = parameter(&target.url, &keys) {
            command.env(variable, value);
        }
    }
    if let Some(password) = password(&target.url) {
        command.env("PGPASSWORD", password);
    }
}

/// Says to one of MySQL's or MariaDB's tools where the server is; the database's name comes last.
pub(super) fn to_mysql(tool: &Tool, command: &mut Command, target: &MySqlTarget) {
    let options = &target.options;
    // First of all: what a person's own files say is for what they do by hand.
    command.arg("--no-defaults");
    command.arg(format!("--user={}", options.get_username()));
    match options.get_socket() {
        Some(socket) => {
            command
                .arg("--protocol=SOCKET")
                .arg(format!("--socket={}", socket.display()));
        }
        None => {
            command
                .arg("--protocol=TCP")
                .arg(format!("--host={}", options.get_host()))
                .arg(format!("--port={}", options.get_port()));
        }
    }
    let mode = options.get_ssl_mode();
    if tool.mariadb {
        match mode {
            MySqlSslMode::Disabled => command.arg("--skip-ssl"),
            MySqlSslMode::Preferred => command,
            MySqlSslMode::Required => command.arg("--ssl"),
            MySqlSslMode::VerifyCa | MySqlSslMode::VerifyIdentity => {
                command.arg("--ssl").arg("--ssl-verify-server-cert")
            }
        };
    } else {
        let word = match mode {
            MySqlSslMode::Disabled => "DISABLED",
            MySqlSslMode::Preferred => "PREFERRED",
            MySqlSslMode::Required => "REQUIRED",
            MySqlSslMode::VerifyCa => "VERIFY_CA",
            MySqlSslMode::VerifyIdentity => "VERIFY_IDENTITY",
        };
        command.arg(format!("--ssl-mode={word}"));
    }
    for (option, keys) in [
        ("--ssl-ca", ["sslca", "ssl-ca"]),
        ("--ssl-cert", ["sslcert", "ssl-cert"]),
        ("--ssl-key", ["sslkey", "ssl-key"]),
    ] {
        if let Some(value) = parameter(&target.url, &keys) {
            command.arg(format!("{option}={value}"));
        }
    }
    if let Some(password) = password(&target.url) {
        command.env("MYSQL_PWD", password);
    }
}

/// The password of an address, in the user's place or as a parameter.
fn password(url: &TargetUrl) -> Option<String> {
    let (_, rest) = url.secret().split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let user = rest[..end].rsplit_once('@').map(|(user, _)| user);
    let own = user.and_then(|user| user.split_once(':'));
    parameter(url, &["password"]).or_else(|| own.map(|(_, password)| decoded(password)))
}

/// The value of the first of those parameters that the address has.
fn parameter(url: &TargetUrl, keys: &[&str]) -> Option<String> {
    let (_, query) = url.secret().split_once('?')?;
    let query = query.split('#').next().unwrap_or(query);
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| keys.contains(key))
        .map(|(_, value)| decoded(&value.replace('+', " ")))
}

/// `a%40b` as `a@b`.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_tools_print_them() {
        for (text, version) in [
            (
                "pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)",
                "15.14",
            ),
            ("pg_dump (PostgreSQL) 18beta1", "18"),
            (
                "mysqldump  Ver 10.19 Distrib 10.11.14-MariaDB, for debian-linux-gnu (x86_64)",
                "10.11.14",
            ),
            (
                "mariadb-dump from 11.8.3-MariaDB, client 10.19 for debian-linux-gnu",
                "11.8.3",
            ),
            ("mysqldump  Ver 8.0.36 for Linux on x86_64", "8.0.36"),
        ] {
            assert_eq!(read_version(text).as_deref(), Some(version), "{text}");
        }
        assert_eq!(read_version("no such thing"), None);
    }

    #[test]
    fn passwords_are_read_out_of_addresses() {
        for (url, expected) in [
            ("postgres://ada:p%40ss%2Fw:x@db/shop", Some("p@ss/w:x")),
            (
                "postgres://ada@db/shop?password=a%20b&sslmode=require",
                Some("a b"),
            ),
            ("mysql://ada@db/shop", None),
            ("mariadb://ada:@db/shop", Some("")),
        ] {
            let url: TargetUrl = url.parse().unwrap();
            assert_eq!(password(&url).as_deref(), expected);
        }
    }
}
