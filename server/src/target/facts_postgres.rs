//! The facts of a PostgreSQL database.

use std::collections::{BTreeMap, HashMap};

use bellows::estimate::{TableFacts, TargetFacts};
use bellows::schema::TableName;

use super::facts::{MOST_TRANSACTIONS, count, permitted, transaction};
use super::{Fault, Link, TargetError, fault};

/// Rows as the planner estimates them: the density at the last vacuum, on the pages of now. Bytes
/// without rows: pages less what the rows take by the widths that ANALYZE saw. `{size}` and
/// `{table}` are how a relation's bytes are had.
const TABLES: &str = "SELECT c.oid::bigint, n.nspname::text, c.relname::text,
    CASE WHEN c.reltuples > 0 AND c.relpages > 0
         THEN (c.reltuples / c.relpages * (z.heap / current_setting('block_size')::int))::bigint
         WHEN z.heap = 0 THEN 0
         WHEN s.n_live_tup > 0 THEN s.n_live_tup END::bigint,
    {table}::bigint,
    (SELECT coalesce(json_object_agg(x.relname, {index}), '{}')
     FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid)::text,
    CASE WHEN c.reltuples > 0 AND w.width IS NOT NULL
         THEN greatest(0, z.heap - c.reltuples * (w.width + 32) * 100 / coalesce(
              (SELECT option_value::int FROM pg_options_to_table(c.reloptions)
               WHERE option_name = 'fillfactor'), 100)) END::bigint,
    (s.n_tup_ins + s.n_tup_upd + s.n_tup_del)::bigint,
    (extract(epoch from greatest(s.last_analyze, s.last_autoanalyze)) * 1000000)::bigint,
    (SELECT coalesce(json_agg(k.conname ORDER BY k.conname), '[]') FROM pg_constraint k
     WHERE k.conrelid = c.oid AND NOT k.convalidated)::text,
    c.relkind = 'p', dn.nspname::text, d.relname::text
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  CROSS JOIN LATERAL (SELECT {size}::bigint AS heap) z
  LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
  LEFT JOIN (SELECT schemaname, tablename, sum((1 - null_frac) * avg_width) AS width
             FROM pg_stats GROUP BY schemaname, tablename) w
         ON w.schemaname = n.nspname AND w.tablename = c.relname
  LEFT JOIN pg_partitioned_table p ON p.partrelid = c.oid
  LEFT JOIN pg_class d ON d.oid = p.partdefid
  LEFT JOIN pg_namespace dn ON dn.oid = d.relnamespace
 WHERE c.relkind IN ('r', 'p')
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bellows')
   AND n.nspname NOT LIKE 'bellows\\_saved\\_%'
   AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'";

/// Partitions, by the table that they are of.
const PARTITIONS: &str = "SELECT i.inhparent::bigint, i.inhrelid::bigint
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent WHERE c.relkind = 'p'";

const TRANSACTIONS: &str = "SELECT pid::bigint, coalesce(usename::text, ''), coalesce(query, ''),
    (extract(epoch from clock_timestamp() - xact_start) * 1000)::bigint,
    coalesce(state LIKE 'idle in transaction%', false)
  FROM pg_stat_activity
 WHERE xact_start IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()
   AND backend_type = 'client backend'
 ORDER BY xact_start LIMIT ";

/// How a relation's bytes are had: from its files, which waits for whoever has it locked against
/// everybody, or else from the pages that the last vacuum counted.
const EXACT: [&str; 3] = [
    "pg_relation_size(c.oid)",
    "pg_table_size(c.oid)",
    "pg_relation_size(x.oid)",
];
const ROUGH: [&str; 3] = [
    "c.relpages::bigint * current_setting('block_size')::int",
    "c.relpages::bigint * current_setting('block_size')::int",
    "x.relpages::bigint * current_setting('block_size')::int",
];

/// Reads them all.
pub(super) async fn read(link: &mut Link) -> Result<TargetFacts, TargetError> {
    let server = link
        .fetch_one("SELECT current_setting('server_version')", &[])
        .await?
        .text(0)?
        .unwrap_or_default();
    let replicas = permitted(link, "SELECT count(*)::bigint FROM pg_stat_replication").await?;
    let transactions = permitted(link, &format!("{TRANSACTIONS}{MOST_TRANSACTIONS}")).await?;
    Ok(TargetFacts {
        read_at: 0,
        server: format!("PostgreSQL {server}"),
        replicas: match replicas.as_ref().and_then(|rows| rows.first()) {
            Some(row) => count(row, 0)?.and_then(|n| u32::try_from(n).ok()),
            None => None,
        },
        tables: tables(link).await?,
        transactions: match transactions {
            Some(rows) => Some(rows.iter().map(transaction).collect::<Result<_, _>>()?),
            None => None,
        },
        speeds: BTreeMap::new(),
    })
}

async fn tables(link: &mut Link) -> Result<BTreeMap<TableName, TableFacts>, TargetError> {
    link.raw("BEGIN; SET LOCAL lock_timeout = '300ms'").await?;
    let found = match sized(link, EXACT).await {
        Err(TargetError::Query(error)) if fault(&error) == Fault::Lock => {
            link.raw("ROLLBACK; BEGIN").await?;
            sized(link, ROUGH).await
        }
        found => found,
    };
    link.raw("ROLLBACK").await?;
    found
}

async fn sized(
    link: &mut Link,
    [size, table, index]: [&str; 3],
) -> Result<BTreeMap<TableName, TableFacts>, TargetError> {
    let sql = TABLES
        .replace("{size}", size)
        .replace("{table}", table)
        .replace("{index}", index);
    let mut tables: HashMap<i64, (TableName, TableFacts)> = HashMap::new();
    for row in link.fetch_all(&sql, &[]).await? {
        let name = |schema: Option<String>, name: Option<String>| {
            Some(TableName {
                schema: schema.filter(|s| s != "public"),
                name: name?,
            })
        };
        let (Some(oid), Some(table)) = (row.int(0)?, name(row.text(1)?, row.text(2)?)) else {
            continue;
        };
        let partitioned = row.truth(10)?;
        let facts = TableFacts {
            rows: count(&row, 3)?,
            bytes: count(&row, 4)?,
            indexes: json(&row.text(5)?)?,
            free_bytes: count(&row, 6)?,
            writes: count(&row, 7)?,
            partitions: partitioned.then_some(0),
            default_partition: name(row.text(11)?, row.text(12)?),
            unvalidated: json(&row.text(9)?)?,
            analyzed_at: row.int(8)?,
        };
        tables.insert(oid, (table, facts));
    }
    let mut children: HashMap<i64, Vec<i64>> = HashMap::new();
    for row in link.fetch_all(PARTITIONS, &[]).await? {
        if let (Some(parent), Some(child)) = (row.int(0)?, row.int(1)?) {
            children.entry(parent).or_default().push(child);
        }
    }
    let parents: Vec<i64> = children.keys().copied().collect();
    for parent in parents {
        let (rows, bytes, count) = held(parent, &tables, &children);
        if let Some((_, facts)) = tables.get_mut(&parent) {
            facts.rows = rows;
            facts.bytes = Some(bytes);
            facts.partitions = Some(count);
        }
    }
    Ok(tables.into_values().collect())
}

/// What all partitions below a table hold: rows where all are known, bytes, and how many there are.
fn held(
    parent: i64,
    tables: &HashMap<i64, (TableName, TableFacts)>,
    children: &HashMap<i64, Vec<i64>>,
) -> (Option<u64>, u64, u32) {
    let (mut rows, mut bytes, mut partitions) = (Some(0), 0, 0);
    for child in children.get(&parent).into_iter().flatten() {
        let (more_rows, more_bytes, more) = if children.contains_key(child) {
            held(*child, tables, children)
        } else {
            let facts = tables.get(child).map(|(_, facts)| facts);
            (
                facts.and_then(|f| f.rows),
                facts.and_then(|f| f.bytes).unwrap_or(0),
                1,
            )
        };
        rows = rows.zip(more_rows).map(|(a, b)| a + b);
        bytes += more_bytes;
        partitions += more;
    }
    (rows, bytes, partitions)
}

fn json<T: serde::de::DeserializeOwned>(text: &Option<String>) -> Result<T, TargetError> {
    serde_json::from_str(text.as_deref().unwrap_or("null"))
        .map_err(|error| TargetError::Query(sqlx::Error::Decode(error.into())))
}
