//! What tells that a statement outside a transaction took effect: nothing rolls MySQL's and
//! MariaDB's DDL back, nor what PostgreSQL does concurrently, and after a lost connection the
//! catalogue is asked whether it must be sent again.

use crate::dialect::catalogue;
use crate::dialect::expression::at_commas;
use crate::dialect::lexer::{self, Kind, Token};
use crate::dialect::quote;
use crate::document::Engine;
use crate::operation::mysql::REPEATABLE;
use crate::schema::TableName;

/// A condition that holds once the statement took effect; [`REPEATABLE`] where it may as well be
/// sent twice. `None` where nothing in the catalogue tells.
pub(super) fn of(engine: Engine, sql: &str) -> Option<String> {
    let tokens = lexer::significant(engine, sql).ok()?;
    let mut words = Words {
        engine,
        rest: &tokens,
    };
    match engine {
        Engine::PostgreSql => return words.concurrent(),
        Engine::MySql | Engine::MariaDb => {}
        Engine::Sqlite => return None,
    }
    if words.take("create") {
        words.create()
    } else if words.take("drop") {
        words.drop()
    } else if words.take("alter") {
        words.alter()
    } else {
        None
    }
}

/// What is left of the statement.
#[derive(Clone, Copy)]
struct Words<'t, 'a> {
    engine: Engine,
    rest: &'t [Token<'a>],
}

impl Words<'_, '_> {
    fn take(&mut self, word: &str) -> bool {
        let found = self.rest.first().is_some_and(|t| t.is(word));
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }

    fn sees(&self, word: &str) -> bool {
        self.rest.first().is_some_and(|t| t.is(word))
    }

    fn name(&mut self) -> Option<String> {
        let (first, rest) = self.rest.split_first()?;
        if !matches!(first.kind, Kind::Word | Kind::QuotedName) {
            return None;
        }
        self.rest = rest;
        first.name(self.engine)
    }

    fn table(&mut self) -> Option<TableName> {
        let first = self.name()?;
        if !self.rest.first().is_some_and(|t| t.is_symbol(".")) {
            return Some(TableName {
                schema: None,
                name: first,
            });
        }
        self.rest = &self.rest[1..];
        Some(TableName {
            schema: Some(first),
            name: self.name()?,
        })
    }

    /// `IF EXISTS`, `IF NOT EXISTS`.
    fn take_if(&mut self) -> bool {
        let found = self.take("if");
        if found {
            self.take("not");
            self.take("exists");
        }
        found
    }

    /// PostgreSQL's. A drop that was cut off leaves the index there, invalid, to be dropped again;
    /// VACUUM may be sent twice. A rebuild leaves an index under another name, and a partition half
    /// detached takes another statement, so those are for a person.
    fn concurrent(&mut self) -> Option<String> {
        if self.take("vacuum") {
            return Some("false".to_owned());
        }
        if !(self.take("drop") && self.take("index") && self.take("concurrently")) {
            return None;
        }
        self.take_if();
        let index = self.table()?;
        let name = quote::literal(self.engine, &quote::table(self.engine, &index));
        self.rest
            .is_empty()
            .then(|| format!("pg_catalog.to_regclass({name}) IS NULL"))
    }

    fn create(&mut self) -> Option<String> {
        let repeatable = || Some(REPEATABLE.to_owned());
        let replaces = self.take("or") && self.take("replace");
        if self.take("table") {
            let anyway = self.take_if();
            let table = self.table()?;
            return match anyway {
                // Filled by a SELECT, it would be filled twice.
                true if self.rest.iter().any(|t| t.is("select")) => None,
                true => repeatable(),
                false if replaces => None,
                false => Some(catalogue::table(self.engine, &table)),
            };
        }
        self.take("unique");
        if self.take("index") {
            let anyway = self.take_if();
            let index = self.name()?;
            while !self.take("on") {
                self.rest = self.rest.get(1..)?;
            }
            let table = self.table()?;
            return match replaces || anyway {
                true => None,
                false => Some(catalogue::index(self.engine, &table, &index)),
            };
        }
        // Its algorithm, definer and security stand before the word.
        let view = self.rest.iter().take(12).position(|t| t.is("view"))?;
        let other = ["trigger", "procedure", "function", "event", "as"];
        if self.rest[..view]
            .iter()
            .any(|t| other.iter().any(|w| t.is(w)))
        {
            return None;
        }
        self.rest = &self.rest[view + 1..];
        let anyway = self.take_if();
        let view = self.table()?;
        match replaces || anyway {
            true => repeatable(),
            false => Some(catalogue::table(self.engine, &view)),
        }
    }

    fn drop(&mut self) -> Option<String> {
        if self.take("index") {
            self.take_if();
            let index = self.name()?;
            let table = self.take("on").then(|| self.table())??;
            return Some(format!(
                "NOT {}",
                catalogue::index(self.engine, &table, &index)
            ));
        }
        if !self.take("table") && !self.take("view") {
            return None;
        }
        self.take_if();
        let table = self.table()?;
        self.rest
            .is_empty()
            .then(|| format!("NOT {}", catalogue::table(self.engine, &table)))
    }

    fn alter(&mut self) -> Option<String> {
        if !self.take("table") {
            return None;
        }
        let table = self.table()?;
        let actions: Vec<&[Token<'_>]> = at_commas(self.rest)
            .into_iter()
            .filter(|a| !a.first().is_some_and(|t| t.is("algorithm") || t.is("lock")))
            .collect();
        let [action] = actions.as_slice() else {
            return None;
        };
        let engine = self.engine;
        let mut words = Words {
            engine,
            rest: action,
        };
        let column = |name: &str| catalogue::column(engine, &table, name);
        if words.take("add") {
            return match words.take("column") && !words.sees("if") {
                true => words.name().map(|name| column(&name)),
                false => None,
            };
        }
        if words.take("drop") {
            return match words.take("column") && !words.sees("if") {
                true => words.name().map(|name| format!("NOT {}", column(&name))),
                false => None,
            };
        }
        if !words.take("rename") {
            return None;
        }
        let index = |name: &str| catalogue::index(engine, &table, name);
        let there: &dyn Fn(&str) -> String = if words.take("column") {
            &column
        } else if words.take("index") || words.take("key") {
            &index
        } else {
            return None;
        };
        let from = words.name()?;
        let to = words.take("to").then(|| words.name())??;
        Some(format!("{} AND NOT {}", there(&to), there(&from)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_asked_where_it_can_tell() {
        let of = |sql| of(Engine::MariaDb, sql);
        let table = |name: &str| catalogue::table(Engine::MariaDb, &TableName::parse(name));
        let t = TableName::parse("t");
        let column = |name: &str| catalogue::column(Engine::MariaDb, &t, name);
        assert_eq!(of("CREATE TABLE `a b` (id int)"), Some(table("a b")));
        assert_eq!(of("create table shop.a as select 1"), Some(table("shop.a")));
        assert_eq!(
            of("DROP TABLE IF EXISTS a"),
            Some(format!("NOT {}", table("a")))
        );
        assert_eq!(of("CREATE VIEW v AS SELECT 1"), Some(table("v")));
        assert_eq!(
            of("CREATE ALGORITHM=MERGE DEFINER=`a`@`%` SQL SECURITY INVOKER VIEW v AS SELECT 1"),
            Some(table("v"))
        );
        assert_eq!(
            of("CREATE OR REPLACE VIEW v AS SELECT 1").as_deref(),
            Some(REPEATABLE)
        );
        assert_eq!(
            of("ALTER TABLE t ADD COLUMN x int, ALGORITHM=INSTANT, LOCK=NONE"),
            Some(column("x"))
        );
        assert_eq!(
            of("ALTER TABLE t RENAME COLUMN a TO `b c`, ALGORITHM=INPLACE, LOCK=NONE"),
            Some(format!("{} AND NOT {}", column("b c"), column("a")))
        );
        assert_eq!(
            of("CREATE UNIQUE INDEX i ON t (a) ALGORITHM=INPLACE LOCK=NONE"),
            Some(catalogue::index(Engine::MariaDb, &t, "i"))
        );
    }

    #[test]
    fn what_it_cannot_tell_is_for_a_person() {
        for sql in [
            "CREATE TABLE IF NOT EXISTS a AS SELECT 1",
            "CREATE OR REPLACE TABLE a (id int)",
            "DROP TABLE a, b",
            "ALTER TABLE t ADD COLUMN x int, ADD COLUMN y int",
            "ALTER TABLE t MODIFY x bigint",
            "ALTER TABLE t COMMENT = 'RENAME COLUMN a TO b'",
            "CREATE TRIGGER x BEFORE INSERT ON view FOR EACH ROW SET NEW.a = 1",
            "RENAME TABLE a TO b",
            "ANALYZE TABLE a",
        ] {
            assert_eq!(of(Engine::MariaDb, sql), None, "{sql}");
        }
        for sql in [
            "CREATE TABLE a (id int)",
            "REINDEX INDEX CONCURRENTLY i",
            "ALTER TABLE t DETACH PARTITION p CONCURRENTLY",
            "DROP INDEX i",
        ] {
            assert_eq!(of(Engine::PostgreSql, sql), None, "{sql}");
        }
    }

    #[test]
    fn postgresql_is_asked_for_an_index_that_goes() {
        let of = |sql| of(Engine::PostgreSql, sql);
        assert_eq!(
            of("DROP INDEX CONCURRENTLY IF EXISTS \"Shop\".\"it's\"").as_deref(),
            Some("pg_catalog.to_regclass('\"Shop\".\"it''s\"') IS NULL")
        );
        assert_eq!(
            of("drop index concurrently People_Age").as_deref(),
            Some("pg_catalog.to_regclass('people_age') IS NULL")
        );
        assert_eq!(of("VACUUM (ANALYZE) t").as_deref(), Some("false"));
    }
}
