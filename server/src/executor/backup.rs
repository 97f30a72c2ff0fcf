//! Backups under a target's run lock: before a phase, by hand, and restored.

use std::path::Path;
use std::time::{Duration, Instant};

use bellows::run::{EventKind, ExecutionState, PhaseState, StopReason};
use bellows::schema::TableName;

use super::birth;
use super::control::Wish;
use super::lease::{BACKUP, RESTORE};
use super::ledger::{self, Ending, Undo};
use super::process;
use super::record::{ExecuteError, ExecutionRecord, Outcome};
use super::run::{Goal, Run, millis};
use super::session::{Acquired, Session};
use crate::backup::{self, BackupError, Manifest, Occasion, Order, Progress, Restoring, Scope};
use crate::target::{Link, Target, identity_on, layout_present};

/// How often a backup under way is told of.
const PACE: Duration = Duration::from_secs(1);

/// A backup as the target's records have it. Times are microseconds by the target's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub id: String,
    /// The execution that it was taken before, where it was.
    pub execution: Option<String>,
    /// The phase of it that had not begun.
    pub phase: Option<u32>,
    /// When.
    pub taken_at: i64,
    /// Who asked for it.
    pub by: String,
    /// The machine that has the file.
    pub host: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// What it holds, for people.
    pub holds: String,
    /// When it was restored last.
    pub restored_at: Option<i64>,
}

/// What a restore would do, for the person who is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// The backup.
    pub manifest: Manifest,
    /// The tables that are put back.
    pub tables: Vec<PreviewedTable>,
    /// Tables that runs have made since, which go.
    pub made_since: Vec<PreviewedTable>,
    /// The executions that go back with it.
    pub executions: Vec<Rewound>,
}

/// A table before and after a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewedTable {
    /// Its name.
    pub name: TableName,
    /// Its rows now; absent: it is not there.
    pub now: Option<u64>,
    /// Its rows in the backup; absent: it goes.
    pub then: Option<u64>,
}

/// An execution that a restore puts back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewound {
    /// Its id.
    pub id: String,
    /// The document's name.
    pub migration: String,
    /// Where it stood before.
    pub was: ExecutionState,
}

/// How a restore, or a backup by hand, ended.
#[derive(Clone, Debug)]
pub enum Restored {
    /// It is done: what was restored, what was saved of the state before, what went back.
    Done {
        /// What it did.
        preview: Box<Preview>,
        /// The backup of what was there before.
        saved: Option<Box<Manifest>>,
        /// Whether the tables are as they were when the backup was taken.
        as_then: bool,
    },
    /// Somebody else has the target.
    Busy(String),
}

impl Run<'_> {
    /// Takes the backup that was asked for before the phase; says how the run ends where it does.
    pub(super) async fn back_up(
        &mut self,
        phase: u32,
        by: &str,
    ) -> Result<Option<Outcome>, ExecuteError> {
        let Some(wanted) = self.options.backup.clone() else {
            return Ok(None);
        };
        let started = Instant::now();
        let order = Order {
            folder: wanted.folder,
            scope: match wanted.whole {
                true => Scope::Whole,
                false => Scope::Tables(birth::tables(&self.record.plan)),
            },
            by: by.to_owned(),
            occasion: Some(Occasion {
                execution: self.record.id.clone(),
                migration: self.record.migration.clone(),
                phase,
            }),
        };
        let standing = ledger::standing(&mut self.session.link).await?;
        let progress = Progress::default();
        let taken = {
            let target = self.target.clone();
            let taking = backup::take(&target, &order, standing, &progress);
            tokio::pin!(taking);
            loop {
                let mut control = self.control.clone();
                tokio::select! {
                    taken = &mut taking => break Ok(taken?),
                    wish = control.rest(PACE) => if wish != Wish::Run {
                        break Err(wish);
                    },
                }
                let (bytes, total) = progress.now();
                let event = EventKind::BackupProgress {
                    before: phase,
                    bytes,
                    total,
                };
                self.sink.append(&self.record.id, event).await?;
            }
        };
        match taken {
            Ok(Some(manifest)) => {
                let link = &mut self.session.link;
                ledger::keep_snapshot(link, &manifest, &process::host()).await?;
                let event = EventKind::BackupTaken {
                    before: phase,
                    snapshot: manifest.id.clone(),
                    bytes: manifest.bytes,
                    duration_ms: millis(started.elapsed()),
                    tables: u32::try_from(manifest.tables.len()).unwrap_or(u32::MAX),
                };
                self.sink.append(&self.record.id, event).await?;
                // It may have taken long.
                self.check_drift(phase).await?;
                Ok(None)
            }
            Ok(None) => {
                let words =
                    "none of the migration's tables is there yet: there is nothing to back up";
                self.note(words.to_owned()).await?;
                Ok(None)
            }
            Err(Wish::Cancel) => {
                let undo = Undo {
                    down_to: phase,
                    ending: Ending::Cancel,
                };
                self.go(Goal::Back(undo, None)).await.map(Some)
            }
            Err(Wish::Pause | Wish::Run) => {
                let (reason, message) = (StopReason::Paused, "paused before the phase".to_owned());
                let event = EventKind::Stopped {
                    phase,
                    reason,
                    message: message.clone(),
                };
                self.sink.append(&self.record.id, event).await?;
                Ok(Some(Outcome::Stopped { reason, message }))
            }
        }
    }
}

/// For people: the restore that was begun on the target and must be brought to its end first.
pub(super) async fn half_restored(session: &mut Session) -> Result<Option<String>, ExecuteError> {
    let half = backup::half_restored(&mut session.link).await?;
    Ok(half.map(|id| {
        format!(
            "backup {id} is half restored on this target: bring that to its end first, by \
             restoring it once more"
        )
    }))
}

/// Takes a backup by hand. The inner error says who has the target.
pub async fn create_backup(
    target: &Target,
    order: &Order,
    owner: &str,
) -> Result<Result<Option<Manifest>, String>, ExecuteError> {
    let mut session = match Session::acquire(target, owner, BACKUP).await? {
        Acquired::Held(session) => *session,
        Acquired::Busy(who) => return Ok(Err(who)),
    };
    let taken = match half_restored(&mut session).await {
        Ok(None) => taken(target, order, &mut session).await.map(Ok),
        Ok(Some(half)) => Ok(Err(half)),
        Err(error) => Err(error),
    };
    session.release().await?;
    taken
}

async fn taken(
    target: &Target,
    order: &Order,
    session: &mut Session,
) -> Result<Option<Manifest>, ExecuteError> {
    let standing = ledger::standing(&mut session.link).await?;
    let taken = backup::take(target, order, standing, &Progress::default()).await?;
    if let Some(manifest) = &taken {
        ledger::keep_snapshot(&mut session.link, manifest, &process::host()).await?;
    }
    Ok(taken)
}

/// The backups that the target knows of, newest first.
pub async fn snapshots(target: &Target) -> Result<Vec<Snapshot>, ExecuteError> {
    let mut link = target.look().await?;
    if !layout_present(&mut link).await? {
        return Ok(Vec::new());
    }
    ledger::snapshots(&mut link).await
}

/// What restoring that backup would do. Refused where it cannot be restored onto the target.
pub async fn preview_restore(
    target: &Target,
    folder: &Path,
    id: &str,
) -> Result<Preview, ExecuteError> {
    let manifest = backup::find(folder, id)?;
    let mut link = target.look().await?;
    Ok(weigh(target, &mut link, manifest).await?.0)
}

/// Restores a backup; `saved`: with a backup of what is there now, first.
pub async fn restore_backup(
    target: &Target,
    folder: &Path,
    id: &str,
    by: &str,
    owner: &str,
    save: bool,
) -> Result<Restored, ExecuteError> {
    let manifest = backup::find(folder, id)?;
    let mut session = match Session::acquire(target, owner, RESTORE).await? {
        Acquired::Held(session) => *session,
        Acquired::Busy(who) => return Ok(Restored::Busy(who)),
    };
    let done = put_back(target, folder, manifest, by, &mut session, save).await;
    if let Err(error) = session.release().await {
        tracing::debug!(%error, "the run lock was not given back");
    }
    done
}

async fn put_back(
    target: &Target,
    folder: &Path,
    manifest: Manifest,
    by: &str,
    session: &mut Session,
    save: bool,
) -> Result<Restored, ExecuteError> {
    let half = backup::half_restored(&mut session.link).await?;
    if let Some(half) = half.as_ref().filter(|half| **half != manifest.id) {
        return Err(BackupError::Refused(format!(
            "backup {half} is half restored on this target: bring that to its end first"
        ))
        .into());
    }
    let (preview, records) = weigh(target, &mut session.link, manifest).await?;
    let manifest = &preview.manifest;
    let made_since: Vec<TableName> = preview.made_since.iter().map(|t| t.name.clone()).collect();
    let saved = if save && half.is_none() {
        let scope = match manifest.whole {
            true => Scope::Whole,
            false => {
                let now = preview.tables.iter().filter(|table| table.now.is_some());
                let names = now.map(|table| table.name.clone());
                Scope::Tables(names.chain(made_since.iter().cloned()).collect())
            }
        };
        let order = Order {
            folder: folder.to_owned(),
            scope,
            by: by.to_owned(),
            occasion: None,
        };
        taken(target, &order, session).await?
    } else {
        None
    };
    let work = Restoring {
        manifest,
        made_since,
        records,
    };
    backup::restore(target, &mut session.link, folder, &work).await?;
    ledger::restored(&mut session.link, &manifest.id).await?;
    let as_then = target.inspect().await?.fingerprint(&manifest.names()) == manifest.fingerprint;
    Ok(Restored::Done {
        saved: saved.map(Box::new),
        as_then,
        preview: Box::new(preview),
    })
}

/// What the backup would do, and the statements that put the records back.
async fn weigh(
    target: &Target,
    link: &mut Link,
    manifest: Manifest,
) -> Result<(Preview, Vec<String>), ExecuteError> {
    let refused = |words: String| ExecuteError::from(BackupError::Refused(words));
    if !layout_present(link).await? || identity_on(link).await? != manifest.target {
        return Err(refused(format!(
            "backup {} is of another database ({})",
            manifest.id, manifest.address
        )));
    }
    let schema = target.inspect().await?;
    let mut records = Vec::new();
    let mut executions = Vec::new();
    let mut made_since: Vec<TableName> = Vec::new();
    let known = manifest.names();
    for now in ledger::all(link).await? {
        let tables = birth::tables(&now.plan);
        if !manifest.whole && !tables.iter().any(|table| manifest.covers(table)) {
            continue;
        }
        let back = ledger::back_to(target.engine(), &manifest, &now)?;
        if !back.changed {
            continue;
        }
        if has_worked(&now)
            && let Some(other) = tables.iter().find(|table| !manifest.covers(table))
            && schema.table(other).is_some()
        {
            return Err(refused(format!(
                "execution {} of {} has worked on {other} since, too, which backup {} does not \
                 hold: roll it back, or restore a backup of the whole database",
                now.id, now.migration, manifest.id
            )));
        }
        // Those that the backup does not know are ended first: one of a name lives at a time.
        let at = if back.known { records.len() } else { 0 };
        records.splice(at..at, back.statements);
        executions.push(Rewound {
            id: now.id.clone(),
            migration: now.migration.clone(),
            was: now.state,
        });
        for table in tables {
            if schema.table(&table).is_some()
                && !known.contains(&table)
                && !made_since.contains(&table)
            {
                made_since.push(table);
            }
        }
    }
    let mut tables = Vec::new();
    for held in &manifest.tables {
        let now = match schema.table(&held.name) {
            Some(_) => Some(rows(link, &held.name).await?),
            None => None,
        };
        tables.push(PreviewedTable {
            name: held.name.clone(),
            now,
            then: Some(held.rows),
        });
    }
    let mut going = Vec::new();
    for name in made_since {
        going.push(PreviewedTable {
            now: Some(rows(link, &name).await?),
            then: None,
            name,
        });
    }
    let preview = Preview {
        manifest,
        tables,
        made_since: going,
        executions,
    };
    Ok((preview, records))
}

fn has_worked(now: &ExecutionRecord) -> bool {
    now.phases.iter().any(|phase| match phase.state {
        PhaseState::Pending | PhaseState::RolledBack => false,
        PhaseState::Running | PhaseState::Paused | PhaseState::Completed | PhaseState::Failed => {
            true
        }
    })
}

async fn rows(link: &mut Link, name: &TableName) -> Result<u64, ExecuteError> {
    let table = bellows::dialect::quote::table(link.engine(), name);
    let sql = format!("SELECT count(*) FROM {table}");
    let row = link.fetch_one(&sql, &[]).await?;
    Ok(row.int(0)?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}
