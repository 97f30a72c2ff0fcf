//! What the project of a document has settled: the nearest `bellows.yaml` beside it or above it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bellows::document::{PROJECT_FILE, read_project};
use bellows::lint::Severity;

use super::exit::CliError;

/// The severities that hold for a document. Folders above the one with `.git` are another
/// project's.
///
/// # Errors
/// Where the file is there and cannot be read: what it settles is not to be guessed.
pub fn severities(document: &Path) -> Result<BTreeMap<String, Severity>, CliError> {
    let Some(file) = find(document)? else {
        return Ok(BTreeMap::new());
    };
    let text = std::fs::read_to_string(&file).map_err(CliError::at(&file))?;
    read_project(&text).map_err(|problems| CliError::Document {
        file: file.display().to_string(),
        problems,
    })
}

fn find(document: &Path) -> Result<Option<PathBuf>, CliError> {
    let absolute = std::path::absolute(document).map_err(CliError::at(document))?;
    for folder in absolute.ancestors().skip(1) {
        let file = folder.join(PROJECT_FILE);
        if file.is_file() {
            return Ok(Some(file));
        }
        if folder.join(".git").exists() {
            return Ok(None);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_document_stands_must_be_known() {
        assert!(severities(Path::new("")).is_err());
    }
}
