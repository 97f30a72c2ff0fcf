//! `bellows migrate apply` as a process that is killed and called again until it is through.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::Rng;

/// A document, and the directory that the command keeps its records in.
pub struct Applied {
    dir: tempfile::TempDir,
    file: PathBuf,
    url: String,
}

impl Applied {
    /// The document for that target.
    pub fn new(document: &str, url: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("document.yaml");
        std::fs::write(&file, document).expect("the document is written");
        Self {
            dir,
            file,
            url: url.to_owned(),
        }
    }

    /// Starts one phase, or goes on with it.
    pub fn start(&self, phase: u32) -> Child {
        self.apply(phase, &[])
    }

    /// The same with its gate confirmed.
    pub fn confirmed(&self, phase: u32) -> Child {
        self.apply(phase, &["--confirm-gates", "v2", "--skip-soak"])
    }

    fn apply(&self, phase: u32, more: &[&str]) -> Child {
        let mut command = self.bellows();
        command
            .args(["migrate", "apply"])
            .arg(&self.file)
            .args(["--target", &self.url, "-y", "--skip-backup"])
            .args(["--phase", &phase.to_string(), "--format", "json"])
            // The old version has just ended: it need not be quiet first.
            .args(["--despite-use", "nobody of the old version is left"])
            .args(more);
        command.spawn().expect("bellows starts")
    }

    /// Takes an execution back, or goes on with that.
    pub fn roll_back(&self, execution: &str) -> Child {
        let mut command = self.bellows();
        command
            .args(["migrate", "rollback", execution])
            .args(["--target", &self.url, "-y", "--format", "json"]);
        command.spawn().expect("bellows starts")
    }

    /// The last that it said.
    pub fn said(&self) -> String {
        let all = std::fs::read_to_string(self.dir.path().join("said")).unwrap_or_default();
        all.lines().last().unwrap_or_default().to_owned()
    }

    fn bellows(&self) -> Command {
        let said = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.path().join("said"))
            .expect("a file for what it says");
        let mut command = Command::new(env!("CARGO_BIN_EXE_bellows"));
        command
            .current_dir(self.dir.path())
            .env("BELLOWS_DATA_DIR", self.dir.path().join("data"))
            .env("USER", "ada")
            .env_remove("BELLOWS_TARGET")
            .stdin(Stdio::null())
            .stdout(said)
            .stderr(Stdio::inherit());
        command
    }

    /// One phase to its end, without a kill.
    pub async fn through(&self, phase: u32) {
        let until = Instant::now() + Duration::from_secs(240);
        // A connection of one that was killed may hold the target for a moment.
        while Instant::now() < until {
            let mut child = self.start(phase);
            let status = loop {
                if let Some(status) = child.try_wait().expect("its status") {
                    break status;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            match status.code() {
                Some(0) => return,
                Some(3) => tokio::time::sleep(Duration::from_millis(200)).await,
                _ => panic!("phase {phase}: {status}"),
            }
        }
        panic!("phase {phase} does not come to an end");
    }

    /// The phase is killed at random moments until that many kills found it further than before and
    /// not at its end, then goes through. `progress` says how far it is; nothing once it is done.
    /// Gives how many kills hit it so.
    pub async fn through_kills<F, R>(&self, phase: u32, kills: usize, mut progress: F) -> usize
    where
        F: FnMut() -> R,
        R: Future<Output = Option<i64>>,
    {
        let mut hit = 0;
        for _ in 0..kills * 20 {
            let Some(before) = progress().await.filter(|_| hit < kills) else {
                break;
            };
            let mut child = self.start(phase);
            let until = Instant::now() + Duration::from_secs(60);
            while child.try_wait().expect("its status").is_none()
                && progress().await.is_some_and(|now| now <= before)
                && Instant::now() < until
            {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let life = rand::rng().random_range(0..120);
            tokio::time::sleep(Duration::from_millis(life)).await;
            // SIGKILL: no handler runs, nothing is flushed.
            let _ = child.kill();
            child.wait().expect("it is gone");
            if progress().await.is_some_and(|now| now > before) {
                hit += 1;
            }
        }
        self.through(phase).await;
        hit
    }
}
