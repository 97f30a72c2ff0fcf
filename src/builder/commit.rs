//! Documents into files: each comes to be as a whole or not at all, and none is overwritten.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{BuildError, Day, file_name};
use crate::document::{Migration, check, emit};

/// Why a document was not written.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// It has mistakes.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A file of that name is there, and was left alone.
    #[error("{} is there already; it was left as it is", .0.display())]
    Exists(PathBuf),
    /// The file system refuses.
    #[error("{}: {error}", path.display())]
    Io {
        /// What it refuses.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Writes a document to `YYYYMMDD_name_with_underscores.yaml` in a folder, which is made where it
/// is not there.
///
/// # Errors
/// What is wrong with the document, or what the file system says.
pub fn commit(migration: &Migration, dir: &Path, day: Day) -> Result<PathBuf, CommitError> {
    let problems = check(migration);
    if !problems.is_empty() {
        return Err(BuildError { problems }.into());
    }
    let path = dir.join(file_name(&migration.name, day));
    write_new(&path, &emit(migration))?;
    Ok(path)
}

/// Writes a new file, and the folders to it: under another name first, then given its own in one
/// step, so that nobody ever reads half of it.
///
/// # Errors
/// A file of that name is there, or what the file system says.
pub fn write_new(path: &Path, text: &str) -> Result<(), CommitError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| CommitError::Io { path, error }
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(at(folder))?;
    if path.symlink_metadata().is_ok() {
        return Err(CommitError::Exists(path.to_owned()));
    }
    let (draft, mut file) = draft_beside(path, folder).map_err(at(folder))?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| claim(&draft, path));
    // After a link the draft is a second name of the file; after a failure it is nothing.
    let _ = fs::remove_file(&draft);
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(CommitError::Exists(path.to_owned()))
        }
        Err(error) => Err(at(path)(error)),
    }
}

/// A file for the text before it has its name. Two writers never share one.
fn draft_beside(path: &Path, folder: &Path) -> io::Result<(PathBuf, fs::File)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut number = 0_u32;
    loop {
        let draft = folder.join(format!(".{name}.{}.{number}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&draft) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1_000 => {
                number += 1;
            }
            opened => return opened.map(|file| (draft, file)),
        }
    }
}

/// Gives the draft its name; an error where something has that name already.
fn claim(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            // A file system without links: the name is taken first, and then what it stands for.
            OpenOptions::new().write(true).create_new(true).open(path)?;
            fs::rename(draft, path).inspect_err(|_| {
                let _ = fs::remove_file(path);
            })
        }
        done => done,
    }
}
