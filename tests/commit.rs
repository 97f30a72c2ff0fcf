//! Documents that the builder writes into files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bellows::builder::{CommitError, Day, MigrationBuilder, MigrationPatterns, migration};
use bellows::document::parse;

/// A folder of its own, gone with its value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bellows-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn day() -> Day {
    Day::new(2025, 1, 28).unwrap()
}

fn add_bio() -> MigrationBuilder {
    migration("add-user-bio")
        .phase("Add it")
        .add_column("users", "bio", "TEXT")
        .validate()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn a_document_is_written_whole_into_a_folder_that_is_made() {
    let folder = Folder::new("commit");
    let path = add_bio().commit(folder.0.join("deep/er"), day()).unwrap();
    assert_eq!(path, folder.0.join("deep/er/20250128_add_user_bio.yaml"));
    assert_eq!(parse(&read(&path)), Ok(add_bio().build().unwrap()));

    let pattern = MigrationPatterns::remove_column("users", "bio");
    let path = pattern.commit(&folder.0, day()).unwrap();
    assert_eq!(parse(&read(&path)), Ok(pattern.build().unwrap()));
    // Nothing is left beside the files.
    assert_eq!(folder.files(), ["20250128_remove_users_bio.yaml", "deep"]);
}

#[test]
fn a_file_that_is_there_is_left_as_it_is() {
    let folder = Folder::new("commit-twice");
    let path = add_bio().commit(&folder.0, day()).unwrap();
    fs::write(&path, "mine").unwrap();
    let error = add_bio().commit(&folder.0, day()).unwrap_err();
    assert!(
        matches!(&error, CommitError::Exists(at) if *at == path),
        "{error}"
    );
    assert_eq!(read(&path), "mine");
    assert_eq!(folder.files(), ["20250128_add_user_bio.yaml"]);
}

#[test]
fn of_many_writers_one_wins_and_its_file_is_whole() {
    let folder = Folder::new("commit-race");
    let won = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|n| {
                let folder = &folder.0;
                scope.spawn(move || {
                    let builder = add_bio().set_author(&format!("writer {n}"));
                    builder
                        .commit(folder, day())
                        .map(|path| (path, builder.build().unwrap()))
                })
            })
            .collect();
        let results = writers.into_iter().map(|w| w.join().unwrap());
        results.filter_map(Result::ok).collect::<Vec<_>>()
    });
    let [(path, document)] = won.as_slice() else {
        panic!("{} writers believe that the file is theirs", won.len())
    };
    assert_eq!(parse(&read(path)).as_ref(), Ok(document));
    assert_eq!(folder.files(), ["20250128_add_user_bio.yaml"]);
}

#[test]
fn what_has_mistakes_is_not_written() {
    let folder = Folder::new("commit-mistakes");
    let error = migration("Bad Name")
        .nullable()
        .commit(&folder.0, day())
        .unwrap_err();
    assert!(
        matches!(&error, CommitError::Build(e) if e.problems.len() == 3),
        "{error}"
    );
    assert!(!folder.0.exists());
    // A file where the folder would be.
    let folder = Folder::new("commit-file");
    fs::write(&folder.0, "").unwrap();
    let error = add_bio()
        .commit(&folder.0, Day::from(SystemTime::now()))
        .unwrap_err();
    assert!(
        matches!(&error, CommitError::Io { path, .. } if *path == folder.0),
        "{error}"
    );
    fs::remove_file(&folder.0).unwrap();
}
