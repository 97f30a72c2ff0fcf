//! The command line's own records: its copy of executions, their events and the audit, in the
//! data directory, in the same kind of store as the server's.

use std::path::{Path, PathBuf};

use bellows::run::PhaseState;

use super::exit::CliError;
use super::wire::ExecutionWire;
use crate::audit::{self, Entry};
use crate::auth::Actor;
use crate::executor::{ExecutionRecord, PhaseRecord};
use crate::store::executions::PhaseProgress;
use crate::store::{self, Store};

/// Where the records are. The store is opened, and made, when something is to be written.
pub struct Records {
    data_dir: PathBuf,
    user: String,
    store: tokio::sync::OnceCell<Store>,
}

impl Records {
    /// The records in a data directory; absent: the one that the platform has for applications.
    pub fn new(data_dir: Option<PathBuf>) -> Result<Self, CliError> {
        let data_dir = match data_dir {
            Some(data_dir) => data_dir,
            None => default_data_dir()?,
        };
        Ok(Self {
            data_dir,
            user: user(),
            store: tokio::sync::OnceCell::new(),
        })
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Who sits at this command line, as the operating system knows them.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The store, made if it is not there.
    pub async fn store(&self) -> Result<&Store, CliError> {
        self.store
            .get_or_try_init(|| async {
                make_private(&self.data_dir)?;
                Ok(Store::open(&self.path().to_string_lossy()).await?)
            })
            .await
    }

    fn path(&self) -> PathBuf {
        self.data_dir.join(store::FILE)
    }

    /// The store, where something was ever written.
    pub async fn existing(&self) -> Result<Option<&Store>, CliError> {
        if self.path().exists() {
            self.store().await.map(Some)
        } else {
            Ok(None)
        }
    }

    /// The executions that this data directory knows of, newest first.
    pub async fn executions(&self) -> Result<Vec<ExecutionWire>, CliError> {
        let Some(store) = self.existing().await? else {
            return Ok(Vec::new());
        };
        let mut tx = store.read().await?;
        let known = store::executions::all(&mut tx).await?;
        Ok(known.iter().map(ExecutionWire::from).collect())
    }

    /// Keeps a copy of what the target says of an execution.
    pub async fn keep(&self, record: &ExecutionRecord, address: &str) -> Result<(), CliError> {
        let begun = record
            .phases
            .iter()
            .filter(|p| p.state != PhaseState::Pending);
        let copy = store::executions::ExecutionRecord {
            id: record.id.clone(),
            migration_id: None,
            name: record.migration.clone(),
            version: 0,
            target_id: None,
            address: Some(address.to_owned()),
            plan: record.plan.clone(),
            state: record.state,
            phases: record.phases.iter().map(progress).collect(),
            phase: begun.map(|p| p.phase).max().unwrap_or(0),
            started_by: record.by.clone(),
            started_at: record.started_at,
            completed_at: record.completed_at,
            error: record.error.clone(),
            snapshot: record.snapshot.clone(),
            intent: None,
            wanted: false,
        };
        let mut tx = self.store().await?.write().await?;
        store::executions::put(&mut tx, &copy).await?;
        Ok(tx.commit().await?)
    }

    /// Records in the audit what the person at this command line did, or was refused.
    pub async fn audit(&self, entry: Entry) -> Result<(), CliError> {
        let actor = Actor::command_line(self.user.clone());
        Ok(audit::record(self.store().await?, &actor, entry).await?)
    }
}

fn progress(phase: &PhaseRecord) -> PhaseProgress {
    PhaseProgress {
        state: phase.state,
        completed_at: phase.completed_at,
    }
}

/// `$XDG_DATA_HOME/bellows`, or where the platform keeps such things.
fn default_data_dir() -> Result<PathBuf, CliError> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(data) = variable("XDG_DATA_HOME") {
        return Ok(PathBuf::from(data).join("bellows"));
    }
    let home = variable("HOME").map(PathBuf::from).ok_or_else(|| {
        CliError::Usage("where to keep records? There is no HOME: give --data-dir".to_owned())
    })?;
    Ok(if cfg!(target_os = "macos") {
        home.join("Library/Application Support/bellows")
    } else {
        home.join(".local/share/bellows")
    })
}

/// Makes a folder that nobody else can look into; one that is there stays as it is.
fn make_private(folder: &Path) -> Result<(), CliError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(CliError::at(folder))
}

fn user() -> String {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
