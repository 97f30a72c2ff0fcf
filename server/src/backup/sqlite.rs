//! Backups of SQLite by VACUUM INTO, which copies one snapshot of the file, and restores in one
//! transaction of the live file, which has the backup attached: whoever has the database open sees the
//! old one until it commits, and so does whoever opens it after a crash.

use std::path::Path;

use bellows::dialect::quote;
use bellows::document::Engine;
use bellows::schema::TableName;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::files::{Partial, digest};
use super::rows::count;
use super::take::{Dumped, Progress, Wanted};
use super::{BackupError, Restoring};
use crate::target::Link;

/// What the backup is attached as.
const BESIDE: &str = "bellows_backup";

pub(super) async fn dump(
    link: &mut Link,
    wanted: &Wanted,
    partial: &Partial,
    progress: &Progress,
) -> Result<Dumped, BackupError> {
    drop(partial.create()?);
    let path = partial.path().display().to_string();
    let into = quote::literal(Engine::Sqlite, &path);
    link.raw(&format!("VACUUM INTO {into}")).await?;
    let file = partial.path().to_owned();
    let (sha256, bytes) = super::blocking(move || digest(&file)).await?;
    progress.written(bytes);
    let options = SqliteConnectOptions::new()
        .filename(partial.path())
        .read_only(true)
        .disable_statement_logging();
    let mut copy = Link::Sqlite(Box::new(options.connect().await?));
    let mut rows = Vec::new();
    for name in &wanted.tables {
        let rows_of = count(&mut copy, &quote::table(Engine::Sqlite, name)).await?;
        rows.push((name.clone(), rows_of));
    }
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name";
    let views = match wanted.whole {
        true => copy.fetch_all(sql, &[]).await?,
        false => Vec::new(),
    };
    let views: Result<Vec<TableName>, BackupError> = views
        .iter()
        .map(|row| {
            Ok(TableName {
                schema: None,
                name: row.text(0)?.unwrap_or_default(),
            })
        })
        .collect();
    let version = copy.fetch_one("SELECT sqlite_version()", &[]).await?;
    let version = version.text(0)?.unwrap_or_default();
    if let Link::Sqlite(conn) = copy {
        conn.close().await?;
    }
    Ok(Dumped {
        tool: format!("sqlite {version}"),
        rows,
        views: views?,
        sequences: Vec::new(),
        functions: Vec::new(),
        bytes,
        sha256,
        split: 0,
    })
}

/// A line of the catalogue.
struct Entry {
    kind: String,
    name: String,
    table: String,
    sql: String,
}

pub(super) async fn restore(
    link: &mut Link,
    path: &Path,
    work: &Restoring<'_>,
) -> Result<(), BackupError> {
    let from = quote::literal(Engine::Sqlite, &path.display().to_string());
    link.raw(&format!("ATTACH {from} AS {BESIDE}")).await?;
    link.raw("PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON")
        .await?;
    let done = in_transaction(link, work).await;
    link.raw("PRAGMA legacy_alter_table = OFF; PRAGMA foreign_keys = ON")
        .await?;
    link.raw(&format!("DETACH {BESIDE}")).await?;
    done
}

async fn in_transaction(link: &mut Link, work: &Restoring<'_>) -> Result<(), BackupError> {
    link.begin().await?;
    let put = put_back(link, work).await;
    match put {
        Ok(()) => link.raw("COMMIT").await?,
        Err(_) => link.raw("ROLLBACK").await?,
    };
    put
}

async fn put_back(link: &mut Link, work: &Restoring<'_>) -> Result<(), BackupError> {
    let before = orphans(link).await?;
    let now = entries(link, "main").await?;
    let then = entries(link, BESIDE).await?;
    let whole = work.manifest.whole;
    let held = |table: &str| {
        whole
            || work
                .manifest
                .tables
                .iter()
                .any(|held| is(&held.name.name, table))
    };
    let made = |table: &str| work.made_since.iter().any(|name| is(&name.name, table));
    let kept = |entry: &&Entry| match entry.kind.as_str() {
        // Views go by names; of single tables they stay as they are.
        "view" => whole && then.iter().any(|other| is(&other.name, &entry.name)),
        "table" => {
            let in_backup = then
                .iter()
                .any(|other| other.kind == "table" && is(&other.name, &entry.name));
            made(&entry.name) || held(&entry.name) && in_backup
        }
        _ => false,
    };
    let going: Vec<&Entry> = now.iter().filter(kept).collect();
    if let Some(virtual_table) = going.iter().copied().chain(&then).find(|entry| {
        held(&entry.table) && entry.sql.to_lowercase().starts_with("create virtual table")
    }) {
        return Err(BackupError::Refused(format!(
            "{} is a virtual table, whose content cannot be copied row by row: stop the \
             applications and put the backup's file in the place of the database's",
            virtual_table.name
        )));
    }
    for entry in &going {
        let word = if entry.kind == "view" {
            "VIEW"
        } else {
            "TABLE"
        };
        let name = quote::name(Engine::Sqlite, &entry.name);
        link.raw(&format!("DROP {word} main.{name}")).await?;
    }
    let tables: Vec<&Entry> = then
        .iter()
        .filter(|entry| entry.kind == "table" && held(&entry.name))
        .collect();
    for entry in &tables {
        link.raw(&entry.sql).await?;
        fill(link, &entry.name).await?;
    }
    numbers(link, &tables).await?;
    // Indexes once the rows are there, views before the triggers on them.
    for kind in ["index", "view", "trigger"] {
        for entry in then.iter().filter(|entry| entry.kind == kind) {
            let wanted = match kind {
                "view" => whole,
                _ => {
                    tables.iter().any(|table| is(&table.name, &entry.table)) || {
                        // A trigger of a view.
                        whole && !now_has(&now, &going, entry)
                    }
                }
            };
            if wanted {
                link.raw(&entry.sql).await?;
            }
        }
    }
    for held in &work.manifest.tables {
        let table = quote::table(Engine::Sqlite, &held.name);
        let found = count(link, &format!("main.{table}")).await?;
        if found != held.rows {
            return Err(BackupError::Refused(format!(
                "table {} has other rows than the backup: {found} and not {}",
                held.name, held.rows
            )));
        }
    }
    if orphans(link).await? > before {
        return Err(BackupError::Refused(
            "rows would point to rows that are gone: restore a backup of the whole database".into(),
        ));
    }
    for statement in &work.records {
        link.raw(statement).await?;
    }
    Ok(())
}

/// Rows that point to none.
async fn orphans(link: &mut Link) -> Result<u64, sqlx::Error> {
    count(link, "pragma_foreign_key_check").await
}

/// Whether that trigger's view was left alone, with its triggers.
fn now_has(now: &[Entry], going: &[&Entry], trigger: &Entry) -> bool {
    let gone = going.iter().any(|entry| is(&entry.name, &trigger.table));
    !gone && now.iter().any(|entry| is(&entry.name, &trigger.name))
}

/// SQLite's names differ by more than their case.
fn is(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// Everything of a file that is neither SQLite's nor Bellows'.
async fn entries(link: &mut Link, place: &str) -> Result<Vec<Entry>, BackupError> {
    let sql = format!(
        "SELECT type, name, tbl_name, sql FROM {place}.sqlite_schema
         WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
           AND tbl_name NOT LIKE '\\_bellows\\_%' ESCAPE '\\' ORDER BY rowid"
    );
    link.fetch_all(&sql, &[])
        .await?
        .iter()
        .map(|row| {
            let text =
                |index| -> Result<String, BackupError> { Ok(row.text(index)?.unwrap_or_default()) };
            Ok(Entry {
                kind: text(0)?,
                name: text(1)?,
                table: text(2)?,
                sql: text(3)?,
            })
        })
        .collect()
}

/// Copies a table's rows, with their rowids where they have hidden ones.
async fn fill(link: &mut Link, table: &str) -> Result<(), BackupError> {
    let engine = Engine::Sqlite;
    let literal = quote::literal(engine, table);
    let columns = link
        .fetch_all(
            &format!("SELECT name FROM pragma_table_xinfo({literal}, 'main') WHERE hidden = 0"),
            &[],
        )
        .await?;
    let mut names = Vec::new();
    for row in columns {
        names.push(row.text(0)?.unwrap_or_default());
    }
    let mut list: Vec<String> = names.iter().map(|n| quote::name(engine, n)).collect();
    let by_rowid = link
        .fetch_one(
            &format!(
                "SELECT wr = 0 FROM pragma_table_list WHERE schema = 'main' AND name = {literal}"
            ),
            &[],
        )
        .await?
        .truth(0)?;
    let hidden = ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|word| !names.iter().any(|name| is(name, word)));
    if let (true, Some(word)) = (by_rowid, hidden) {
        list.insert(0, word.to_owned());
    }
    let (columns, name) = (list.join(", "), quote::name(engine, table));
    link.raw(&format!(
        "INSERT INTO main.{name} ({columns}) SELECT {columns} FROM {BESIDE}.{name}"
    ))
    .await?;
    Ok(())
}

/// The numbers that AUTOINCREMENT gave out last.
async fn numbers(link: &mut Link, tables: &[&Entry]) -> Result<(), BackupError> {
    for place in ["main", BESIDE] {
        let sql =
            format!("SELECT count(*) FROM {place}.sqlite_schema WHERE name = 'sqlite_sequence'");
        if !link.fetch_one(&sql, &[]).await?.truth(0)? {
            return Ok(());
        }
    }
    for entry in tables {
        let name = quote::literal(Engine::Sqlite, &entry.name);
        link.raw(&format!(
            "DELETE FROM main.sqlite_sequence WHERE name = {name};
             INSERT INTO main.sqlite_sequence (name, seq)
             SELECT name, seq FROM {BESIDE}.sqlite_sequence WHERE name = {name}"
        ))
        .await?;
    }
    Ok(())
}
