//! The demo's PostgreSQL: a cluster of its own, started with Bellows and stopped with it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use bellows::document::Engine;
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions, Connection, Executor};
use tokio::process::Command;

use super::account::{self, Account};
use super::binaries::Binaries;
use super::{DemoError, sample, secrets};

const SUPERUSER: &str = "postgres";
const OWNER: &str = "bellows";
const DATABASE: &str = "shop";

/// Passwords and port of a cluster, kept in its folder.
#[derive(Serialize, Deserialize)]
struct Settings {
    superuser: String,
    owner: String,
}

/// A running cluster with the sample database in it.
pub struct Cluster {
    programs: Binaries,
    folder: PathBuf,
    account: Option<Account>,
    settings: Settings,
    port: u16,
}

impl Cluster {
    /// Starts the cluster of `data_dir`, made and filled if this is the first start. One that
    /// still runs, because an earlier Bellows was killed, is taken over.
    pub async fn start(data_dir: &Path) -> Result<Cluster, DemoError> {
        let installed = Binaries::installed();
        let account = Account::to_become()?;
        let place = account::place(data_dir, account).await?;
        let folder = place.folder;
        if place.outside {
            link_outside(data_dir, &folder, &installed, account).await?;
        }
        let programs = choose(installed, &folder)?;
        make_folder(&folder, account)?;
        let settings = secrets::keep(&folder.join("passwords.json"), || Settings {
            superuser: secrets::password(),
            owner: secrets::password(),
        })?;
        let mut cluster = Cluster {
            programs,
            folder,
            account,
            settings,
            port: 0,
        };
        if !cluster.data().exists() {
            cluster.init().await?;
        }
        cluster.port = match cluster.running_on()? {
            Some(port) if cluster.is_up().await => port,
            Some(_) | None => cluster.bring_up().await?,
        };
        cluster.fill().await?;
        Ok(cluster)
    }

    /// How Bellows, or anyone on this machine who may know the password, reaches the sample.
    pub fn url(&self) -> String {
        let Self { settings, port, .. } = self;
        format!(
            "postgres://{OWNER}:{}@127.0.0.1:{port}/{DATABASE}",
            settings.owner
        )
    }

    /// The same without the password.
    pub fn address(&self) -> String {
        format!("postgres://{OWNER}@127.0.0.1:{}/{DATABASE}", self.port)
    }

    /// The folder that holds everything of the cluster.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Stops the cluster; sessions that are still open are ended.
    pub async fn stop(&self) -> Result<(), DemoError> {
        self.pg_ctl(["stop", "-m", "fast", "-w", "-t", "20"]).await
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    async fn init(&self) -> Result<(), DemoError> {
        // Under another name until it is whole; a start that was killed leaves only this behind.
        let draft = self.folder.join("data.new");
        remove_folder(&draft)?;
        let password = self.folder.join("password.new");
        secrets::write_private(&password, &self.settings.superuser)?;
        if let Some(account) = self.account {
            account.own(&password)?;
        }
        let mut initdb = self.command("initdb");
        initdb
            .arg("--pgdata")
            .arg(&draft)
            .arg("--pwfile")
            .arg(&password);
        initdb.args([
            "--username",
            SUPERUSER,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
        ]);
        initdb.args(["--locale=C", "--no-sync"]);
        let made = run("initdb", initdb).await;
        std::fs::remove_file(&password).map_err(DemoError::at(&password))?;
        made?;
        let data = self.data();
        std::fs::rename(&draft, &data).map_err(DemoError::at(data))
    }

    /// The port of the server that holds the data, as its own lock file says.
    fn running_on(&self) -> Result<Option<u16>, DemoError> {
        let path = self.data().join("postmaster.pid");
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text
                .lines()
                .nth(3)
                .and_then(|line| line.trim().parse().ok())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DemoError::File { path, source }),
        }
    }

    /// Whether that server is alive: the file alone may be a leftover.
    async fn is_up(&self) -> bool {
        self.pg_ctl(["status"]).await.is_ok()
    }

    /// Starts the server and gives its port: the one it had last, where that is free, so that
    /// what has been told of it stays true.
    async fn bring_up(&self) -> Result<u16, DemoError> {
        let remembered = self.folder.join("port");
        let last = match std::fs::read_to_string(&remembered) {
            Ok(text) => text.trim().parse().unwrap_or(0),
            Err(_) => 0,
        };
        let port = free_port(last)
            .or_else(|_| free_port(0))
            .map_err(DemoError::at("127.0.0.1"))?;
        let log = self.folder.join("log");
        // TCP alone: a socket's path may not be longer than 107 bytes, and ours might be.
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
             -c max_connections=60 -c max_wal_size=512MB"
        );
        let arguments: [&std::ffi::OsStr; 8] = [
            "start".as_ref(),
            "-w".as_ref(),
            "-t".as_ref(),
            "60".as_ref(),
            "-l".as_ref(),
            log.as_os_str(),
            "-o".as_ref(),
            options.as_ref(),
        ];
        self.pg_ctl(arguments)
            .await
            .map_err(|error| self.with_log(error, &log))?;
        std::fs::write(&remembered, format!("{port}\n")).map_err(DemoError::at(remembered))?;
        Ok(port)
    }

    /// `pg_ctl` says "examine the log output"; so it is shown.
    fn with_log(&self, error: DemoError, log: &Path) -> DemoError {
        let last = std::fs::read_to_string(log).unwrap_or_default();
        match last
            .lines()
            .rev()
            .find(|line| line.contains("FATAL") || line.contains("ERROR"))
        {
            Some(line) => DemoError::Program {
                program: "postgres".to_owned(),
                message: line.to_owned(),
            },
            None => error,
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.program(program));
        // The folder that Bellows was called in may be closed to the account.
        command.current_dir(&self.folder).stdin(Stdio::null());
        // Settings of the person's own PostgreSQL are not for this one.
        for name in [
            "PGDATA",
            "PGPORT",
            "PGHOST",
            "PGOPTIONS",
            "PGUSER",
            "PGDATABASE",
        ] {
            command.env_remove(name);
        }
        if let Some(account) = self.account {
            account.run(&mut command);
        }
        command
    }

    async fn pg_ctl<A: AsRef<std::ffi::OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<(), DemoError> {
        let mut command = self.command("pg_ctl");
        command.arg("-D").arg(self.data()).args(arguments);
        run("pg_ctl", command).await
    }

    async fn connect(
        &self,
        user: &str,
        password: &str,
        database: &str,
    ) -> Result<PgConnection, sqlx::Error> {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(user)
            .password(password)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
            .connect()
            .await
    }

    /// Makes the role, the database and its rows, as far as they are not there.
    async fn fill(&self) -> Result<(), DemoError> {
        let Settings { superuser, owner } = &self.settings;
        let mut admin = self.connect(SUPERUSER, superuser, "postgres").await?;
        let there = sqlx::query("SELECT FROM pg_roles WHERE rolname = $1").bind(OWNER);
        if there.fetch_optional(&mut admin).await?.is_none() {
            // The password is made of letters, digits and dashes; DDL takes no parameters.
            let role = format!("CREATE ROLE {OWNER} LOGIN PASSWORD '{owner}'");
            admin.execute(role.as_str()).await?;
        }
        // To see who stands in the way, and to make an autovacuum give way.
        let rights = format!("GRANT pg_monitor, pg_signal_backend TO {OWNER}");
        admin.execute(rights.as_str()).await?;
        let there = sqlx::query("SELECT FROM pg_database WHERE datname = $1").bind(DATABASE);
        if there.fetch_optional(&mut admin).await?.is_none() {
            let database = format!("CREATE DATABASE {DATABASE} OWNER {OWNER}");
            admin.execute(database.as_str()).await?;
        }
        admin.close().await?;

        let mut shop = self.connect(OWNER, owner, DATABASE).await?;
        let filled: bool = sqlx::query_scalar("SELECT to_regclass('public.customers') IS NOT NULL")
            .fetch_one(&mut shop)
            .await?;
        if !filled {
            let mut transaction = shop.begin().await?;
            for statement in sample::statements(Engine::PostgreSql) {
                transaction.execute(statement.as_str()).await?;
            }
            transaction.commit().await?;
            // Not left to autovacuum: the first plan is to be a good one, and undisturbed.
            shop.execute("VACUUM (ANALYZE) customers, orders").await?;
        }
        Ok(shop.close().await?)
    }
}

/// The programs that fit the cluster in the folder: those of its version, or the newest ones.
fn choose(installed: Vec<Binaries>, folder: &Path) -> Result<Binaries, DemoError> {
    let version = folder.join("data/PG_VERSION");
    match std::fs::read_to_string(&version) {
        Ok(text) => installed
            .into_iter()
            .find(|programs| programs.major.to_string() == text.trim())
            .ok_or_else(|| DemoError::OtherVersion {
                folder: folder.to_owned(),
                version: text.trim().to_owned(),
            }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            installed.into_iter().next().ok_or(DemoError::NoPostgres)
        }
        Err(source) => Err(DemoError::File {
            path: version,
            source,
        }),
    }
}

fn make_folder(folder: &Path, account: Option<Account>) -> Result<(), DemoError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(DemoError::at(folder))?;
    match account {
        Some(account) => account.own(folder),
        None => Ok(()),
    }
}

/// Puts a link to a cluster outside the data directory into it. Where there is none, a cluster in
/// that place belonged to a data directory that has been removed since, and goes too.
async fn link_outside(
    data_dir: &Path,
    folder: &Path,
    installed: &[Binaries],
    account: Option<Account>,
) -> Result<(), DemoError> {
    let link = data_dir.join("demo-postgres");
    if link.is_symlink() {
        return Ok(());
    }
    if folder.exists() {
        if let Ok(programs) = choose(installed.to_vec(), folder) {
            let settings = Settings {
                superuser: String::new(),
                owner: String::new(),
            };
            let folder = folder.to_owned();
            let old = Cluster {
                programs,
                folder,
                account,
                settings,
                port: 0,
            };
            if old.is_up().await {
                old.stop().await?;
            }
        }
        remove_folder(folder)?;
    }
    std::os::unix::fs::symlink(folder, &link).map_err(DemoError::at(link))
}

fn remove_folder(folder: &Path) -> Result<(), DemoError> {
    match std::fs::remove_dir_all(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(DemoError::at(folder)(error)),
    }
}

/// The wished-for port if nobody listens there, or any free one for 0.
fn free_port(wish: u16) -> std::io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", wish))?.local_addr()?.port())
}

async fn run(program: &str, mut command: Command) -> Result<(), DemoError> {
    let failed = |message: String| DemoError::Program {
        program: program.to_owned(),
        message,
    };
    let output = command
        .output()
        .await
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().replace('\n', "; ");
    Err(failed(if said.is_empty() {
        output.status.to_string()
    } else {
        said
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn customers(cluster: &Cluster) -> i64 {
        let mut shop = cluster
            .connect(OWNER, &cluster.settings.owner, DATABASE)
            .await
            .unwrap();
        sqlx::query_scalar("SELECT count(*) FROM customers")
            .fetch_one(&mut shop)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_cluster_outlives_a_kill_is_taken_over_and_stops() {
        if Binaries::installed().is_empty() {
            eprintln!("skipped: no PostgreSQL is installed");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let first = Cluster::start(dir.path()).await.unwrap();
        assert_eq!(customers(&first).await, i64::from(sample::CUSTOMERS));
        let wrong = first.connect(OWNER, "wrong", DATABASE).await;
        assert!(wrong.is_err(), "a password is asked for");

        // As after kill -9: nobody stopped it.
        let second = Cluster::start(dir.path()).await.unwrap();
        assert_eq!(second.url(), first.url());

        second.stop().await.unwrap();
        assert!(!second.is_up().await);
        let third = Cluster::start(dir.path()).await.unwrap();
        assert_eq!(
            third.url(),
            first.url(),
            "the port is kept where it is free"
        );
        assert_eq!(customers(&third).await, i64::from(sample::CUSTOMERS));
        third.stop().await.unwrap();
        if third.folder().parent() != Some(dir.path()) {
            remove_folder(third.folder()).unwrap();
        }
    }
}
