//! The body of a constraint as a person wrote it: `UNIQUE (a)`, `FOREIGN KEY (a) REFERENCES t (b)`.

use super::expression::{self, nesting, span};
use super::lexer::{self, Token};
use crate::document::Engine;
use crate::schema::TableName;

/// What a constraint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// CHECK.
    Check,
    /// UNIQUE.
    Unique,
    /// PRIMARY KEY.
    PrimaryKey,
    /// FOREIGN KEY.
    ForeignKey,
    /// EXCLUDE.
    Exclude,
}

/// A constraint's body, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// What it is.
    pub kind: Kind,
    /// The body without a name before it.
    pub sql: String,
    /// The columns in its first parentheses; those of a check are not told.
    pub columns: Vec<String>,
    /// For a foreign key: the table pointed to.
    pub references: Option<TableName>,
    /// Its columns, where they are written.
    pub ref_columns: Vec<String>,
    /// For a key: what its index says behind the columns (`INCLUDE (b) NULLS NOT DISTINCT`).
    pub index: String,
    /// For a key: what the constraint says behind its index (`DEFERRABLE`).
    pub tail: String,
}

/// Reads a body; one that begins with `CONSTRAINT name` must have that name.
///
/// # Errors
/// What is the matter, and what to write.
pub fn read(engine: Engine, name: &str, sql: &str) -> Result<Body, String> {
    if let Some(problem) = expression::expression_problem(engine, sql) {
        return Err(problem);
    }
    let tokens = lexer::significant(engine, sql).map_err(|e| e.to_string())?;
    let mut rest = tokens.as_slice();
    if let [word, own, after @ ..] = rest
        && word.is("constraint")
    {
        if !own.names(engine, name) {
            return Err(format!(
                "it names the constraint {}, and constraintName says {name}; leave the name out here",
                own.text
            ));
        }
        rest = after;
    }
    if rest
        .windows(2)
        .any(|pair| pair[0].is("not") && pair[1].is("valid"))
    {
        return Err(
            "leave NOT VALID out: the constraint is added NOT VALID and its rows are checked afterwards, without holding anybody up"
                .to_owned(),
        );
    }
    let whole = span(sql, rest).to_owned();
    let (kind, after) = kind(rest).ok_or_else(|| {
        "it begins with CHECK (...), UNIQUE (...), PRIMARY KEY (...), FOREIGN KEY (...) REFERENCES ... or EXCLUDE ..."
            .to_owned()
    })?;
    let mut body = Body {
        kind,
        sql: whole,
        columns: Vec::new(),
        references: None,
        ref_columns: Vec::new(),
        index: String::new(),
        tail: String::new(),
    };
    match kind {
        Kind::Check | Kind::Exclude => {}
        Kind::Unique | Kind::PrimaryKey => key(engine, sql, after, &mut body)?,
        Kind::ForeignKey => foreign_key(engine, after, &mut body)?,
    }
    Ok(body)
}

fn kind<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<(Kind, &'t [Token<'a>])> {
    match tokens {
        [a, rest @ ..] if a.is("check") && rest.first().is_some_and(|t| t.is_symbol("(")) => {
            Some((Kind::Check, rest))
        }
        [a, rest @ ..] if a.is("unique") => Some((Kind::Unique, rest)),
        [a, b, rest @ ..] if a.is("primary") && b.is("key") => Some((Kind::PrimaryKey, rest)),
        [a, b, rest @ ..] if a.is("foreign") && b.is("key") => Some((Kind::ForeignKey, rest)),
        [a, rest @ ..] if a.is("exclude") => Some((Kind::Exclude, rest)),
        _ => None,
    }
}

/// Names in parentheses, and what comes after them.
fn names<'t, 'a>(
    engine: Engine,
    tokens: &'t [Token<'a>],
) -> Result<(Vec<String>, &'t [Token<'a>]), String> {
    let wrong = || "columns stand in parentheses: (a, b)".to_owned();
    if !tokens.first().is_some_and(|t| t.is_symbol("(")) {
        return Err(wrong());
    }
    let mut depth = 0;
    let close = tokens
        .iter()
        .position(|t| {
            depth += nesting(t);
            depth == 0
        })
        .ok_or_else(wrong)?;
    let columns: Option<Vec<String>> = expression::at_commas(&tokens[1..close])
        .into_iter()
        .map(|part| match part {
            [one] => one.name(engine),
            _ => None,
        })
        .collect();
    let columns = columns.filter(|list| !list.is_empty()).ok_or_else(wrong)?;
    Ok((columns, &tokens[close + 1..]))
}

fn key(engine: Engine, sql: &str, tokens: &[Token<'_>], body: &mut Body) -> Result<(), String> {
    let mut rest = tokens;
    let mut nulls = "";
    if rest.first().is_some_and(|t| t.is("nulls")) {
        let distinct = rest
            .iter()
            .position(|t| t.is("distinct"))
            .ok_or("NULLS is followed by NOT DISTINCT")?;
        nulls = span(sql, &rest[..=distinct]);
        rest = &rest[distinct + 1..];
    }
    if rest.first().is_some_and(|t| t.is("using")) {
        return Err(
            "name the columns, not an index: the index is built on them, without holding up writers"
                .to_owned(),
        );
    }
    let (columns, rest) = names(engine, rest)?;
    body.columns = columns;
    let starts_tail = |t: &Token<'_>| ["deferrable", "initially", "not"].iter().any(|w| t.is(w));
    let cut = rest.iter().position(starts_tail).unwrap_or(rest.len());
    let parts = [span(sql, &rest[..cut]), nulls];
    body.index = parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    body.tail = span(sql, &rest[cut..]).to_owned();
    Ok(())
}

fn foreign_key(engine: Engine, tokens: &[Token<'_>], body: &mut Body) -> Result<(), String> {
    let (columns, rest) = names(engine, tokens)?;
    body.columns = columns;
    let wrong = || "a foreign key says REFERENCES and a table".to_owned();
    let [word, first, rest @ ..] = rest else {
        return Err(wrong());
    };
    if !word.is("references") {
        return Err(wrong());
    }
    let first = first.name(engine).ok_or_else(wrong)?;
    let (target, rest) = match rest {
        [dot, second, rest @ ..] if dot.is_symbol(".") => {
            let schema = Some(first).filter(|s| s != "public" && s != "main");
            let name = second.name(engine).ok_or_else(wrong)?;
            (TableName { schema, name }, rest)
        }
        rest => (
            TableName {
                schema: None,
                name: first,
            },
            rest,
        ),
    };
    body.references = Some(target);
    if rest.first().is_some_and(|t| t.is_symbol("(")) {
        let (columns, _) = names(engine, rest)?;
        if columns.len() != body.columns.len() {
            return Err("a foreign key points with as many columns as it points to".to_owned());
        }
        body.ref_columns = columns;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pg(sql: &str) -> Body {
        read(Engine::PostgreSql, "c", sql).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    fn wrong(sql: &str) -> String {
        read(Engine::PostgreSql, "c", sql).unwrap_err()
    }

    #[test]
    fn bodies_are_told_apart() {
        assert_eq!(pg("check (a > 0)").kind, Kind::Check);
        assert_eq!(pg("CONSTRAINT c CHECK (a > 0)").sql, "CHECK (a > 0)");
        assert_eq!(pg("EXCLUDE USING gist (a WITH &&)").kind, Kind::Exclude);
        let key = pg("UNIQUE NULLS NOT DISTINCT (a, \"B\") INCLUDE (d) NOT DEFERRABLE");
        assert_eq!(key.columns, ["a", "B"]);
        assert_eq!(key.index, "INCLUDE (d) NULLS NOT DISTINCT");
        assert_eq!(key.tail, "NOT DEFERRABLE");
        let key = pg("FOREIGN KEY (user_id) REFERENCES billing.users(id) ON DELETE CASCADE");
        assert_eq!(key.references, Some(TableName::parse("billing.users")));
        assert_eq!(key.ref_columns, ["id"]);
        assert_eq!(pg("PRIMARY KEY (a)").kind, Kind::PrimaryKey);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(wrong("a > 0").contains("begins with CHECK"));
        assert!(wrong("CHECK (a > 0) NOT VALID").contains("NOT VALID"));
        assert!(wrong("CONSTRAINT d CHECK (a > 0)").contains("constraintName says c"));
        assert!(wrong("UNIQUE USING INDEX i").contains("name the columns"));
        assert!(wrong("UNIQUE (lower(a))").contains("parentheses"));
        assert!(wrong("FOREIGN KEY (a)").contains("REFERENCES"));
        assert!(wrong("FOREIGN KEY (a) REFERENCES t (b, c)").contains("as many"));
        assert!(wrong("CHECK (a > 0); DROP TABLE t").contains("semicolon"));
    }
}
