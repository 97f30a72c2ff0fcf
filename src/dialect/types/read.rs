//! A type as it is written, taken apart.

use crate::dialect::expression;
use crate::dialect::lexer::{self, Kind, Token};
use crate::document::Engine;

/// A type, and what stands behind it in a column's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeName {
    /// Its schema, where one is written and it is not the engine's own.
    pub schema: Option<String>,
    /// In lower case, in the engine's long spelling where there are several:
    /// `character varying`, `timestamp with time zone`.
    pub base: String,
    /// What stands in parentheses: `10`, `2`.
    pub arguments: Vec<String>,
    /// `[]`, as often as it is written.
    pub dimensions: usize,
    /// The words behind it: `COLLATE "C"`, `GENERATED ALWAYS AS IDENTITY`.
    pub rest: String,
}

impl TypeName {
    /// `billing.state`, `text`.
    pub fn full_name(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.base),
            None => self.base.clone(),
        }
    }

    /// The number at that place in its parentheses.
    pub fn number(&self, at: usize) -> Option<i64> {
        self.arguments.get(at)?.parse().ok()
    }
}

/// Words that belong to the name of the type that they follow.
const FOLLOWS: &[(&str, &str)] = &[
    ("double", "precision"),
    ("character", "varying"),
    ("char", "varying"),
    ("national", "character"),
    ("national", "char"),
    ("national", "varchar"),
    ("nchar", "varying"),
    ("bit", "varying"),
    ("long", "varchar"),
    ("long", "varbinary"),
    ("long", "text"),
];

/// Spellings that are one type to PostgreSQL.
const ALIASES: &[(&str, &str)] = &[
    ("int8", "bigint"),
    ("serial8", "bigserial"),
    ("varbit", "bit varying"),
    ("bool", "boolean"),
    ("char", "character"),
    ("nchar", "character"),
    ("national character", "character"),
    ("national char", "character"),
    ("char varying", "character varying"),
    ("nchar varying", "character varying"),
    ("national character varying", "character varying"),
    ("national varchar", "character varying"),
    ("varchar", "character varying"),
    ("float8", "double precision"),
    ("float", "double precision"),
    ("int", "integer"),
    ("int4", "integer"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("float4", "real"),
    ("int2", "smallint"),
    ("serial2", "smallserial"),
    ("serial4", "serial"),
    ("time", "time without time zone"),
    ("timetz", "time with time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timestamptz", "timestamp with time zone"),
];

/// Takes a type apart; `None` where the text does not begin with a name. SQLite's columns may have
/// none at all.
pub fn read(engine: Engine, text: &str) -> Option<TypeName> {
    let tokens = lexer::significant(engine, text).ok()?;
    if tokens.is_empty() && engine == Engine::Sqlite {
        return Some(TypeName {
            schema: None,
            base: String::new(),
            arguments: Vec::new(),
            dimensions: 0,
            rest: String::new(),
        });
    }
    let mut rest = tokens.as_slice();
    let (schema, mut base) = name(engine, &mut rest)?;
    while let [next, ..] = rest {
        let word = next.text.to_lowercase();
        let follows = FOLLOWS
            .iter()
            .any(|(first, second)| base == *first && word == *second);
        if !follows && (base != "national character" || word != "varying") {
            break;
        }
        base = format!("{base} {word}");
        rest = &rest[1..];
    }
    let arguments = in_parentheses(text, &mut rest);
    let mut zone = |base: &mut String, words: &[&str], long: &str| {
        let come = rest.len() >= words.len() && words.iter().zip(rest).all(|(w, t)| t.is(w));
        if come && matches!(base.as_str(), "time" | "timestamp") {
            *base = format!("{base} {long}");
            rest = &rest[words.len()..];
        }
    };
    zone(&mut base, &["with", "time", "zone"], "with time zone");
    zone(&mut base, &["without", "time", "zone"], "without time zone");
    if base == "interval" {
        // `year to month` narrows what is kept, and is no other type.
        while rest.first().is_some_and(|t| {
            ["year", "month", "day", "hour", "minute", "second", "to"]
                .iter()
                .any(|w| t.is(w))
        }) {
            rest = &rest[1..];
        }
    }
    let dimensions = dimensions(&mut rest);
    if engine == Engine::PostgreSql
        && schema.is_none()
        && let Some((_, long)) = ALIASES.iter().find(|(short, _)| base == *short)
    {
        base = (*long).to_owned();
    }
    Some(TypeName {
        schema,
        base,
        arguments,
        dimensions,
        rest: expression::span(text, rest).to_owned(),
    })
}

/// The name, perhaps with its schema; those of the engine's own are left out.
fn name<'a>(engine: Engine, rest: &mut &[Token<'a>]) -> Option<(Option<String>, String)> {
    let own = |token: &Token<'_>| match token.kind {
        Kind::Word => Some(token.text.to_lowercase()),
        Kind::QuotedName => token.name(engine),
        Kind::Space
        | Kind::Comment
        | Kind::Text
        | Kind::Number
        | Kind::Parameter
        | Kind::Symbol => None,
    };
    let (first, after) = rest.split_first()?;
    let first_name = own(first)?;
    *rest = after;
    if let [dot, second, after @ ..] = *rest
        && dot.is_symbol(".")
    {
        let second = own(second)?;
        *rest = after;
        let schema = Some(first_name).filter(|s| s != "pg_catalog" && s != "public");
        return Some((schema, second));
    }
    // The one type that is not what its bare word is.
    let base = if first.kind == Kind::QuotedName && first_name == "char" {
        "\"char\"".to_owned()
    } else {
        first_name
    };
    Some((None, base))
}

fn in_parentheses(text: &str, rest: &mut &[Token<'_>]) -> Vec<String> {
    if !rest.first().is_some_and(|t| t.is_symbol("(")) {
        return Vec::new();
    }
    let mut depth = 0;
    let Some(close) = rest.iter().position(|t| {
        depth += expression::nesting(t);
        depth == 0
    }) else {
        return Vec::new();
    };
    let arguments = expression::at_commas(&rest[1..close])
        .into_iter()
        .map(|part| expression::span(text, part).to_owned())
        .collect();
    *rest = &rest[close + 1..];
    arguments
}

fn dimensions(rest: &mut &[Token<'_>]) -> usize {
    let mut count = 0;
    if rest.first().is_some_and(|t| t.is("array")) {
        count = 1;
        *rest = &rest[1..];
    }
    loop {
        match *rest {
            [open, close, after @ ..] if open.is_symbol("[") && close.is_symbol("]") => {
                *rest = after;
            }
            [open, size, close, after @ ..]
                if open.is_symbol("[") && size.kind == Kind::Number && close.is_symbol("]") =>
            {
                *rest = after;
            }
            // SQLite's lexer takes brackets for quotes around a name.
            [name, after @ ..] if name.kind == Kind::QuotedName && name.text.starts_with('[') => {
                *rest = after;
            }
            _ => return count,
        }
        count += 1;
    }
}
