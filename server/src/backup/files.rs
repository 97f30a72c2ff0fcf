//! The folder of backups: files that only their owner can read, each with a manifest beside it that
//! is written last. A file without a manifest is no backup.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bellows::estimate::bytes;
use sha2::{Digest, Sha256};

use super::{BackupError, Manifest};

/// What stands at the end of a file's name while it is written.
const PARTIAL: &str = "partial";

/// What is left of a backup that was broken off is removed after that long.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);

/// The folder of backups in a data directory.
pub fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("backups")
}

/// Makes the folder, for its owner alone, and removes what was broken off long ago.
pub(super) fn prepare(folder: &Path) -> Result<(), BackupError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(BackupError::at(folder))?;
    for entry in fs::read_dir(folder).map_err(BackupError::at(folder))? {
        let entry = entry.map_err(BackupError::at(folder))?;
        let path = entry.path();
        if path.extension().is_none_or(|ext| ext != PARTIAL) {
            continue;
        }
        let written = entry.metadata().and_then(|about| about.modified());
        let old = written.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > FORGOTTEN));
        if old {
            fs::remove_file(&path).map_err(BackupError::at(&path))?;
        }
    }
    Ok(())
}

/// A file that is being written. Dropped before [`Partial::keep`], it is gone.
pub(super) struct Partial {
    path: PathBuf,
    kept: bool,
}

impl Partial {
    pub(super) fn new(folder: &Path, id: &str) -> Self {
        Self {
            path: folder.join(format!("{id}.{PARTIAL}")),
            kept: false,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, open to be written by its owner alone.
    pub(super) fn create(&self) -> Result<File, BackupError> {
        File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(BackupError::at(&self.path))
    }

    /// Gives the complete file its name.
    pub(super) fn keep(mut self, name: &str) -> Result<(), BackupError> {
        let failed = || BackupError::at(&self.path);
        let file = File::open(&self.path).map_err(failed())?;
        file.set_permissions(fs::Permissions::from_mode(0o600))
            .and_then(|()| file.sync_all())
            .map_err(failed())?;
        let to = self.path.with_file_name(name);
        fs::rename(&self.path, &to).map_err(failed())?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_file(&self.path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.path.display(), "an unfinished backup was left");
        }
    }
}

/// Writes the manifest: with it the backup is there.
pub(super) fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let partial = Partial::new(folder, &format!("{}.json", manifest.id));
    let text = serde_json::to_vec_pretty(manifest)
        .map_err(|error| BackupError::at(partial.path())(error.into()))?;
    partial
        .create()?
        .write_all(&text)
        .map_err(BackupError::at(partial.path()))?;
    partial.keep(&format!("{}.json", manifest.id))?;
    // The names of both files, too, are to outlast a power cut.
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(BackupError::at(folder))
}

/// Every backup in the folder, newest first.
pub fn list(folder: &Path) -> Result<Vec<Manifest>, BackupError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(BackupError::at(folder)(error)),
    };
    let mut all = Vec::new();
    for entry in entries {
        let path = entry.map_err(BackupError::at(folder))?.path();
        if path.extension().is_some_and(|ext| ext == "json") {
            all.push(read(&path)?);
        }
    }
    all.sort_by(|a, b| b.id.cmp(&a.id));
    Ok(all)
}

/// One backup, by its id.
pub fn find(folder: &Path, id: &str) -> Result<Manifest, BackupError> {
    list(folder)?
        .into_iter()
        .find(|manifest| manifest.id == id)
        .ok_or_else(|| BackupError::NotFound {
            id: id.to_owned(),
            folder: folder.to_owned(),
        })
}

fn read(path: &Path) -> Result<Manifest, BackupError> {
    let text = fs::read(path).map_err(BackupError::at(path))?;
    serde_json::from_slice(&text).map_err(|error| BackupError::at(path)(error.into()))
}

/// Whether the file is still what was written.
pub(super) fn verify(folder: &Path, manifest: &Manifest) -> Result<PathBuf, BackupError> {
    let path = folder.join(&manifest.file);
    let (found, _) = digest(&path)?;
    if found == manifest.sha256 {
        return Ok(path);
    }
    Err(BackupError::Damaged {
        id: manifest.id.clone(),
        found,
        expected: manifest.sha256.clone(),
    })
}

/// The SHA-256 of a file, in hex, and its size.
pub(super) fn digest(path: &Path) -> Result<(String, u64), BackupError> {
    let mut file = File::open(path).map_err(BackupError::at(path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer).map_err(BackupError::at(path))?;
        if read == 0 {
            return Ok((hex(hasher), size));
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
}

/// The digest in hex.
pub(super) fn hex(hasher: Sha256) -> String {
    hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Removes a backup: what says that it is there first.
pub fn remove(folder: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    for name in [format!("{}.json", manifest.id), manifest.file.clone()] {
        let path = folder.join(name);
        fs::remove_file(&path).map_err(BackupError::at(&path))?;
    }
    Ok(())
}

/// Removes those of a target that are older than so many days, by the target's clock; but never its
/// newest one. Gives those that went.
pub fn expire(
    folder: &Path,
    target: &str,
    days: u32,
    now: i64,
) -> Result<Vec<Manifest>, BackupError> {
    let oldest = now - i64::from(days) * 24 * 3600 * 1_000_000;
    let mut gone = Vec::new();
    let own = list(folder)?
        .into_iter()
        .filter(|manifest| manifest.target == target);
    for manifest in own.skip(1).filter(|manifest| manifest.taken_at < oldest) {
        remove(folder, &manifest)?;
        gone.push(manifest);
    }
    Ok(gone)
}

/// Whether the folder has room for so many bytes.
pub(super) fn room(folder: &Path, needed: u64) -> Result<(), BackupError> {
    let about =
        rustix::fs::statvfs(folder).map_err(|error| BackupError::at(folder)(error.into()))?;
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    if free >= needed {
        return Ok(());
    }
    Err(BackupError::Room {
        folder: folder.to_owned(),
        free: bytes(free),
        needed: bytes(needed),
    })
}
