//! Free disk space, where it can be seen: where the server keeps its files on this machine.
//!
//! No server tells how much room its disk has left. One on another machine, or in a container, is
//! out of sight; that is said, and not guessed.

use std::path::{Path, PathBuf};

use bellows::document::Engine;
use bellows::schema::TableName;

use super::super::brake::Look;
use super::super::monitor::{Monitor, postgres_name};
use super::super::process;
use crate::target::{Target, TargetError};

/// Where the files are that a run makes larger.
pub(super) enum Disks {
    /// Folders of this machine.
    Here(Vec<PathBuf>),
    /// Why they cannot be seen.
    Elsewhere(String),
}

impl Disks {
    pub(super) async fn find(
        target: &Target,
        monitor: &Monitor,
        tables: &[TableName],
    ) -> Result<Self, TargetError> {
        let found = match (target, target.engine()) {
            (Target::Sqlite(file), _) => {
                return Ok(match file.path.parent() {
                    Some(folder) => Disks::Here(vec![folder.to_owned()]),
                    None => Disks::Elsewhere("the file has no folder".into()),
                });
            }
            (_, Engine::PostgreSql) => postgres(monitor, tables).await?,
            (_, Engine::MySql | Engine::MariaDb | Engine::Sqlite) => mysql(monitor).await?,
        };
        Ok(match found {
            Ok(folders) => match folders.iter().find(|folder| !folder.is_dir()) {
                None => Disks::Here(folders),
                Some(folder) => Disks::Elsewhere(format!(
                    "free disk space cannot be seen: {} is not to be found on this machine",
                    folder.display()
                )),
            },
            Err(why) => Disks::Elsewhere(format!("free disk space cannot be seen: {why}")),
        })
    }

    /// The share that is free on the fullest of them.
    pub(super) fn look(&self) -> Look {
        let folders = match self {
            Disks::Here(folders) => folders,
            Disks::Elsewhere(why) => return Look::Hidden(why.clone()),
        };
        let mut least: Option<(u64, &Path)> = None;
        for folder in folders {
            match free(folder) {
                Ok(percent) if least.is_none_or(|(least, _)| percent < least) => {
                    least = Some((percent, folder));
                }
                Ok(_) => {}
                Err(error) => {
                    return Look::Failed(format!(
                        "the disk of {} cannot be looked at: {error}",
                        folder.display()
                    ));
                }
            }
        }
        match least {
            Some((percent, folder)) => Look::Shows(
                percent,
                format!(
                    "{percent} % of the disk that holds {} is free",
                    folder.display()
                ),
            ),
            None => Look::Hidden("the target names no folder".into()),
        }
    }
}

/// Percent that an ordinary user may still fill, as `df` counts it.
fn free(folder: &Path) -> Result<u64, rustix::io::Errno> {
    let stat = rustix::fs::statvfs(folder)?;
    let used = stat.f_blocks.saturating_sub(stat.f_bfree);
    let usable = (used + stat.f_bavail).max(1);
    Ok(stat.f_bavail * 100 / usable)
}

type Found = Result<Vec<PathBuf>, String>;

/// The data directory, the log's, and the tablespaces of the database and of the tables.
async fn postgres(monitor: &Monitor, tables: &[TableName]) -> Result<Found, TargetError> {
    let names: Vec<String> = tables.iter().map(postgres_name).collect();
    let rows = monitor
        .ask(
            "SELECT (SELECT setting FROM pg_settings WHERE name = 'data_directory'),
                    inet_server_addr() IS NOT DISTINCT FROM inet_client_addr()
             UNION ALL
             SELECT pg_tablespace_location(t.oid), true FROM pg_tablespace t
             WHERE pg_tablespace_location(t.oid) <> ''
               AND t.oid IN (SELECT dattablespace FROM pg_database
                             WHERE datname = current_database()
                             UNION SELECT reltablespace FROM pg_class
                             WHERE oid IN (SELECT to_regclass(name)
                                           FROM unnest(string_to_array($1, chr(1))) name))",
            &[names.join("\u{1}").into()],
        )
        .await?;
    let mut folders = Vec::new();
    for row in &rows {
        let Some(folder) = row.text(0)? else {
            return Ok(Err(
                "only members of pg_read_all_settings are told where the server keeps its data"
                    .into(),
            ));
        };
        if !row.truth(1)? {
            return Ok(Err("the server is on another machine".into()));
        }
        folders.push(PathBuf::from(folder));
    }
    // The log may be on a disk of its own. The folder is closed to others than the server's user.
    if let Some(data) = folders.first()
        && let Ok(log) = std::fs::canonicalize(data.join("pg_wal"))
    {
        folders.push(log);
    }
    Ok(Ok(folders))
}

async fn mysql(monitor: &Monitor) -> Result<Found, TargetError> {
    let rows = monitor.ask("SELECT @@hostname, @@datadir", &[]).await?;
    let Some(row) = rows.first() else {
        return Ok(Err("the server does not say where its data is".into()));
    };
    if row.text(0)?.as_deref() != Some(process::host().as_str()) {
        return Ok(Err("the server is on another machine".into()));
    }
    Ok(Ok(row.text(1)?.map(PathBuf::from).into_iter().collect()))
}
