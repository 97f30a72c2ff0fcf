//! What PostgreSQL's tables are to each other, and the domains and functions that their columns
//! use.

use std::collections::BTreeMap;

use bellows::schema::{Domain, Stability, TableName};
use sqlx::{PgConnection, Row as _};

use super::inspect_postgres::{Seen, name, rows};

const HEIRS: &str = "SELECT i.inhparent::bigint, i.inhrelid::bigint,
       coalesce(i.inhrelid = p.partdefid, false)
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent
  LEFT JOIN pg_partitioned_table p ON p.partrelid = i.inhparent
 WHERE c.relkind IN ('r', 'p') AND NOT coalesce((to_jsonb(i) ->> 'inhdetachpending')::boolean, false)
 ORDER BY i.inhrelid::regclass::text";

const DOMAINS: &str = "WITH RECURSIVE chain AS (
    SELECT t.oid AS top, t.oid, t.typbasetype, t.typtypmod, t.typnotnull
      FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
     WHERE t.typtype = 'd' AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bellows')
   AND n.nspname NOT LIKE 'bellows\\_saved\\_%'
    UNION ALL
    SELECT c.top, t.oid, t.typbasetype, t.typtypmod, t.typnotnull
      FROM chain c JOIN pg_type t ON t.oid = c.typbasetype AND t.typtype = 'd')
SELECT n.nspname::text, t.typname::text,
       (SELECT format_type(c.typbasetype, c.typtypmod) FROM chain c
          JOIN pg_type b ON b.oid = c.typbasetype AND b.typtype <> 'd' WHERE c.top = t.oid),
       (SELECT bool_or(c.typnotnull OR EXISTS (SELECT 1 FROM pg_constraint k
                                               WHERE k.contypid = c.oid AND k.contype = 'c'))
          FROM chain c WHERE c.top = t.oid)
  FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
 WHERE t.oid IN (SELECT top FROM chain)";

const FUNCTIONS: &str = "SELECT n.nspname::text, p.proname::text,
       max(CASE p.provolatile WHEN 'v' THEN 2 WHEN 's' THEN 1 ELSE 0 END)::int4
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'bellows')
   AND n.nspname NOT LIKE 'bellows\\_saved\\_%'
 GROUP BY 1, 2";

/// Partitions, heirs and parents.
pub(super) async fn heirs(conn: &mut PgConnection, seen: &mut Seen) -> Result<(), sqlx::Error> {
    for row in rows(conn, HEIRS).await? {
        let (parent, heir): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let is_default: bool = row.try_get(2)?;
        let own = |oid: i64, seen: &Seen| seen.tables.get(&oid).map(|(name, _)| name.clone());
        let (Some(parent_name), Some(heir_name)) = (own(parent, seen), own(heir, seen)) else {
            continue;
        };
        if let Some((_, table)) = seen.tables.get_mut(&parent) {
            table.heirs.push(heir_name.clone());
            if is_default {
                table.default_partition = Some(heir_name);
            }
        }
        if let Some((_, table)) = seen.tables.get_mut(&heir) {
            table.parents.push(parent_name);
        }
    }
    Ok(())
}

/// Domains, each over the type that is under all of them.
pub(super) async fn domains(
    conn: &mut PgConnection,
) -> Result<BTreeMap<TableName, Domain>, sqlx::Error> {
    rows(conn, DOMAINS)
        .await?
        .iter()
        .map(|row| {
            let domain = Domain {
                base: row.try_get(2)?,
                constrained: row.try_get(3)?,
            };
            Ok((name(row.try_get(0)?, row.try_get(1)?), domain))
        })
        .collect()
}

/// Functions, and what they keep to.
pub(super) async fn functions(
    conn: &mut PgConnection,
) -> Result<BTreeMap<TableName, Stability>, sqlx::Error> {
    rows(conn, FUNCTIONS)
        .await?
        .iter()
        .map(|row| {
            let stability = match row.try_get::<i32, _>(2)? {
                0 => Stability::Immutable,
                1 => Stability::Stable,
                _ => Stability::Volatile,
            };
            Ok((name(row.try_get(0)?, row.try_get(1)?), stability))
        })
        .collect()
}
