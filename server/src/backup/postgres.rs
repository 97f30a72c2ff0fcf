//! Backups of PostgreSQL by pg_dump, in its custom format, of one snapshot, which the rows are counted
//! in as well.

use std::process::Stdio;

use bellows::dialect::quote;
use bellows::document::Engine;
use bellows::schema::TableName;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::files::{Partial, hex};
use super::rows::{count, qualified};
use super::take::{Dumped, Progress, Wanted};
use super::{BackupError, tool};
use crate::target::{Link, PostgresTarget};

/// A relation of the catalogue.
pub(super) struct Relation {
    pub(super) name: TableName,
    /// `r`, `p`, `v`, `m`, ...
    pub(super) kind: String,
}

/// Dumps what is wanted.
pub(super) async fn dump(
    target: &PostgresTarget,
    link: &mut Link,
    wanted: &Wanted,
    partial: &Partial,
    progress: &Progress,
) -> Result<Dumped, BackupError> {
    let version = link
        .fetch_one("SELECT current_setting('server_version_num')::bigint", &[])
        .await?;
    let version = u32::try_from(version.int(0)?.unwrap_or(0)).unwrap_or(0);
    let tool = tool::postgres("pg_dump", version).await?;
    let tables = with_partitions(link, &wanted.tables).await?;
    let views = views_on(link, &tables).await?;
    let functions = functions_of(link, &tables).await?;
    link.raw("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    let row = link.fetch_one("SELECT pg_export_snapshot()", &[]).await?;
    let snapshot = row.text(0)?.unwrap_or_default();
    let mut command = tool.command();
    command
        .args([
            "--format=custom",
            "--no-password",
            "--exclude-schema=bellows",
            "--exclude-schema=bellows_saved_*",
        ])
        .arg(format!("--snapshot={snapshot}"))
        .stdout(Stdio::piped());
    if !wanted.whole {
        let views = views.iter().map(|view| &view.name);
        for name in tables.iter().chain(views) {
            command.arg(format!("--table={}", pattern(name)));
        }
    }
    tool::to_postgres(&mut command, target);
    let file = partial.create()?;
    let mut child = tool.spawn(&mut command)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let written = write(stdout, file, partial, progress, |_| {});
    let counted = async {
        let mut rows = Vec::new();
        for name in &tables {
            rows.push((name.clone(), count(link, &qualified(name)).await?));
        }
        Ok::<_, BackupError>(rows)
    };
    let ended = tool.end(child, tool::complaints(stderr));
    let (ended, written, counted) = tokio::join!(ended, written, counted);
    ended?;
    let (bytes, sha256) = written?;
    let rows = counted?;
    link.raw("COMMIT").await?;
    let views = match wanted.whole {
        true => all_views(link).await?,
        false => views,
    };
    Ok(Dumped {
        tool: tool.title(),
        rows,
        views: views.into_iter().map(|view| view.name).collect(),
        sequences: Vec::new(),
        functions,
        bytes,
        sha256,
        split: 0,
    })
}

/// Writes what a tool prints, with its digest.
pub(super) async fn write(
    from: Option<impl AsyncRead + Unpin>,
    file: std::fs::File,
    partial: &Partial,
    progress: &Progress,
    mut seen: impl FnMut(&[u8]),
) -> Result<(u64, String), BackupError> {
    let mut file = tokio::fs::File::from_std(file);
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    if let Some(mut from) = from {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let failed = || BackupError::at(partial.path());
            let read = from.read(&mut buffer).await.map_err(failed())?;
            if read == 0 {
                break;
            }
            let part = &buffer[..read];
            file.write_all(part).await.map_err(failed())?;
            hasher.update(part);
            seen(part);
            bytes += read as u64;
            progress.written(read as u64);
        }
    }
    file.flush()
        .await
        .map_err(BackupError::at(partial.path()))?;
    Ok((bytes, hex(hasher)))
}

/// A name as the tool's patterns have it: in quotes nothing in it is special.
fn pattern(name: &TableName) -> String {
    let quoted = |part: &str| format!("\"{}\"", part.replace('"', "\"\""));
    format!(
        "{}.{}",
        quoted(name.schema.as_deref().unwrap_or("public")),
        quoted(&name.name)
    )
}

/// The tables as rows of oids, for a query.
pub(super) fn oids(tables: &[TableName]) -> String {
    let each: Vec<String> = tables
        .iter()
        .map(|name| {
            let name = quote::literal(Engine::PostgreSql, &qualified(name));
            format!("(to_regclass({name})::oid)")
        })
        .collect();
    match each.as_slice() {
        [] => "SELECT NULL::oid".to_owned(),
        each => format!("VALUES {}", each.join(", ")),
    }
}

pub(super) async fn relations(link: &mut Link, sql: &str) -> Result<Vec<Relation>, BackupError> {
    link.fetch_all(sql, &[])
        .await?
        .iter()
        .map(|row| {
            let schema = row.text(0)?.unwrap_or_default();
            Ok(Relation {
                name: TableName {
                    schema: Some(schema).filter(|schema| schema != "public"),
                    name: row.text(1)?.unwrap_or_default(),
                },
                kind: row.text(2)?.unwrap_or_default(),
            })
        })
        .collect()
}

/// The tables with their partitions and those that inherit from them.
async fn with_partitions(
    link: &mut Link,
    tables: &[TableName],
) -> Result<Vec<TableName>, BackupError> {
    let sql = format!(
        "WITH RECURSIVE d(oid) AS (
             SELECT * FROM ({}) AS asked(oid) WHERE oid IS NOT NULL
             UNION SELECT i.inhrelid FROM d JOIN pg_inherits i ON i.inhparent = d.oid)
         SELECT n.nspname::text, c.relname::text, c.relkind::text
         FROM d JOIN pg_class c ON c.oid = d.oid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') ORDER BY 1, 2",
        oids(tables)
    );
    let all = relations(link, &sql).await?;
    Ok(all.into_iter().map(|relation| relation.name).collect())
}

/// The views that stand on the tables, those on others first.
pub(super) async fn views_on(
    link: &mut Link,
    tables: &[TableName],
) -> Result<Vec<Relation>, BackupError> {
    let sql = format!(
        "WITH RECURSIVE d(oid, depth) AS (
             SELECT oid, 0 FROM ({}) AS asked(oid) WHERE oid IS NOT NULL
             UNION
             SELECT r.ev_class, d.depth + 1 FROM d
             JOIN pg_depend p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = d.oid
                             AND p.classid = 'pg_rewrite'::regclass
             JOIN pg_rewrite r ON r.oid = p.objid WHERE r.ev_class <> d.oid)
         SELECT n.nspname::text, c.relname::text, c.relkind::text
         FROM (SELECT oid, max(depth) AS depth FROM d GROUP BY oid) AS d
         JOIN pg_class c ON c.oid = d.oid JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('v', 'm') ORDER BY d.depth DESC, 1, 2",
        oids(tables)
    );
    relations(link, &sql).await
}

async fn all_views(link: &mut Link) -> Result<Vec<Relation>, BackupError> {
    relations(
        link,
        "SELECT n.nspname::text, c.relname::text, c.relkind::text
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('v', 'm') AND n.nspname !~ '^pg_'
           AND n.nspname NOT IN ('information_schema', 'bellows')
           AND n.nspname NOT LIKE 'bellows\\_saved\\_%' ORDER BY 1, 2",
    )
    .await
}

/// What makes the functions of the tables' triggers. They are not the tables' own, and one that is
/// gone by the time of a restore would keep the triggers from coming back.
async fn functions_of(
    link: &mut Link,
    tables: &[TableName],
) -> Result<Vec<(String, String)>, BackupError> {
    let sql = format!(
        "SELECT DISTINCT quote_ident(n.nspname) || '.' || quote_ident(p.proname) || '()',
                pg_get_functiondef(p.oid)
         FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
         JOIN pg_namespace n ON n.oid = p.pronamespace
         WHERE NOT t.tgisinternal AND n.nspname <> 'pg_catalog' AND t.tgrelid IN ({}) ORDER BY 1",
        oids(tables)
    );
    link.fetch_all(&sql, &[])
        .await?
        .iter()
        .map(|row| {
            Ok((
                row.text(0)?.unwrap_or_default(),
                row.text(1)?.unwrap_or_default(),
            ))
        })
        .collect()
}

/// The bytes that the tables take, without indexes.
pub(super) async fn bytes(link: &mut Link, wanted: &Wanted) -> Result<u64, BackupError> {
    let sql = format!(
        "WITH RECURSIVE d(oid) AS (
             SELECT * FROM ({}) AS asked(oid) WHERE oid IS NOT NULL
             UNION SELECT i.inhrelid FROM d JOIN pg_inherits i ON i.inhparent = d.oid)
         SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint FROM d",
        oids(&wanted.tables)
    );
    let row = link.fetch_one(&sql, &[]).await?;
    Ok(row.int(0)?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
}
