//! Backups of MySQL and MariaDB by their own dump: first the tables of one snapshot, then what stands on
//! them, which a restore makes in another place.

use std::collections::BTreeSet;
use std::process::Stdio;

use bellows::dialect::quote;
use bellows::document::Engine;
use bellows::schema::{Schema, TableName};

use super::BackupError;
use super::files::{Partial, digest};
use super::postgres::write;
use super::rows::RowCounter;
use super::take::{Dumped, Progress, Wanted};
use super::tool::{self, Tool};
use crate::target::{Link, MySqlTarget};

/// What the tools write at the very end.
const COMPLETE: &str = "-- Dump completed";

/// Options of every dump.
const OPTIONS: [&str; 5] = [
    "--default-character-set=utf8mb4",
    "--no-tablespaces",
    "--skip-lock-tables",
    "--skip-add-locks",
    "--hex-blob",
];

/// The tool that dumps.
pub(super) async fn dumper(engine: Engine) -> Result<Tool, BackupError> {
    tool::mysql(engine, "mysqldump", "mariadb-dump").await
}

/// Adds the tables that foreign keys tie to these, in either direction: a table takes those of its own
/// along when it is renamed, and one that were left behind would point at the old one.
pub(super) fn with_kin(schema: &Schema, tables: &mut Vec<TableName>) {
    let mut all: BTreeSet<TableName> = tables.iter().cloned().collect();
    let mut next: Vec<TableName> = tables.clone();
    while let Some(name) = next.pop() {
        let Some(table) = schema.table(&name) else {
            continue;
        };
        let parents = table
            .constraints
            .iter()
            .filter_map(|c| c.references.clone());
        let children = table.referenced_by.iter().map(|(child, _)| child.clone());
        for kin in parents.chain(children) {
            if schema.table(&kin).is_some() && all.insert(kin.clone()) {
                next.push(kin);
            }
        }
    }
    *tables = all.into_iter().collect();
}

pub(super) async fn dump(
    target: &MySqlTarget,
    link: &mut Link,
    wanted: &Wanted,
    partial: &Partial,
    progress: &Progress,
) -> Result<Dumped, BackupError> {
    let tool = dumper(link.engine()).await?;
    let views = views(link, wanted).await?;
    let sequences = match wanted.whole {
        true => sequences(link).await?,
        false => Vec::new(),
    };
    let names: Vec<&str> = wanted
        .tables
        .iter()
        .chain(&sequences)
        .map(|name| name.name.as_str())
        .collect();
    let mut counter = RowCounter::default();
    let mut last = Tail::default();
    if !names.is_empty() {
        let mut command = tool.command();
        tool::to_mysql(&tool, &mut command, target);
        command.args(OPTIONS).args([
            "--single-transaction",
            "--quick",
            "--skip-triggers",
            "--skip-add-drop-table",
        ]);
        if !tool.mariadb {
            command.arg("--set-gtid-purged=OFF");
        }
        command.arg("--").arg(database(target)).args(&names);
        run(
            &tool,
            command,
            partial,
            partial.create()?,
            progress,
            |part| {
                counter.take(part);
                last.take(part);
            },
        )
        .await?;
        last.complete(&tool)?;
    } else {
        drop(partial.create()?);
    }
    let split = std::fs::metadata(partial.path())
        .map_err(BackupError::at(partial.path()))?
        .len();
    for (options, names) in [
        (objects(wanted.whole), wanted.tables.as_slice()),
        (vec!["--no-data", "--skip-triggers"], views.as_slice()),
    ] {
        if names.is_empty() && (views.is_empty() || !wanted.whole) {
            continue;
        }
        let mut command = tool.command();
        tool::to_mysql(&tool, &mut command, target);
        command.args(OPTIONS).args(options);
        if !tool.mariadb {
            command.arg("--set-gtid-purged=OFF");
        }
        command
            .arg("--")
            .arg(database(target))
            .args(names.iter().map(|name| name.name.as_str()));
        let file = std::fs::File::options()
            .append(true)
            .open(partial.path())
            .map_err(BackupError::at(partial.path()))?;
        let mut last = Tail::default();
        run(&tool, command, partial, file, progress, |part| {
            last.take(part)
        })
        .await?;
        last.complete(&tool)?;
    }
    let path = partial.path().to_owned();
    let (sha256, bytes) = super::blocking(move || digest(&path)).await?;
    let rows = wanted
        .tables
        .iter()
        .map(|name| (name.clone(), counter.of(&name.name)))
        .collect();
    Ok(Dumped {
        tool: tool.title(),
        rows,
        views,
        sequences,
        functions: Vec::new(),
        bytes,
        sha256,
        split,
    })
}

/// Triggers, and of a whole database also routines and events.
fn objects(whole: bool) -> Vec<&'static str> {
    let mut options = vec![
        "--no-data",
        "--no-create-info",
        "--triggers",
        "--add-drop-trigger",
    ];
    if whole {
        options.extend(["--routines", "--events"]);
    }
    options
}

async fn run(
    tool: &Tool,
    mut command: tokio::process::Command,
    partial: &Partial,
    file: std::fs::File,
    progress: &Progress,
    seen: impl FnMut(&[u8]),
) -> Result<(), BackupError> {
    command.stdout(Stdio::piped());
    let mut child = tool.spawn(&mut command)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let written = write(stdout, file, partial, progress, seen);
    let (ended, written) = tokio::join!(tool.end(child, tool::complaints(stderr)), written);
    ended?;
    written.map(drop)
}

/// The end of what was written: a dump without its last line is none.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn take(&mut self, part: &[u8]) {
        const KEPT: usize = 200;
        self.0.extend_from_slice(part);
        let more = self.0.len().saturating_sub(KEPT);
        self.0.drain(..more);
    }

    fn complete(&self, tool: &Tool) -> Result<(), BackupError> {
        if String::from_utf8_lossy(&self.0).contains(COMPLETE) {
            return Ok(());
        }
        Err(tool.failed("the dump has no end"))
    }
}

/// The target's database.
pub(super) fn database(target: &MySqlTarget) -> String {
    target.options.get_database().unwrap_or_default().to_owned()
}

/// The views: of a whole database all, else those that read one of the tables, and those on them.
async fn views(link: &mut Link, wanted: &Wanted) -> Result<Vec<TableName>, BackupError> {
    let rows = link
        .fetch_all(
            "SELECT CAST(table_name AS char), CAST(view_definition AS char)
             FROM information_schema.views WHERE table_schema = database() ORDER BY table_name",
            &[],
        )
        .await?;
    let mut left = Vec::new();
    for row in rows {
        left.push((
            row.text(0)?.unwrap_or_default(),
            row.text(1)?.unwrap_or_default(),
        ));
    }
    let plain = |name: String| TableName { schema: None, name };
    if wanted.whole {
        return Ok(left.into_iter().map(|(name, _)| plain(name)).collect());
    }
    // The server prints every name of a definition in backticks.
    let mut sources: Vec<String> = wanted.tables.iter().map(|t| t.name.clone()).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < sources.len() {
        let named = format!(".{}", quote_name(&sources[at]));
        let (on, off): (Vec<_>, Vec<_>) = left
            .into_iter()
            .partition(|(_, definition)| definition.contains(&named));
        left = off;
        for (name, _) in on {
            sources.push(name.clone());
            found.push(plain(name));
        }
        at += 1;
    }
    Ok(found)
}

fn quote_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// MariaDB's sequences.
async fn sequences(link: &mut Link) -> Result<Vec<TableName>, BackupError> {
    let rows = link
        .fetch_all(
            "SELECT CAST(table_name AS char) FROM information_schema.tables
             WHERE table_schema = database() AND table_type = 'SEQUENCE' ORDER BY table_name",
            &[],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(TableName {
                schema: None,
                name: row.text(0)?.unwrap_or_default(),
            })
        })
        .collect()
}

/// The bytes that the tables take, without indexes, as the statistics have it.
pub(super) async fn bytes(link: &mut Link, wanted: &Wanted) -> Result<u64, BackupError> {
    let names: Vec<String> = wanted
        .tables
        .iter()
        .map(|name| quote::literal(Engine::MariaDb, &name.name))
        .collect();
    if names.is_empty() {
        return Ok(0);
    }
    let sql = format!(
        "SELECT CAST(coalesce(sum(data_length), 0) AS signed) FROM information_schema.tables
         WHERE table_schema = database() AND table_name IN ({})",
        names.join(", ")
    );
    let row = link.fetch_one(&sql, &[]).await?;
    Ok(row.int(0)?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}
