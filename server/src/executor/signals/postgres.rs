//! PostgreSQL's signals.

use std::time::Instant;

use bellows::run::Signal;

use super::super::brake::{Look, Looks};
use super::super::monitor::postgres_name;
use super::{Signals, count, sessions};
use crate::target::{Row, TargetError};

/// `$1`: Bellows' own sessions. `$2`: the tables.
const SERVER: &str = "SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'),
    (SELECT count(*) FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND datname = current_database()
        AND NOT pid = ANY (own.pids)),
    (SELECT count(*) FROM pg_stat_activity
      WHERE state = 'active' AND backend_type = 'client backend' AND NOT pid = ANY (own.pids)
        AND pid <> pg_backend_pid()),
    (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint,
    (SELECT count(*) FROM pg_stat_progress_vacuum v JOIN pg_stat_activity a ON a.pid = v.pid
      WHERE a.query LIKE '%(to prevent wraparound)%'
        AND v.datid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND v.relid IN (SELECT unnest(ARRAY[c.oid, c.reltoastrelid]) FROM pg_class c
                        WHERE c.oid IN (SELECT to_regclass(name)
                                        FROM unnest(string_to_array($2, chr(1))) name)))
  FROM (SELECT string_to_array($1, ',')::int[] AS pids) own";

/// Of those that wait for locks, how many wait for one of Bellows' sessions.
const BEHIND: &str = "SELECT count(*) FROM pg_stat_activity
  WHERE wait_event_type = 'Lock' AND datname = current_database()
    AND pg_blocking_pids(pid) && string_to_array($1, ',')::int[]";

/// Those that stream: copies of the whole cluster that are being made have nothing to replay, and
/// who only receives the log never will. Who may not look is shown rows that say nothing.
const REPLICAS: &str = "SELECT coalesce(application_name, ''), state IS NULL,
    (replay_lsn - '0/0'::pg_lsn)::bigint,
    (extract(epoch from replay_lag) * 1000)::bigint,
    (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint
  FROM pg_stat_replication
 WHERE state IS NULL OR state IN ('streaming', 'catchup') AND replay_lsn IS NOT NULL";

/// Everybody may ask this, unlike for the names of the segments that wait.
const ARCHIVE: &str = "SELECT current_setting('archive_mode') <> 'off', last_archived_wal,
    last_failed_wal,
    coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false),
    pg_walfile_name(pg_current_wal_lsn()),
    (SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size')
  FROM pg_stat_archiver";

impl Signals {
    pub(super) async fn read_postgres(&mut self) -> Result<Looks, TargetError> {
        let mut looks = Looks::new();
        let own: Vec<String> = self.monitor.own().iter().map(i32::to_string).collect();
        let own = own.join(",");
        let tables: Vec<String> = self.tables.iter().map(postgres_name).collect();
        let rows = self
            .monitor
            .ask(SERVER, &[own.as_str().into(), tables.join("\u{1}").into()])
            .await?;
        let Some(row) = rows.first() else {
            return Err(TargetError::Query(sqlx::Error::RowNotFound));
        };
        let sees = row.truth(0)?;
        let (waits, active) = (count(row, 1)?, count(row, 2)?);
        let vacuums = count(row, 4)?;
        self.remember(Instant::now(), count(row, 3)?);
        looks.insert(Signal::WalRate, self.rate());
        let shown = |value: u64, message: String| {
            if sees {
                Look::Shows(value, message)
            } else {
                Look::Hidden(
                    "other sessions cannot be seen: Bellows' user is no member of pg_monitor"
                        .into(),
                )
            }
        };
        let over = self
            .throttle
            .limit(Signal::LockWaits)
            .is_some_and(|limit| Signal::LockWaits.exceeds(waits, limit));
        let behind = if over {
            let rows = self.monitor.ask(BEHIND, &[own.into()]).await?;
            rows.first().map_or(Ok(0), |row| count(row, 0))?
        } else {
            0
        };
        let wait = if waits == 1 { "waits" } else { "wait" };
        looks.insert(
            Signal::LockWaits,
            shown(
                waits,
                format!(
                    "{} {wait} for locks, {behind} of them for Bellows",
                    sessions(waits)
                ),
            ),
        );
        looks.insert(
            Signal::ActiveSessions,
            shown(active, format!("{} at work", sessions(active))),
        );
        looks.insert(
            Signal::Vacuum,
            shown(
                vacuums,
                "a vacuum prevents a wraparound of the table: it does not give way, and the \
                 batches do"
                    .into(),
            ),
        );
        if self.wants(Signal::ReplicaLag) || self.wants(Signal::Replicas) {
            self.replicas(&mut looks).await?;
        }
        if self.wants(Signal::Archive) {
            let rows = self.monitor.ask(ARCHIVE, &[]).await?;
            let waiting = rows.first().map_or(Ok(0), waiting)?;
            looks.insert(
                Signal::Archive,
                Look::Shows(
                    waiting,
                    format!("{waiting} segments of the log wait to be archived"),
                ),
            );
        }
        Ok(looks)
    }

    /// The server's own measure stands still where a standby does not answer; so the time is taken
    /// from when the log that it has not replayed was there.
    async fn replicas(&mut self, looks: &mut Looks) -> Result<(), TargetError> {
        let rows = self.monitor.ask(REPLICAS, &[]).await?;
        let now = Instant::now();
        let (mut worst, mut message) = (0, "no replica is behind".to_owned());
        for row in &rows {
            if row.truth(1)? {
                looks.insert(
                    Signal::ReplicaLag,
                    Look::Hidden(
                        "the replicas' lag cannot be seen: Bellows' user is no member of \
                         pg_monitor"
                            .into(),
                    ),
                );
                continue;
            }
            let (replayed, told, written) = (count(row, 2)?, count(row, 3)?, count(row, 4)?);
            let lag = self.behind(now, replayed, told);
            if lag >= worst {
                worst = lag;
                message = format!(
                    "the replica {} is {}.{} s behind ({} MB)",
                    row.text(0)?.unwrap_or_default(),
                    lag / 1000,
                    lag / 100 % 10,
                    written.saturating_sub(replayed) / 1_000_000
                );
            }
        }
        looks
            .entry(Signal::ReplicaLag)
            .or_insert(Look::Shows(worst, message));
        let connected = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        looks.insert(
            Signal::Replicas,
            Look::Shows(connected, format!("{connected} replicas are connected")),
        );
        Ok(())
    }

    /// Milliseconds since the first of the log was there that is not replayed.
    fn behind(&self, now: Instant, replayed: u64, told: u64) -> u64 {
        let Some((first, last)) = self.log.front().zip(self.log.back()) else {
            return told;
        };
        if replayed >= last.1 {
            return 0;
        }
        let since = self.log.iter().find(|(_, at)| *at > replayed);
        let seen = since.map_or(0, |(then, _)| {
            u64::try_from(now.duration_since(*then).as_millis()).unwrap_or(u64::MAX)
        });
        // Of what was there before the first look, only the server knows since when.
        if first.1 > replayed {
            seen.max(told)
        } else {
            seen
        }
    }
}

/// Whole segments that are not archived yet.
fn waiting(row: &Row) -> Result<u64, sqlx::Error> {
    if !row.truth(0)? {
        return Ok(0);
    }
    let size = count(row, 5)?;
    let number = |index| -> Result<Option<u64>, sqlx::Error> {
        Ok(row.text(index)?.and_then(|name| segment(&name, size)))
    };
    let Some(current) = number(4)? else {
        return Ok(0);
    };
    let next = if row.truth(3)? {
        number(2)?
    } else {
        number(1)?.map(|last| last + 1)
    };
    Ok(next.map_or(0, |next| current.saturating_sub(next)))
}

/// The number of a segment, from its name: 24 hexadecimal digits, of which the first eight are the
/// timeline's. Names of backups begin with one.
fn segment(name: &str, size: u64) -> Option<u64> {
    let part = |from: usize| u64::from_str_radix(name.get(from..from + 8)?, 16).ok();
    let per_log = (1u64 << 32).checked_div(size)?;
    part(0)?;
    Some(part(8)? * per_log + part(16)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_counted_over_the_end_of_a_log() {
        let size = 16 << 20;
        let number = |name| segment(name, size);
        assert_eq!(number("000000010000000000000001"), Some(1));
        assert_eq!(number("0000000100000001000000FF"), Some(511));
        assert_eq!(number("000000020000000200000000"), Some(512));
        assert_eq!(number("000000010000000000000002.00000028.backup"), Some(2));
        assert_eq!(number("00000002.history"), None);
    }
}
