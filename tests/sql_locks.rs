//! What the reader says of every row of the lock tables is what a server was seen to do.
#![cfg(feature = "sql")]

use std::collections::BTreeMap;

use bellows::document::Engine;
use bellows::plan::Lock;
use bellows::schema::{Schema, TableName};
use bellows::sql::{Context, Effect, Lasts, WorkKind, script};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Row {
    sql: String,
    #[serde(default)]
    before: Vec<String>,
    #[serde(default)]
    table: Option<String>,
    algorithm: Option<String>,
    lock: Option<String>,
    work: Option<String>,
    waits: Option<String>,
    writers: Option<String>,
    #[serde(default)]
    others: BTreeMap<String, Other>,
    locks_rows: Option<String>,
    error: Option<serde_norway::Value>,
    locks: Option<String>,
    #[serde(default)]
    transaction: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Other {
    waits: String,
    writes: String,
}

/// What a schema cannot tell: how a table's rows are kept, and that it keeps their history.
const UNTOLD: [&str; 3] = ["TABLE comp ", "TABLE sv ", "SYSTEM VERSIONING"];

/// Errors that rows cause: no text tells of them.
const BY_ROWS: [u64; 7] = [1062, 1138, 1265, 1452, 3819, 4025, 1451];

/// Errors that only the server's own rules tell, or how it writes its log.
const UNTOLD_ERRORS: [u64; 4] = [1907, 1075, 1217, 1674];

/// Words of statements that only MariaDB has, which the server's own test leaves out for MySQL.
const ABSENT_WORDS: [&str; 4] = [
    "SYSTEM VERSIONING",
    "SEQUENCE",
    "check_constraint_checks",
    "system_versioning",
];

fn written(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/locks");
    std::fs::read_to_string(path.join(name)).unwrap()
}

fn of(sql: &str, before: &[String], schema: &Schema) -> Effect {
    let text = before
        .iter()
        .filter(|b| b.starts_with("SET"))
        .map(|b| format!("{b};\n"))
        .collect::<String>()
        + sql;
    let context = Context {
        schema: Some(schema),
        ..Context::default()
    };
    let read = script(schema.engine, &text, &context);
    read.statements.last().unwrap().effect.clone()
}

/// What is read otherwise than a server was seen to do it.
fn differs(row: &Row, schema: &Schema) -> Vec<String> {
    let effect = of(&row.sql, &row.before, schema);
    let table = TableName::parse(row.table.as_deref().unwrap_or("t"));
    let mut wrong = Vec::new();
    let mut claim = |what: &str, claimed: String, read: String| {
        if claimed != read {
            wrong.push(format!(
                "{}\n  {what}: claimed {claimed}, read {read}",
                row.sql
            ));
        }
    };
    if let Some(error) = &row.error {
        let by_rows = error.as_u64().is_some_and(|e| BY_ROWS.contains(&e));
        let noticed = !effect.fails.is_empty() || effect.unknown.is_some();
        let untold = error.as_u64().is_some_and(|e| UNTOLD_ERRORS.contains(&e));
        if !by_rows && !untold {
            claim("refused", "true".into(), noticed.to_string());
        }
        return wrong;
    }
    claim("known", "None".into(), format!("{:?}", effect.unknown));
    claim("refused", "[]".into(), format!("{:?}", effect.fails));
    let rewrites = effect.does(WorkKind::Rewrite);
    let grows = ["index", "rebuild", "copy"].contains(&row.work.as_deref().unwrap_or_default());
    if grows || row.work.as_deref() == Some("brief") {
        let copies = ["rebuild", "copy"].contains(&row.work.as_deref().unwrap_or_default());
        claim("rewrites", copies.to_string(), rewrites.to_string());
        // EXCHANGE reads the rows that come in, which no file tells of.
        if !row.sql.contains("EXCHANGE") {
            let lasts = effect.lasts == Lasts::Grows;
            claim("grows", grows.to_string(), lasts.to_string());
        }
    }
    // What keeps a table so far no schema tells.
    let algorithm = row.algorithm.as_ref();
    if let Some(algorithm) = algorithm.filter(|_| !row.sql.contains("ENGINE=")) {
        // NOCOPY is MariaDB's word: MySQL does the same and calls it INPLACE.
        let claimed = if schema.engine == Engine::MySql && algorithm == "nocopy" {
            "inplace"
        } else {
            algorithm
        };
        let read = effect.algorithm.map(|a| a.word().to_lowercase());
        claim("algorithm", claimed.to_owned(), read.unwrap_or_default());
    }
    let lock = effect.lock_on(&table);
    let writes_wait = grows
        && match (&row.writers, row.lock.as_deref()) {
            (Some(writers), _) => writers == "wait",
            (None, lock) => lock != Some("none"),
        };
    let lastingly = effect.blocks.writes && effect.blocks.lastingly();
    let rows = ["some", "all"].contains(&row.locks_rows.as_deref().unwrap_or_default());
    if !rows && !row.sql.contains("EXCHANGE") && row.work.as_deref() != Some("rows") {
        claim(
            "writers wait",
            writes_wait.to_string(),
            lastingly.to_string(),
        );
    }
    if row.locks_rows.as_deref() == Some("all") {
        claim("rows are locked", "true".into(), lastingly.to_string());
    }
    match row.waits.as_deref() {
        Some("everybody") => {
            let takes =
                lock.is_some_and(Lock::queues_traffic) || effect.main_lock().queues_traffic();
            claim("traffic queues", "true".into(), takes.to_string());
        }
        Some("nobody") if row.work.as_deref() == Some("brief") => {
            let takes = lock.is_some_and(Lock::queues_traffic);
            claim("traffic queues", "false".into(), takes.to_string());
        }
        _ => {}
    }
    for (other, claimed) in &row.others {
        if claimed.waits == "everybody" {
            let lock = effect.lock_on(&TableName::parse(other));
            let takes = lock.is_some_and(Lock::queues_traffic);
            claim(
                "the other table's traffic queues",
                "true".into(),
                takes.to_string(),
            );
        }
        if claimed.writes == "wait" {
            let lock = effect.lock_on(&TableName::parse(other));
            let waits = lock.is_some_and(Lock::blocks_writes);
            claim(
                "the other table's writers wait",
                "true".into(),
                waits.to_string(),
            );
        }
    }
    wrong
}

#[test]
fn mariadbs_rows_are_read_as_they_are() {
    let rows: Vec<Row> = serde_norway::from_str(&written("mariadb.yaml")).unwrap();
    let schema: Schema = serde_json::from_str(&written("mariadb-schema.json")).unwrap();
    let wrong: Vec<String> = rows
        .iter()
        .filter(|row| !UNTOLD.iter().any(|words| row.sql.contains(words)))
        .flat_map(|row| differs(row, &schema))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// MySQL does what MariaDB does but for the rows of its own list.
#[test]
fn mysqls_rows_are_read_as_they_are() {
    let mut rows: Vec<Row> = serde_norway::from_str(&written("mysql.yaml")).unwrap();
    let own: Vec<(String, Vec<String>)> = rows
        .iter()
        .map(|row| (row.sql.clone(), row.before.clone()))
        .collect();
    let others: Vec<Row> = serde_norway::from_str(&written("mariadb.yaml")).unwrap();
    rows.extend(others.into_iter().filter(|row| {
        let text = format!("{};{}", row.before.join(";"), row.sql);
        !own.contains(&(row.sql.clone(), row.before.clone()))
            && !ABSENT_WORDS.iter().any(|word| text.contains(word))
            && !["sv", "sq"].contains(&row.table.as_deref().unwrap_or_default())
    }));
    let schema: Schema = serde_json::from_str(&written("mysql-schema.json")).unwrap();
    let wrong: Vec<String> = rows
        .iter()
        .filter(|row| !UNTOLD.iter().any(|words| row.sql.contains(words)))
        .flat_map(|row| differs(row, &schema))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Without a schema nothing is thought to be milder than it is.
#[test]
fn without_a_schema_the_worst_is_assumed() {
    let rows: Vec<Row> = serde_norway::from_str(&written("mariadb.yaml")).unwrap();
    let empty = Schema::empty(Engine::MariaDb);
    let context = Context {
        version: Some(empty.version),
        ..Context::default()
    };
    for row in rows.iter().filter(|row| row.error.is_none()) {
        if UNTOLD.iter().any(|words| row.sql.contains(words)) {
            continue;
        }
        // Full-text indexes, virtual columns and what is made of a column: a hidden few.
        if ["TABLE ft ", "TABLE gen "]
            .iter()
            .any(|w| row.sql.contains(w))
        {
            continue;
        }
        let read = script(Engine::MariaDb, &row.sql, &context);
        let effect = &read.statements.last().unwrap().effect;
        let copies = row.work.as_deref() == Some("copy");
        let lastingly = effect.blocks.writes && effect.blocks.lastingly();
        assert!(
            lastingly || !copies || effect.unknown.is_some(),
            "{}",
            row.sql
        );
    }
}

#[derive(Deserialize)]
struct Sqlite {
    rows: Vec<Row>,
}

/// The tables of the test that runs the rows, as far as they matter here.
fn sqlite_schema() -> Schema {
    serde_json::from_str(&written("sqlite-schema.json")).unwrap()
}

#[test]
fn sqlites_rows_are_read_as_they_are() {
    let rows: Sqlite = serde_norway::from_str(&written("sqlite.yaml")).unwrap();
    let schema = sqlite_schema();
    let mut wrong = Vec::new();
    for row in &rows.rows {
        let effect = of(&row.sql, &[], &schema);
        let refused = row.transaction.as_deref() == Some("refused");
        let said = !effect.fails.is_empty() || effect.unknown.is_some();
        if row.error.is_some() && !refused {
            // Rows are what these fail on.
            let by_rows = row
                .error
                .as_ref()
                .and_then(|e| e.as_str())
                .is_some_and(|e| e.starts_with("UNIQUE") || e.starts_with("CHECK"));
            if !said && !by_rows {
                wrong.push(format!("{}: is refused, read as {effect:?}", row.sql));
            }
            continue;
        }
        let grows = row.work.as_deref() != Some("brief");
        let locks = effect.strictest() == Lock::DatabaseWrite;
        // A table that is only emptied is quick where nothing hangs on it; an empty one is no matter.
        let worse = row.sql == "DELETE FROM plain" || row.sql.contains("TEMP TABLE");
        let fails = said && !row.sql.contains("TABLE empty");
        if fails
            || (!worse && (effect.lasts == Lasts::Grows) != grows)
            || (!worse && locks != (row.locks.as_deref() == Some("write")))
        {
            wrong.push(format!("{}: {row:?}\n  read as {effect:?}", row.sql));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
