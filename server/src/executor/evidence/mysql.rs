//! Who uses a column or a table of MySQL or MariaDB: the digests of statements that the server keeps,
//! and what its catalogue says stands on it.

use std::collections::BTreeMap;

use bellows::run::{OldSide, Seen, Source, names};
use bellows::schema::{is_dual_write_trigger, is_shadow_trigger};

use super::{COUNTED, Dependent, Shown, told};
use crate::executor::record::ExecuteError;
use crate::target::Link;

/// Characters of a statement that are shown.
const SHOWN: usize = 160;

/// Every source of an old side; what depends on it as the catalogue has it.
pub(super) async fn see(link: &mut Link, side: &OldSide) -> Result<Shown, ExecuteError> {
    let statements = statements(link, side).await;
    let seen = told(statements)?.unwrap_or_else(|hidden| hidden);
    let dependents = dependents(link, side).await;
    Ok((vec![(Source::Statements, seen)], told(dependents)?))
}

async fn statements(link: &mut Link, side: &OldSide) -> Result<Seen, sqlx::Error> {
    if side.taken_over {
        return Ok(Seen::Hidden(
            "another column takes its name: who names it may mean either".to_owned(),
        ));
    }
    let off = "the performance schema keeps no digests of statements here, and nothing else tells \
               who uses it";
    let on = link
        .fetch_one("SELECT CAST(@@performance_schema AS signed)", &[])
        .await?;
    if !on.truth(0)? {
        return Ok(Seen::Hidden(off.to_owned()));
    }
    let digests = link
        .fetch_optional(
            "SELECT CAST(enabled = 'YES' AS signed) FROM performance_schema.setup_consumers
             WHERE name = 'statements_digest'",
            &[],
        )
        .await?;
    if !digests.map_or(Ok(false), |row| row.truth(0))? {
        return Ok(Seen::Hidden(off.to_owned()));
    }
    let rows = link
        .fetch_all(
            "SELECT CAST(digest_text AS char), CAST(count_star AS signed)
             FROM performance_schema.events_statements_summary_by_digest
             WHERE schema_name = database()",
            &[],
        )
        .await?;
    let mut uses = BTreeMap::new();
    for row in rows {
        let text = row.text(0)?.unwrap_or_default();
        if !side.is_used_by(link.engine(), &text) || text.contains(COUNTED) {
            continue;
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        let shown: String = words.join(" ").chars().take(SHOWN).collect();
        *uses.entry(shown).or_default() += u64::try_from(row.int(1)?.unwrap_or(0)).unwrap_or(0);
    }
    Ok(Seen::Uses(uses))
}

async fn dependents(link: &mut Link, side: &OldSide) -> Result<Vec<Dependent>, sqlx::Error> {
    let engine = link.engine();
    let mut out = Vec::new();
    let rows = link
        .fetch_all(
            "SELECT CAST(table_name AS char) AS name, CAST('view' AS char) AS kind,
                    CAST('' AS char) AS owner, CAST(view_definition AS char) AS text
             FROM information_schema.views WHERE table_schema = database()
             UNION ALL
             SELECT CAST(routine_name AS char), CAST(lower(routine_type) AS char), '',
                    CAST(routine_definition AS char)
             FROM information_schema.routines WHERE routine_schema = database()
             UNION ALL
             SELECT CAST(trigger_name AS char), 'trigger', CAST(event_object_table AS char),
                    CAST(action_statement AS char)
             FROM information_schema.triggers WHERE trigger_schema = database()
             ORDER BY 2, 1",
            &[],
        )
        .await?;
    for row in rows {
        let name = row.text(0)?.unwrap_or_default();
        if is_dual_write_trigger(&name) || is_shadow_trigger(&name) || name == side.table.name {
            continue;
        }
        let kind = row.text(1)?.unwrap_or_default();
        // Its text is hidden from who may not see it.
        let text = row.text(3)?.unwrap_or_default();
        // A trigger has the row of its table by itself.
        let own = row.text(2)?.is_some_and(|table| table == side.table.name);
        let found = match &side.column {
            Some(column) if own => names(engine, &text, column),
            // It goes with its table.
            None if own => false,
            Some(_) | None => side.is_named_by(engine, &text),
        };
        if found {
            out.push(Dependent {
                words: format!("{kind} {name}"),
                name,
            });
        }
    }
    let rows = link
        .fetch_all(
            "SELECT DISTINCT CAST(constraint_name AS char), CAST(table_name AS char)
             FROM information_schema.key_column_usage
             WHERE referenced_table_schema = database() AND referenced_table_name = $1
               AND (CAST($2 AS char) IS NULL OR referenced_column_name = $2)
               AND table_name <> $1
             ORDER BY 2, 1",
            &[side.table.name.as_str().into(), side.column.clone().into()],
        )
        .await?;
    for row in rows {
        let name = row.text(0)?.unwrap_or_default();
        let table = row.text(1)?.unwrap_or_default();
        out.push(Dependent {
            words: format!("foreign key {name} of {table}"),
            name,
        });
    }
    Ok(out)
}
