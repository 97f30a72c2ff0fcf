//! Reads a PostgreSQL database's catalogue: a handful of queries, whatever the number of tables.

use std::collections::BTreeMap;

use bellows::document::Engine;
use bellows::schema::{
    Column, Constraint, ConstraintKind, DualWrite, Index, Schema, Table, TableName, ViewUse,
    is_dual_write_trigger,
};
use serde::de::DeserializeOwned;
use sqlx::{Executor, PgConnection, PgPool, Row as _};

use super::TargetError;

/// The tables looked at, as `(oid, schema, name)`: every later query starts from these.
const OURS: &str = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'bellows')
     AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'
     AND c.relkind IN ('r', 'p')";

const TABLES: &str = "SELECT c.oid::bigint, n.nspname::text, c.relname::text, c.relkind = 'p',
       c.reltuples::float8, c.relpages::bigint,
       pg_relation_size(c.oid)::bigint, pg_total_relation_size(c.oid)::bigint
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ";

const COLUMNS: &str = "SELECT c.oid::bigint, json_agg(json_build_object(
    'name', a.attname,
    'dataType', format_type(a.atttypid, a.atttypmod),
    'nullable', NOT a.attnotnull,
    'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
    'generated', a.attgenerated <> '' OR a.attidentity <> '',
    'comment', col_description(c.oid, a.attnum),
    'grants', (SELECT coalesce(json_agg(json_build_array(
                   CASE WHEN x.grantee = 0 THEN 'PUBLIC'
                        ELSE quote_ident(pg_get_userbyid(x.grantee)) END,
                   x.privilege_type, x.is_grantable)
                   ORDER BY x.grantee, x.privilege_type), '[]')
               FROM aclexplode(a.attacl) x),
    'statistics', CASE WHEN a.attstattarget >= 0 THEN a.attstattarget END,
    'collation', CASE WHEN a.attcollation <> 0 AND a.attcollation <> t.typcollation THEN
        (SELECT quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
         FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace
         WHERE co.oid = a.attcollation) END)
    ORDER BY a.attnum)::text
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
 WHERE {ours} GROUP BY c.oid";

const INDEXES: &str = "SELECT c.oid::bigint, i.indisprimary, json_build_object(
    'name', ic.relname,
    'columns', (SELECT json_agg(CASE WHEN k.attnum = 0
                                     THEN pg_get_indexdef(i.indexrelid, k.n::int, true)
                                     ELSE a.attname::text END ORDER BY k.n)
                FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n)
                LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
                WHERE k.n <= i.indnkeyatts),
    'expressions', i.indexprs IS NOT NULL
        OR EXISTS (SELECT 1 FROM unnest(i.indoption::int2[]) o WHERE o <> 0)
        OR EXISTS (SELECT 1 FROM unnest(i.indclass::oid[]) o
                   JOIN pg_opclass oc ON oc.oid = o WHERE NOT oc.opcdefault)
        OR EXISTS (SELECT 1 FROM unnest(i.indkey::int2[], i.indcollation::oid[])
                        WITH ORDINALITY k(attnum, coll, n)
                   JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
                   WHERE k.n <= i.indnkeyatts AND k.coll <> 0 AND k.coll <> a.attcollation),
    'unique', i.indisunique,
    'method', am.amname,
    'predicate', pg_get_expr(i.indpred, i.indrelid),
    'include', (SELECT coalesce(json_agg(a.attname ORDER BY k.n), '[]')
                FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, n)
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
                WHERE k.n > i.indnkeyatts),
    'valid', i.indisvalid,
    'definition', pg_get_indexdef(i.indexrelid),
    'constraint', (SELECT conname FROM pg_constraint
                   WHERE conindid = i.indexrelid AND conrelid = c.oid
                     AND contype IN ('p', 'u', 'x') LIMIT 1))::text
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_index i ON i.indrelid = c.oid
  JOIN pg_class ic ON ic.oid = i.indexrelid
  JOIN pg_am am ON am.oid = ic.relam
 WHERE {ours} ORDER BY c.oid, ic.relname";

const CONSTRAINTS: &str = "SELECT c.oid::bigint, k.conname::text, k.contype::text,
    (SELECT coalesce(json_agg(a.attname ORDER BY u.n), '[]')
     FROM unnest(k.conkey) WITH ORDINALITY u(attnum, n)
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum)::text,
    pg_get_constraintdef(k.oid), k.convalidated, rn.nspname::text, rc.relname::text
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('c', 'u', 'f', 'x')
  LEFT JOIN pg_class rc ON k.contype = 'f' AND rc.oid = k.confrelid
  LEFT JOIN pg_namespace rn ON rn.oid = rc.relnamespace
 WHERE {ours} ORDER BY c.oid, k.conname";

const VIEWS: &str = "SELECT c.oid::bigint, vn.nspname::text, v.relname::text,
    (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum = ANY (array_agg(d.refobjsubid)))::text,
    pg_get_viewdef(v.oid), v.relkind = 'm'
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
                  AND d.classid = 'pg_rewrite'::regclass
  JOIN pg_rewrite r ON r.oid = d.objid
  JOIN pg_class v ON v.oid = r.ev_class AND v.relkind IN ('v', 'm')
  JOIN pg_namespace vn ON vn.oid = v.relnamespace
 WHERE {ours} GROUP BY c.oid, v.oid, vn.nspname, v.relname, v.relkind
 ORDER BY c.oid, vn.nspname, v.relname";

const TRIGGERS: &str = "SELECT c.oid::bigint, t.tgname::text, obj_description(t.tgfoid, 'pg_proc')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
 WHERE {ours} ORDER BY c.oid, t.tgname";

/// Tables up to this size that nobody has analysed yet are counted; beyond it they are guessed.
const COUNTED_BYTES: i64 = 8 << 20;

/// Bytes taken for a row where nothing is known.
const GUESSED_ROW_BYTES: i64 = 100;

/// The tables by their oids, and those that no statistics tell the rows of.
struct Seen {
    tables: BTreeMap<i64, (TableName, Table)>,
    uncounted: Vec<i64>,
}

/// The whole schema, in one snapshot.
pub(super) async fn inspect(pool: &PgPool, version: u32) -> Result<Schema, TargetError> {
    let mut tx = pool.begin().await?;
    // Sizes and view texts wait behind an ACCESS EXCLUSIVE lock; a page must not, for ever.
    tx.execute(
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL lock_timeout = '10s'",
    )
    .await?;
    let mut seen = tables(&mut tx).await?;
    columns(&mut tx, &mut seen).await?;
    indexes(&mut tx, &mut seen).await?;
    constraints(&mut tx, &mut seen).await?;
    views(&mut tx, &mut seen).await?;
    triggers(&mut tx, &mut seen).await?;
    count(&mut tx, &mut seen).await?;
    tx.rollback().await?;
    Ok(Schema {
        engine: Engine::PostgreSql,
        version,
        tables: seen.tables.into_values().collect(),
    })
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn name(schema: String, name: String) -> TableName {
    TableName {
        schema: Some(schema).filter(|s| s != "public"),
        name,
    }
}

async fn rows(
    conn: &mut PgConnection,
    sql: &str,
) -> Result<Vec<sqlx::postgres::PgRow>, sqlx::Error> {
    sqlx::query(&sql.replace("{ours}", OURS))
        .persistent(false)
        .fetch_all(conn)
        .await
}

async fn tables(conn: &mut PgConnection) -> Result<Seen, sqlx::Error> {
    let mut seen = Seen {
        tables: BTreeMap::new(),
        uncounted: Vec::new(),
    };
    for row in rows(conn, &format!("{TABLES}{OURS}")).await? {
        let oid: i64 = row.try_get(0)?;
        let estimate: f64 = row.try_get(4)?;
        let pages: i64 = row.try_get(5)?;
        let heap: i64 = row.try_get::<Option<i64>, _>(6)?.unwrap_or(0);
        let total: i64 = row.try_get::<Option<i64>, _>(7)?.unwrap_or(0);
        // As the server's own planner does: the density it knows, over the pages there are now.
        let count = if estimate >= 0.0 && pages > 0 {
            (estimate / pages as f64 * (heap as f64 / 8192.0)) as u64
        } else if heap <= COUNTED_BYTES {
            seen.uncounted.push(oid);
            0
        } else {
            u64::try_from(heap / GUESSED_ROW_BYTES).unwrap_or(0)
        };
        let table = Table {
            partitioned: row.try_get(3)?,
            rows: count,
            bytes: u64::try_from(total).unwrap_or(0),
            ..Table::default()
        };
        seen.tables
            .insert(oid, (name(row.try_get(1)?, row.try_get(2)?), table));
    }
    Ok(seen)
}

async fn columns(conn: &mut PgConnection, seen: &mut Seen) -> Result<(), sqlx::Error> {
    for row in rows(conn, COLUMNS).await? {
        if let Some((_, table)) = seen.tables.get_mut(&row.try_get(0)?) {
            table.columns = json::<Vec<Column>>(row.try_get(1)?)?;
        }
    }
    Ok(())
}

async fn indexes(conn: &mut PgConnection, seen: &mut Seen) -> Result<(), sqlx::Error> {
    for row in rows(conn, INDEXES).await? {
        if let Some((_, table)) = seen.tables.get_mut(&row.try_get(0)?) {
            let index: Index = json(row.try_get(2)?)?;
            if row.try_get(1)? {
                table.primary_key = index.columns;
            } else {
                table.indexes.push(index);
            }
        }
    }
    Ok(())
}

async fn constraints(conn: &mut PgConnection, seen: &mut Seen) -> Result<(), sqlx::Error> {
    let mut pointers: Vec<(TableName, TableName, String)> = Vec::new();
    for row in rows(conn, CONSTRAINTS).await? {
        let Some((table_name, table)) = seen.tables.get_mut(&row.try_get(0)?) else {
            continue;
        };
        let kind = match row.try_get::<&str, _>(2)? {
            "c" => ConstraintKind::Check,
            "u" => ConstraintKind::Unique,
            "f" => ConstraintKind::ForeignKey,
            _ => ConstraintKind::Exclude,
        };
        let references = match (row.try_get(6)?, row.try_get(7)?) {
            (Some(schema), Some(table)) => Some(name(schema, table)),
            (_, _) => None,
        };
        let constraint = Constraint {
            name: row.try_get(1)?,
            kind,
            columns: json(row.try_get(3)?)?,
            definition: row
                .try_get::<String, _>(4)?
                .trim_end_matches(" NOT VALID")
                .to_owned(),
            validated: row.try_get(5)?,
            references,
        };
        if let Some(other) = &constraint.references {
            pointers.push((other.clone(), table_name.clone(), constraint.name.clone()));
        }
        table.constraints.push(constraint);
    }
    for (to, from, constraint) in pointers {
        if let Some((_, table)) = seen.tables.values_mut().find(|(name, _)| *name == to) {
            table.referenced_by.push((from, constraint));
        }
    }
    Ok(())
}

async fn views(conn: &mut PgConnection, seen: &mut Seen) -> Result<(), sqlx::Error> {
    for row in rows(conn, VIEWS).await? {
        if let Some((_, table)) = seen.tables.get_mut(&row.try_get(0)?) {
            table.views.push(ViewUse {
                view: name(row.try_get(1)?, row.try_get(2)?),
                columns: json(row.try_get(3)?)?,
                definition: row.try_get(4)?,
                materialized: row.try_get(5)?,
            });
        }
    }
    Ok(())
}

async fn triggers(conn: &mut PgConnection, seen: &mut Seen) -> Result<(), sqlx::Error> {
    for row in rows(conn, TRIGGERS).await? {
        let Some((_, table)) = seen.tables.get_mut(&row.try_get(0)?) else {
            continue;
        };
        let trigger: String = row.try_get(1)?;
        let comment: Option<String> = row.try_get(2)?;
        // A name like ours without a definition that can be read is somebody else's trigger.
        let dual_write = comment
            .filter(|_| is_dual_write_trigger(&trigger))
            .and_then(|text| DualWrite::from_marker(&text));
        match dual_write {
            Some(dual_write) if table.dual_writes.contains(&dual_write) => {}
            Some(dual_write) => table.dual_writes.push(dual_write),
            None => table.triggers.push(trigger),
        }
    }
    Ok(())
}

/// Counts the small tables of which the statistics know nothing yet, in one query.
async fn count(conn: &mut PgConnection, seen: &mut Seen) -> Result<(), sqlx::Error> {
    let parts: Vec<String> = seen
        .uncounted
        .iter()
        .filter_map(|oid| seen.tables.get(oid).map(|(name, _)| (oid, name)))
        .map(|(oid, name)| {
            format!(
                "SELECT {oid}::bigint, count(*)::bigint FROM {}.{}",
                quote(name.schema.as_deref().unwrap_or("public")),
                quote(&name.name)
            )
        })
        .collect();
    for some in parts.chunks(200) {
        // Without the right to read a table its number stays unknown; the rest of the schema
        // must not be lost for it.
        conn.execute("SAVEPOINT counting").await?;
        match rows(conn, &some.join(" UNION ALL ")).await {
            Ok(rows) => {
                for row in rows {
                    if let Some((_, table)) = seen.tables.get_mut(&row.try_get(0)?) {
                        table.rows = u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0);
                    }
                }
            }
            Err(sqlx::Error::Database(error)) => {
                tracing::debug!(%error, "tables without statistics were not counted");
                conn.execute("ROLLBACK TO SAVEPOINT counting").await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
