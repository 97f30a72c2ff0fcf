//! MySQL's and MariaDB's statements by their leading words.
//!
//! After the tables of the MySQL 8.0 manual, 17.12.1 "Online DDL Operations", and of MariaDB's
//! "InnoDB Online DDL Operations": what a statement does where it does not say its algorithm.

use super::{Cursor, Facts, rows};
use crate::dialect::expression;
use crate::dialect::statement::Work;
use crate::plan::Lock;

/// One statement of MySQL or MariaDB. DDL commits what was open, and runs alone.
pub(super) fn facts(mut c: Cursor<'_, '_>) -> Facts {
    let locking = c.sees(&["select"])
        && (c.has(&["for", "update"]) || c.has(&["lock", "in", "share", "mode"]));
    if locking {
        return Facts::brief(Lock::MetadataWrite);
    }
    if let Some(facts) = rows(c, Lock::MetadataWrite) {
        return facts;
    }
    // What is said for the one statement alone.
    if c.take(&["set", "statement"]) {
        return match c.tokens.iter().position(|t| t.is("for")) {
            Some(at) => facts(Cursor {
                engine: c.engine,
                tokens: &c.tokens[at + 1..],
            }),
            None => Facts::unknown().outside(),
        };
    }
    if [
        "set", "show", "explain", "describe", "desc", "analyze", "flush",
    ]
    .iter()
    .any(|w| c.take(&[w]))
    {
        return Facts::brief(Lock::MetadataRead).outside();
    }
    if ["grant", "revoke"].iter().any(|w| c.take(&[w])) {
        return Facts::brief(Lock::None).outside();
    }
    if c.take(&["create"]) {
        return create(c);
    }
    if c.take(&["drop"]) {
        return drop(c);
    }
    if c.take(&["alter"]) {
        for word in ["online", "ignore"] {
            c.take(&[word]);
        }
        return if c.take(&["table"]) {
            alter_table(c)
        } else {
            ddl(Lock::MetadataExclusive, Work::Brief)
        };
    }
    if c.take(&["rename", "table"]) {
        return ddl(Lock::MetadataExclusive, Work::Brief).on(c.table());
    }
    if c.take(&["truncate"]) {
        c.take(&["table"]);
        return ddl(Lock::MetadataExclusive, Work::Brief).on(c.table());
    }
    if c.take(&["optimize"]) {
        c.take(&["table"]);
        return ddl(Lock::MetadataUpgradable, Work::Rewrite).on(c.table());
    }
    if c.take(&["lock"]) {
        return Facts::brief(Lock::MetadataExclusive).outside();
    }
    Facts::unknown().outside()
}

fn ddl(lock: Lock, work: Work) -> Facts {
    Facts::of(lock, work).outside().ddl()
}

fn create(mut c: Cursor<'_, '_>) -> Facts {
    c.take(&["or", "replace"]);
    let blocks = c.take(&["fulltext"]) || c.take(&["spatial"]);
    c.take(&["unique"]);
    if c.take(&["index"]) {
        let usual = if blocks {
            Lock::MetadataNoWrite
        } else {
            Lock::MetadataUpgradable
        };
        return Facts {
            changes_schema: false,
            ..said(c, usual, Work::Index)
        }
        .on(c.table_after("on"));
    }
    // A definer stands before these: CREATE DEFINER = ada TRIGGER.
    if c.tokens.iter().take(10).any(|t| t.is("trigger")) {
        return Facts::brief(Lock::MetadataExclusive)
            .outside()
            .on(c.table_after("on"));
    }
    let work = if c.has(&["select"]) && c.sees(&["table"]) {
        Work::Scan
    } else {
        Work::Brief
    };
    ddl(Lock::None, work)
}

fn drop(mut c: Cursor<'_, '_>) -> Facts {
    if c.take(&["index"]) {
        return said(c, Lock::MetadataUpgradable, Work::Brief).on(c.table_after("on"));
    }
    if c.take(&["table"]) {
        return ddl(Lock::MetadataExclusive, Work::Brief).on(c.table());
    }
    ddl(Lock::MetadataExclusive, Work::Brief)
}

/// What it does where it says its algorithm and lock, else what it usually does.
fn said(c: Cursor<'_, '_>, usual: Lock, work: Work) -> Facts {
    let is = |what: &str, value: &str| {
        c.tokens
            .windows(3)
            .any(|w| w[0].is(what) && ((w[1].is_symbol("=") && w[2].is(value)) || w[1].is(value)))
    };
    if is("algorithm", "instant") {
        return ddl(Lock::MetadataExclusive, Work::Brief);
    }
    let (lock, work) = if is("algorithm", "copy") {
        (Lock::MetadataNoWrite, Work::Rewrite)
    } else {
        (usual, work)
    };
    let lock = if is("lock", "exclusive") {
        Lock::MetadataExclusive
    } else if is("lock", "shared") {
        Lock::MetadataNoWrite
    } else if is("lock", "none") {
        // Where that cannot be, the server refuses.
        Lock::MetadataUpgradable
    } else {
        lock
    };
    ddl(lock, work)
}

/// After `ALTER TABLE`: the strictest of its actions, unless it says how it is to be done.
fn alter_table(mut c: Cursor<'_, '_>) -> Facts {
    let table = c.table();
    let whole = c;
    expression::at_commas(c.tokens)
        .into_iter()
        .map(|tokens| {
            let (lock, work) = action(Cursor {
                engine: c.engine,
                tokens,
            });
            said(whole, lock, work)
        })
        .reduce(Facts::and)
        .unwrap_or_else(Facts::unknown)
        .on(table)
}

fn action(mut c: Cursor<'_, '_>) -> (Lock, Work) {
    let brief = (Lock::MetadataExclusive, Work::Brief);
    let copies = (Lock::MetadataNoWrite, Work::Rewrite);
    if c.take(&["add"]) {
        let indexes = ["index", "key", "unique"].iter().any(|w| c.sees(&[w]));
        let column = ![
            "constraint",
            "check",
            "primary",
            "foreign",
            "fulltext",
            "spatial",
        ]
        .iter()
        .any(|w| c.sees(&[w]));
        let unique = c.sees(&["constraint"]) && c.has(&["unique"]);
        return if indexes || unique {
            (Lock::MetadataUpgradable, Work::Index)
        } else if column
            && !["auto_increment", "stored", "persistent"]
                .iter()
                .any(|w| c.has(&[w]))
        {
            brief
        } else {
            copies
        };
    }
    if c.take(&["drop"]) {
        return if c.sees(&["primary"]) { copies } else { brief };
    }
    if c.take(&["alter"]) || c.take(&["rename"]) {
        return brief;
    }
    if c.sees(&["algorithm"]) || c.sees(&["lock"]) {
        return (Lock::None, Work::Brief);
    }
    if c.take(&["comment"]) || c.take(&["auto_increment"]) {
        return brief;
    }
    copies
}

#[cfg(test)]
mod tests {
    use super::super::statement;
    use super::*;
    use crate::document::Engine;

    #[test]
    fn what_it_does_to_the_traffic_and_that_ddl_runs_alone() {
        use Lock::*;
        let cases = [
            (
                "ALTER TABLE t ADD COLUMN x int",
                MetadataExclusive,
                Work::Brief,
                false,
            ),
            (
                "ALTER TABLE t MODIFY x bigint",
                MetadataNoWrite,
                Work::Rewrite,
                false,
            ),
            (
                "ALTER TABLE t MODIFY x bigint, ALGORITHM=INPLACE, LOCK=NONE",
                MetadataUpgradable,
                Work::Rewrite,
                false,
            ),
            (
                "ALTER TABLE t ADD CHECK (a > 0), ALGORITHM = COPY, LOCK = SHARED",
                MetadataNoWrite,
                Work::Rewrite,
                false,
            ),
            (
                "ALTER TABLE t ADD INDEX i (a)",
                MetadataUpgradable,
                Work::Index,
                false,
            ),
            (
                "CREATE FULLTEXT INDEX i ON t (a)",
                MetadataNoWrite,
                Work::Index,
                false,
            ),
            ("DROP TABLE t", MetadataExclusive, Work::Brief, false),
            (
                "SELECT 1 FROM t FOR UPDATE",
                MetadataWrite,
                Work::Brief,
                true,
            ),
            ("SELECT 1 FROM t", MetadataRead, Work::Brief, true),
            ("INSERT INTO t VALUES (1)", MetadataWrite, Work::Brief, true),
            ("/*!50000 DROP TABLE t */", Unknown, Work::Scan, false),
            (
                "SET STATEMENT foreign_key_checks = 0 FOR ALTER TABLE t ADD INDEX i (a)",
                MetadataUpgradable,
                Work::Index,
                false,
            ),
        ];
        for (sql, lock, work, transactional) in cases {
            for engine in [Engine::MySql, Engine::MariaDb] {
                let facts = statement(engine, sql);
                assert_eq!(
                    (facts.lock, facts.work, facts.transactional),
                    (lock, work, transactional),
                    "{sql}"
                );
            }
        }
        let table = |sql| statement(Engine::MySql, sql).table.map(|t| t.to_string());
        assert_eq!(
            table("ALTER TABLE `o``dd` ADD x int").as_deref(),
            Some("o`dd")
        );
        assert_eq!(
            table("CREATE DEFINER = a TRIGGER x BEFORE INSERT ON u FOR EACH ROW SET NEW.a = 1")
                .as_deref(),
            Some("u")
        );
    }
}
