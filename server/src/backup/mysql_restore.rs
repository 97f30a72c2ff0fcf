//! Restores on MySQL and MariaDB, where every statement commits by itself. The tables are loaded into a
//! database beside the target's and counted there; one RENAME TABLE then puts them in the place of the
//! old ones, which go to a third database. What stands on tables cannot be moved: it is made anew
//! afterwards. How far this has come is kept on the target, and whoever restores the backup once more
//! goes on there.

use std::io::SeekFrom;
use std::path::Path;
use std::process::Stdio;

use bellows::dialect::quote;
use bellows::document::Engine;
use bellows::schema::TableName;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::mysql::database;
use super::tool::{self, Tool};
use super::{BackupError, Restoring};
use crate::target::{Link, MySqlTarget, on_conflict, ours};

/// How far a restore is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The tables are being loaded beside; the target is what it was.
    Loading,
    /// The old tables' triggers go, and the tables change places.
    Swapping,
    /// The backup's tables are there; what stands on them is made.
    Finishing,
}

impl Stage {
    const ALL: [Stage; 3] = [Stage::Loading, Stage::Swapping, Stage::Finishing];

    fn word(self) -> &'static str {
        match self {
            Stage::Loading => "loading",
            Stage::Swapping => "swapping",
            Stage::Finishing => "finishing",
        }
    }
}

/// The names of one restore.
struct Places {
    own: String,
    new: String,
    old: String,
}

impl Places {
    fn new(target: &MySqlTarget, id: &str) -> Self {
        let short = id.replace('-', "");
        Self {
            own: database(target),
            new: format!("bellows_new_{short}"),
            old: format!("bellows_old_{short}"),
        }
    }
}

pub(super) async fn restore(
    target: &MySqlTarget,
    link: &mut Link,
    path: &Path,
    work: &Restoring<'_>,
) -> Result<(), BackupError> {
    let loader = tool::mysql(link.engine(), "mysql", "mariadb").await?;
    let places = Places::new(target, &work.manifest.id);
    let id = &work.manifest.id;
    let mut stage = stage(link, id).await?;
    if stage.is_none() {
        refuse_strangers(link, work).await?;
    }
    if matches!(stage, None | Some(Stage::Loading)) {
        set_stage(link, id, Stage::Loading).await?;
        if let Err(error) = load(target, link, &loader, path, work, &places).await {
            // The target is what it was, and nothing of the try is left.
            drop_database(link, &places.new).await?;
            forget(link, id).await?;
            return Err(error);
        }
        set_stage(link, id, Stage::Swapping).await?;
        stage = Some(Stage::Swapping);
    }
    if stage == Some(Stage::Swapping) {
        let mut dropped = Vec::new();
        if let Err(error) = swap(link, work, &places, &mut dropped).await {
            // The old tables are there as they were, but for their triggers.
            again(link, &dropped).await?;
            drop_database(link, &places.new).await?;
            drop_database(link, &places.old).await?;
            forget(link, id).await?;
            return Err(error);
        }
        set_stage(link, id, Stage::Finishing).await?;
    }
    let from = SeekFrom::Start(work.manifest.split);
    feed(target, &loader, path, from, None, &places.own).await?;
    link.raw("BEGIN").await?;
    for statement in &work.records {
        link.raw(statement).await?;
    }
    link.raw("COMMIT").await?;
    drop_database(link, &places.new).await?;
    drop_database(link, &places.old).await?;
    forget(link, id).await?;
    Ok(())
}

/// Loads the tables beside, and counts them.
async fn load(
    target: &MySqlTarget,
    link: &mut Link,
    loader: &Tool,
    path: &Path,
    work: &Restoring<'_>,
    places: &Places,
) -> Result<(), BackupError> {
    drop_database(link, &places.new).await?;
    let row = link
        .fetch_one(
            "SELECT CAST(default_character_set_name AS char), CAST(default_collation_name AS char)
             FROM information_schema.schemata WHERE schema_name = database()",
            &[],
        )
        .await?;
    let (charset, collation) = (row.text(0)?, row.text(1)?);
    link.raw(&format!(
        "CREATE DATABASE {} CHARACTER SET {} COLLATE {}",
        name(&places.new),
        charset.unwrap_or_default(),
        collation.unwrap_or_default()
    ))
    .await?;
    let end = Some(work.manifest.split);
    feed(target, loader, path, SeekFrom::Start(0), end, &places.new).await?;
    for held in &work.manifest.tables {
        let found = super::rows::count(link, &within(&places.new, &held.name)).await?;
        if found != held.rows {
            return Err(BackupError::Refused(format!(
                "table {} has other rows than the backup: {found} and not {}",
                held.name, held.rows
            )));
        }
    }
    Ok(())
}

/// The tables change places, all at once. Tables with triggers cannot move to another database.
async fn swap(
    link: &mut Link,
    work: &Restoring<'_>,
    places: &Places,
    dropped: &mut Vec<(String, String)>,
) -> Result<(), BackupError> {
    let mut loaded = tables_of(link, &places.new).await?;
    if loaded.is_empty() && !work.manifest.tables.is_empty() {
        // It took effect before the run that sent it died.
        return Ok(());
    }
    link.raw(&format!(
        "CREATE DATABASE IF NOT EXISTS {}",
        name(&places.old)
    ))
    .await?;
    let there = tables_of(link, &places.own).await?;
    let mut going: Vec<String> = there
        .into_iter()
        .filter(|table| {
            let made = work.made_since.iter().any(|made| made.name == *table);
            made || loaded.contains(table)
        })
        .collect();
    for table in &going {
        let triggers = link
            .fetch_all(
                "SELECT CAST(trigger_name AS char) FROM information_schema.triggers
                 WHERE event_object_schema = database() AND event_object_table = $1",
                &[table.as_str().into()],
            )
            .await?;
        for row in triggers {
            let trigger = row.text(0)?.unwrap_or_default();
            let shown = link
                .raw_rows(&format!("SHOW CREATE TRIGGER {}", name(&trigger)))
                .await?;
            for row in shown {
                dropped.push((
                    row.text(1)?.unwrap_or_default(),
                    row.text(2)?.unwrap_or_default(),
                ));
            }
            link.raw(&format!("DROP TRIGGER IF EXISTS {}", name(&trigger)))
                .await?;
        }
    }
    going.sort();
    loaded.sort();
    let away = going
        .iter()
        .map(|table| (places.own.as_str(), places.old.as_str(), table));
    let here = loaded
        .iter()
        .map(|table| (places.new.as_str(), places.own.as_str(), table));
    let moves: Vec<String> = away
        .chain(here)
        .map(|(from, to, table)| {
            format!(
                "{}.{} TO {}.{}",
                name(from),
                name(table),
                name(to),
                name(table)
            )
        })
        .collect();
    if moves.is_empty() {
        return Ok(());
    }
    link.raw("SET SESSION lock_wait_timeout = 10").await?;
    let swapped = link
        .raw(&format!("RENAME TABLE {}", moves.join(", ")))
        .await;
    link.raw("SET SESSION lock_wait_timeout = 60").await?;
    swapped?;
    Ok(())
}

/// Makes triggers again, each in the mode that it was made in.
async fn again(link: &mut Link, dropped: &[(String, String)]) -> Result<(), BackupError> {
    let row = link
        .fetch_one("SELECT CAST(@@sql_mode AS char)", &[])
        .await?;
    let own = row.text(0)?.unwrap_or_default();
    let mode = |mode: &str| {
        let mode = quote::literal(Engine::MySql, mode);
        format!("SET SESSION sql_mode = {mode}")
    };
    for (made_in, trigger) in dropped {
        link.raw(&mode(made_in)).await?;
        link.raw(trigger).await?;
    }
    link.raw(&mode(&own)).await?;
    Ok(())
}

/// What would be torn: foreign keys between tables that are restored and tables that are not, and views
/// that the backup has not are left alone, for they go by names.
async fn refuse_strangers(link: &mut Link, work: &Restoring<'_>) -> Result<(), BackupError> {
    let rows = link
        .fetch_all(
            "SELECT CAST(table_name AS char), CAST(referenced_table_name AS char)
             FROM information_schema.referential_constraints
             WHERE constraint_schema = database() AND unique_constraint_schema = database()",
            &[],
        )
        .await?;
    let moves = |table: &str| {
        let held = work
            .manifest
            .tables
            .iter()
            .any(|held| held.name.name == table);
        held || work.made_since.iter().any(|made| made.name == table)
    };
    for row in rows {
        let (child, parent) = (
            row.text(0)?.unwrap_or_default(),
            row.text(1)?.unwrap_or_default(),
        );
        if moves(&child) != moves(&parent) {
            return Err(BackupError::Refused(format!(
                "a foreign key of {child} points to {parent}, and only one of them is in the \
                 backup: drop the key, restore, and make it again, or restore a backup of the whole \
                 database"
            )));
        }
    }
    Ok(())
}

/// Has the client run a part of the file in that database.
async fn feed(
    target: &MySqlTarget,
    loader: &Tool,
    path: &Path,
    from: SeekFrom,
    until: Option<u64>,
    place: &str,
) -> Result<(), BackupError> {
    let mut file = tokio::fs::File::open(path)
        .await
        .map_err(BackupError::at(path))?;
    file.seek(from).await.map_err(BackupError::at(path))?;
    let mut part = file.take(until.unwrap_or(u64::MAX));
    let mut command = loader.command();
    tool::to_mysql(loader, &mut command, target);
    command
        .args([
            "--default-character-set=utf8mb4",
            "--binary-mode",
            "--max-allowed-packet=1G",
            "--batch",
            "--",
        ])
        .arg(place)
        .stdin(Stdio::piped());
    let mut child = loader.spawn(&mut command)?;
    let says = tool::complaints(child.stderr.take());
    let stdin = child.stdin.take();
    let fed = async {
        if let Some(mut stdin) = stdin {
            tokio::io::copy(&mut part, &mut stdin).await?;
            stdin.shutdown().await?;
        }
        Ok::<_, std::io::Error>(())
    };
    let (fed, ended) = tokio::join!(fed, loader.end(child, says));
    // Where the client stopped, the pipe to it broke: its own words say why.
    ended?;
    fed.map_err(|error| loader.failed(error.to_string()))
}

async fn tables_of(link: &mut Link, place: &str) -> Result<Vec<String>, BackupError> {
    let rows = link
        .fetch_all(
            "SELECT CAST(table_name AS char) FROM information_schema.tables
             WHERE table_schema = $1 AND table_type IN ('BASE TABLE', 'SEQUENCE')
               AND table_name NOT LIKE '\\_bellows\\_%'",
            &[place.into()],
        )
        .await?;
    rows.iter()
        .map(|row| Ok(row.text(0)?.unwrap_or_default()))
        .collect()
}

async fn drop_database(link: &mut Link, place: &str) -> Result<(), BackupError> {
    // The tables of a backup point at each other.
    link.raw(&format!(
        "SET SESSION foreign_key_checks = 0; DROP DATABASE IF EXISTS {}; \
         SET SESSION foreign_key_checks = 1",
        name(place)
    ))
    .await?;
    Ok(())
}

fn name(text: &str) -> String {
    quote::name(Engine::MySql, text)
}

fn within(place: &str, table: &TableName) -> String {
    format!("{}.{}", name(place), name(&table.name))
}

async fn stage(link: &mut Link, id: &str) -> Result<Option<Stage>, BackupError> {
    let sql = ours(link.engine(), "SELECT stage FROM {b}restore WHERE id = $1");
    let word = match link.fetch_optional(&sql, &[id.into()]).await? {
        Some(row) => row.text(0)?.unwrap_or_default(),
        None => return Ok(None),
    };
    Ok(Stage::ALL.into_iter().find(|stage| stage.word() == word))
}

async fn set_stage(link: &mut Link, id: &str, stage: Stage) -> Result<(), BackupError> {
    let engine = link.engine();
    let sql = format!(
        "INSERT INTO {{b}}restore (id, stage) VALUES ($1, $2) {}",
        on_conflict(engine, "id", &["stage"])
    );
    link.execute(&ours(engine, &sql), &[id.into(), stage.word().into()])
        .await?;
    Ok(())
}

async fn forget(link: &mut Link, id: &str) -> Result<(), BackupError> {
    let sql = ours(link.engine(), "DELETE FROM {b}restore WHERE id = $1");
    link.execute(&sql, &[id.into()]).await?;
    Ok(())
}

pub(super) async fn half_done(link: &mut Link) -> Result<Option<String>, sqlx::Error> {
    let engine = link.engine();
    if !engine.is_mysql_family() {
        return Ok(None);
    }
    let sql = ours(engine, "SELECT id FROM {b}restore WHERE stage <> $1");
    let loading = [Stage::Loading.word().into()];
    match link.fetch_optional(&sql, &loading).await? {
        Some(row) => row.text(0),
        None => Ok(None),
    }
}
