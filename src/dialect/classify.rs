//! What a statement that a person wrote does: its lock, and the mode that it needs.

mod alter_table;
mod mysql;
mod plain;
mod postgres;

pub use plain::is_plain;

use super::lexer::{self, Token};
use super::split;
use super::statement::Work;
use crate::document::Engine;
use crate::plan::Lock;
use crate::schema::TableName;

/// What can be known of a statement from its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The strictest lock it takes.
    pub lock: Lock,
    /// How much it reads or writes.
    pub work: Work,
    /// Whether it may run inside a transaction.
    pub transactional: bool,
    /// UPDATE, DELETE or MERGE over as many rows as there are.
    pub unbatched: bool,
    /// Whether it may make, change or drop tables or columns.
    pub changes_schema: bool,
    /// The table it is about, where it is about one.
    pub table: Option<TableName>,
    /// The table that it makes, where it makes one that was not there.
    pub creates: Option<TableName>,
}

impl Facts {
    fn of(lock: Lock, work: Work) -> Self {
        Self {
            lock,
            work,
            transactional: true,
            unbatched: false,
            changes_schema: false,
            table: None,
            creates: None,
        }
    }

    fn brief(lock: Lock) -> Self {
        Self::of(lock, Work::Brief)
    }

    fn unknown() -> Self {
        Self {
            changes_schema: true,
            ..Self::of(Lock::Unknown, Work::Scan)
        }
    }

    fn outside(mut self) -> Self {
        self.transactional = false;
        self
    }

    fn ddl(mut self) -> Self {
        self.changes_schema = true;
        self
    }

    fn on(mut self, table: Option<TableName>) -> Self {
        self.table = table;
        self
    }

    /// Both of them, as one: the stricter lock, the greater work.
    fn and(self, other: Self) -> Self {
        Self {
            lock: self.lock.max(other.lock),
            work: self.work.max(other.work),
            transactional: self.transactional && other.transactional,
            unbatched: self.unbatched || other.unbatched,
            changes_schema: self.changes_schema || other.changes_schema,
            table: self.table.or(other.table),
            creates: self.creates.or(other.creates),
        }
    }
}

/// Reads a piece of a text: a statement, or a transaction of its own.
pub fn piece(engine: Engine, piece: &split::Piece) -> Facts {
    match &piece.inside {
        None => statement(engine, &piece.sql),
        Some(inside) => inside
            .iter()
            .map(|sql| statement(engine, sql))
            .fold(Facts::brief(Lock::None), Facts::and)
            .outside(),
    }
}

/// Reads one statement by its leading words. What is not known has [`Lock::Unknown`].
pub fn statement(engine: Engine, sql: &str) -> Facts {
    let Ok(tokens) = lexer::significant(engine, sql) else {
        return Facts::unknown();
    };
    let cursor = Cursor {
        engine,
        tokens: &tokens,
    };
    match engine {
        Engine::PostgreSql => postgres::facts(cursor),
        Engine::MySql | Engine::MariaDb => mysql::facts(cursor),
        Engine::Sqlite => sqlite(cursor),
    }
}

/// A place in a statement, from which words are taken off.
#[derive(Clone, Copy)]
struct Cursor<'t, 'a> {
    engine: Engine,
    tokens: &'t [Token<'a>],
}

impl Cursor<'_, '_> {
    /// Takes the words off where they come next.
    fn take(&mut self, words: &[&str]) -> bool {
        let come =
            self.tokens.len() >= words.len() && words.iter().zip(self.tokens).all(|(w, t)| t.is(w));
        if come {
            self.tokens = &self.tokens[words.len()..];
        }
        come
    }

    /// Whether the words come next.
    fn sees(mut self, words: &[&str]) -> bool {
        self.take(words)
    }

    /// Whether the words stand together anywhere.
    fn has(&self, words: &[&str]) -> bool {
        self.tokens
            .windows(words.len())
            .any(|window| words.iter().zip(window).all(|(w, t)| t.is(w)))
    }

    /// Takes a name off, perhaps a qualified one.
    fn table(&mut self) -> Option<TableName> {
        self.take(&["if", "not", "exists"]);
        self.take(&["if", "exists"]);
        self.take(&["only"]);
        let first = self.tokens.first()?.name(self.engine)?;
        self.tokens = &self.tokens[1..];
        let [dot, second, ..] = self.tokens else {
            return Some(TableName::parse(&quoted(&first)));
        };
        match second.name(self.engine) {
            Some(second) if dot.is_symbol(".") => {
                self.tokens = &self.tokens[2..];
                let text = format!("{}.{}", quoted(&first), quoted(&second));
                Some(TableName::parse(&text))
            }
            Some(_) | None => Some(TableName::parse(&quoted(&first))),
        }
    }

    /// The table after the first ON.
    fn table_after(mut self, word: &str) -> Option<TableName> {
        let at = self.tokens.iter().position(|t| t.is(word))?;
        self.tokens = &self.tokens[at + 1..];
        self.table()
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Statements that read and write rows; the same words on every engine.
fn rows(mut c: Cursor<'_, '_>, write: Lock) -> Option<Facts> {
    let read = match c.engine {
        Engine::PostgreSql => Lock::AccessShare,
        Engine::MySql | Engine::MariaDb => Lock::MetadataRead,
        Engine::Sqlite => Lock::None,
    };
    let bounded = c.has(&["limit"]);
    let many = |c: &mut Cursor<'_, '_>| Facts {
        unbatched: !bounded,
        ..Facts::of(write, Work::Scan).on(c.table())
    };
    if c.take(&["select"]) || c.take(&["values"]) || c.sees(&["table"]) {
        let locking = c.has(&["for", "update"]) || c.has(&["for", "no", "key", "update"]);
        let shares = c.has(&["for", "share"]) || c.has(&["for", "key", "share"]);
        let lock = if locking && c.engine == Engine::PostgreSql {
            Lock::RowExclusive
        } else if shares && c.engine == Engine::PostgreSql {
            Lock::RowShare
        } else {
            read
        };
        return Some(Facts::brief(lock));
    }
    if c.take(&["update"]) {
        for policy in ["rollback", "abort", "replace", "fail", "ignore"] {
            c.take(&["or", policy]);
        }
        return Some(many(&mut c));
    }
    if c.take(&["delete", "from"]) || c.take(&["merge", "into"]) {
        return Some(many(&mut c));
    }
    if c.take(&["insert"]) || c.take(&["replace"]) {
        let work = if c.has(&["select"]) {
            Work::Scan
        } else {
            Work::Brief
        };
        return Some(Facts::of(write, work).on(c.table_after("into")));
    }
    if c.take(&["copy"]) {
        return Some(Facts::of(write, Work::Scan).on(c.table()));
    }
    if c.take(&["with"]) {
        let writes = ["update", "delete", "insert", "merge"]
            .iter()
            .filter(|w| c.has(&[w]))
            .count();
        let changes = c.has(&["update"]) || c.has(&["delete"]) || c.has(&["merge"]);
        return Some(if writes == 0 {
            Facts::brief(read)
        } else {
            Facts {
                unbatched: changes && !bounded,
                ..Facts::of(write, Work::Scan)
            }
        });
    }
    None
}

fn sqlite(mut c: Cursor<'_, '_>) -> Facts {
    if let Some(facts) = rows(c, Lock::DatabaseWrite) {
        return facts;
    }
    if c.take(&["explain"]) {
        return Facts::brief(Lock::None);
    }
    if c.take(&["create"]) {
        for word in ["temp", "temporary", "unique"] {
            c.take(&[word]);
        }
        if c.take(&["index"]) {
            return Facts::of(Lock::DatabaseWrite, Work::Index).on(c.table_after("on"));
        }
        if ["table", "view", "trigger", "virtual"]
            .iter()
            .any(|w| c.take(&[w]))
        {
            return Facts::brief(Lock::DatabaseWrite).ddl();
        }
        return Facts::unknown();
    }
    if c.take(&["alter", "table"]) {
        let table = c.table();
        let work = if c.sees(&["drop"]) {
            Work::Rewrite
        } else {
            Work::Brief
        };
        return Facts::of(Lock::DatabaseWrite, work).on(table).ddl();
    }
    if c.take(&["drop"]) {
        return Facts::brief(Lock::DatabaseWrite).ddl();
    }
    if c.take(&["analyze"]) || c.take(&["reindex"]) {
        return Facts::of(Lock::DatabaseWrite, Work::Index);
    }
    if c.take(&["vacuum"]) {
        return Facts::of(Lock::DatabaseWrite, Work::Rewrite).outside();
    }
    if c.sees(&["pragma"]) || c.sees(&["attach"]) || c.sees(&["detach"]) {
        return Facts::unknown().outside();
    }
    Facts::unknown()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pg(sql: &str) -> (Lock, Work, bool) {
        let facts = statement(Engine::PostgreSql, sql);
        (facts.lock, facts.work, facts.transactional)
    }

    #[test]
    fn locks_are_those_that_were_measured() {
        use Lock::*;
        use Work::*;
        let cases = [
            (
                "ALTER TABLE t ADD COLUMN x int",
                AccessExclusive,
                Brief,
                true,
            ),
            (
                "ALTER TABLE t ADD x int DEFAULT random()",
                AccessExclusive,
                Rewrite,
                true,
            ),
            (
                "ALTER TABLE t ADD COLUMN x serial",
                AccessExclusive,
                Rewrite,
                true,
            ),
            (
                "ALTER TABLE t ADD COLUMN x int UNIQUE",
                AccessExclusive,
                Scan,
                true,
            ),
            (
                "ALTER TABLE t DROP COLUMN big",
                AccessExclusive,
                Brief,
                true,
            ),
            (
                "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
                AccessExclusive,
                Scan,
                true,
            ),
            (
                "ALTER TABLE t ALTER b SET STATISTICS 500",
                ShareUpdateExclusive,
                Brief,
                true,
            ),
            (
                "ALTER TABLE t ALTER COLUMN a TYPE bigint",
                AccessExclusive,
                Rewrite,
                true,
            ),
            (
                "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)",
                AccessExclusive,
                Scan,
                true,
            ),
            (
                "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
                AccessExclusive,
                Brief,
                true,
            ),
            (
                "ALTER TABLE t VALIDATE CONSTRAINT c",
                ShareUpdateExclusive,
                Scan,
                true,
            ),
            (
                "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (r) REFERENCES ref (id) NOT VALID",
                ShareRowExclusive,
                Brief,
                true,
            ),
            (
                "ALTER TABLE t ADD COLUMN x int, VALIDATE CONSTRAINT c",
                AccessExclusive,
                Scan,
                true,
            ),
            (
                "ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX i",
                AccessExclusive,
                Brief,
                true,
            ),
            (
                "ALTER TABLE t SET (fillfactor = 70)",
                ShareUpdateExclusive,
                Brief,
                true,
            ),
            ("ALTER TABLE t SET UNLOGGED", AccessExclusive, Rewrite, true),
            (
                "ALTER TABLE t ENABLE TRIGGER tg",
                ShareRowExclusive,
                Brief,
                true,
            ),
            (
                "ALTER TABLE p DETACH PARTITION q CONCURRENTLY",
                ShareUpdateExclusive,
                Brief,
                false,
            ),
            ("CREATE INDEX i ON t (a)", Share, Index, true),
            (
                "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)",
                ShareUpdateExclusive,
                Index,
                false,
            ),
            (
                "DROP INDEX CONCURRENTLY i",
                ShareUpdateExclusive,
                Brief,
                false,
            ),
            ("VACUUM FULL t", AccessExclusive, Rewrite, false),
            ("VACUUM t", ShareUpdateExclusive, Scan, false),
            ("GRANT SELECT ON t TO a", None, Brief, true),
            (
                "COMMENT ON COLUMN t.a IS 'x'",
                ShareUpdateExclusive,
                Brief,
                true,
            ),
            ("SELECT count(*) FROM t", AccessShare, Brief, true),
            (
                "CREATE VIEW v AS SELECT id FROM t",
                AccessShare,
                Brief,
                true,
            ),
            ("LOCK TABLE t IN SHARE MODE", Share, Brief, true),
            ("TRUNCATE t", AccessExclusive, Rewrite, true),
            ("FROBNICATE t", Unknown, Scan, true),
            ("DO $$ BEGIN PERFORM 'COMMIT'; END $$", Unknown, Scan, true),
            ("DO $$ BEGIN COMMIT; END $$", Unknown, Scan, false),
            ("DO 'BEGIN COMMIT; END'", Unknown, Scan, false),
            (
                "DO $x$ BEGIN LOOP COMMIT; END LOOP; END $x$",
                Unknown,
                Scan,
                false,
            ),
        ];
        for (sql, lock, work, transactional) in cases {
            assert_eq!(pg(sql), (lock, work, transactional), "{sql}");
        }
    }

    #[test]
    fn rows_changed_without_a_bound_are_seen() {
        let unbatched = |sql| statement(Engine::PostgreSql, sql).unbatched;
        assert!(unbatched("UPDATE t SET a = 1"));
        assert!(unbatched(
            "WITH x AS (SELECT 1) DELETE FROM t WHERE id IN (SELECT * FROM x)"
        ));
        assert!(!unbatched(
            "DELETE FROM t WHERE id IN (SELECT id FROM t LIMIT 100)"
        ));
        assert!(!unbatched("SELECT 'UPDATE t'"));
        assert!(statement(Engine::Sqlite, "UPDATE OR IGNORE t SET a = 1").unbatched);
    }

    #[test]
    fn a_transaction_of_its_own_is_as_strict_as_its_worst() {
        let pieces = split::split(
            Engine::PostgreSql,
            "BEGIN; GRANT SELECT ON t TO a; ALTER TABLE t RENAME TO u; COMMIT",
        )
        .unwrap();
        let facts = piece(Engine::PostgreSql, &pieces[0]);
        assert_eq!(
            (facts.lock, facts.transactional),
            (Lock::AccessExclusive, false)
        );
    }

    #[test]
    fn the_table_is_found() {
        let table = |sql| {
            statement(Engine::PostgreSql, sql)
                .table
                .map(|t| t.to_string())
        };
        assert_eq!(
            table("ALTER TABLE IF EXISTS ONLY billing.\"Or.ders\" ADD x int").as_deref(),
            Some("billing.\"Or.ders\"")
        );
        assert_eq!(table("UPDATE users SET a = 1").as_deref(), Some("users"));
        assert_eq!(
            table("CREATE INDEX CONCURRENTLY i ON users (a)").as_deref(),
            Some("users")
        );
    }

    #[test]
    fn on_sqlite_every_writer_has_the_file() {
        let facts = |sql| statement(Engine::Sqlite, sql);
        assert_eq!(facts("CREATE INDEX i ON t (a)").lock, Lock::DatabaseWrite);
        assert_eq!(facts("SELECT 1").lock, Lock::None);
        assert!(!facts("VACUUM").transactional);
        assert_eq!(facts("PRAGMA journal_mode = WAL").lock, Lock::Unknown);
    }
}
