//! Reads a SQLite file's schema: a handful of queries over its pragmas, whatever the number of
//! tables.

use std::collections::{BTreeMap, BTreeSet};

use bellows::dialect::create_table::CreateTable;
use bellows::dialect::reads;
use bellows::document::Engine;
use bellows::schema::{
    Column, ConstraintKind, DualWrite, Index, Schema, Shadow, Table, TableName, View, ViewUse,
    is_dual_write_trigger, is_shadow_trigger,
};
use sqlx::{Row as _, SqliteConnection, SqlitePool};

use super::TargetError;
use super::sqlite_text::{after_as, key_texts, predicate, words};

const OURS: &str = "l.schema = 'main' AND l.type = 'table' AND l.name NOT LIKE 'sqlite\\_%' \
                    ESCAPE '\\' AND l.name NOT LIKE '\\_bellows\\_%' ESCAPE '\\'";

/// The whole schema, in one snapshot.
pub(super) async fn inspect(pool: &SqlitePool, version: u32) -> Result<Schema, TargetError> {
    let mut tx = pool.begin().await?;
    let mut tables: BTreeMap<TableName, Table> = BTreeMap::new();
    columns(&mut tx, &mut tables).await?;
    indexes(&mut tx, &mut tables).await?;
    constraints(&mut tables);
    dependents(&mut tx, &mut tables).await?;
    count(&mut tx, &mut tables).await?;
    let views = views(&mut tx).await?;
    tx.rollback().await?;
    Ok(Schema {
        trigger_problem: None,
        engine: Engine::Sqlite,
        version,
        tables,
        views,
        types: BTreeSet::new(),
        domains: BTreeMap::new(),
        functions: BTreeMap::new(),
    })
}

fn name(name: String) -> TableName {
    TableName { schema: None, name }
}

async fn rows(
    conn: &mut SqliteConnection,
    sql: &str,
) -> Result<Vec<sqlx::sqlite::SqliteRow>, sqlx::Error> {
    sqlx::query(&sql.replace("{ours}", OURS))
        .persistent(false)
        .fetch_all(conn)
        .await
}

async fn columns(
    conn: &mut SqliteConnection,
    tables: &mut BTreeMap<TableName, Table>,
) -> Result<(), sqlx::Error> {
    let mut keys: BTreeMap<TableName, Vec<(i64, String)>> = BTreeMap::new();
    for row in rows(
        conn,
        "SELECT l.name, s.sql, x.name, x.type, x.\"notnull\", x.dflt_value, x.pk, x.hidden
         FROM pragma_table_list l
         JOIN sqlite_schema s ON s.type = 'table' AND s.name = l.name
         JOIN pragma_table_xinfo(l.name) x
         WHERE {ours} ORDER BY l.name, x.cid",
    )
    .await?
    {
        let table_name = name(row.try_get(0)?);
        let table = tables.entry(table_name.clone()).or_default();
        table.create_sql = row.try_get(1)?;
        let column: String = row.try_get(2)?;
        let place: i64 = row.try_get(6)?;
        if place > 0 {
            keys.entry(table_name)
                .or_default()
                .push((place, column.clone()));
        }
        table.columns.push(Column {
            name: column,
            data_type: row.try_get(3)?,
            nullable: row.try_get::<i64, _>(4)? == 0,
            default: row.try_get(5)?,
            generated: row.try_get::<i64, _>(7)? >= 2,
            ..Column::default()
        });
    }
    for (table_name, mut key) in keys {
        key.sort();
        if let Some(table) = tables.get_mut(&table_name) {
            table.primary_key = key.into_iter().map(|(_, column)| column).collect();
        }
    }
    Ok(())
}

async fn indexes(
    conn: &mut SqliteConnection,
    tables: &mut BTreeMap<TableName, Table>,
) -> Result<(), sqlx::Error> {
    for row in rows(
        conn,
        "SELECT l.name, i.name, i.\"unique\", i.origin, i.partial, coalesce(s.sql, ''),
                x.seqno, x.cid, x.name, x.desc, x.coll
         FROM pragma_table_list l
         JOIN pragma_index_list(l.name) i ON i.origin <> 'pk'
         JOIN pragma_index_xinfo(i.name) x ON x.key = 1
         LEFT JOIN sqlite_schema s ON s.type = 'index' AND s.name = i.name
         WHERE {ours} ORDER BY l.name, i.name, x.seqno",
    )
    .await?
    {
        let Some(table) = tables.get_mut(&name(row.try_get(0)?)) else {
            continue;
        };
        let index_name: String = row.try_get(1)?;
        let definition: String = row.try_get(5)?;
        if table.indexes.last().map(|i| &i.name) != Some(&index_name) {
            let backs = row.try_get::<&str, _>(3)? == "u";
            let partial = row.try_get::<i64, _>(4)? != 0;
            table.indexes.push(Index {
                name: index_name.clone(),
                unique: row.try_get::<i64, _>(2)? != 0,
                method: "btree".into(),
                predicate: partial.then(|| predicate(&definition)).flatten(),
                valid: true,
                definition: definition.clone(),
                // Until the table's text says what the constraint is called.
                constraint: backs.then(|| index_name.clone()),
                ..Index::default()
            });
        }
        let place = usize::try_from(row.try_get::<i64, _>(6)?).unwrap_or(0);
        let column: Option<String> = row.try_get(8)?;
        let text = key_texts(&definition).into_iter().nth(place);
        if let Some(index) = table.indexes.last_mut() {
            index.expressions |= row.try_get::<i64, _>(7)? == -2
                || row.try_get::<i64, _>(9)? != 0
                || text
                    .as_deref()
                    .is_some_and(|t| words(t).any(|w| w.eq_ignore_ascii_case("collate")));
            index.columns.push(column.or(text).unwrap_or_default());
        }
    }
    Ok(())
}

/// The constraints that the texts of the tables say: the catalogue has no list with their names.
fn constraints(tables: &mut BTreeMap<TableName, Table>) {
    let names: Vec<TableName> = tables.keys().cloned().collect();
    let spelled = |name: TableName| {
        let same = |n: &&TableName| n.name.eq_ignore_ascii_case(&name.name);
        names.iter().find(same).cloned().unwrap_or(name)
    };
    let mut pointers: Vec<(TableName, TableName, String)> = Vec::new();
    for (table_name, table) in tables.iter_mut() {
        let Some(Ok(text)) = table.create_sql.as_deref().map(CreateTable::parse) else {
            continue;
        };
        for listed in text.constraints() {
            let mut constraint = listed.constraint;
            constraint.references = constraint.references.map(spelled);
            if let Some(target) = &constraint.references {
                pointers.push((target.clone(), table_name.clone(), constraint.name.clone()));
            }
            if constraint.kind == ConstraintKind::Unique {
                let same = |columns: &[String]| {
                    columns.len() == constraint.columns.len()
                        && columns
                            .iter()
                            .zip(&constraint.columns)
                            .all(|(a, b)| a.eq_ignore_ascii_case(b))
                };
                let index = table
                    .indexes
                    .iter_mut()
                    .find(|i| i.definition.is_empty() && same(&i.columns));
                if let Some(index) = index {
                    index.constraint = Some(constraint.name.clone());
                }
            }
            table.constraints.push(constraint);
        }
    }
    for (to, from, constraint) in pointers {
        if let Some(table) = tables.get_mut(&to) {
            table.referenced_by.push((from, constraint));
        }
    }
}

async fn dependents(
    conn: &mut SqliteConnection,
    tables: &mut BTreeMap<TableName, Table>,
) -> Result<(), sqlx::Error> {
    for row in rows(
        conn,
        "SELECT s.type, s.name, s.tbl_name, s.sql FROM sqlite_schema s
         WHERE s.type IN ('index', 'trigger', 'view') AND s.sql IS NOT NULL
         ORDER BY CASE s.type WHEN 'index' THEN 1 WHEN 'view' THEN 2 ELSE 3 END, s.rowid",
    )
    .await?
    {
        let object: String = row.try_get(1)?;
        let on: String = row.try_get(2)?;
        let sql: String = row.try_get(3)?;
        match row.try_get::<&str, _>(0)? {
            "view" => view(tables, &object, &sql),
            kind => {
                let Some(table) = tables
                    .iter_mut()
                    .find(|(name, _)| name.name.eq_ignore_ascii_case(&on))
                    .map(|(_, table)| table)
                else {
                    continue;
                };
                if kind == "trigger" {
                    let dual_write = is_dual_write_trigger(&object)
                        .then(|| DualWrite::from_marker(&sql))
                        .flatten();
                    let shadow = is_shadow_trigger(&object)
                        .then(|| Shadow::from_marker(&sql))
                        .flatten();
                    if let Some(found) = shadow {
                        if !table.shadows.contains(&found) {
                            table.shadows.push(found);
                        }
                        table.dependents.push(sql);
                        continue;
                    }
                    match dual_write {
                        Some(found) if table.dual_writes.contains(&found) => {}
                        Some(found) => table.dual_writes.push(found),
                        None => table.triggers.push(object),
                    }
                }
                table.dependents.push(sql);
            }
        }
    }
    Ok(())
}

async fn views(conn: &mut SqliteConnection) -> Result<BTreeMap<TableName, View>, sqlx::Error> {
    let mut views = BTreeMap::new();
    for row in rows(
        conn,
        "SELECT name, sql FROM sqlite_schema WHERE type = 'view' ORDER BY name",
    )
    .await?
    {
        let (view, sql): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let definition = after_as(&sql).to_owned();
        views.insert(
            name(view),
            View {
                reads: reads::tables(Engine::Sqlite, &definition),
                columns: named_columns(&sql),
                definition,
                ..View::default()
            },
        );
    }
    Ok(views)
}

/// The names between the view's own and AS.
fn named_columns(sql: &str) -> Vec<String> {
    let head = sql.strip_suffix(after_as(sql)).unwrap_or_default();
    match head.contains('(') {
        true => key_texts(head)
            .iter()
            .flat_map(|key| words(key).map(str::to_owned).collect::<Vec<_>>())
            .collect(),
        false => Vec::new(),
    }
}

/// Puts a view to every table whose name stands in it: SQLite keeps no dependencies.
fn view(tables: &mut BTreeMap<TableName, Table>, view: &str, sql: &str) {
    let named: Vec<&str> = words(sql).collect();
    let body = after_as(sql);
    for (table_name, table) in tables.iter_mut() {
        let stands = |name: &str| named.iter().any(|w| w.eq_ignore_ascii_case(name));
        if !stands(&table_name.name) {
            continue;
        }
        let star = body.contains('*');
        table.views.push(ViewUse {
            view: name(view.to_owned()),
            columns: table
                .columns
                .iter()
                .map(|c| c.name.clone())
                .filter(|c| star || stands(c))
                .collect(),
            definition: body.to_owned(),
            materialized: false,
        });
        table.dependents.push(sql.to_owned());
    }
}

async fn count(
    conn: &mut SqliteConnection,
    tables: &mut BTreeMap<TableName, Table>,
) -> Result<(), sqlx::Error> {
    // SQLite takes at most 500 terms in a compound SELECT.
    let names: Vec<TableName> = tables.keys().cloned().collect();
    for some in names.chunks(400) {
        let sql: Vec<String> = some
            .iter()
            .enumerate()
            .map(|(n, name)| {
                let table = quoted(std::slice::from_ref(&name.name));
                format!("SELECT {n}, (SELECT count(*) FROM {table})")
            })
            .collect();
        for row in rows(conn, &sql.join(" UNION ALL ")).await? {
            let place = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0);
            if let Some(table) = some.get(place).and_then(|name| tables.get_mut(name)) {
                table.rows = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0);
            }
        }
    }
    Ok(())
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|n| format!("\"{}\"", n.replace('"', "\"\"")))
        .collect();
    names.join(", ")
}
