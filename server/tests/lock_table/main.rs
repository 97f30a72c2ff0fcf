//! Every row of `tests/locks/postgresql.yaml` on a real server, of whatever version it is, and what
//! the reader says of it with that server's schema.
//!
//! How each claim is seen:
//!
//! * `locks`: what the session holds in `pg_locks` when the statement is done and its transaction
//!   is not. What no transaction takes is stopped half way by others' locks, and looked at then.
//! * `blocks`: a second session plans a SELECT and a DELETE on the table, which takes their locks on
//!   it and its indexes. Its `lock_timeout` counts nothing but waiting for the first session, which
//!   waits for us: that it is short cannot make it wrong on a busy machine.
//! * `rewrite`, `reindex`: another relfilenode of what was there before, by its oid; or an index in
//!   the place of one, under its name, with another file: most changes of a type make the index anew,
//!   and keep its file where they can.
//! * `scan`: the rows that the table gave, counted by the transaction's statistics, grew by at least
//!   as many as there are in it. Taken by themselves those counters say "scan" of everything: they
//!   go back to the last report, which is sent once a second at most, and so hold what earlier
//!   statements of the session have read. The difference within one transaction holds nothing but the
//!   statement. Every way in which PostgreSQL reads a table for DDL counts there (the rewriting, the
//!   verification of constraints, the building of an index, the query of a foreign key, CLUSTER), and
//!   looking into the catalogue does not: that is other tables. Blocks are no measure: a table
//!   of one block is read whole by whoever looks at one row. Nor are the messages at `debug1`: other
//!   versions have others. Two things are not to be seen by the counters: SET TABLESPACE copies
//!   blocks, which leaves another file that is not empty (TRUNCATE leaves an empty one), and VACUUM
//!   reads blocks, each of which it must have fetched.
//! * `lasts`: it grows where rows are read, or where files are.

#[path = "../support/mod.rs"]
mod support;

mod alone;
mod inside;
mod row;
mod said;
mod seen;

use std::fmt::Write as _;

use bellows::document::Engine;
use bellows::schema::Schema;
use bellows::sql::{Context, Script, script};

use row::Row;
use support::{Client, TestTarget};

const SETUP: &str = include_str!("../../../tests/locks/postgresql.sql");

/// The database, and who works on it.
struct Room {
    test: TestTarget,
    /// Makes the tables, and holds locks against others.
    owner: Client,
    /// Runs the statements.
    worker: Client,
    /// Tries whether it has to wait.
    probe: Client,
    schema: Schema,
    /// How many rows there are in each table.
    rows: Vec<(String, i64)>,
}

impl Room {
    async fn new() -> Self {
        let test = TestTarget::postgres().await;
        let mut owner = test.client().await;
        let worker = test.client().await;
        let mut probe = test.client().await;
        // Another test may have made it; the place is within the data directory.
        let _ = owner.try_run("SET allow_in_place_tablespaces = on").await;
        let _ = owner.try_run("CREATE TABLESPACE ts2 LOCATION ''").await;
        probe.run("SET lock_timeout = '5ms'").await;
        let schema = test.schema().await;
        let mut room = Self {
            test,
            owner,
            worker,
            probe,
            schema,
            rows: Vec::new(),
        };
        room.make_again().await;
        room
    }

    async fn make_again(&mut self) {
        self.owner
            .run(
                "DROP SCHEMA IF EXISTS public CASCADE; DROP SCHEMA IF EXISTS lt2 CASCADE;
                 CREATE SCHEMA public; DROP PUBLICATION IF EXISTS pubx",
            )
            .await;
        self.owner.run(SETUP).await;
        self.look_again().await;
    }

    /// After something else was made there.
    async fn look_again(&mut self) {
        self.schema = self.test.schema().await;
        self.rows = seen::rows(&mut self.owner).await;
    }

    fn read(&self, row: &Row) -> Script {
        let context = Context {
            schema: Some(&self.schema),
            ..Context::default()
        };
        let (settings, _) = row.before();
        let mut read = script(Engine::PostgreSql, &row.with_settings(), &context);
        read.statements.drain(..settings.len());
        read
    }
}

/// What the row and the server differ in, a line each.
#[derive(Default)]
pub struct Differences(String);

impl Differences {
    fn compare(&mut self, row: &Row, what: &str, said: &str, seen: &str) {
        if said != seen {
            let _ = write!(
                self.0,
                "\n{}\n  {what}: said {said}\n  {what}: seen {seen}\n",
                row.sql
            );
        }
    }
}

#[tokio::test]
async fn every_row_of_the_list_is_what_the_server_does() {
    let mut room = Room::new().await;
    let version = room.schema.version;
    let mut wrong = Differences::default();
    let mut ran = 0;
    for row in row::all().iter().filter(|row| row.is_of(version)) {
        ran += 1;
        let (settings, before) = row.before();
        for sql in &before {
            room.owner.run(sql).await;
        }
        if !before.is_empty() {
            room.look_again().await;
        }
        let read = room.read(row);
        for sql in &settings {
            room.worker.run(sql).await;
        }
        said::compare(row, &read, &mut wrong);
        if row.fails {
            let refused = inside::is_refused(&mut room, row).await;
            wrong.compare(row, "failing", "true", &refused.to_string());
        } else if row.outside {
            let refused = inside::is_refused_in_a_transaction(&mut room, row).await;
            wrong.compare(
                row,
                "refused in a transaction",
                "true",
                &refused.to_string(),
            );
            if let Some(main) = row.main() {
                match alone::run(&mut room, row, main).await {
                    Ok(seen) => seen.compare(row, &mut wrong),
                    Err(error) => wrong.compare(row, "error", "none", &error),
                }
            }
        } else {
            match inside::run(&mut room, row).await {
                Ok(seen) => seen.compare(row, &mut wrong),
                Err(error) => wrong.compare(row, "error", "none", &error),
            }
        }
        for _ in &settings {
            room.worker.run("RESET ALL").await;
        }
        if !before.is_empty() || row.outside || row.fails {
            room.make_again().await;
        }
    }
    println!("{ran} rows on PostgreSQL {version}");
    assert!(ran > 250, "{ran} rows");
    assert!(wrong.0.is_empty(), "on PostgreSQL {version}:{}", wrong.0);
}
