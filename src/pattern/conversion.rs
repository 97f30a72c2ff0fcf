//! Conversions that give NULL for what does not convert, instead of failing.
//!
//! The triggers that keep two types in step run in the applications' own statements: a cast that
//! fails there fails their write. On PostgreSQL a function with a handler does it, on every version
//! alike: `pg_input_is_valid` is there from 16 only and knows texts but no expression, and a
//! pattern over digits lets 99999999999 through, which no integer holds. SQLite's casts never fail,
//! they make 12 of '12 o''clock': there a condition stands before the cast.

mod family;

use crate::dialect::quote;
use crate::document::Engine;
use crate::operation::Operation;
use crate::schema::TableName;

use super::form::custom;

/// A conversion of a column, and what it needs.
pub(super) struct Safe {
    /// The expression.
    pub sql: String,
    /// PostgreSQL: what makes its function.
    pub make: Option<String>,
    /// What drops it.
    pub drop: Option<String>,
}

impl Safe {
    /// An expression that needs nothing.
    pub(super) fn plain(sql: String) -> Self {
        Self {
            sql,
            make: None,
            drop: None,
        }
    }
}

/// What makes the functions of conversions, and back.
pub(super) fn make(conversions: &[&Safe]) -> Option<Operation> {
    let of = |part: fn(&Safe) -> Option<&String>| -> Vec<String> {
        conversions
            .iter()
            .filter_map(|c| part(c))
            .cloned()
            .collect()
    };
    let (make, drop) = (of(|c| c.make.as_ref()), of(|c| c.drop.as_ref()));
    (!make.is_empty()).then(|| custom(make.join(";\n"), drop.join(";\n")))
}

/// What drops them, and back.
pub(super) fn unmake(conversions: &[&Safe]) -> Option<Operation> {
    let of = |part: fn(&Safe) -> Option<&String>| -> Vec<String> {
        conversions
            .iter()
            .filter_map(|c| part(c))
            .cloned()
            .collect()
    };
    let (make, drop) = (of(|c| c.make.as_ref()), of(|c| c.drop.as_ref()));
    (!drop.is_empty()).then(|| custom(drop.join(";\n"), make.join(";\n")))
}

/// PostgreSQL: a function of the columns that the expression reads, `(name, type)` each, that
/// gives NULL where it fails, or where the type would cut or round what it gets.
pub(super) fn function(
    table: &TableName,
    name: &str,
    columns: &[(String, String)],
    expression: Option<&str>,
    to: &str,
) -> Safe {
    let function = quote::within(Engine::PostgreSql, table, name);
    let parameters: Vec<String> = columns
        .iter()
        .map(|(column, data_type)| {
            format!("{} {data_type}", quote::name(Engine::PostgreSql, column))
        })
        .collect();
    let types: Vec<&str> = columns
        .iter()
        .map(|(_, data_type)| data_type.as_str())
        .collect();
    let names: Vec<String> = columns
        .iter()
        .map(|(column, _)| quote::name(Engine::PostgreSql, column))
        .collect();
    let source = columns.first().map_or("", |(_, data_type)| data_type);
    let value = names.first().map_or("NULL", String::as_str);
    // An assignment, unlike a cast, does not cut a text; numbers it rounds.
    let lossless = match expression {
        Some(_) => String::new(),
        None if is_text(source) && is_number(to) => format!(
            "  IF converted::numeric <> {value}::text::numeric THEN\n    RETURN NULL;\n  END IF;\n"
        ),
        None if is_text(source) || is_text(to) => String::new(),
        None => format!(
            "  IF converted::{source} IS DISTINCT FROM {value} THEN\n    RETURN NULL;\n  END IF;\n"
        ),
    };
    let body = format!(
        "\n#variable_conflict use_variable\nDECLARE\n  converted {to};\nBEGIN\n  converted := {};\n{lossless}  RETURN converted;\nEXCEPTION WHEN OTHERS THEN\n  RETURN NULL;\nEND\n",
        expression.unwrap_or(value)
    );
    let fence = fence(&body);
    Safe {
        sql: format!("{function}({})", names.join(", ")),
        make: Some(format!(
            "CREATE FUNCTION {function}({}) RETURNS {to}\nLANGUAGE plpgsql STABLE AS {fence}{body}{fence}",
            parameters.join(", ")
        )),
        drop: Some(format!("DROP FUNCTION {function}({})", types.join(", "))),
    }
}

/// A dollar quote that the body does not hold.
fn fence(body: &str) -> String {
    let mut fence = "$convert$".to_owned();
    while body.contains(&fence) {
        fence.insert(1, 'x');
    }
    fence
}

/// SQLite: the cast behind a condition that holds for what converts. `None` for a type whose cast
/// has nothing to do with its name: CAST('2024-05-01' AS DATE) is 2024.
pub(super) fn sqlite(column: &str, to: &str) -> Option<String> {
    let (c, upper) = (quote::name(Engine::Sqlite, column), to.to_uppercase());
    let has = |words: &[&str]| words.iter().any(|w| upper.contains(w));
    if has(&["INT"]) {
        let digits = format!("ltrim(trim({c}), '+-0')");
        // A number too long becomes the greatest one there is, two signs become 0.
        let same = format!("ltrim(CAST(trim({c}) AS INTEGER), '-') = {digits}");
        return Some(format!(
            "CASE typeof({c}) WHEN 'integer' THEN {c} WHEN 'real' THEN CASE WHEN CAST({c} AS INTEGER) = {c} THEN CAST({c} AS INTEGER) END WHEN 'text' THEN CASE WHEN {digits} NOT GLOB '*[^0-9]*' AND ({same} OR trim({c}) GLOB '0*' AND {digits} = '') THEN CAST(trim({c}) AS INTEGER) END END"
        ));
    }
    if has(&["CHAR", "CLOB", "TEXT", "BLOB"]) {
        return Some(format!("CAST({c} AS {to})"));
    }
    if has(&["REAL", "FLOA", "DOUB", "NUMERIC", "DECIMAL"]) {
        return Some(format!(
            "CASE WHEN typeof({c}) IN ('integer', 'real') THEN CAST({c} AS {to}) WHEN typeof({c}) = 'text' AND json_valid(trim({c})) THEN CASE WHEN json_type(trim({c})) IN ('integer', 'real') THEN CAST(trim({c}) AS {to}) END END"
        ));
    }
    None
}

/// Whether every value of the one type is one of the other, as PostgreSQL casts.
pub(super) fn never_fails(from: &str, to: &str) -> bool {
    const WIDER: &[&[&str]] = &[
        &["smallint", "integer", "bigint", "numeric"],
        &["real", "double precision"],
        &["date", "timestamp without time zone"],
    ];
    let (from, to) = (plain(from), plain(to));
    let wider = WIDER.iter().any(|line| {
        let at = |name: &str| line.iter().position(|t| *t == name);
        matches!((at(&from), at(&to)), (Some(from), Some(to)) if from <= to)
    });
    wider || from == to || to == "text" || to == "character varying"
}

/// A type under the catalogue's name.
fn plain(data_type: &str) -> String {
    let lower = data_type.trim().to_lowercase();
    let (name, length) = match lower.split_once('(') {
        Some((name, length)) => (name.trim(), format!("({length}")),
        None => (lower.as_str(), String::new()),
    };
    let name = match name {
        "int2" => "smallint",
        "int" | "int4" => "integer",
        "int8" => "bigint",
        "decimal" => "numeric",
        "float4" => "real",
        "float8" => "double precision",
        "varchar" => "character varying",
        "char" => "character",
        "timestamp" => "timestamp without time zone",
        "timestamptz" => "timestamp with time zone",
        "bool" => "boolean",
        other => other,
    };
    format!("{name}{length}")
}

fn is_text(data_type: &str) -> bool {
    let data_type = plain(data_type);
    ["character", "text", "citext", "name"]
        .iter()
        .any(|t| data_type.starts_with(t))
}

fn is_number(data_type: &str) -> bool {
    let data_type = plain(data_type);
    ["smallint", "integer", "bigint", "numeric"]
        .iter()
        .any(|t| data_type.starts_with(t))
}

/// The cast from one type to another, for an engine whose cast is safe between them.
pub(super) fn cast(engine: Engine, column: &str, to: &str) -> Option<String> {
    match engine {
        Engine::PostgreSql => Some(format!("CAST({} AS {to})", quote::name(engine, column))),
        Engine::MySql | Engine::MariaDb => family::cast(engine, column, to),
        Engine::Sqlite => sqlite(column, to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wider_types_hold_every_value() {
        for (from, to) in [
            ("integer", "bigint"),
            ("INT", "NUMERIC"),
            ("varchar(10)", "text"),
            ("date", "timestamp"),
            ("numeric(10,2)", "DECIMAL(10,2)"),
        ] {
            assert!(never_fails(from, to), "{from} to {to}");
        }
        for (from, to) in [
            ("bigint", "integer"),
            ("text", "varchar(10)"),
            ("integer", "varchar(10)"),
            ("integer", "numeric(4,2)"),
            ("timestamptz", "timestamp"),
            ("character varying(10)", "integer"),
        ] {
            assert!(!never_fails(from, to), "{from} to {to}");
        }
    }

    #[test]
    fn sqlite_does_not_guess_at_dates() {
        assert_eq!(sqlite("born", "DATE"), None);
        assert_eq!(
            sqlite("a b", "TEXT").as_deref(),
            Some("CAST(\"a b\" AS TEXT)")
        );
    }

    #[test]
    fn a_body_does_not_end_its_own_quote() {
        let safe = function(
            &TableName::parse("s.t"),
            "f",
            &[("a".into(), "text".into())],
            Some("$convert$1$convert$::int"),
            "integer",
        );
        let make = safe.make.unwrap();
        assert!(make.contains("AS $xconvert$"), "{make}");
        assert_eq!(safe.drop.as_deref(), Some("DROP FUNCTION s.f(text)"));
    }
}
