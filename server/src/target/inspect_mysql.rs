//! Reads a MySQL or MariaDB database's catalogue: a handful of queries over
//! `information_schema`, whatever the number of tables.

use std::collections::{BTreeMap, BTreeSet};

use bellows::dialect::trigger;
use bellows::document::Engine;
use bellows::schema::{
    Column, DualWrite, Schema, Shadow, Table, TableName, View, ViewUse, is_dual_write_trigger,
    is_shadow_trigger,
};
use sqlx::mysql::{MySqlPool, MySqlRow};
use sqlx::{Executor, MySqlConnection, Row as _};

use super::inspect_mysql_grants;
use super::inspect_mysql_keys::{checks, foreign_keys, indexes, pointers};
use super::mysql_text::{column_lines, default, names, quoted, table_options};
use super::{COUNTED, Fault, TargetError, fault};

/// Bellows' own tables are left out.
const OURS: &str = "table_schema = database() AND left(table_name, 9) <> '_bellows_'";

/// Tables up to this size are counted: the statistics of small ones are often far off.
const COUNTED_BYTES: i64 = 256 << 10;

/// What SHOW CREATE TABLE prints.
pub(super) type Printed = BTreeMap<TableName, String>;

/// By name.
pub(super) type Tables = BTreeMap<TableName, Table>;

/// The whole schema.
pub(super) async fn inspect(
    pool: &MySqlPool,
    engine: Engine,
    version: u32,
) -> Result<Schema, TargetError> {
    let mut conn = pool.acquire().await?;
    // Definitions wait behind whoever changes a table, and people wait for them.
    (&mut *conn)
        .execute("SET SESSION lock_wait_timeout = 2")
        .await?;
    if engine == Engine::MySql {
        // It would tell rows and bytes as they were up to a day ago.
        (&mut *conn)
            .execute("SET SESSION information_schema_stats_expiry = 0")
            .await?;
    }
    let mut tables = Tables::new();
    let small = headers(&mut conn, &mut tables).await?;
    columns(&mut conn, engine, &mut tables).await?;
    let printed = definitions(&mut conn, &mut tables).await?;
    indexes(&mut conn, engine, &printed, &mut tables).await?;
    foreign_keys(&mut conn, &mut tables).await?;
    checks(&mut conn, engine, &printed, &mut tables).await?;
    pointers(&mut conn, engine, &mut tables).await?;
    triggers(&mut conn, engine, &mut tables).await?;
    let views = views(&mut conn, engine, &mut tables).await?;
    count(&mut conn, &small, &mut tables).await?;
    Ok(Schema {
        engine,
        version,
        tables,
        views,
        types: BTreeSet::new(),
        domains: BTreeMap::new(),
        functions: BTreeMap::new(),
        trigger_problem: inspect_mysql_grants::trigger_problem(&mut conn, engine).await?,
    })
}

pub(super) fn name(name: String) -> TableName {
    TableName { schema: None, name }
}

pub(super) async fn rows(
    conn: &mut MySqlConnection,
    sql: &str,
) -> Result<Vec<MySqlRow>, sqlx::Error> {
    conn.fetch_all(sql.replace("{ours}", OURS).as_str()).await
}

/// A value as text; empty for NULL.
pub(super) fn text(row: &MySqlRow, index: usize) -> Result<String, sqlx::Error> {
    Ok(maybe(row, index)?.unwrap_or_default())
}

/// The catalogue's texts count as bytes to the driver.
pub(super) fn maybe(row: &MySqlRow, index: usize) -> Result<Option<String>, sqlx::Error> {
    row.try_get_unchecked(index)
}

pub(super) fn int(row: &MySqlRow, index: usize) -> Result<i64, sqlx::Error> {
    Ok(row.try_get_unchecked::<Option<i64>, _>(index)?.unwrap_or(0))
}

/// The tables themselves; gives the small ones.
async fn headers(
    conn: &mut MySqlConnection,
    tables: &mut Tables,
) -> Result<Vec<TableName>, sqlx::Error> {
    let mut small = Vec::new();
    for row in rows(
        conn,
        "SELECT table_name, table_rows, data_length + index_length, data_length, create_options
         FROM information_schema.tables
         WHERE {ours} AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')",
    )
    .await?
    {
        let table_name = name(text(&row, 0)?);
        if int(&row, 3)? <= COUNTED_BYTES {
            small.push(table_name.clone());
        }
        let table = Table {
            rows: u64::try_from(int(&row, 1)?).unwrap_or(0),
            bytes: u64::try_from(int(&row, 2)?).unwrap_or(0),
            partitioned: text(&row, 4)?.contains("partitioned"),
            ..Table::default()
        };
        tables.insert(table_name, table);
    }
    Ok(small)
}

async fn columns(
    conn: &mut MySqlConnection,
    engine: Engine,
    tables: &mut Tables,
) -> Result<(), sqlx::Error> {
    for row in rows(
        conn,
        "SELECT c.table_name, c.column_name, c.column_type, c.is_nullable, c.column_default,
                c.extra, c.column_comment, c.collation_name,
                (SELECT t.table_collation FROM information_schema.tables t
                 WHERE t.table_schema = c.table_schema AND t.table_name = c.table_name)
         FROM information_schema.columns c WHERE {ours}
         ORDER BY c.table_name, c.ordinal_position",
    )
    .await?
    {
        let Some(table) = tables.get_mut(&name(text(&row, 0)?)) else {
            continue;
        };
        let (data_type, extra) = (text(&row, 2)?, text(&row, 5)?);
        let generated = extra.to_uppercase().contains(" GENERATED");
        let collation =
            maybe(&row, 7)?.filter(|own| maybe(&row, 8).ok().flatten().as_ref() != Some(own));
        table.columns.push(Column {
            name: text(&row, 1)?,
            nullable: text(&row, 3)? == "YES",
            default: default(engine, maybe(&row, 4)?, &data_type, &extra).filter(|_| !generated),
            generated,
            comment: maybe(&row, 6)?.filter(|comment| !comment.is_empty()),
            collation,
            data_type,
            ..Column::default()
        });
    }
    Ok(())
}

/// The columns' whole definitions, in the server's own words, and those words. Several tables are
/// asked for at a time, for the way to the server may be long.
async fn definitions(
    conn: &mut MySqlConnection,
    tables: &mut Tables,
) -> Result<Printed, sqlx::Error> {
    let mut printed = Printed::new();
    let all: Vec<TableName> = tables.keys().cloned().collect();
    for some in all.chunks(50) {
        match created(conn, some, tables, &mut printed).await {
            Err(error) if fault(&error) == Fault::Statement => {}
            result => {
                result?;
                continue;
            }
        }
        // One of them is gone by now, or cannot be read; what it lacks, it alone shall lack.
        for one in some {
            match created(conn, std::slice::from_ref(one), tables, &mut printed).await {
                Err(error) if fault(&error) == Fault::Statement => {
                    tracing::debug!(%error, table = %one, "a table's definition cannot be read");
                }
                result => result?,
            }
        }
    }
    Ok(printed)
}

/// Takes the lines of those tables' columns from SHOW CREATE TABLE.
async fn created(
    conn: &mut MySqlConnection,
    some: &[TableName],
    tables: &mut Tables,
    printed: &mut Printed,
) -> Result<(), sqlx::Error> {
    let sql: Vec<String> = some
        .iter()
        .map(|name| format!("SHOW CREATE TABLE {}", quoted(&name.name)))
        .collect();
    for row in rows(conn, &sql.join("; ")).await? {
        let own = name(text(&row, 0)?);
        let Some(table) = tables.get_mut(&own) else {
            continue;
        };
        let create = text(&row, 1)?;
        (table.options, table.auto_increment) = table_options(&create);
        for (column, line) in column_lines(&create) {
            if let Some(column) = table.columns.iter_mut().find(|c| c.name == column) {
                column.definition = Some(line);
            }
        }
        printed.insert(own, create);
    }
    Ok(())
}

async fn triggers(
    conn: &mut MySqlConnection,
    engine: Engine,
    tables: &mut Tables,
) -> Result<(), sqlx::Error> {
    for row in rows(
        conn,
        "SELECT event_object_table, trigger_name, action_statement, action_timing,
                event_manipulation, nullif(definer, current_user())
         FROM information_schema.triggers WHERE event_object_schema = database()
         ORDER BY event_object_table, action_timing, event_manipulation, action_order",
    )
    .await?
    {
        let on = name(text(&row, 0)?);
        let (trigger, body) = (text(&row, 1)?, text(&row, 2)?);
        // MySQL keeps the semicolon of whoever sent several statements at once.
        let body = body.trim_end().trim_end_matches(';');
        let sql = format!(
            "CREATE {}TRIGGER {} {} {} ON {} FOR EACH ROW {body}",
            definer(maybe(&row, 5)?.as_deref()),
            quoted(&trigger),
            text(&row, 3)?,
            text(&row, 4)?,
            quoted(&on.name)
        );
        let Some(table) = tables.get_mut(&on) else {
            continue;
        };
        let dual_write = is_dual_write_trigger(&trigger)
            .then(|| DualWrite::from_marker(body))
            .flatten();
        let shadow = is_shadow_trigger(&trigger)
            .then(|| Shadow::from_marker(body))
            .flatten();
        // The triggers of one kind say the same.
        match (dual_write, shadow) {
            (Some(found), _) if table.dual_writes.contains(&found) => {}
            (Some(found), _) => table.dual_writes.push(found),
            (None, Some(found)) if table.shadows.contains(&found) => {}
            (None, Some(found)) => table.shadows.push(found),
            (None, None) => {
                table.triggers.push(trigger);
                // It hangs on every table that it names: when one changes, its writes fail.
                for (name, table) in tables.iter_mut() {
                    if *name == on || trigger::names_table(engine, &sql, &name.name) {
                        table.dependents.push(sql.clone());
                    }
                }
            }
        }
    }
    Ok(())
}

/// `DEFINER=...` of somebody else than us.
fn definer(definer: Option<&str>) -> String {
    match definer.and_then(|d| d.rsplit_once('@')) {
        Some((user, host)) => format!("DEFINER={}@{} ", quoted(user), quoted(host)),
        None => String::new(),
    }
}

/// The views, and to every table those in which its name stands: MariaDB keeps no dependencies.
async fn views(
    conn: &mut MySqlConnection,
    engine: Engine,
    tables: &mut Tables,
) -> Result<BTreeMap<TableName, View>, sqlx::Error> {
    // MySQL tells a view's algorithm in SHOW CREATE VIEW alone.
    let algorithm = match engine {
        Engine::MariaDb => "nullif(algorithm, 'UNDEFINED')",
        Engine::MySql | Engine::PostgreSql | Engine::Sqlite => "NULL",
    };
    let sql = format!(
        "SELECT table_name, view_definition, {algorithm}, nullif(definer, current_user()),
                security_type = 'INVOKER', nullif(check_option, 'NONE')
         FROM information_schema.views WHERE {{ours}} ORDER BY table_name"
    );
    let mut found: Vec<(String, String)> = Vec::new();
    let mut options: Vec<Vec<String>> = Vec::new();
    for row in rows(conn, &sql).await? {
        let mut own = Vec::new();
        own.extend(maybe(&row, 2)?.map(|a| format!("ALGORITHM={a}")));
        let definer = definer(maybe(&row, 3)?.as_deref());
        own.extend((!definer.is_empty()).then(|| definer.trim_end().to_owned()));
        own.extend((int(&row, 4)? != 0).then(|| "SQL SECURITY INVOKER".to_owned()));
        own.extend(maybe(&row, 5)?.map(|c| format!("WITH {c} CHECK OPTION")));
        found.push((text(&row, 0)?, text(&row, 1)?));
        options.push(own);
    }
    let mut views = BTreeMap::new();
    for ((view, definition), options) in found.iter().zip(options) {
        let named = names(definition);
        let mut reads: Vec<TableName> = found
            .iter()
            .map(|(other, _)| other)
            .filter(|other| *other != view && named.contains(other))
            .map(|other| name(other.clone()))
            .collect();
        for (table_name, table) in tables.iter_mut() {
            if !named.contains(&table_name.name) {
                continue;
            }
            reads.push(table_name.clone());
            table.views.push(ViewUse {
                view: name(view.clone()),
                columns: table
                    .columns
                    .iter()
                    .map(|c| c.name.clone())
                    .filter(|c| named.contains(c))
                    .collect(),
                definition: definition.clone(),
                materialized: false,
            });
        }
        views.insert(
            name(view.clone()),
            View {
                definition: definition.clone(),
                reads,
                options,
                ..View::default()
            },
        );
    }
    Ok(views)
}

/// Counts the small tables, in one query.
async fn count(
    conn: &mut MySqlConnection,
    small: &[TableName],
    tables: &mut Tables,
) -> Result<(), sqlx::Error> {
    for some in small.chunks(200) {
        let parts: Vec<String> = some
            .iter()
            .enumerate()
            .map(|(n, name)| {
                format!(
                    "SELECT {n}, count(*) AS {COUNTED} FROM {}",
                    quoted(&name.name)
                )
            })
            .collect();
        match rows(conn, &parts.join(" UNION ALL ")).await {
            Ok(rows) => {
                for row in rows {
                    let place = usize::try_from(int(&row, 0)?).unwrap_or(0);
                    if let Some(table) = some.get(place).and_then(|name| tables.get_mut(name)) {
                        table.rows = u64::try_from(int(&row, 1)?).unwrap_or(0);
                    }
                }
            }
            // The statistics' estimate is good enough.
            Err(error) if matches!(fault(&error), Fault::Statement | Fault::Lock) => {
                tracing::debug!(%error, "small tables were not counted");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
