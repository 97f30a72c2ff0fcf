//! Who stands in the way on MySQL and MariaDB, as far as the server says.

use bellows::document::Engine;
use bellows::run::Blocker;
use bellows::schema::TableName;

use super::monitor::Monitor;
use crate::target::{Arg, Fault, Row, TargetError, fault};

/// What a session shows, and how long its transaction has been open; without one, how long its
/// statement has been running.
const SESSIONS: &str = "SELECT CAST(p.id AS signed), p.user,
        coalesce(p.info, 'nothing, with its transaction open'),
        CAST(coalesce(timestampdiff(microsecond, t.trx_started, now(6)) / 1000, p.time * 1000)
             AS signed)
   FROM information_schema.processlist p
   LEFT JOIN information_schema.innodb_trx t ON t.trx_mysql_thread_id = p.id
  WHERE p.id <> $1 AND p.id <> connection_id()";

/// The same for a connection that may not see others' transactions.
const STATEMENTS: &str = "SELECT CAST(p.id AS signed), p.user, coalesce(p.info, 'nothing'),
        CAST(p.time * 1000 AS signed)
   FROM information_schema.processlist p
  WHERE p.id <> $1 AND p.id <> connection_id()";

/// The sessions that hold those tables. Where the server keeps no list of metadata locks (MariaDB
/// without its plugin metadata_lock_info), those that are likely to: with a transaction open in
/// this database, or a statement under way that names one of the tables.
pub(super) async fn sessions(
    monitor: &Monitor,
    engine: Engine,
    tables: &[TableName],
    own_pid: Option<i32>,
) -> Result<Vec<Blocker>, TargetError> {
    let own = Arg::Int(Some(own_pid.map_or(0, i64::from)));
    let names: Vec<Arg> = tables.iter().map(|t| t.name.as_str().into()).collect();
    let mut args = vec![own];
    args.extend(names);
    let places: Vec<String> = (0..tables.len()).map(|n| format!("${}", n + 2)).collect();
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let order = "ORDER BY 4 DESC LIMIT 20";
    let held = match engine {
        Engine::MariaDb => format!(
            "p.id IN (SELECT m.thread_id FROM information_schema.metadata_lock_info m
                      WHERE m.table_schema = database() AND m.table_name IN ({}))",
            places.join(", ")
        ),
        Engine::MySql | Engine::PostgreSql | Engine::Sqlite => format!(
            "p.id IN (SELECT h.processlist_id FROM performance_schema.metadata_locks m
                      JOIN performance_schema.threads h ON h.thread_id = m.owner_thread_id
                      WHERE m.object_schema = database() AND m.object_name IN ({})
                        AND m.lock_status = 'GRANTED')",
            places.join(", ")
        ),
    };
    let likely = |open: &str| {
        let named: Vec<String> = places
            .iter()
            .map(|place| format!("p.info LIKE concat('%', {place}, '%')"))
            .collect();
        format!(
            "p.db = database() AND ({open} OR p.command <> 'Sleep' AND ({}))",
            named.join(" OR ")
        )
    };
    let queries = [
        format!("{SESSIONS} AND {held} {order}"),
        format!("{SESSIONS} AND {} {order}", likely("t.trx_id IS NOT NULL")),
        format!("{STATEMENTS} AND {} {order}", likely("false")),
    ];
    let mut last = None;
    for (place, sql) in queries.iter().enumerate() {
        let guessed = place > 0;
        match monitor.ask(sql, &args).await {
            Ok(rows) => return rows.iter().map(|row| blocker(row, guessed)).collect(),
            // No such list, or not for this connection's eyes.
            Err(TargetError::Query(error)) if fault(&error) == Fault::Statement => {
                last = Some(error);
            }
            Err(error) => return Err(error),
        }
    }
    last.map_or(Ok(Vec::new()), |error| Err(error.into()))
}

fn blocker(row: &Row, guessed: bool) -> Result<Blocker, TargetError> {
    Ok(Blocker {
        pid: i32::try_from(row.int(0)?.unwrap_or(0)).unwrap_or(0),
        user: row.text(1)?.unwrap_or_default(),
        query: row.text(2)?.unwrap_or_default(),
        age_ms: u64::try_from(row.int(3)?.unwrap_or(0)).unwrap_or(0),
        autovacuum: false,
        guessed,
    })
}
