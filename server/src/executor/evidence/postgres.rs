//! Who uses a column or a table of PostgreSQL: what counts for us, what the server counts, and what
//! its catalogue says stands on it.

use std::collections::BTreeMap;

use bellows::document::Engine;
use bellows::run::{OldSide, Seen, Source, names};
use bellows::schema::Shadow;

use super::{COUNTED, Dependent, Shown, told};
use crate::executor::monitor::postgres_name;
use crate::executor::record::ExecuteError;
use crate::target::{Arg, Link};

/// Characters of a statement that are shown.
const SHOWN: usize = 160;

/// Every source of an old side; what depends on it as the catalogue has it.
pub(super) async fn see(link: &mut Link, side: &OldSide) -> Result<Shown, ExecuteError> {
    let own = match &side.column {
        Some(column) => (Source::Writes, writes(link, side, column).await),
        None => (Source::Rows, rows(link, side).await),
    };
    let mut seen = Vec::new();
    for (source, result) in [own, (Source::Statements, statements(link, side).await)] {
        seen.push((source, told(result)?.unwrap_or_else(|hidden| hidden)));
    }
    let dependents = dependents(link, side).await;
    Ok((seen, told(dependents)?))
}

/// What the triggers of a dual write counted of writes to its old columns.
async fn writes(link: &mut Link, side: &OldSide, column: &str) -> Result<Seen, sqlx::Error> {
    // The function that counts has the name of the sequence that it counts with.
    let counters = link
        .fetch_all(
            "SELECT DISTINCT quote_ident(p.proname), s.oid IS NOT NULL
             FROM pg_trigger t
             JOIN pg_proc p ON p.oid = t.tgfoid
             JOIN pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum = ANY (t.tgattr)
             LEFT JOIN pg_class s ON s.relnamespace = p.pronamespace AND s.relname = p.proname
                                 AND s.relkind = 'S'
             WHERE t.tgrelid = to_regclass($1) AND a.attname = $2
               AND t.tgname LIKE 'bellows\\_dw\\_%\\_update'
               AND p.pronamespace = to_regnamespace('bellows')",
            &[postgres_name(&side.table).into(), column.into()],
        )
        .await?;
    let mut count = 0;
    for row in &counters {
        let name = row.text(0)?.unwrap_or_default();
        if !row.truth(1)? {
            return Ok(Seen::Hidden(format!("the sequence bellows.{name} is gone")));
        }
        let sql =
            format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM bellows.{name}");
        let counted = link.fetch_one(&sql, &[]).await?.int(0)?.unwrap_or(0);
        count += u64::try_from(counted).unwrap_or(0);
    }
    Ok(if counters.is_empty() {
        Seen::Hidden("no triggers that count writes keep it in step with another column".to_owned())
    } else {
        Seen::Uses(BTreeMap::from([("writes".to_owned(), count)]))
    })
}

/// Rows written to a table that nothing of ours writes.
async fn rows(link: &mut Link, side: &OldSide) -> Result<Seen, sqlx::Error> {
    let markers = link
        .fetch_all(
            "SELECT obj_description(t.tgfoid, 'pg_proc') FROM pg_trigger t
             WHERE t.tgname LIKE 'bellows\\_sh\\_%' AND NOT t.tgisinternal",
            &[],
        )
        .await?;
    for row in &markers {
        let shadow = row.text(0)?.as_deref().and_then(Shadow::from_marker);
        if shadow.is_some_and(|shadow| shadow.target == side.table) {
            return Ok(Seen::Hidden(
                "triggers of ours write it all the time, and the server counts them as well"
                    .to_owned(),
            ));
        }
    }
    let row = link
        .fetch_optional(
            "SELECT (n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_all_tables WHERE relid = to_regclass($1)",
            &[postgres_name(&side.table).into()],
        )
        .await?;
    let Some(row) = row else {
        return Ok(Seen::Hidden("the server counts nothing of it".to_owned()));
    };
    let rows = u64::try_from(row.int(0)?.unwrap_or(0)).unwrap_or(0);
    Ok(Seen::Uses(BTreeMap::from([("rows".to_owned(), rows)])))
}

/// What pg_stat_statements has of statements that name it.
async fn statements(link: &mut Link, side: &OldSide) -> Result<Seen, sqlx::Error> {
    if side.taken_over {
        return Ok(Seen::Hidden(
            "another column takes its name: who names it may mean either".to_owned(),
        ));
    }
    let extension = link
        .fetch_optional(
            "SELECT quote_ident(n.nspname), pg_has_role('pg_read_all_stats', 'USAGE')
             FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
             WHERE e.extname = 'pg_stat_statements'",
            &[],
        )
        .await?;
    let Some(extension) = extension else {
        return Ok(Seen::Hidden(
            "pg_stat_statements is not installed, and nothing else tells who reads it".to_owned(),
        ));
    };
    if !extension.truth(1)? {
        return Ok(Seen::Hidden(
            "the role may not see the statements of others: GRANT pg_read_all_stats TO it"
                .to_owned(),
        ));
    }
    let schema = extension.text(0)?.unwrap_or_default();
    let name = side.column.as_ref().unwrap_or(&side.table.name);
    let sql = format!(
        "SELECT coalesce(r.rolname::text, '?'), s.query, s.calls::bigint
         FROM {schema}.pg_stat_statements s LEFT JOIN pg_roles r ON r.oid = s.userid
         WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
           AND position($1 IN lower(s.query)) > 0
           AND coalesce((to_jsonb(s) ->> 'toplevel')::boolean, true)"
    );
    let mut uses = BTreeMap::new();
    for row in link.fetch_all(&sql, &[name.to_lowercase().into()]).await? {
        let query = row.text(1)?.unwrap_or_default();
        if !side.is_used_by(Engine::PostgreSql, &query) || query.contains(COUNTED) {
            continue;
        }
        let words: Vec<&str> = query.split_whitespace().collect();
        let shown: String = words.join(" ").chars().take(SHOWN).collect();
        let who = format!("{}: {shown}", row.text(0)?.unwrap_or_default());
        *uses.entry(who).or_default() += u64::try_from(row.int(2)?.unwrap_or(0)).unwrap_or(0);
    }
    Ok(Seen::Uses(uses))
}

/// What the catalogue says stands on it, and would not go with it; functions by their texts.
async fn dependents(link: &mut Link, side: &OldSide) -> Result<Vec<Dependent>, sqlx::Error> {
    let args: [Arg; 2] = [
        postgres_name(&side.table).into(),
        side.column.clone().into(),
    ];
    let mut out = Vec::new();
    let rows = link
        .fetch_all(
            "WITH side AS (
                 SELECT c.oid, a.attnum FROM pg_class c
                 LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $2
                                         AND NOT a.attisdropped
                 WHERE c.oid = to_regclass($1)),
             found AS (
                 SELECT DISTINCT d.classid, d.objid FROM pg_depend d, side
                 WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = side.oid
                   AND ($2 IS NULL OR d.refobjsubid = side.attnum) AND d.deptype = 'n'
                   AND NOT (d.classid = 'pg_class'::regclass AND d.objid = side.oid)
                   AND NOT EXISTS (
                     SELECT FROM pg_depend own
                     WHERE own.classid = d.classid AND own.objid = d.objid
                       AND own.refclassid = d.refclassid AND own.refobjid = d.refobjid
                       AND own.deptype <> 'n'
                       AND ($2 IS NULL OR own.refobjsubid = d.refobjsubid)))
             SELECT DISTINCT
                    coalesce(v.relname, k.conname, t.tgname, f.proname, p.polname, '')::text,
                    CASE WHEN v.oid IS NULL THEN pg_describe_object(found.classid, found.objid, 0)
                         ELSE CASE v.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view '
                                   ELSE 'a rule of ' END || v.oid::regclass END
             FROM found
             LEFT JOIN pg_rewrite w ON found.classid = 'pg_rewrite'::regclass AND w.oid = found.objid
             LEFT JOIN pg_class v ON v.oid = w.ev_class
             LEFT JOIN pg_constraint k
                    ON found.classid = 'pg_constraint'::regclass AND k.oid = found.objid
             LEFT JOIN pg_trigger t ON found.classid = 'pg_trigger'::regclass AND t.oid = found.objid
             LEFT JOIN pg_proc f ON found.classid = 'pg_proc'::regclass AND f.oid = found.objid
             LEFT JOIN pg_policy p ON found.classid = 'pg_policy'::regclass AND p.oid = found.objid
             WHERE t.tgname IS NULL OR t.tgname !~ '^(zz_)?bellows_(dw|sh)_'
             ORDER BY 2",
            &args,
        )
        .await?;
    for row in rows {
        out.push(Dependent {
            name: row.text(0)?.unwrap_or_default(),
            words: row.text(1)?.unwrap_or_default(),
        });
    }
    let rows = link
        .fetch_all(
            "SELECT p.proname::text, 'function ' || p.oid::regprocedure, p.prosrc,
                    EXISTS (SELECT FROM pg_trigger t
                            WHERE t.tgfoid = p.oid AND t.tgrelid = to_regclass($1))
             FROM pg_proc p
             JOIN pg_namespace n ON n.oid = p.pronamespace
             JOIN pg_language l ON l.oid = p.prolang
             WHERE l.lanname NOT IN ('c', 'internal')
               AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bellows')
               AND position(lower(coalesce($2, $3)) IN lower(p.prosrc)) > 0
               AND NOT EXISTS (SELECT FROM pg_depend d
                               WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                                 AND d.deptype = 'e')
             ORDER BY 2",
            &[
                postgres_name(&side.table).into(),
                side.column.clone().into(),
                side.table.name.as_str().into(),
            ],
        )
        .await?;
    for row in rows {
        let text = row.text(2)?.unwrap_or_default();
        // A trigger's function has the row by itself, and need not name the table.
        let own = row.truth(3)?;
        let found = match &side.column {
            Some(column) if own => names(Engine::PostgreSql, &text, column),
            Some(_) | None => side.is_named_by(Engine::PostgreSql, &text),
        };
        if found {
            out.push(Dependent {
                name: row.text(0)?.unwrap_or_default(),
                words: row.text(1)?.unwrap_or_default(),
            });
        }
    }
    out.dedup_by(|a, b| a.words == b.words);
    Ok(out)
}
