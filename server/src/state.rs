//! What every request shares: store, key, events, and the data directory that is ours alone.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::FromRef;
use leptos::prelude::LeptosOptions;
use tokio_util::sync::CancellationToken;

use crate::auth::sessions::CookieStore;
use crate::events::Events;
use crate::http::{Counters, ServeOptions};
use crate::secrets::{SecretError, Secrets};
use crate::store::{Store, StoreError, new_id};
use crate::usecase::{Reached, Runs};

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The data directory.
    #[error("the data directory {0}: {1}")]
    Folder(PathBuf, std::io::Error),
    /// Another server has it.
    #[error("the data directory {0} is in use by another server")]
    InUse(PathBuf),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// What every request shares. Cheap to clone.
#[derive(Clone)]
pub struct AppState(Arc<Inner>);

/// See [`AppState`], which derefs to it.
pub struct Inner {
    /// Bellows' own records.
    pub store: Store,
    /// The cookies' side of the sessions.
    pub cookies: CookieStore,
    /// The key outside the store.
    pub secrets: Secrets,
    /// What executions tell.
    pub events: Events,
    /// The targets that were reached.
    pub reached: Reached,
    /// The runs of this server.
    pub runs: Runs,
    /// What `/metrics` says.
    pub counters: Counters,
    /// Cancelled when the server stops.
    pub stopping: CancellationToken,
    /// Who runs what this server runs, on the targets' records: the same after a restart.
    pub owner: String,
    /// Where backups are kept.
    pub backups: PathBuf,
    /// The address under which people reach the server, where a proxy stands before it.
    pub public_origin: Option<String>,
    leptos: LeptosOptions,
    /// Held as long as the server lives.
    _lock: File,
}

impl std::ops::Deref for AppState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}

impl AppState {
    /// Opens everything; makes what is missing.
    pub async fn open(options: &ServeOptions) -> Result<Self, StateError> {
        let folder = &options.data_dir;
        let failed = |error| StateError::Folder(folder.clone(), error);
        make_private(folder).map_err(failed)?;
        let lock = lock(folder)?;
        let owner = owner(folder).map_err(failed)?;
        let place = match &options.store {
            Some(place) => place.clone(),
            None => folder.join(crate::store::FILE).display().to_string(),
        };
        let store = Store::open(&place).await?;
        Ok(Self(Arc::new(Inner {
            cookies: CookieStore::open(&store).await?,
            secrets: Secrets::open(folder)?,
            events: Events::new(store.clone()),
            reached: Reached::default(),
            runs: Runs::default(),
            counters: Counters::default(),
            stopping: CancellationToken::new(),
            owner,
            backups: crate::backup::folder(folder),
            public_origin: options
                .public_url
                .as_ref()
                .map(|url| url.trim_end_matches('/').to_owned()),
            leptos: LeptosOptions::builder()
                .output_name("bellows")
                .site_root("target/site")
                .site_pkg_dir("pkg")
                .env(leptos::config::Env::PROD)
                .build(),
            store,
            _lock: lock,
        })))
    }

    /// Whether people reach the server by TLS.
    pub fn behind_tls(&self) -> bool {
        self.public_origin
            .as_ref()
            .is_some_and(|origin| origin.starts_with("https://"))
    }
}

/// The folder, for its owner alone.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The lock that keeps a second server out; the system takes it back when the server ends,
/// however it does.
fn lock(folder: &Path) -> Result<File, StateError> {
    let failed = |error| StateError::Folder(folder.to_owned(), error);
    let file = File::create(folder.join("server.lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The server's name on its targets, made once.
fn owner(folder: &Path) -> std::io::Result<String> {
    let path = folder.join("instance");
    match fs::read_to_string(&path) {
        Ok(id) if !id.trim().is_empty() => Ok(id.trim().to_owned()),
        Ok(_) => write_owner(&path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => write_owner(&path),
        Err(error) => Err(error),
    }
}

fn write_owner(path: &Path) -> std::io::Result<String> {
    let id = new_id();
    fs::write(path, format!("{id}\n"))?;
    Ok(id)
}
