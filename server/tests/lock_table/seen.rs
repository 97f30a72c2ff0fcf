//! What a row was seen to do.

use std::collections::{BTreeMap, BTreeSet};

use bellows::plan::Lock;

use crate::Differences;
use crate::row::{Lasts, Row};
use crate::support::Client;

/// What there was before the statement, by its oid: names and files change.
pub const WHAT: &str = "SELECT c.oid, c.relname::text AS name, c.relkind::text AS kind,
        pg_relation_filenode(c.oid) AS file, pg_stat_get_xact_tuples_returned(c.oid)
        + pg_stat_get_xact_tuples_fetched(c.oid) AS rows
   FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace";

/// One line for each thing that is seen: `lock|t|r|AccessExclusiveLock`.
pub const SEEN: &str = "SELECT string_agg(line, E'\\n') FROM (
    SELECT format('lock|%s|%s|%s', was.name, was.kind, l.mode) AS line
      FROM pg_locks l JOIN was ON was.oid = l.relation
     WHERE l.pid = pg_backend_pid() AND l.granted AND l.locktype = 'relation'
    UNION ALL
    SELECT format('file|%s|%s|%s', was.name, was.kind, pg_relation_size(was.oid))
      FROM was JOIN pg_class c ON c.oid = was.oid
     WHERE pg_relation_filenode(c.oid) IS DISTINCT FROM was.file AND was.kind IN ('r', 'm', 'i')
    UNION ALL
    SELECT format('file|%s|i|0', was.name)
      FROM was JOIN pg_class c ON c.relname = was.name AND c.relnamespace = 'public'::regnamespace
     WHERE c.oid <> was.oid AND was.kind = 'i'
       AND pg_relation_filenode(c.oid) IS DISTINCT FROM was.file
    UNION ALL
    SELECT format('rows|%s|%s|%s', name, kind, pg_stat_get_xact_tuples_returned(oid)
           + pg_stat_get_xact_tuples_fetched(oid) - rows) FROM was
     WHERE kind IN ('r', 'm')) AS seen(line)";

/// How many rows each table has.
pub async fn rows(client: &mut Client) -> Vec<(String, i64)> {
    let lines = client
        .text(
            "SELECT string_agg(relname || '|' || (xpath('/row/n/text()', query_to_xml(
                 format('SELECT count(*) AS n FROM ONLY %I', relname), false, true, '')))[1]::text, E'\\n')
               FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'm')",
        )
        .await
        .unwrap();
    lines
        .lines()
        .map(|line| {
            let (name, rows) = line.split_once('|').unwrap();
            (name.to_owned(), rows.parse().unwrap())
        })
        .collect()
}

/// A lock by the name that the server gives it.
pub fn lock(mode: &str) -> Lock {
    match mode {
        "AccessShareLock" => Lock::AccessShare,
        "RowShareLock" => Lock::RowShare,
        "RowExclusiveLock" => Lock::RowExclusive,
        "ShareUpdateExclusiveLock" => Lock::ShareUpdateExclusive,
        "ShareLock" => Lock::Share,
        "ShareRowExclusiveLock" => Lock::ShareRowExclusive,
        "ExclusiveLock" => Lock::Exclusive,
        "AccessExclusiveLock" => Lock::AccessExclusive,
        _ => panic!("{mode} is no mode"),
    }
}

/// What a row was seen to do.
#[derive(Debug, Default)]
pub struct Seen {
    /// By name, with the kind of relation.
    pub locks: BTreeMap<String, (char, Lock)>,
    pub does: BTreeSet<String>,
    pub blocks: BTreeSet<String>,
}

impl Seen {
    /// Reads the lines of [`SEEN`].
    pub fn take(&mut self, lines: &str, rows: &[(String, i64)]) {
        for line in lines.lines() {
            let [what, name, kind, rest] = line.splitn(4, '|').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let kind = kind.chars().next().unwrap();
            match what {
                "lock" => self.locked(name, kind, lock(rest)),
                "file" if kind == 'i' => self.did("reindex"),
                "file" => {
                    self.did("rewrite");
                    // What is in it came from the old one.
                    if rest != "0" {
                        self.did("scan");
                    }
                }
                "rows" => {
                    let read: i64 = rest.parse().unwrap();
                    let there = rows.iter().find(|(table, _)| table == name);
                    if there.is_some_and(|(_, there)| *there > 1 && read >= *there) {
                        self.did("scan");
                    }
                }
                _ => panic!("{line}"),
            }
        }
    }

    /// That it holds this, or asks for it.
    pub fn locked(&mut self, name: &str, kind: char, lock: Lock) {
        let known = self
            .locks
            .entry(name.to_owned())
            .or_insert((kind, Lock::None));
        known.1 = known.1.max(lock);
    }

    /// That it did this.
    pub fn did(&mut self, what: &str) {
        self.does.insert(what.to_owned());
    }

    /// Tries whether readers and writers of the table wait now.
    pub async fn try_out(&mut self, probe: &mut Client, table: &str) {
        let kind = self.locks.get(table).map(|(kind, _)| *kind);
        let (read, write) = match kind {
            // Of a type there are no rows.
            Some('c') => return,
            Some('S') => (
                format!("EXPLAIN SELECT * FROM {table}"),
                format!("SELECT nextval('{table}')"),
            ),
            _ => (
                format!("EXPLAIN SELECT * FROM {table}"),
                format!("EXPLAIN DELETE FROM {table}"),
            ),
        };
        if waits(probe, &read).await {
            self.blocks.insert("reads".to_owned());
        }
        if waits(probe, &write).await {
            self.blocks.insert("writes".to_owned());
        }
    }

    /// Its locks in the words of the list: of indexes only those that it tells of, or that are
    /// locked more strictly than any table, and not merely to be read or written.
    fn told(&self, row: &Row) -> BTreeMap<String, Lock> {
        let named = row.locks();
        let tables = self
            .locks
            .values()
            .filter(|(kind, _)| *kind != 'i' && *kind != 'I')
            .map(|(_, lock)| *lock)
            .max()
            .unwrap_or(Lock::None);
        self.locks
            .iter()
            .filter(|(name, (kind, lock))| {
                !matches!(kind, 'i' | 'I')
                    || named.iter().any(|(told, _)| told == name)
                    || (*lock > tables && *lock > Lock::RowExclusive)
            })
            .map(|(name, (_, lock))| (name.clone(), *lock))
            .collect()
    }

    /// Holds the row against it.
    pub fn compare(&self, row: &Row, wrong: &mut Differences) {
        // Of what nobody can know the list claims nothing.
        if row.unknown {
            return;
        }
        let claimed: BTreeMap<String, Lock> = row
            .locks()
            .into_iter()
            .map(|(name, lock)| (name.to_owned(), lock))
            .collect();
        wrong.compare(
            row,
            "locks",
            &format!("{claimed:?}"),
            &format!("{:?}", self.told(row)),
        );
        wrong.compare(
            row,
            "does",
            &format!("{:?}", row.does),
            &format!("{:?}", self.does),
        );
        wrong.compare(
            row,
            "blocks",
            &format!("{:?}", row.blocks),
            &format!("{:?}", self.blocks),
        );
        let lasts = if self.does.is_empty() {
            Lasts::Moment
        } else {
            Lasts::Grows
        };
        wrong.compare(
            row,
            "lasts",
            &format!("{:?}", row.lasts),
            &format!("{lasts:?}"),
        );
    }
}

/// Whether a second session waits for the first one: refused with 55P03.
async fn waits(probe: &mut Client, sql: &str) -> bool {
    match probe.try_run(sql).await {
        Ok(_) => false,
        Err(error) => error
            .as_database_error()
            .and_then(|e| e.code())
            .is_some_and(|code| code == "55P03"),
    }
}
