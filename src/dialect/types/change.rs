//! Which changes of a type touch no row.

use super::TypeName;
use crate::document::Engine;

/// Whether the change is one of the catalogue alone (PostgreSQL, as measured on 15), or leaves
/// every value as it is (SQLite).
///
/// # Errors
/// Why it is not.
pub fn is_free(engine: Engine, from: &TypeName, to: &TypeName) -> Result<(), String> {
    match engine {
        Engine::PostgreSql => postgres(from, to),
        Engine::MySql | Engine::MariaDb => mysql(engine, from, to),
        Engine::Sqlite => {
            let (was, is) = (affinity(&from.base), affinity(&to.base));
            if was == is {
                Ok(())
            } else {
                Err(format!(
                    "SQLite would convert the values, from the affinity {was} to {is}"
                ))
            }
        }
    }
}

/// A longer VARCHAR is free, but where its length needs a second byte: beyond 255 bytes, which are
/// 63 letters at least and 255 at most. What lies in between the server judges, told to do it in
/// place or not at all.
fn mysql(engine: Engine, from: &TypeName, to: &TypeName) -> Result<(), String> {
    let length = |t: &TypeName| {
        let varies = matches!(t.base.as_str(), "varchar" | "character varying");
        let bare = t.rest.is_empty() && t.schema.is_none() && t.dimensions == 0;
        t.number(0).filter(|_| varies && bare)
    };
    match (length(from), length(to)) {
        (Some(was), Some(is)) if is >= was && !(was <= 63 && is > 255) => Ok(()),
        _ => Err(format!(
            "{} copies the table for it, while writers wait",
            engine.title()
        )),
    }
}

fn postgres(from: &TypeName, to: &TypeName) -> Result<(), String> {
    let rewrites = || {
        Err(
            "PostgreSQL writes the whole table anew, under a lock that keeps everybody out"
                .to_owned(),
        )
    };
    if !to.rest.is_empty() || !from.rest.is_empty() {
        return Err(format!(
            "`{}` is more than a type, and indexes on the column would be built anew under the lock",
            if to.rest.is_empty() {
                &from.rest
            } else {
                &to.rest
            }
        ));
    }
    if from.schema.is_some() || to.schema.is_some() || from.dimensions > 0 || to.dimensions > 0 {
        return rewrites();
    }
    let wider = |at| match (from.number(at), to.number(at)) {
        (_, None) => true,
        (Some(was), Some(is)) => is >= was,
        (None, Some(_)) => false,
    };
    let free = match (from.base.as_str(), to.base.as_str()) {
        ("character varying", "character varying") => wider(0),
        ("character varying", "text") | ("cidr", "inet") => true,
        ("text", "character varying") => to.arguments.is_empty(),
        ("numeric", "numeric") => {
            to.arguments.is_empty()
                || (wider(0) && from.number(1).unwrap_or(0) == to.number(1).unwrap_or(0))
        }
        ("bit varying", "bit varying") => wider(0),
        (was, is)
            if was == is
                && [
                    "timestamp with time zone",
                    "timestamp without time zone",
                    "time with time zone",
                    "time without time zone",
                    "interval",
                ]
                .contains(&was) =>
        {
            // Six digits are all there are: without a number it is the same.
            wider(0) || to.number(0) == Some(6)
        }
        _ => false,
    };
    if free { Ok(()) } else { rewrites() }
}

/// SQLite's five rules, in their order.
fn affinity(base: &str) -> &'static str {
    let has = |part| base.contains(part);
    if has("int") {
        "INTEGER"
    } else if has("char") || has("clob") || has("text") {
        "TEXT"
    } else if has("blob") || base.is_empty() {
        "BLOB"
    } else if has("real") || has("floa") || has("doub") {
        "REAL"
    } else {
        "NUMERIC"
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn free(engine: Engine, from: &str, to: &str) -> bool {
        let (from, to) = (read(engine, from).unwrap(), read(engine, to).unwrap());
        is_free(engine, &from, &to).is_ok()
    }

    #[test]
    fn on_mysql_a_longer_varchar_is_free() {
        for engine in [Engine::MySql, Engine::MariaDb] {
            assert!(free(engine, "varchar(20)", "varchar(60)"));
            assert!(free(engine, "varchar(300)", "varchar(3000)"));
            assert!(free(engine, "varchar(100)", "varchar(200)"));
            assert!(!free(engine, "varchar(20)", "varchar(300)"));
            assert!(!free(engine, "varchar(60)", "varchar(20)"));
            assert!(!free(engine, "int", "bigint"));
            assert!(!free(engine, "varchar(20)", "text"));
        }
    }

    #[test]
    fn free_on_postgresql_is_what_was_measured() {
        let pg = |from, to| free(Engine::PostgreSql, from, to);
        for (from, to) in [
            ("varchar(10)", "varchar(20)"),
            ("character varying(10)", "text"),
            ("varchar(10)", "varchar"),
            ("text", "varchar"),
            ("numeric(10,2)", "numeric(12,2)"),
            ("numeric(10,2)", "DECIMAL"),
            ("cidr", "inet"),
            ("timestamptz(3)", "timestamptz(6)"),
            ("timestamp(3) with time zone", "timestamptz"),
            ("time(3)", "time(6)"),
            ("interval(3)", "interval(6)"),
            ("varbit(8)", "varbit(16)"),
        ] {
            assert!(pg(from, to), "{from} -> {to}");
        }
        for (from, to) in [
            ("integer", "bigint"),
            ("varchar(10)", "varchar(5)"),
            ("text", "varchar(50)"),
            ("numeric(10,2)", "numeric(12,3)"),
            ("numeric(10,2)", "numeric(8,2)"),
            ("char(5)", "varchar(5)"),
            ("char(5)", "text"),
            ("json", "jsonb"),
            ("uuid", "text"),
            ("timestamptz(3)", "timestamptz(0)"),
            ("timestamp", "timestamptz"),
            ("integer[]", "bigint[]"),
            ("text", "text COLLATE \"C\""),
            ("numeric", "numeric(10,2)"),
            ("inet", "cidr"),
        ] {
            assert!(!pg(from, to), "{from} -> {to}");
        }
    }

    #[test]
    fn sqlite_leaves_values_alone_within_an_affinity() {
        let lite = |from, to| free(Engine::Sqlite, from, to);
        assert!(lite("VARCHAR(10)", "TEXT"));
        assert!(lite("INT", "BIGINT"));
        assert!(!lite("TEXT", "INTEGER"));
        assert!(!lite("INTEGER", "NUMERIC"));
    }
}
