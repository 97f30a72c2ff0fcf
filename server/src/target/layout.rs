//! Bellows' own records on the target: the schema `bellows`, or tables `_bellows_*` on SQLite.

use bellows::document::Engine;

use super::link::ours;
use super::{Link, TargetError};

/// Version of the tables below.
const VERSION: i64 = 1;

/// First half of every advisory lock of Bellows: `BELL`. The second half says what for.
pub(crate) const LOCK_SPACE: i32 = 0x4245_4c4c;

/// Second half of the advisory lock under which the records are made.
const LOCK_LAYOUT: i32 = 2;

/// Written for both engines. The lease's key is its token: who takes the lease over changes a
/// key, and waits for a transaction that still holds `FOR KEY SHARE` on the old one, while
/// heartbeats, which change no key, pass.
const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS {b}target (
        one integer PRIMARY KEY CHECK (one = 1),
        version bigint NOT NULL,
        uuid text NOT NULL,
        system text NOT NULL,
        created_at bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {b}lease (
        token text PRIMARY KEY,
        one integer NOT NULL UNIQUE CHECK (one = 1),
        owner text NOT NULL,
        execution text NOT NULL,
        host text NOT NULL,
        process text NOT NULL,
        pid bigint,
        backend_start bigint,
        heartbeat bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {b}execution (
        id text PRIMARY KEY,
        migration text NOT NULL,
        hash text NOT NULL,
        plan_hash text NOT NULL,
        document text NOT NULL,
        plan text NOT NULL,
        tables_before text NOT NULL,
        state text NOT NULL,
        undo_to bigint,
        ending text,
        started_by text NOT NULL,
        started_at bigint NOT NULL,
        completed_at bigint,
        error text)",
    "CREATE UNIQUE INDEX IF NOT EXISTS {i}execution_alive ON {on}execution (migration)
        WHERE state IN ('running', 'waiting', 'paused', 'rolling_back')",
    "CREATE TABLE IF NOT EXISTS {b}phase (
        execution text NOT NULL,
        phase bigint NOT NULL,
        state text NOT NULL,
        started_at bigint,
        completed_at bigint,
        fingerprint_after text,
        tables_after text,
        PRIMARY KEY (execution, phase))",
    "CREATE TABLE IF NOT EXISTS {b}step (
        execution text NOT NULL,
        id text NOT NULL,
        phase bigint NOT NULL,
        state text NOT NULL,
        started_at bigint NOT NULL,
        completed_at bigint,
        PRIMARY KEY (execution, id))",
    "CREATE TABLE IF NOT EXISTS {b}checkpoint (
        execution text NOT NULL,
        step text NOT NULL,
        phase bigint NOT NULL,
        position text,
        upper text,
        sweep bigint NOT NULL,
        walked bigint NOT NULL,
        changed bigint NOT NULL,
        swept bigint NOT NULL,
        total bigint NOT NULL,
        PRIMARY KEY (execution, step))",
    "CREATE TABLE IF NOT EXISTS {b}gate (
        execution text NOT NULL,
        phase bigint NOT NULL,
        version text NOT NULL,
        confirmed_by text NOT NULL,
        at bigint NOT NULL,
        PRIMARY KEY (execution, phase))",
];

/// While a row is in it, dual-write triggers stand aside. A transaction that puts one in takes it
/// out again, so no other connection ever sees it.
const BYPASS: &str = "CREATE TABLE IF NOT EXISTS _bellows_bypass (id INTEGER PRIMARY KEY)";

/// Whether Bellows' records are there.
pub(crate) async fn present(link: &mut Link) -> Result<bool, sqlx::Error> {
    let sql = match link.engine() {
        Engine::PostgreSql => "SELECT to_regclass('bellows.target') IS NOT NULL",
        Engine::MySql | Engine::MariaDb => return Err(super::no_driver()),
        Engine::Sqlite => {
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_bellows_target')"
        }
    };
    link.fetch_one(sql, &[]).await?.truth(0)
}

/// Makes the records where they are missing; under a lock, so that two starters do not collide.
pub(crate) async fn ensure(link: &mut Link) -> Result<(), TargetError> {
    if present(link).await? {
        return check_version(link).await;
    }
    match link.engine() {
        Engine::PostgreSql => {
            link.raw(&format!(
                "BEGIN; SELECT pg_advisory_xact_lock({LOCK_SPACE}, {LOCK_LAYOUT})"
            ))
            .await?;
        }
        Engine::MySql | Engine::MariaDb => return Err(super::no_driver().into()),
        Engine::Sqlite => {
            link.raw("PRAGMA busy_timeout = 10000").await?;
            link.raw("BEGIN IMMEDIATE").await?;
        }
    }
    match make(link).await {
        Ok(()) => {
            link.raw("COMMIT").await?;
            check_version(link).await
        }
        Err(error) => {
            link.raw("ROLLBACK").await?;
            Err(error.into())
        }
    }
}

async fn make(link: &mut Link) -> Result<(), sqlx::Error> {
    let engine = link.engine();
    if engine == Engine::PostgreSql {
        link.raw("CREATE SCHEMA IF NOT EXISTS bellows").await?;
    }
    for sql in TABLES {
        // PostgreSQL puts an index into its table's schema and takes no qualified name for it.
        let sql = match engine {
            Engine::PostgreSql => sql.replace("{i}", "").replace("{on}", "bellows."),
            Engine::MySql | Engine::MariaDb => return Err(super::no_driver()),
            Engine::Sqlite => sql.replace("{i}", "_bellows_").replace("{on}", "_bellows_"),
        };
        link.raw(&ours(engine, &sql)).await?;
    }
    if engine == Engine::Sqlite {
        link.raw(BYPASS).await?;
    }
    let system = system(link).await?;
    link.execute(
        &ours(
            engine,
            "INSERT INTO {b}target (one, version, uuid, system, created_at)
             VALUES (1, $1, $2, $3, {now}) ON CONFLICT (one) DO NOTHING",
        ),
        &[
            VERSION.into(),
            uuid::Uuid::now_v7().to_string().into(),
            system.into(),
        ],
    )
    .await?;
    Ok(())
}

async fn check_version(link: &mut Link) -> Result<(), TargetError> {
    let engine = link.engine();
    let found = link
        .fetch_one(&ours(engine, "SELECT version FROM {b}target"), &[])
        .await?
        .int(0)?
        .unwrap_or(0);
    if found > VERSION {
        return Err(TargetError::Newer {
            found,
            known: VERSION,
        });
    }
    Ok(())
}

/// Who the database is by its server's own account: the cluster's identifier and the database's
/// oid, or the file's path. A question mark where the server does not say.
async fn system(link: &mut Link) -> Result<String, sqlx::Error> {
    match link.engine() {
        Engine::PostgreSql => {
            let row = link
                .fetch_one(
                    "SELECT has_function_privilege('pg_control_system()', 'execute'),
                            (SELECT oid::text FROM pg_database
                             WHERE datname = current_database())",
                    &[],
                )
                .await?;
            let database = row.text(1)?.unwrap_or_default();
            if !row.truth(0)? {
                return Ok(format!("?/{database}"));
            }
            let cluster = link
                .fetch_one(
                    "SELECT system_identifier::text FROM pg_control_system()",
                    &[],
                )
                .await?
                .text(0)?
                .unwrap_or_default();
            Ok(format!("{cluster}/{database}"))
        }
        Engine::MySql | Engine::MariaDb => Err(super::no_driver()),
        Engine::Sqlite => Ok(link
            .fetch_one(
                "SELECT file FROM pragma_database_list WHERE name = 'main'",
                &[],
            )
            .await?
            .text(0)?
            .unwrap_or_default()),
    }
}

/// The target's uuid; [`TargetError::Cloned`] where the records speak of another database.
pub(crate) async fn identity(link: &mut Link) -> Result<String, TargetError> {
    let engine = link.engine();
    let row = link
        .fetch_one(&ours(engine, "SELECT uuid, system FROM {b}target"), &[])
        .await?;
    let known = row.text(1)?.unwrap_or_default();
    let here = system(link).await?;
    let unsure = known.starts_with('?') || here.starts_with('?');
    if known != here && !unsure {
        return Err(TargetError::Cloned { known, here });
    }
    Ok(row.text(0)?.unwrap_or_default())
}

/// Gives the database an id of its own, and ends whatever lease came with the copy.
pub(crate) async fn adopt(link: &mut Link) -> Result<String, TargetError> {
    let engine = link.engine();
    let system = system(link).await?;
    let uuid = uuid::Uuid::now_v7().to_string();
    link.raw("BEGIN").await?;
    link.execute(
        &ours(engine, "UPDATE {b}target SET uuid = $1, system = $2"),
        &[uuid.as_str().into(), system.into()],
    )
    .await?;
    link.execute(&ours(engine, "DELETE FROM {b}lease"), &[])
        .await?;
    link.raw("COMMIT").await?;
    Ok(uuid)
}
