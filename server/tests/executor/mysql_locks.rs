//! Every row of `tests/locks/mariadb.yaml` on a real server: which ALGORITHM and LOCK it takes,
//! what becomes of the table's file, whose open transactions it waits for, and who waits for it.
//! MySQL does the same but for the rows of `tests/locks/mysql.yaml`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bellows::document::Engine;
use bellows::schema::Schema;
use serde::{Deserialize, Serialize};
use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError};
use sqlx::{Connection, Executor, MySqlConnection, Row as _};

use crate::support::{TestTarget, mysql_server, without_sequences};

on_mariadb_and_mysql! {
    every_row_of_the_table_is_what_the_server_does,
    the_tables_are_read_as_they_are_written_down,
}

/// Traffic beside what is over at once.
const UNSEEN: &str = "nobody saw it at work";

const ROWS: &str = "mariadb.yaml";
/// The rows in which MySQL is another one, and those of its own.
const MYSQL_ROWS: &str = "mysql.yaml";
/// Kinds of tables that MySQL has not.
const ABSENT_ON_MYSQL: [&str; 2] = ["sv", "sq"];
/// Words of statements that only MariaDB has.
const ABSENT_WORDS: [&str; 4] = [
    "SYSTEM VERSIONING",
    "SEQUENCE",
    "check_constraint_checks",
    "system_versioning",
];
/// What MySQL does to a table of which the reader of the lock says so: its writers wait.
const WRITERS_WAIT: &str =
    "'SHARED_READ_ONLY', 'SHARED_NO_WRITE', 'SHARED_NO_READ_WRITE', 'EXCLUSIVE'";
const TABLES: &str = "mariadb-tables.yaml";

/// Rows in each table where nobody watches the statement at work.
const FEW: usize = 20;
/// Rows in each table where somebody does, twice as many with each try until it is seen at work.
const MANY: usize = 6_000;

/// From the mildest to the worst.
fn algorithms(engine: Engine) -> &'static [&'static str] {
    match engine {
        Engine::MySql => &["instant", "inplace", "copy"],
        Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite => {
            &["instant", "nocopy", "inplace", "copy"]
        }
    }
}

const LOCKS: [&str; 3] = ["none", "shared", "exclusive"];

/// A claim: what a statement does.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Row {
    sql: String,
    /// Statements of the same session before it.
    #[serde(default)]
    before: Vec<String>,
    /// What it is about.
    #[serde(default = "table_t")]
    table: String,
    /// The mildest one it takes; absent where it takes no such clause.
    algorithm: Option<String>,
    /// The mildest one it takes with that algorithm.
    lock: Option<String>,
    work: Option<String>,
    /// What becomes of the table's file.
    #[serde(default)]
    file: Option<String>,
    waits: Option<String>,
    /// Whose writers wait, of other tables.
    #[serde(default)]
    others: BTreeMap<String, Other>,
    /// Whether its writers wait meanwhile, where no LOCK says it.
    writers: Option<String>,
    /// For UPDATE and the like: the rows that nobody else can write until the transaction ends.
    locks_rows: Option<String>,
    /// The server's refusal.
    error: Option<u16>,
    #[serde(default)]
    note: Option<String>,
}

/// Another table that a statement holds up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Other {
    waits: String,
    writes: String,
}

fn table_t() -> String {
    "t".to_owned()
}

impl Row {
    fn file(&self) -> &str {
        match (&self.file, self.work.as_deref()) {
            (Some(file), _) => file,
            (None, Some("rebuild" | "copy")) => "replaced",
            (None, _) => "kept",
        }
    }

    /// What the server says of it while it is at work. Every ALTER says `setup` before it has its
    /// lock; those that copy partitions say nothing else.
    fn states(&self) -> &'static [&'static str] {
        let partitions = ["REORGANIZE", "REBUILD", "COALESCE", "ADD PARTITION"];
        if partitions.iter().any(|word| self.sql.contains(word)) {
            &["setup"]
        } else {
            &["copy to tmp table", "altering table", "Enabling keys"]
        }
    }

    /// The tables that must be there for it.
    fn needs<'t>(&self, tables: &'t [(String, Vec<String>)]) -> Vec<&'t (String, Vec<String>)> {
        let words: BTreeSet<String> = std::iter::once(&self.sql)
            .chain(&self.before)
            .chain([&self.table])
            .flat_map(|sql| sql.split(|c: char| !(c.is_alphanumeric() || c == '_')))
            .map(str::to_owned)
            .collect();
        let named = |name: &str| words.contains(name);
        tables
            .iter()
            .filter(|(name, _)| {
                named(name)
                    || (name == "t" && named("vw"))
                    || (name == "ref" && (named("t") || named("vw")))
            })
            .collect()
    }

    fn with(&self, algorithm: &str, lock: Option<&str>) -> String {
        let comma = if self.sql.starts_with("ALTER") {
            ","
        } else {
            ""
        };
        let lock = lock
            .map(|l| format!("{comma} LOCK={l}"))
            .unwrap_or_default();
        format!("{}{comma} ALGORITHM={algorithm}{lock}", self.sql)
    }
}

/// A database of a worker's own, made anew before each try.
struct Room {
    engine: Engine,
    server: String,
    name: String,
    tables: Arc<Vec<(String, Vec<String>)>>,
}

impl Room {
    async fn connect(&self) -> MySqlConnection {
        let options: MySqlConnectOptions = self.server.parse().unwrap();
        let options = options
            .database(&self.name)
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None);
        let mut conn = MySqlConnection::connect_with(&options).await.unwrap();
        if self.engine == Engine::MySql {
            conn.execute("SET SESSION cte_max_recursion_depth = 100000000")
                .await
                .unwrap();
        }
        conn
    }

    async fn furnish(&self, row: &Row, rows: usize) {
        let options: MySqlConnectOptions = self.server.parse().unwrap();
        let mut conn = MySqlConnection::connect_with(&options).await.unwrap();
        for sql in [
            format!("DROP DATABASE IF EXISTS {}", self.name),
            format!("CREATE DATABASE {} CHARACTER SET utf8mb4", self.name),
            format!("USE {}", self.name),
        ] {
            conn.execute(sql.as_str()).await.unwrap();
        }
        let mut conn = self.connect().await;
        for sql in row.needs(&self.tables).iter().flat_map(|(_, made)| made) {
            let sql = made_on(self.engine, sql, rows);
            conn.execute(sql.as_str())
                .await
                .unwrap_or_else(|error| panic!("{error}: {sql}"));
        }
        conn.close().await.unwrap();
    }

    /// The statement, after what its session does before it. Gives the rows touched.
    async fn attempt(&self, row: &Row, sql: &str, wait: u32) -> Result<u64, u16> {
        let mut conn = self.connect().await;
        let waits =
            format!("SET SESSION lock_wait_timeout = {wait}, innodb_lock_wait_timeout = {wait}");
        let result = async {
            for before in row.before.iter().chain([&waits]) {
                conn.execute(before.as_str())
                    .await
                    .unwrap_or_else(|error| panic!("{error}: {before}"));
            }
            told(&mut conn, sql).await
        }
        .await;
        conn.close().await.unwrap();
        result
    }

    /// The identity of each file and of each index of the table and its partitions.
    async fn files(&self, table: &str) -> (BTreeSet<u64>, BTreeSet<u64>) {
        let mut conn = self.connect().await;
        let innodb = match self.engine {
            Engine::MySql => "INNODB",
            Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite => "INNODB_SYS",
        };
        let sql = format!(
            "SELECT t.TABLE_ID, i.INDEX_ID FROM information_schema.{innodb}_TABLES t
             LEFT JOIN information_schema.{innodb}_INDEXES i USING (TABLE_ID)
             WHERE t.NAME = '{0}/{table}' OR lower(t.NAME) LIKE lower('{0}/{table}#P#%')",
            self.name
        );
        let rows = conn.fetch_all(sql.as_str()).await.unwrap();
        conn.close().await.unwrap();
        // MySQL lists no indexes of partitions.
        let indexes = rows.iter().filter_map(|row| row.get::<Option<u64>, _>(1));
        let files = rows.iter().map(|row| row.get::<u64, _>(0));
        (files.collect(), indexes.collect())
    }

    /// Whether it goes through while somebody has an open transaction that did that.
    async fn beside(&self, row: &Row, held: &str) -> bool {
        self.furnish(row, FEW).await;
        let mut holder = self.connect().await;
        holder.execute("BEGIN").await.unwrap();
        holder.execute(held).await.unwrap();
        let result = self.attempt(row, &row.sql, 0).await;
        holder.close().await.unwrap();
        assert!(
            matches!(result, Ok(_) | Err(1205)),
            "{}: {result:?}",
            row.sql
        );
        result.is_ok()
    }

    /// Whose open transactions keep it waiting.
    async fn waits(&self, row: &Row, table: &str) -> &'static str {
        let write = format!("UPDATE {table} SET id = id WHERE id = 1");
        if self.beside(row, &write).await {
            return "nobody";
        }
        let read = format!("SELECT * FROM {table} LIMIT 1");
        if self.beside(row, &read).await {
            "writers"
        } else {
            "everybody"
        }
    }

    /// Whether writers of the table got through while the statement was at work.
    async fn traffic(&self, row: &Row, table: &str) -> &'static str {
        for doubled in 0..6 {
            self.furnish(row, MANY << doubled).await;
            let mut conn = self.connect().await;
            for before in &row.before {
                conn.execute(before.as_str()).await.unwrap();
            }
            let id: u64 = conn
                .fetch_one("SELECT connection_id()")
                .await
                .unwrap()
                .get(0);
            let sql = row.sql.clone();
            let work = tokio::spawn(async move {
                let result = told(&mut conn, &sql).await;
                conn.close().await.unwrap();
                result
            });
            let seen = self
                .probe(table, id, row.states(), || work.is_finished())
                .await;
            work.await
                .unwrap()
                .unwrap_or_else(|error| panic!("{error}: {}", row.sql));
            // Its beginning and its end are other than what it does between them: with enough rows
            // they are the least of it.
            let through = seen.iter().filter(|through| **through).count();
            if seen.len() >= 5 && through * 5 <= seen.len() {
                return "wait";
            }
            if seen.len() >= 5 && through * 5 >= seen.len() * 4 {
                return "go on";
            }
        }
        UNSEEN
    }

    /// Whether each write got through, of those that were tried while it was at work. MySQL makes
    /// every write wait for a second at least; there the lock that the statement has says it.
    async fn probe(
        &self,
        table: &str,
        id: u64,
        states: &[&str],
        done: impl Fn() -> bool,
    ) -> Vec<bool> {
        let mut eye = self.connect().await;
        let mut hand = self.connect().await;
        hand.execute("SET SESSION lock_wait_timeout = 0, innodb_lock_wait_timeout = 0")
            .await
            .unwrap();
        let state = format!(
            "SELECT coalesce(max(STATE), '') FROM information_schema.PROCESSLIST WHERE ID = {id}"
        );
        let write = match self.engine {
            Engine::MySql => format!(
                "SELECT 1 FROM performance_schema.metadata_locks m
                 JOIN performance_schema.threads h ON h.thread_id = m.owner_thread_id
                 WHERE h.processlist_id = {id} AND m.object_schema = database()
                   AND m.object_name = '{table}' AND m.lock_status = 'GRANTED'
                   AND m.lock_type IN ({WRITERS_WAIT})"
            ),
            Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite => {
                format!("UPDATE {table} SET id = id WHERE id = 1")
            }
        };
        let mut seen = Vec::new();
        while !done() {
            let before: String = eye.fetch_one(state.as_str()).await.unwrap().get(0);
            let through = match hand.fetch_all(write.as_str()).await {
                Ok(locks) => locks.is_empty(),
                Err(_) => false,
            };
            let after: String = eye.fetch_one(state.as_str()).await.unwrap().get(0);
            let works = |state: &String| states.contains(&state.as_str());
            if !works(&before) || !works(&after) {
                continue;
            }
            seen.push(through);
        }
        eye.close().await.unwrap();
        hand.close().await.unwrap();
        seen
    }

    /// Which rows nobody else can write while its transaction is open.
    async fn locked_rows(&self, row: &Row) -> &'static str {
        self.furnish(row, FEW).await;
        let mut conn = self.connect().await;
        conn.execute("BEGIN").await.unwrap();
        conn.execute(row.sql.as_str()).await.unwrap();
        let mut hand = self.connect().await;
        hand.execute("SET SESSION innodb_lock_wait_timeout = 0, lock_wait_timeout = 0")
            .await
            .unwrap();
        let mut free = 0;
        for id in 1..=FEW {
            let write = match self.engine {
                Engine::MySql => {
                    format!(
                        "SELECT id FROM {} WHERE id = {id} FOR UPDATE NOWAIT",
                        row.table
                    )
                }
                Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite => {
                    format!("UPDATE {} SET id = id WHERE id = {id}", row.table)
                }
            };
            free += usize::from(hand.execute(write.as_str()).await.is_ok());
        }
        conn.close().await.unwrap();
        hand.close().await.unwrap();
        match free {
            FEW => "none",
            0 => "all",
            _ => "some",
        }
    }

    async fn leave(&self) {
        let mut conn = MySqlConnection::connect(&self.server).await.unwrap();
        conn.execute(format!("DROP DATABASE IF EXISTS {}", self.name).as_str())
            .await
            .unwrap();
    }

    async fn seen(&self, row: &Row) -> Row {
        let mut seen = row.clone();
        self.furnish(row, FEW).await;
        let (files, indexes) = self.files(&row.table).await;
        let (copied, error) = match self.attempt(row, &row.sql, 1).await {
            Ok(rows) => (rows, None),
            Err(error) => (0, Some(error)),
        };
        seen.error = error;
        let (files_after, indexes_after) = self.files(&row.table).await;
        if error.is_some() {
            return seen;
        }
        let replaced = !files.is_subset(&files_after);
        let file = match replaced {
            false => "kept",
            true if files_after.is_subset(&files) => "gone",
            true => "replaced",
        };
        seen.file = Some(file.to_owned());
        // A statement says itself whether it went over the rows one by one.
        let work = if row.work.as_deref() == Some("rows") {
            "rows"
        } else if file != "kept" && copied > 0 {
            "copy"
        } else if file == "replaced" && row.work.as_deref() != Some("brief") {
            "rebuild"
        } else if files_after == files && indexes_after.difference(&indexes).next().is_some()
            || (indexes_after.is_empty() && row.work.as_deref() == Some("index"))
        {
            "index"
        } else if row.work.as_deref() == Some("scan") {
            "scan"
        } else {
            "brief"
        };
        seen.work = Some(work.to_owned());
        (seen.algorithm, seen.lock) = self.clauses(row).await;
        seen.waits = Some(self.waits(row, &row.table).await.to_owned());
        for (table, claim) in &row.others {
            let waits = self.waits(row, table).await.to_owned();
            let writes = match claim.writes.as_str() {
                "unwatched" => "unwatched".to_owned(),
                _ => self.traffic(row, table).await.to_owned(),
            };
            seen.others.insert(table.clone(), Other { waits, writes });
        }
        if row.locks_rows.is_some() {
            seen.locks_rows = Some(self.locked_rows(row).await.to_owned());
        }
        seen
    }

    async fn clauses(&self, row: &Row) -> (Option<String>, Option<String>) {
        let clauses = row.sql.starts_with("ALTER") || row.sql.starts_with("CREATE");
        if !clauses || row.work.as_deref() == Some("rows") {
            return (None, None);
        }
        self.furnish(row, FEW).await;
        for algorithm in algorithms(self.engine) {
            match self.attempt(row, &row.with(algorithm, None), 1).await {
                // MySQL takes no LOCK beside it, and nobody waits.
                Ok(_) if self.engine == Engine::MySql && *algorithm == "instant" => {
                    return (Some("instant".to_owned()), Some("none".to_owned()));
                }
                Ok(_) => {
                    for lock in LOCKS {
                        self.furnish(row, FEW).await;
                        let sql = row.with(algorithm, Some(lock));
                        match self.attempt(row, &sql, 1).await {
                            Ok(_) => {
                                return (Some((*algorithm).to_owned()), Some(lock.to_owned()));
                            }
                            Err(error) => refused(error, &sql),
                        }
                    }
                    return (Some((*algorithm).to_owned()), None);
                }
                // It knows no such clause.
                Err(1064 | 1507) => return (None, None),
                Err(error) => refused(error, &row.with(algorithm, None)),
            }
        }
        (None, None)
    }
}

/// What the server said of it; OPTIMIZE and the like say it in a result.
async fn told(conn: &mut MySqlConnection, sql: &str) -> Result<u64, u16> {
    let number = |error: sqlx::Error| match error.as_database_error() {
        Some(error) => error.downcast_ref::<MySqlDatabaseError>().number(),
        None => panic!("{error}: {sql}"),
    };
    let reports = ["OPTIMIZE", "ANALYZE", "CHECK", "REPAIR"];
    if !reports.iter().any(|word| sql.starts_with(word)) && !sql.contains(" PARTITION p") {
        return Ok(conn.execute(sql).await.map_err(number)?.rows_affected());
    }
    let mut touched = 0;
    let mut results = conn.fetch_many(sql);
    use futures::TryStreamExt;
    while let Some(result) = results.try_next().await.map_err(number)? {
        match result {
            sqlx::Either::Left(done) => touched += done.rows_affected(),
            sqlx::Either::Right(row) => {
                let says = |at| row.try_get_unchecked::<String, _>(at).unwrap_or_default();
                if says(2).eq_ignore_ascii_case("error") {
                    assert!(says(3).contains("timeout"), "{sql}: {}", says(3));
                    return Err(1205);
                }
            }
        }
    }
    Ok(touched)
}

fn refused(error: u16, sql: &str) {
    assert!(matches!(error, 1845 | 1846), "{error}: {sql}");
}

/// A file of the core's lock tables, read when the test runs: claims change more often than this.
fn written(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/locks");
    std::fs::read_to_string(path.join(name)).unwrap()
}

fn tables() -> Vec<(String, Vec<String>)> {
    let value: serde_norway::Mapping = serde_norway::from_str(&written(TABLES)).unwrap();
    value
        .into_iter()
        .map(|(name, made)| {
            (
                serde_norway::from_value(name).unwrap(),
                serde_norway::from_value(made).unwrap(),
            )
        })
        .collect()
}

/// A statement that makes a table of them, as that engine reads it.
fn made_on(engine: Engine, sql: &str, rows: usize) -> String {
    let sql = sql.replace("{n}", &rows.to_string());
    match engine {
        Engine::MySql => without_sequences(&sql),
        Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite => sql,
    }
}

/// The claims about an engine.
fn claims(engine: Engine) -> Vec<Row> {
    let mut rows: Vec<Row> = serde_norway::from_str(&written(ROWS)).unwrap();
    if engine == Engine::MariaDb {
        return rows;
    }
    let tables = tables();
    rows.retain(|row| {
        let needed = row.needs(&tables);
        let words = format!("{} {}", row.sql, row.before.join(" "));
        !needed
            .iter()
            .any(|(name, _)| ABSENT_ON_MYSQL.contains(&name.as_str()))
            && !ABSENT_WORDS.iter().any(|word| words.contains(word))
    });
    for row in &mut rows {
        // What it calls in place, MariaDB parts by whether the rows are made anew.
        if row.algorithm.as_deref() == Some("nocopy") {
            row.algorithm = Some("inplace".to_owned());
        }
    }
    let own: Vec<Row> = serde_norway::from_str(&written(MYSQL_ROWS)).unwrap();
    for row in own {
        match rows
            .iter_mut()
            .find(|r| r.sql == row.sql && r.before == row.before)
        {
            Some(other) => *other = row,
            None => rows.push(row),
        }
    }
    rows
}

fn said(row: &Row) -> String {
    let of = |what: &Option<String>| what.clone().unwrap_or_else(|| "-".to_owned());
    format!(
        "algorithm {} lock {} work {} file {} waits {} others {:?} locks_rows {} error {:?}",
        of(&row.algorithm),
        of(&row.lock),
        of(&row.work),
        row.file(),
        of(&row.waits),
        row.others,
        of(&row.locks_rows),
        row.error
    )
}

/// What is other than claimed; empty where nothing is.
async fn judged(room: &Room, row: &Row) -> (String, Row) {
    let mut differs = Vec::new();
    let mut seen = room.seen(row).await;
    // What is over too soon to be seen at work says nothing.
    for (table, other) in &mut seen.others {
        if other.writes == UNSEEN {
            other.writes.clone_from(&row.others[table].writes);
        }
    }
    if said(&seen) != said(row) {
        differs.push(format!(
            "  claimed {}\n  seen    {}",
            said(row),
            said(&seen)
        ));
    }
    // Who waits while it is at work, where that can be long.
    if seen.error.is_none() && matches!(seen.work.as_deref(), Some("index" | "rebuild" | "copy")) {
        let claimed = match (&row.writers, row.lock.as_deref()) {
            (Some(writers), _) => writers,
            (None, Some("none")) => "go on",
            (None, _) => "wait",
        };
        let traffic = room.traffic(row, &row.table).await;
        if traffic != claimed && traffic != UNSEEN {
            differs.push(format!("  writers: claimed {claimed}, seen {traffic}"));
        }
        seen.writers = row.writers.clone();
    }
    (differs.join("\n"), seen)
}

fn room(engine: Engine, tables: &Arc<Vec<(String, Vec<String>)>>) -> Room {
    Room {
        engine,
        server: mysql_server(engine),
        name: format!("bellows_test_{}", uuid::Uuid::now_v7().simple()),
        tables: tables.clone(),
    }
}

async fn every_row_of_the_table_is_what_the_server_does(engine: Engine) {
    let only = std::env::var("BELLOWS_LOCK_ROWS").unwrap_or_default();
    let rows: Arc<Vec<Row>> = Arc::new(
        claims(engine)
            .into_iter()
            .filter(|row| row.sql.contains(&only))
            .collect(),
    );
    let tables = Arc::new(tables());
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = Vec::new();
    for _ in 0..3 {
        let (rows, next, room) = (rows.clone(), next.clone(), room(engine, &tables));
        workers.push(tokio::spawn(async move {
            let mut doubtful = Vec::new();
            while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                if !judged(&room, row).await.0.is_empty() {
                    doubtful.push(row.clone());
                }
            }
            room.leave().await;
            doubtful
        }));
    }
    let mut doubtful = Vec::new();
    for worker in workers {
        doubtful.extend(worker.await.unwrap());
    }
    // Whatever else the machine does, a server that does what is claimed does it one of these times;
    // one that does something else never does.
    let room = room(engine, &tables);
    let (mut wrong, mut others) = (Vec::new(), Vec::new());
    let write_to = std::env::var("BELLOWS_WRITE_LOCKS");
    let more_tries = if write_to.is_ok() { 0 } else { 2 };
    for row in &doubtful {
        let mut last = judged(&room, row).await;
        for _ in 0..more_tries {
            if last.0.is_empty() {
                break;
            }
            last = judged(&room, row).await;
        }
        if !last.0.is_empty() {
            wrong.push(format!("{}\n{}", row.sql, last.0));
            others.push(last.1);
        }
    }
    room.leave().await;
    // What was seen instead, as rows.
    if let Ok(path) = write_to {
        std::fs::write(path, serde_norway::to_string(&others).unwrap()).unwrap();
    }
    assert!(
        wrong.is_empty(),
        "{} of {} rows:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

/// What the reader is judged on without a server: these tables, as they are read from one.
async fn the_tables_are_read_as_they_are_written_down(engine: Engine) {
    let test = TestTarget::new(engine).await;
    for (name, made) in tables() {
        if engine == Engine::MySql && ABSENT_ON_MYSQL.contains(&name.as_str()) {
            continue;
        }
        for sql in made {
            test.sql(&sql.replace("{n}", &FEW.to_string())).await;
        }
    }
    let mut schema = test.schema().await;
    schema.version = match engine {
        Engine::MySql => 90_700,
        Engine::MariaDb | Engine::PostgreSql | Engine::Sqlite => 101_100,
    };
    for table in schema.tables.values_mut() {
        (table.rows, table.bytes) = (0, 0);
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../tests/locks/{}-schema.json", engine.word()));
    // Views say their database's name, which is another one each time.
    let name = test.text("SELECT database()").await.unwrap();
    let read = serde_json::to_string_pretty(&schema).unwrap() + "\n";
    let read = read.replace(&format!("`{name}`."), "");
    if std::env::var("BELLOWS_WRITE_SCHEMA").is_ok() {
        std::fs::write(&path, &read).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    let schema = |text: &str| serde_json::from_str::<Schema>(text).unwrap();
    assert_eq!(schema(&written), schema(&read));
}
