//! Taking a backup: room for it first, then the engine's tool, then the manifest.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bellows::schema::{Schema, TableName};

use super::manifest::{LedgerTable, Manifest, Occasion, Scope};
use super::{BackupError, files, mysql, postgres, rows, sqlite, tool};
use crate::target::{Link, Target, identity_on, ours};

/// What is to be backed up, and where to.
#[derive(Clone, Debug)]
pub struct Order {
    /// See [`files::folder`].
    pub folder: PathBuf,
    /// What it is to hold.
    pub scope: Scope,
    /// Who asks.
    pub by: String,
    /// The run that it is taken before.
    pub occasion: Option<Occasion>,
}

/// How far a backup is, for whoever looks from beside.
#[derive(Debug, Default)]
pub struct Progress {
    bytes: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    pub(super) fn expect(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
    }

    pub(super) fn written(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes written, and those that the data take on the target.
    pub fn now(&self) -> (u64, u64) {
        let get = |n: &AtomicU64| n.load(Ordering::Relaxed);
        (get(&self.bytes), get(&self.total))
    }
}

/// What is to be dumped, as the catalogue has it.
pub(super) struct Wanted {
    pub(super) whole: bool,
    /// Tables that are there.
    pub(super) tables: Vec<TableName>,
}

/// What a tool has written.
pub(super) struct Dumped {
    pub(super) tool: String,
    /// Rows of each table, in the order of [`Wanted::tables`] and what came with them.
    pub(super) rows: Vec<(TableName, u64)>,
    pub(super) views: Vec<TableName>,
    pub(super) sequences: Vec<TableName>,
    pub(super) functions: Vec<(String, String)>,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    pub(super) split: u64,
}

/// Takes a backup; nothing where none of the tables is there. Dropped before its end it leaves
/// nothing behind.
pub async fn take(
    target: &Target,
    order: &Order,
    ledger: Vec<LedgerTable>,
    progress: &Progress,
) -> Result<Option<Manifest>, BackupError> {
    let started = Instant::now();
    let schema = target.inspect().await?;
    let mut link = target.open().await?;
    let identity = identity_on(&mut link).await?;
    let wanted = wanted(&schema, &order.scope);
    if wanted.tables.is_empty() && !wanted.whole {
        return Ok(None);
    }
    let folder = order.folder.clone();
    super::blocking(move || files::prepare(&folder)).await?;
    let needed = held(target, &mut link, &wanted).await?;
    files::room(&order.folder, needed)?;
    progress.expect(needed);
    let taken_at = now(&mut link).await?;
    let id = uuid::Uuid::now_v7().to_string();
    let partial = files::Partial::new(&order.folder, &id);
    let dumped = match target {
        Target::Postgres(target) => {
            postgres::dump(target, &mut link, &wanted, &partial, progress).await?
        }
        Target::MySql(target) => {
            mysql::dump(target, &mut link, &wanted, &partial, progress).await?
        }
        Target::Sqlite(_) => sqlite::dump(&mut link, &wanted, &partial, progress).await?,
    };
    let extension = match target {
        Target::Postgres(_) => "dump",
        Target::MySql(_) => "sql",
        Target::Sqlite(_) => "db",
    };
    let tables: Vec<TableName> = dumped.rows.iter().map(|(name, _)| name.clone()).collect();
    let absent = match &order.scope {
        Scope::Whole => Vec::new(),
        Scope::Tables(asked) => asked
            .iter()
            .filter(|name| schema.table(name).is_none())
            .cloned()
            .collect(),
    };
    let manifest = Manifest {
        file: format!("{id}.{extension}"),
        id,
        target: identity,
        address: target.address(),
        engine: target.engine(),
        tool: dumped.tool,
        taken_at,
        by: order.by.clone(),
        occasion: order.occasion.clone(),
        whole: wanted.whole,
        fingerprint: schema.fingerprint(&tables),
        tables: dumped.rows.into_iter().map(rows::held).collect(),
        views: dumped.views,
        sequences: dumped.sequences,
        absent,
        functions: dumped.functions,
        bytes: dumped.bytes,
        sha256: dumped.sha256,
        split: dumped.split,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        ledger,
    };
    let (folder, written) = (order.folder.clone(), manifest.clone());
    super::blocking(move || {
        partial.keep(&written.file)?;
        files::write_manifest(&folder, &written)
    })
    .await?;
    Ok(Some(manifest))
}

/// Why no backup of those tables can be taken now: no tool, no room; `None` where one can.
pub async fn obstacle(
    target: &Target,
    folder: &Path,
    scope: &Scope,
) -> Result<Option<String>, BackupError> {
    let mut link = target.look().await?;
    let tools = match target {
        Target::Postgres(_) => {
            let version = target.version().await?;
            tool::postgres("pg_dump", version).await.map(drop)
        }
        Target::MySql(_) => mysql::dumper(target.engine()).await.map(drop),
        Target::Sqlite(_) => Ok(()),
    };
    let ready = match tools {
        Ok(()) => {
            let own = folder.to_owned();
            match super::blocking(move || files::prepare(&own)).await {
                Ok(()) => {
                    let schema = target.inspect().await?;
                    let wanted = wanted(&schema, scope);
                    let needed = held(target, &mut link, &wanted).await?;
                    files::room(folder, needed)
                }
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    };
    match ready {
        Ok(()) => Ok(None),
        Err(
            error @ (BackupError::Missing { .. }
            | BackupError::Old { .. }
            | BackupError::Tool { .. }
            | BackupError::Room { .. }
            | BackupError::File { .. }
            | BackupError::NotFound { .. }
            | BackupError::Damaged { .. }
            | BackupError::Refused(_)),
        ) => Ok(Some(error.to_string())),
        Err(error @ BackupError::Target(_)) => Err(error),
    }
}

/// The tables of a scope that are there, with those that only come back together with them.
fn wanted(schema: &Schema, scope: &Scope) -> Wanted {
    let tables = match scope {
        Scope::Whole => schema.tables.keys().cloned().collect(),
        Scope::Tables(asked) => {
            let there = asked.iter().filter(|name| schema.table(name).is_some());
            let mut tables: Vec<TableName> = there.cloned().collect();
            if schema.engine.is_mysql_family() {
                mysql::with_kin(schema, &mut tables);
            }
            tables.sort();
            tables.dedup();
            tables
        }
    };
    Wanted {
        whole: matches!(scope, Scope::Whole),
        tables,
    }
}

/// The bytes that the data take on the target, without indexes: as much as a backup may.
async fn held(target: &Target, link: &mut Link, wanted: &Wanted) -> Result<u64, BackupError> {
    match target {
        Target::Postgres(_) => postgres::bytes(link, wanted).await,
        Target::MySql(_) => mysql::bytes(link, wanted).await,
        Target::Sqlite(target) => {
            let about = std::fs::metadata(&target.path).map_err(BackupError::at(&target.path))?;
            Ok(about.len())
        }
    }
}

/// Microseconds since 1970 by the target's clock.
async fn now(link: &mut Link) -> Result<i64, BackupError> {
    let row = link
        .fetch_one(&ours(link.engine(), "SELECT {now}"), &[])
        .await?;
    Ok(row.int(0)?.unwrap_or_default())
}
