//! Bellows' own records on the target: the schema `bellows`, or tables `_bellows_*` where the
//! engine has no schemas within a database.

use bellows::document::Engine;

use super::link::{on_conflict, ours};
use super::{Fault, Link, TargetError, fault};

/// Version of the tables below.
const VERSION: i64 = 4;

/// First half of every advisory lock of Bellows: `BELL`. The second half says what for.
pub(crate) const LOCK_SPACE: i32 = 0x4245_4c4c;

/// Second half of the advisory lock under which the records are made.
const LOCK_LAYOUT: i32 = 2;

/// Written for all engines: `{key}` is the type of a key, `{word}` that of what an index or a
/// condition looks at, `{long}` that of a document. The lease's key is its token: who takes the lease over changes a
/// key, and waits for a transaction that still holds `FOR KEY SHARE` on the old one, while
/// heartbeats, which change no key, pass.
const TABLES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS {b}target (
        one integer PRIMARY KEY CHECK (one = 1),
        version bigint NOT NULL,
        uuid text NOT NULL,
        {system} text NOT NULL,
        created_at bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {b}lease (
        token {key} PRIMARY KEY,
        one integer NOT NULL UNIQUE CHECK (one = 1),
        owner text NOT NULL,
        execution text NOT NULL,
        host text NOT NULL,
        process text NOT NULL,
        pid bigint,
        backend_start bigint,
        heartbeat bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {b}execution (
        id {key} PRIMARY KEY,
        migration {word} NOT NULL,
        hash text NOT NULL,
        plan_hash text NOT NULL,
        document {long} NOT NULL,
        plan {long} NOT NULL,
        tables_before {long} NOT NULL,
        state {word} NOT NULL,
        undo_to bigint,
        ending text,
        started_by text NOT NULL,
        started_at bigint NOT NULL,
        completed_at bigint,
        error {long}{alive})",
    "CREATE TABLE IF NOT EXISTS {b}phase (
        execution {key} NOT NULL,
        phase bigint NOT NULL,
        state text NOT NULL,
        started_at bigint,
        completed_at bigint,
        fingerprint_after text,
        tables_after {long},
        PRIMARY KEY (execution, phase))",
    "CREATE TABLE IF NOT EXISTS {b}step (
        execution {key} NOT NULL,
        id {key} NOT NULL,
        phase bigint NOT NULL,
        state text NOT NULL,
        started_at bigint NOT NULL,
        completed_at bigint,
        PRIMARY KEY (execution, id))",
    "CREATE TABLE IF NOT EXISTS {b}checkpoint (
        execution {key} NOT NULL,
        step {key} NOT NULL,
        phase bigint NOT NULL,
        position text,
        upper text,
        sweep bigint NOT NULL,
        walked bigint NOT NULL,
        changed bigint NOT NULL,
        swept bigint NOT NULL,
        total bigint NOT NULL,
        PRIMARY KEY (execution, step))",
    "CREATE TABLE IF NOT EXISTS {b}measure (
        execution {key} NOT NULL,
        step {key} NOT NULL,
        statement bigint NOT NULL,
        kind {word} NOT NULL,
        rows_held bigint NOT NULL,
        bytes_held bigint NOT NULL,
        indexes bigint NOT NULL,
        low_ms bigint,
        high_ms bigint,
        took_us bigint NOT NULL,
        at bigint NOT NULL,
        PRIMARY KEY (execution, step, statement))",
    "CREATE TABLE IF NOT EXISTS {b}snapshot (
        id {key} PRIMARY KEY,
        execution {key},
        before_phase bigint,
        taken_at bigint NOT NULL,
        taken_by text NOT NULL,
        host text NOT NULL,
        bytes bigint NOT NULL,
        sha256 text NOT NULL,
        holds {long} NOT NULL,
        restored_at bigint)",
    "CREATE TABLE IF NOT EXISTS {b}restore (
        id {key} PRIMARY KEY,
        stage {word} NOT NULL)",
    "CREATE TABLE IF NOT EXISTS {b}look (
        execution {key} NOT NULL,
        phase bigint NOT NULL,
        at bigint NOT NULL,
        seen {long} NOT NULL,
        PRIMARY KEY (execution, phase, at))",
    "CREATE TABLE IF NOT EXISTS {b}hold (
        execution {key} NOT NULL,
        phase bigint NOT NULL,
        asked_by text NOT NULL,
        asked_at bigint NOT NULL,
        since bigint,
        go_by text,
        go_at bigint,
        PRIMARY KEY (execution, phase))",
    "CREATE TABLE IF NOT EXISTS {b}gate (
        execution {key} NOT NULL,
        phase bigint NOT NULL,
        version text NOT NULL,
        confirmed_by text NOT NULL,
        at bigint NOT NULL,
        PRIMARY KEY (execution, phase))",
];

/// One execution per migration lives: an index of those that do.
const ALIVE: &str =
    "CREATE UNIQUE INDEX IF NOT EXISTS {i}execution_alive ON {on}execution (migration)
        WHERE state IN ('running', 'waiting', 'paused', 'rolling_back')";

/// The same where an index has no condition: a column that only those have.
const ALIVE_COLUMN: &str = ",
        alive {word} AS (CASE WHEN state IN ('running', 'waiting', 'paused', 'rolling_back')
                              THEN migration END) VIRTUAL,
        UNIQUE KEY execution_alive (alive)";

/// While a row is in it, dual-write triggers stand aside. A transaction that puts one in takes it
/// out again, so no other connection ever sees it.
const BYPASS: &str = "CREATE TABLE IF NOT EXISTS _bellows_bypass (id INTEGER PRIMARY KEY)";

/// Whether Bellows' records are there.
pub(crate) async fn present(link: &mut Link) -> Result<bool, sqlx::Error> {
    let sql = match link.engine() {
        Engine::PostgreSql => "SELECT to_regclass('bellows.target') IS NOT NULL",
        // Each CREATE TABLE stands as soon as it is done; this one is done last.
        Engine::MySql | Engine::MariaDb => {
            "SELECT EXISTS (SELECT 1 FROM information_schema.tables
                            WHERE table_schema = database() AND table_name = '_bellows_target')"
        }
        Engine::Sqlite => {
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_bellows_target')"
        }
    };
    link.fetch_one(sql, &[]).await?.truth(0)
}

/// Whether the records there are new enough to hold what statements took.
pub(crate) async fn has_measures(link: &mut Link) -> Result<bool, sqlx::Error> {
    Ok(present(link).await? && is_since(link, 2).await?)
}

/// Whether the records, which are there, are new enough to know of backups.
pub(crate) async fn has_snapshots(link: &mut Link) -> Result<bool, sqlx::Error> {
    is_since(link, 3).await
}

async fn is_since(link: &mut Link, wanted: i64) -> Result<bool, sqlx::Error> {
    let sql = ours(link.engine(), "SELECT version FROM {b}target");
    Ok(match link.fetch_optional(&sql, &[]).await? {
        Some(row) => row.int(0)?.is_some_and(|version| version >= wanted),
        None => false,
    })
}

/// Makes the records where they are missing, or older; under a lock, so that two starters do not collide.
pub(crate) async fn ensure(link: &mut Link) -> Result<(), TargetError> {
    if present(link).await? && check_version(link).await? {
        return Ok(());
    }
    match link.engine() {
        Engine::PostgreSql => {
            link.raw(&format!(
                "BEGIN; SELECT pg_advisory_xact_lock({LOCK_SPACE}, {LOCK_LAYOUT})"
            ))
            .await?;
        }
        Engine::MySql | Engine::MariaDb => {
            let sql = format!("SELECT GET_LOCK({}, 30)", named_lock("layout"));
            link.fetch_one(&sql, &[]).await?;
        }
        Engine::Sqlite => {
            link.raw("PRAGMA busy_timeout = 10000").await?;
            link.raw("BEGIN IMMEDIATE").await?;
        }
    }
    let made = make(link).await;
    let end = match (link.engine(), &made) {
        (Engine::MySql | Engine::MariaDb, _) => {
            format!("DO RELEASE_LOCK({})", named_lock("layout"))
        }
        (Engine::PostgreSql | Engine::Sqlite, Ok(())) => "COMMIT".to_owned(),
        (Engine::PostgreSql | Engine::Sqlite, Err(_)) => "ROLLBACK".to_owned(),
    };
    link.raw(&end).await?;
    made?;
    check_version(link).await?;
    Ok(())
}

/// The name of one of Bellows' locks on a MySQL or MariaDB server, as an expression: such locks
/// are the whole server's, and their names have 64 characters.
pub(crate) fn named_lock(what: &str) -> String {
    format!("concat('bellows-{what}-', left(sha2(lower(database()), 256), 40))")
}

async fn make(link: &mut Link) -> Result<(), sqlx::Error> {
    let engine = link.engine();
    if engine == Engine::PostgreSql {
        link.raw("CREATE SCHEMA IF NOT EXISTS bellows").await?;
    }
    // The last one is what tells that they are there.
    for sql in TABLES.iter().rev() {
        let (types, alive, tail) = match engine {
            Engine::PostgreSql | Engine::Sqlite => (["text"; 3], "", ""),
            Engine::MySql | Engine::MariaDb => (
                ["varchar(100)", "varchar(255)", "longtext"],
                ALIVE_COLUMN,
                " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin",
            ),
        };
        let sql = sql
            .replace("{alive}", alive)
            .replace("{key}", types[0])
            .replace("{word}", types[1])
            .replace("{long}", types[2]);
        link.raw(&ours(engine, &format!("{sql}{tail}"))).await?;
    }
    // PostgreSQL puts an index into its table's schema and takes no qualified name for it.
    let index = match engine {
        Engine::PostgreSql => Some(ALIVE.replace("{i}", "").replace("{on}", "bellows.")),
        Engine::MySql | Engine::MariaDb => None,
        Engine::Sqlite => Some(
            ALIVE
                .replace("{i}", "_bellows_")
                .replace("{on}", "_bellows_"),
        ),
    };
    if let Some(sql) = index {
        link.raw(&sql).await?;
    }
    if engine == Engine::Sqlite {
        link.raw(BYPASS).await?;
    }
    let system = system(link).await?;
    link.execute(
        &ours(
            engine,
            &format!(
                "INSERT INTO {{b}}target (one, version, uuid, {{system}}, created_at)
                 VALUES (1, $1, $2, $3, {{now}}) {}",
                on_conflict(engine, "one", &[])
            ),
        ),
        &[
            VERSION.into(),
            uuid::Uuid::now_v7().to_string().into(),
            system.into(),
        ],
    )
    .await?;
    let sql = ours(
        engine,
        "UPDATE {b}target SET version = $1 WHERE version < $1",
    );
    link.execute(&sql, &[VERSION.into()]).await?;
    Ok(())
}

/// Whether the records are complete, in this version. Newer ones are an error.
async fn check_version(link: &mut Link) -> Result<bool, TargetError> {
    let engine = link.engine();
    let Some(row) = link
        .fetch_optional(&ours(engine, "SELECT version FROM {b}target"), &[])
        .await?
    else {
        return Ok(false);
    };
    let found = row.int(0)?.unwrap_or(0);
    if found > VERSION {
        return Err(TargetError::Newer {
            found,
            known: VERSION,
        });
    }
    Ok(found == VERSION)
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
        Engine::MySql => {
            let row = link
                .fetch_one("SELECT @@GLOBAL.server_uuid, database()", &[])
                .await?;
            let (server, database) = (row.text(0)?, row.text(1)?);
            Ok(format!(
                "{}/{}",
                server.unwrap_or_default(),
                database.unwrap_or_default()
            ))
        }
        Engine::MariaDb => mariadb_system(link).await,
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

/// MariaDB's servers have no name of their own that outlasts a new network card. The number that
/// a table got in the server's dictionary when it was made stays with it, and a dump that is
/// loaded elsewhere gets another one. Not everybody may look it up.
async fn mariadb_system(link: &mut Link) -> Result<String, sqlx::Error> {
    let asked = link
        .fetch_one(
            "SELECT database(),
                    (SELECT CAST(table_id AS char) FROM information_schema.innodb_sys_tables
                     WHERE name = concat(database(), '/_bellows_target'))",
            &[],
        )
        .await;
    let row = match asked {
        Ok(row) => row,
        Err(error) if fault(&error) == Fault::Statement => {
            link.fetch_one("SELECT database(), NULL", &[]).await?
        }
        Err(error) => return Err(error),
    };
    let table = row.text(1)?.unwrap_or_else(|| "?".to_owned());
    Ok(format!("{table}/{}", row.text(0)?.unwrap_or_default()))
}

/// The target's uuid; [`TargetError::Cloned`] where the records speak of another database.
pub(crate) async fn identity(link: &mut Link) -> Result<String, TargetError> {
    let engine = link.engine();
    let row = link
        .fetch_one(&ours(engine, "SELECT uuid, {system} FROM {b}target"), &[])
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
        &ours(engine, "UPDATE {b}target SET uuid = $1, {system} = $2"),
        &[uuid.as_str().into(), system.into()],
    )
    .await?;
    link.execute(&ours(engine, "DELETE FROM {b}lease"), &[])
        .await?;
    link.raw("COMMIT").await?;
    Ok(uuid)
}
