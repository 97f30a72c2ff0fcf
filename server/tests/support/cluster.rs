//! A PostgreSQL cluster of one test's own, for what belongs to a whole server: standbys, its log's
//! archive, its vacuums.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Servers refuse to run as root.
const OWNER: &str = "postgres";

/// A running cluster; it is stopped and removed at its end.
pub struct Cluster {
    dir: tempfile::TempDir,
    port: u16,
}

impl Cluster {
    /// Makes and starts one, with these lines in its configuration.
    pub fn start(settings: &str) -> Self {
        let dir = folder();
        let data = dir.path().join("data");
        let init = [
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ];
        run("initdb", &init, &data);
        let cluster = Self {
            port: free_port(),
            dir,
        };
        cluster.configure(settings);
        cluster.control(&["start", "-w", "-t", "60"]);
        cluster
    }

    /// A standby that streams from this one, under that name.
    pub fn standby(&self, name: &str) -> Self {
        let dir = folder();
        let from = format!(
            "host=127.0.0.1 port={} user=postgres application_name={name}",
            self.port
        );
        let data = dir.path().join("data");
        let copy = ["-R", "-X", "stream", "-c", "fast", "-d", &from, "-D"];
        run("pg_basebackup", &copy, &data);
        let standby = Self {
            port: free_port(),
            dir,
        };
        standby.configure("");
        standby.control(&["start", "-w", "-t", "60"]);
        standby
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends the server at once.
    pub fn stop(&self) {
        self.control(&["stop", "-m", "immediate", "-w", "-t", "60"]);
    }

    /// Ends the server at once and starts it again: it recovers as after a crash.
    pub fn restart(&self) {
        self.control(&["restart", "-m", "immediate", "-w", "-t", "60"]);
    }

    /// No file of a session that begins from now on gets longer than that: what is beyond it is what
    /// a full disk is to the server. `None` lifts it.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let pid = std::fs::read_to_string(self.dir.path().join("data/postmaster.pid")).unwrap();
        let pid = pid.lines().next().unwrap().trim();
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        let status = as_owner(Path::new("prlimit"))
            .args(["--pid", pid, &format!("--fsize={limit}:")])
            .status()
            .unwrap();
        assert!(status.success());
    }

    fn configure(&self, settings: &str) {
        let path = self.dir.path().join("data/postgresql.conf");
        let before = std::fs::read_to_string(&path).unwrap();
        let own = format!(
            "port = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n\
             fsync = off\nwal_receiver_status_interval = 1s\n{settings}\n",
            self.port
        );
        std::fs::write(&path, before + "\n" + &own).unwrap();
    }

    fn control(&self, arguments: &[&str]) {
        let log = self.dir.path().join("log");
        let mut all = vec!["-s", "-l", log.to_str().unwrap()];
        all.extend(arguments);
        all.push("-D");
        run("pg_ctl", &all, &self.dir.path().join("data"));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.dir.path().join("data/postmaster.pid").exists() {
            self.stop();
        }
    }
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::Builder::new()
        .prefix("bellows-cluster.")
        .tempdir_in("/tmp")
        .unwrap();
    if root() {
        let status = Command::new("chown").arg(OWNER).arg(dir.path()).status();
        assert!(status.unwrap().success());
    }
    dir
}

fn root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.starts_with(b"0\n")
}

/// A port that is free now, below those that the system gives out.
fn free_port() -> u16 {
    loop {
        let port = 20_000 + (uuid::Uuid::now_v7().as_u128() % 12_000) as u16;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// The program as whoever the server belongs to.
fn as_owner(program: &Path) -> Command {
    if root() {
        let mut command = Command::new("runuser");
        command.args(["-u", OWNER, "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

/// Runs one of the server's programs, with the folder of the data last.
fn run(program: &str, arguments: &[&str], data: &Path) {
    let program = programs().join(program);
    let mut command = as_owner(&program);
    // What a server inherits of a test it would keep open.
    let log = tempfile::NamedTempFile::new().unwrap();
    let status = command
        .args(arguments)
        .arg(data)
        .current_dir("/tmp")
        .stdin(std::process::Stdio::null())
        .stdout(log.reopen().unwrap())
        .stderr(log.reopen().unwrap())
        .status()
        .unwrap();
    assert!(
        status.success(),
        "{}: {}",
        program.display(),
        std::fs::read_to_string(log.path()).unwrap()
    );
}

/// Where the newest server's programs are: Debian keeps them out of PATH.
fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"))
        .collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.extend(std::env::split_paths(&path));
    found
        .into_iter()
        .find(|bin| bin.join("initdb").exists() && bin.join("pg_basebackup").exists())
        .expect("no PostgreSQL server here: run scripts/test-deps")
}
