//! The types that each engine knows: offered to whoever writes a document, and checked in it.

pub mod change;
mod foreign;
mod known;
mod read;

use std::collections::BTreeSet;

use crate::document::{Engine, nearest};

pub use read::{TypeName, read};

/// What can be said of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The engine, or the target, has it.
    Known,
    /// It may be a type that somebody made; only a target could tell.
    Unsure(String),
    /// The engine does not have it: what to write instead.
    Wrong(String),
}

/// Whether the type is one of the engine's own, or comes with a well-known extension.
pub fn is_own(engine: Engine, base: &str) -> bool {
    known::has(engine, base) || known::is_extension(engine, base)
}

/// The types that forms offer, in the order of the alphabet.
pub fn offered(engine: Engine) -> &'static [&'static str] {
    known::offered(engine)
}

/// Judges a type as a document writes it. `made` holds the types that people made on the target
/// (`mood`, `billing.state`); `None` where nobody knows them.
pub fn judge(engine: Engine, text: &str, made: Option<&BTreeSet<String>>) -> Verdict {
    let Some(found) = read(engine, text) else {
        return Verdict::Wrong(format!("`{}` is no type", text.trim()));
    };
    if found.schema.is_none() {
        if let Some(instead) = foreign::spelling(engine, &found, text) {
            return Verdict::Wrong(instead);
        }
        if known::has(engine, &found.base) {
            return arguments(engine, &found);
        }
    }
    if let Some(made) = made {
        let full = found.full_name();
        let there = made.contains(&full)
            || (found.schema.is_none()
                && made
                    .iter()
                    .any(|m| m.rsplit('.').next() == Some(found.base.as_str())));
        if there {
            return Verdict::Known;
        }
        let known = known::names(engine)
            .iter()
            .copied()
            .chain(made.iter().map(String::as_str));
        return Verdict::Wrong(format!(
            "the target has no type `{full}`{}",
            hint(&full, known)
        ));
    }
    if found.schema.is_none() && !known::is_extension(engine, &found.base) {
        let near = nearest(&found.base, known::names(engine).iter().copied());
        if let Some(near) = near {
            return Verdict::Wrong(format!(
                "{} has no type `{}`; did you mean `{near}`?",
                engine.word(),
                found.base
            ));
        }
    }
    Verdict::Unsure(match engine {
        Engine::PostgreSql => format!(
            "`{}` is none of PostgreSQL's own types: it must have been made on the target, by CREATE TYPE, CREATE DOMAIN or an extension",
            found.full_name()
        ),
        Engine::MySql | Engine::MariaDb => {
            return Verdict::Wrong(format!(
                "{} has no type `{}`, and none can be made there",
                engine.title(),
                found.full_name()
            ));
        }
        Engine::Sqlite => format!(
            "`{}` says nothing to SQLite: the column gets the affinity NUMERIC",
            found.full_name()
        ),
    })
}

fn hint<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> String {
    nearest(word, known).map_or(String::new(), |n| format!("; did you mean `{n}`?"))
}

/// Whether the numbers in parentheses are such as the type takes.
fn arguments(engine: Engine, found: &TypeName) -> Verdict {
    let taken = known::arguments(engine, &found.base);
    if found.arguments.len() > taken {
        let base = &found.base;
        return Verdict::Wrong(match taken {
            0 => format!("`{base}` takes nothing in parentheses"),
            1 => format!("`{base}` takes one number in parentheses"),
            _ => format!("`{base}` takes up to {taken} numbers in parentheses"),
        });
    }
    Verdict::Known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pg(text: &str) -> Verdict {
        judge(Engine::PostgreSql, text, None)
    }

    fn wrong(engine: Engine, text: &str) -> String {
        match judge(engine, text, None) {
            Verdict::Wrong(message) => message,
            other @ (Verdict::Known | Verdict::Unsure(_)) => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn what_is_offered_is_known() {
        for engine in Engine::ALL {
            for text in offered(engine) {
                assert_eq!(judge(engine, text, None), Verdict::Known, "{text}");
            }
        }
    }

    #[test]
    fn types_are_known_in_every_spelling() {
        for text in [
            "VARCHAR(255)",
            "character varying(10) COLLATE \"C\"",
            "timestamp(3) with time zone",
            "timestamp without time zone",
            "double precision",
            "text[]",
            "integer[3][]",
            "numeric(10, 2)",
            "interval year to month",
            "bigint GENERATED ALWAYS AS IDENTITY",
            "serial",
            "bit varying(8)",
            "pg_catalog.int4",
            "int4multirange",
            "\"char\"",
        ] {
            assert_eq!(pg(text), Verdict::Known, "{text}");
        }
        for text in [
            "INTEGER",
            "VARCHAR(10)",
            "BIGINT",
            "",
            "DATETIME",
            "tinyint(1)",
        ] {
            assert_eq!(judge(Engine::Sqlite, text, None), Verdict::Known, "{text}");
        }
    }

    #[test]
    fn another_engines_spelling_is_explained() {
        for (text, instead) in [
            ("DATETIME", "timestamptz"),
            ("TINYINT(1)", "boolean"),
            ("tinyint", "smallint"),
            ("int(11)", "integer"),
            ("INT UNSIGNED", "bigint"),
            ("bigint AUTO_INCREMENT", "IDENTITY"),
            ("LONGTEXT", "text"),
            ("BLOB", "bytea"),
            ("ENUM('a', 'b')", "CREATE TYPE"),
            ("NVARCHAR(10)", "varchar"),
            ("double", "double precision"),
            ("string", "text"),
        ] {
            let message = wrong(Engine::PostgreSql, text);
            assert!(message.contains(instead), "{text}: {message}");
        }
        for (text, instead) in [
            ("SERIAL", "AUTO_INCREMENT"),
            ("JSONB", "JSON"),
            ("bytea", "BLOB"),
            ("timestamptz", "TIMESTAMP"),
            ("text[]", "JSON"),
            ("varchar", "needs a length"),
            ("bigint GENERATED ALWAYS AS IDENTITY", "AUTO_INCREMENT"),
            ("mood", "none can be made"),
        ] {
            for engine in [Engine::MySql, Engine::MariaDb] {
                let message = wrong(engine, text);
                assert!(message.contains(instead), "{text}: {message}");
            }
        }
        assert!(wrong(Engine::MySql, "UUID").contains("CHAR(36)"));
        assert_eq!(judge(Engine::MariaDb, "UUID", None), Verdict::Known);
        for text in [
            "TINYINT(1)",
            "ENUM('a', 'b', 'c')",
            "BIGINT UNSIGNED AUTO_INCREMENT",
        ] {
            assert_eq!(judge(Engine::MySql, text, None), Verdict::Known, "{text}");
        }
        for (text, instead) in [
            ("SERIAL", "INTEGER PRIMARY KEY"),
            ("BYTEA", "BLOB"),
            ("text[]", "JSON"),
        ] {
            let message = wrong(Engine::Sqlite, text);
            assert!(message.contains(instead), "{text}: {message}");
        }
    }

    #[test]
    fn a_slip_is_answered_with_the_nearest_type() {
        assert!(wrong(Engine::PostgreSql, "integr").contains("`integer`"));
        assert!(wrong(Engine::PostgreSql, "varchr(20)").contains("`varchar`"));
        assert!(wrong(Engine::PostgreSql, "timestampz").contains("timestamp"));
        assert!(wrong(Engine::PostgreSql, "text(20)").contains("parentheses"));
        assert!(wrong(Engine::Sqlite, "TETX").contains("`TEXT`"));
        assert!(wrong(Engine::PostgreSql, "  ").contains("no type"));
    }

    #[test]
    fn types_that_people_made_are_theirs() {
        assert!(matches!(pg("billing.state"), Verdict::Unsure(_)));
        assert!(matches!(pg("order_state"), Verdict::Unsure(_)));
        assert!(matches!(pg("citext"), Verdict::Unsure(_)));
        let made = BTreeSet::from(["order_state".to_owned(), "billing.mood".to_owned()]);
        let on_target = |text| judge(Engine::PostgreSql, text, Some(&made));
        assert_eq!(on_target("order_state"), Verdict::Known);
        assert_eq!(on_target("order_state[]"), Verdict::Known);
        assert_eq!(on_target("billing.mood"), Verdict::Known);
        let Verdict::Wrong(message) = on_target("ordr_state") else {
            panic!("a type that is not there");
        };
        assert!(message.contains("did you mean `order_state`"), "{message}");
    }
}
