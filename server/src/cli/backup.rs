//! `bellows backup`: lists, takes, restores and removes backups.

use std::collections::BTreeSet;

use bellows::estimate::bytes;
use bellows::schema::TableName;
use serde::Serialize;
use serde_json::json;

use super::args::{Backup, BackupCreate, BackupList, BackupRemove, BackupRestore, Format};
use super::copies;
use super::exit::{CliError, Exit};
use super::history::moment;
use super::records::Records;
use super::run::Runner;
use super::screen::Screen;
use crate::audit::Entry;
use crate::backup::{self, Manifest, Order, Scope};
use crate::executor::{self, Preview, PreviewedTable, Restored, Snapshot};

/// `bellows backup ...`.
pub async fn backup(
    command: Backup,
    records: &Records,
    mut screen: Screen,
) -> Result<Exit, CliError> {
    match command {
        Backup::List(arguments) => list(arguments, records, &mut screen).await,
        Backup::Create(arguments) => create(arguments, records, screen).await,
        Backup::Restore(arguments) => restore(arguments, records, screen).await,
        Backup::Remove(arguments) => remove(arguments, records, screen).await,
        Backup::Copies(arguments) => copies::list(arguments, &mut screen).await,
        Backup::RemoveCopy(arguments) => copies::remove(arguments, records, screen).await,
    }
}

/// A line of the list.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BackupWire {
    id: String,
    target: String,
    /// Milliseconds since 1970.
    taken_at: i64,
    by: String,
    holds: String,
    bytes: u64,
    sha256: String,
    execution_id: Option<String>,
    phase: Option<u32>,
    /// Whether the file is in this data directory.
    here: bool,
    host: Option<String>,
    restored_at: Option<i64>,
}

impl BackupWire {
    fn of_manifest(manifest: Manifest) -> Self {
        Self {
            target: manifest.address.clone(),
            taken_at: manifest.taken_at / 1_000,
            holds: manifest.holds(),
            bytes: manifest.bytes,
            execution_id: manifest.occasion.as_ref().map(|o| o.execution.clone()),
            phase: manifest.occasion.as_ref().map(|o| o.phase),
            here: true,
            host: None,
            restored_at: None,
            id: manifest.id,
            by: manifest.by,
            sha256: manifest.sha256,
        }
    }

    fn of_snapshot(snapshot: Snapshot, address: &str, here: bool) -> Self {
        Self {
            target: address.to_owned(),
            taken_at: snapshot.taken_at / 1_000,
            here,
            restored_at: snapshot.restored_at.map(|at| at / 1_000),
            id: snapshot.id,
            by: snapshot.by,
            holds: snapshot.holds,
            bytes: snapshot.bytes,
            sha256: snapshot.sha256,
            execution_id: snapshot.execution,
            phase: snapshot.phase,
            host: Some(snapshot.host),
        }
    }
}

async fn list(
    arguments: BackupList,
    records: &Records,
    screen: &mut Screen,
) -> Result<Exit, CliError> {
    let kept = backup::list(&backup::folder(records.data_dir()))?;
    let all: Vec<BackupWire> = match arguments.target.optional().await? {
        None => kept.into_iter().map(BackupWire::of_manifest).collect(),
        Some(target) => {
            let ids: BTreeSet<&str> = kept.iter().map(|manifest| manifest.id.as_str()).collect();
            let here = |snapshot: &Snapshot| ids.contains(snapshot.id.as_str());
            executor::snapshots(&target)
                .await?
                .into_iter()
                .map(|snapshot| {
                    let here = here(&snapshot);
                    BackupWire::of_snapshot(snapshot, &target.address(), here)
                })
                .collect()
        }
    };
    match arguments.format.format {
        Format::Json => screen.print_json(&all)?,
        Format::Text if all.is_empty() => screen.print("There are no backups.")?,
        Format::Text => {
            for backup in &all {
                let place = match &backup.host {
                    Some(host) if !backup.here => format!("; its file is on {host}, or gone"),
                    Some(_) | None => String::new(),
                };
                let occasion = match (&backup.execution_id, backup.phase) {
                    (Some(execution), Some(phase)) => {
                        format!("; before phase {phase} of execution {execution}")
                    }
                    (Some(_) | None, _) => String::new(),
                };
                screen.print(&format!(
                    "{}  {}  {}  {}\n    {}, by {}{occasion}{place}",
                    backup.id,
                    moment(backup.taken_at),
                    bytes(backup.bytes),
                    backup.target,
                    backup.holds,
                    backup.by,
                ))?;
            }
        }
    }
    Ok(Exit::Done)
}

async fn create(
    arguments: BackupCreate,
    records: &Records,
    screen: Screen,
) -> Result<Exit, CliError> {
    let target = arguments.target.required().await?;
    let runner = Runner::new(&target, records, screen, arguments.format.format);
    let scope = match arguments.tables.as_slice() {
        [] => Scope::Whole,
        tables => {
            let tables: Vec<TableName> = tables.iter().map(|name| TableName::parse(name)).collect();
            let schema = target.inspect().await?;
            if let Some(missing) = tables.iter().find(|name| schema.table(name).is_none()) {
                return Err(CliError::Usage(format!(
                    "there is no table {missing} on {}",
                    target.address()
                )));
            }
            Scope::Tables(tables)
        }
    };
    // The data directory is made for its owner alone.
    records.store().await?;
    let order = Order {
        folder: backup::folder(records.data_dir()),
        scope,
        by: records.user().to_owned(),
        occasion: None,
    };
    let subject = format!("target {}", target.address());
    match executor::create_backup(&target, &order, runner.owner()).await {
        Ok(Ok(Some(manifest))) => {
            let entry = Entry::new("backup.taken", subject).detail(detail(&manifest));
            records.audit(entry).await?;
            told(&runner, &manifest)?;
            Ok(Exit::Done)
        }
        Ok(Ok(None)) => Err(CliError::Usage("there is nothing to back up".to_owned())),
        Ok(Err(who)) => {
            runner.say(&who)?;
            Ok(Exit::Stopped)
        }
        Err(error) => {
            let entry = Entry::refusal("backup.failed", subject, &error.to_string());
            records.audit(entry).await?;
            Err(error.into())
        }
    }
}

fn detail(manifest: &Manifest) -> serde_json::Value {
    json!({
        "snapshot": manifest.id,
        "holds": manifest.holds(),
        "bytes": manifest.bytes,
        "sha256": manifest.sha256,
        "tool": manifest.tool,
        "durationMs": manifest.duration_ms,
    })
}

fn told(runner: &Runner<'_>, manifest: &Manifest) -> Result<(), CliError> {
    match runner.format {
        Format::Text => runner.say(&format!(
            "Backup {}: {}, {}",
            manifest.id,
            manifest.holds(),
            bytes(manifest.bytes)
        )),
        Format::Json => runner
            .with_screen(|screen| screen.print_json(&BackupWire::of_manifest(manifest.clone()))),
    }
}

/// What a restore does, one line each.
fn lines(preview: &Preview) -> Vec<String> {
    let rows = |rows: Option<u64>| match rows {
        Some(rows) => format!("{rows} rows"),
        None => "not there".to_owned(),
    };
    let table = |table: &PreviewedTable| {
        let then = match table.then {
            Some(then) => format!("{then} rows then"),
            None => "dropped, for a run has made it since".to_owned(),
        };
        format!("  {}: {} now, {then}", table.name, rows(table.now))
    };
    let tables = preview.tables.iter().chain(&preview.made_since).map(table);
    let executions = preview.executions.iter().map(|execution| {
        format!(
            "  execution {} of {} goes back",
            execution.id, execution.migration
        )
    });
    tables.chain(executions).collect()
}

async fn restore(
    arguments: BackupRestore,
    records: &Records,
    screen: Screen,
) -> Result<Exit, CliError> {
    let target = arguments.target.required().await?;
    let folder = backup::folder(records.data_dir());
    let runner = Runner::new(&target, records, screen, arguments.format.format);
    let preview = executor::preview_restore(&target, &folder, &arguments.id).await?;
    let manifest = &preview.manifest;
    runner.say(&format!(
        "Backup {} of {}, taken {}, holds {}. What was written to its tables since is lost{}:",
        manifest.id,
        manifest.address,
        moment(manifest.taken_at / 1_000),
        manifest.holds(),
        if arguments.skip_backup {
            ""
        } else {
            ", but for the backup that is taken of it first"
        }
    ))?;
    for line in lines(&preview) {
        runner.say(&line)?;
    }
    let question = format!("Restore it onto {}?", target.address());
    if !runner.confirmed(&question, arguments.yes)? {
        runner.say("Nothing was restored.")?;
        return Ok(Exit::Failed);
    }
    let subject = format!("target {}", target.address());
    let started = Entry::new("backup.restore", subject.clone()).detail(json!({
        "snapshot": arguments.id,
        "skipBackup": arguments.skip_backup,
    }));
    records.audit(started).await?;
    let save = !arguments.skip_backup;
    let by = records.user();
    let owner = runner.owner().to_owned();
    match executor::restore_backup(&target, &folder, &arguments.id, by, &owner, save).await {
        Ok(Restored::Done {
            preview,
            saved,
            as_then,
        }) => {
            let done = json!({
                "snapshot": preview.manifest.id,
                "saved": saved.as_ref().map(|saved| saved.id.clone()),
                "asThen": as_then,
                "executions": preview.executions.iter().map(|e| e.id.clone()).collect::<Vec<_>>(),
            });
            records
                .audit(Entry::new("backup.restored", subject).detail(done.clone()))
                .await?;
            for execution in &preview.executions {
                rewound(&runner, &arguments.id, &execution.id).await?;
            }
            if let Some(saved) = &saved {
                runner.say(&format!("Backup {} holds what was there before.", saved.id))?;
            }
            if !as_then {
                runner.say("⚠ The tables are not defined quite as they were then.")?;
            }
            match runner.format {
                Format::Text => runner.say(&format!("Backup {} is restored.", arguments.id))?,
                Format::Json => runner.with_screen(|screen| screen.print_json(&done))?,
            }
            Ok(Exit::Done)
        }
        Ok(Restored::Busy(who)) => {
            let entry = Entry::refusal("backup.restore", subject, &who);
            records.audit(entry).await?;
            runner.say(&who)?;
            Ok(Exit::Stopped)
        }
        Err(error) => {
            let entry = Entry::refusal("backup.restore", subject, &error.to_string());
            records.audit(entry).await?;
            Err(error.into())
        }
    }
}

/// Keeps where an execution stands after a restore, and tells so.
async fn rewound(runner: &Runner<'_>, backup: &str, id: &str) -> Result<(), CliError> {
    let record = runner.reread(id).await?;
    runner.restored(backup, &record).await
}

async fn remove(
    arguments: BackupRemove,
    records: &Records,
    mut screen: Screen,
) -> Result<Exit, CliError> {
    let folder = backup::folder(records.data_dir());
    let manifest = backup::find(&folder, &arguments.id)?;
    if !arguments.yes {
        return Err(CliError::Usage(format!(
            "backup {} of {} holds {}; -y removes it",
            manifest.id,
            manifest.address,
            manifest.holds()
        )));
    }
    let subject = format!("target {}", manifest.address);
    let entry = Entry::new("backup.removed", subject).detail(detail(&manifest));
    records.audit(entry).await?;
    backup::remove(&folder, &manifest)?;
    screen.print(&format!("Backup {} is removed.", manifest.id))?;
    Ok(Exit::Done)
}
