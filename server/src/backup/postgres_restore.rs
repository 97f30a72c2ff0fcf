//! Restores on PostgreSQL: pg_restore writes SQL, psql runs it in one transaction with what must go
//! before it and what must hold after it. Until the last word of that transaction, which bellows sends
//! itself, the database is what it was.

use std::path::Path;
use std::process::Stdio;

use bellows::dialect::quote;
use bellows::document::Engine;
use bellows::schema::TableName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::ChildStdin;

use super::postgres::{oids, views_on};
use super::rows::qualified;
use super::tool::{self, Tool};
use super::{BackupError, Restoring};
use crate::target::{Link, PostgresTarget};

/// A foreign key of a table that is not restored, onto one that is.
struct Outside {
    table: TableName,
    name: String,
    definition: String,
}

/// How long the tables' locks are waited for: who queues behind waits as long.
const LOCK_WAIT: &str = "10s";

/// What a newer tool writes for itself and an older server does not know.
const UNKNOWN: &[u8] = b"SET transaction_timeout = 0;";

pub(super) async fn restore(
    target: &PostgresTarget,
    link: &mut Link,
    path: &Path,
    work: &Restoring<'_>,
) -> Result<(), BackupError> {
    let version = link
        .fetch_one("SELECT current_setting('server_version_num')::bigint", &[])
        .await?;
    let version = u32::try_from(version.int(0)?.unwrap_or(0)).unwrap_or(0);
    let reader = tool::postgres("pg_restore", version).await?;
    let runner = tool::postgres("psql", version).await?;
    let outside = outside(link, work).await?;
    let before = before(link, work, &outside).await?;
    let after = after(work, &outside);
    let list = contents(link, &reader, path).await?;

    let mut command = reader.command();
    command.arg("--file=-").stdout(Stdio::piped());
    if work.manifest.whole {
        command.args([
            "--clean",
            "--if-exists",
            "--no-publications",
            "--no-subscriptions",
        ]);
    }
    command
        .arg(format!("--use-list={}", list.path().display()))
        .arg(path);
    let mut reading = reader.spawn(&mut command)?;
    let mut command = runner.command();
    command
        .args([
            "--no-psqlrc",
            "--quiet",
            "--no-password",
            "--set=ON_ERROR_STOP=1",
            "--file=-",
        ])
        .stdin(Stdio::piped());
    tool::to_postgres(&mut command, target);
    let mut running = runner.spawn(&mut command)?;

    let script = reading.stdout.take();
    let reading_says = tool::complaints(reading.stderr.take());
    let running_says = tool::complaints(running.stderr.take());
    let stdin = running.stdin.take();
    let read = reader.end(reading, reading_says);
    let fed = feed(stdin, &before, script, &after, read);
    let ran = runner.end(running, running_says);
    let (fed, ran) = tokio::join!(fed, ran);
    // Where psql stopped, the pipe to it broke: its own words say why.
    ran?;
    fed?;
    let names: Vec<String> = work.manifest.names().iter().map(qualified).collect();
    if !names.is_empty() {
        link.raw(&format!("ANALYZE {}", names.join(", "))).await?;
    }
    Ok(())
}

/// Gives psql everything, and the word that makes it count only once pg_restore ended well.
async fn feed(
    stdin: Option<ChildStdin>,
    before: &str,
    script: Option<impl AsyncRead + Unpin>,
    after: &str,
    read: impl Future<Output = Result<(), BackupError>>,
) -> Result<(), BackupError> {
    let broken = |error: std::io::Error| BackupError::Tool {
        tool: "psql",
        words: error.to_string(),
    };
    let (Some(mut stdin), Some(mut script)) = (stdin, script) else {
        return Err(BackupError::Refused("a tool has no standard input".into()));
    };
    let passed = async {
        stdin.write_all(before.as_bytes()).await.map_err(broken)?;
        let mut buffer = vec![0; 1 << 16];
        let mut first = true;
        loop {
            let read = script.read(&mut buffer).await.map_err(broken)?;
            if read == 0 {
                return Ok::<(), BackupError>(());
            }
            if std::mem::take(&mut first)
                && let Some(at) = buffer[..read]
                    .windows(UNKNOWN.len())
                    .position(|w| w == UNKNOWN)
            {
                buffer[at..at + UNKNOWN.len()].fill(b' ');
            }
            stdin.write_all(&buffer[..read]).await.map_err(broken)?;
        }
    };
    let (passed, read) = tokio::join!(passed, read);
    passed?;
    read?;
    stdin.write_all(after.as_bytes()).await.map_err(broken)?;
    stdin.shutdown().await.map_err(broken)
}

/// What of the backup is restored: not the schemas and extensions that are there, which other things
/// stand on.
async fn contents(link: &mut Link, reader: &Tool, path: &Path) -> Result<ListFile, BackupError> {
    let mut command = reader.command();
    command.arg("--list").arg(path).stdout(Stdio::piped());
    let mut child = reader.spawn(&mut command)?;
    let stdout = child.stdout.take();
    let says = tool::complaints(child.stderr.take());
    let text = async {
        let mut text = String::new();
        if let Some(mut stdout) = stdout {
            stdout
                .read_to_string(&mut text)
                .await
                .map_err(BackupError::at(path))?;
        }
        Ok::<_, BackupError>(text)
    };
    let (ended, text) = tokio::join!(reader.end(child, says), text);
    ended?;
    let text = text?;
    let mut there = Vec::new();
    for (kind, sql) in [
        ("SCHEMA", "SELECT nspname::text FROM pg_namespace"),
        ("EXTENSION", "SELECT extname::text FROM pg_extension"),
    ] {
        for row in link.fetch_all(sql, &[]).await? {
            there.push((kind, row.text(0)?.unwrap_or_default()));
        }
    }
    let kept: Vec<&str> = text
        .lines()
        .filter(|line| !there.iter().any(|(kind, name)| is_of(line, kind, name)))
        .collect();
    ListFile::write(path, &kept.join("\n"))
}

/// Whether a line of the list is that schema or extension, or its comment: `5; 2615 2200 SCHEMA -
/// public owner`, `3383; 0 0 COMMENT - SCHEMA public`.
fn is_of(line: &str, kind: &str, name: &str) -> bool {
    let Some(entry) = line.split_once(';').map(|(_, entry)| entry.trim_start()) else {
        return false;
    };
    let rest = entry.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    [
        format!("{kind} - {name}"),
        format!("COMMENT - {kind} {name}"),
    ]
    .iter()
    .any(|start| {
        rest.strip_prefix(start.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    })
}

/// The list in a file beside the backup, gone with its holder.
struct ListFile(std::path::PathBuf);

impl ListFile {
    fn write(beside: &Path, text: &str) -> Result<Self, BackupError> {
        let path = beside.with_extension(format!("{}.partial", std::process::id()));
        std::fs::write(&path, text).map_err(BackupError::at(&path))?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ListFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "a list of a backup's contents was left");
        }
    }
}

/// What goes first: the transaction, the locks, and what stands in the place of what is restored.
async fn before(
    link: &mut Link,
    work: &Restoring<'_>,
    outside: &[Outside],
) -> Result<String, BackupError> {
    let own = work.manifest.names();
    let going: Vec<TableName> = own.iter().chain(&work.made_since).cloned().collect();
    let views = views_on(link, &going).await?;
    let mut strangers = Vec::new();
    for view in &views {
        // Where the whole database goes back, what was made since goes.
        let own_view = work.manifest.whole || work.manifest.views.contains(&view.name);
        let made = work.made_since.contains(&view.name);
        if !own_view && !made {
            strangers.push(format!("view {}", view.name));
        }
    }
    strangers.extend(publications(link, &going).await?);
    if !strangers.is_empty() {
        return Err(BackupError::Refused(format!(
            "what stands on the tables of the backup and is not in it would be lost: {}. Drop it, \
             restore, and make it again",
            strangers.join(", ")
        )));
    }
    let there = existing(link, &going).await?;
    let mut out = format!(
        "BEGIN;\nSET LOCAL lock_timeout = '{LOCK_WAIT}';\nSET LOCAL statement_timeout = 0;\n\
         SET LOCAL search_path = '';\n"
    );
    let lines = there
        .iter()
        .map(|name| format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE;\n", qualified(name)));
    out.extend(lines);
    for key in outside {
        out += &format!(
            "ALTER TABLE {} DROP CONSTRAINT {};\n",
            qualified(&key.table),
            quote::name(Engine::PostgreSql, &key.name)
        );
    }
    for view in &views {
        let word = if view.kind == "m" {
            "MATERIALIZED VIEW"
        } else {
            "VIEW"
        };
        out += &format!("DROP {word} {};\n", qualified(&view.name));
    }
    if !there.is_empty() {
        let names: Vec<String> = there.iter().map(qualified).collect();
        out += &format!("DROP TABLE {};\n", names.join(", "));
    }
    for (signature, definition) in &work.manifest.functions {
        let known = link
            .fetch_one(
                "SELECT to_regprocedure($1) IS NOT NULL",
                &[signature.as_str().into()],
            )
            .await?;
        // In a whole backup those of the applications are in the dump.
        let ours = signature.starts_with("bellows.");
        if !known.truth(0)? && (ours || !work.manifest.whole) {
            out += &format!("{};\n", definition.trim_end_matches([';', '\n']));
        }
    }
    // The rows are checked against what is there once all of them are.
    Ok(out)
}

/// What comes last: what was taken off other tables, the rows counted, Bellows' own records.
fn after(work: &Restoring<'_>, outside: &[Outside]) -> String {
    let engine = Engine::PostgreSql;
    let mut out = "\nSET LOCAL search_path = '';\nSET LOCAL row_security = off;\n".to_owned();
    for key in outside {
        out += &format!(
            "ALTER TABLE {} ADD CONSTRAINT {} {};\n",
            qualified(&key.table),
            quote::name(engine, &key.name),
            key.definition
        );
    }
    for held in &work.manifest.tables {
        let words = quote::literal(
            engine,
            &format!("table {} has other rows than the backup: ", held.name),
        );
        let body = format!(
            "DECLARE n bigint; BEGIN SELECT count(*) INTO n FROM {}; IF n <> {rows} THEN \
             RAISE EXCEPTION USING MESSAGE = {words} || n || ' and not {rows}'; END IF; END",
            qualified(&held.name),
            rows = held.rows
        );
        let fence = quote::fence(&body);
        out += &format!("DO {fence}{body}{fence};\n");
    }
    for statement in &work.records {
        out += statement;
        out += ";\n";
    }
    out + "COMMIT;\n"
}

/// The foreign keys of tables that stay, onto tables that go.
async fn outside(link: &mut Link, work: &Restoring<'_>) -> Result<Vec<Outside>, BackupError> {
    let own = work.manifest.names();
    let going: Vec<TableName> = own.iter().chain(&work.made_since).cloned().collect();
    let set = oids(&going);
    let sql = format!(
        "SELECT n.nspname::text, c.relname::text, k.conname::text, pg_get_constraintdef(k.oid),
                f.relname::text
         FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
         JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class f ON f.oid = k.confrelid
         WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid IN ({set})
           AND k.conrelid NOT IN (SELECT oid FROM ({set}) AS s(oid) WHERE oid IS NOT NULL)
         ORDER BY 1, 2, 3"
    );
    let mut keys = Vec::new();
    // So that the server prints every name with its schema.
    link.raw("BEGIN; SET LOCAL search_path = ''").await?;
    let rows = link.fetch_all(&sql, &[]).await?;
    link.raw("COMMIT").await?;
    for row in rows {
        keys.push(Outside {
            table: TableName {
                schema: row.text(0)?.filter(|schema| schema != "public"),
                name: row.text(1)?.unwrap_or_default(),
            },
            name: row.text(2)?.unwrap_or_default(),
            definition: row.text(3)?.unwrap_or_default(),
        });
    }
    Ok(keys)
}

/// Those of the tables that are there, partitions after their parents left out: they go with them.
async fn existing(link: &mut Link, tables: &[TableName]) -> Result<Vec<TableName>, BackupError> {
    let sql = format!(
        "SELECT n.nspname::text, c.relname::text, c.relkind::text
         FROM ({}) AS asked(oid) JOIN pg_class c ON c.oid = asked.oid
         JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p') ORDER BY 1, 2",
        oids(tables)
    );
    let all = super::postgres::relations(link, &sql).await?;
    Ok(all.into_iter().map(|relation| relation.name).collect())
}

/// The publications that name one of the tables: it would leave them in silence.
async fn publications(link: &mut Link, tables: &[TableName]) -> Result<Vec<String>, BackupError> {
    let sql = format!(
        "SELECT DISTINCT p.pubname::text, c.relname::text
         FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
         JOIN pg_class c ON c.oid = r.prrelid WHERE r.prrelid IN ({}) ORDER BY 1, 2",
        oids(tables)
    );
    let mut all = Vec::new();
    for row in link.fetch_all(&sql, &[]).await? {
        all.push(format!(
            "table {} in publication {}",
            row.text(1)?.unwrap_or_default(),
            row.text(0)?.unwrap_or_default()
        ));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_and_extensions_that_are_there_are_left_out_of_the_list() {
        let schema = "6; 2615 16385 SCHEMA - billing ada";
        assert!(is_of(schema, "SCHEMA", "billing"));
        assert!(!is_of(schema, "SCHEMA", "bill"));
        assert!(!is_of(schema, "EXTENSION", "billing"));
        assert!(is_of(
            "3383; 0 0 COMMENT - SCHEMA public ",
            "SCHEMA",
            "public"
        ));
        assert!(is_of(
            "2; 3079 16390 EXTENSION - pgcrypto ",
            "EXTENSION",
            "pgcrypto"
        ));
        assert!(!is_of(
            "215; 1259 16386 TABLE public users ada",
            "SCHEMA",
            "public"
        ));
        assert!(!is_of("; comment of the list", "SCHEMA", "public"));
    }
}
