//! Reads what people write as expressions: SET lists, conversions, defaults, checks.

use super::lexer::{self, Kind, Token, Unclosed};
use crate::document::{Engine, Expect};
use crate::schema::TableName;

/// One assignment of a SET list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// As the catalogue spells it.
    pub column: String,
    /// What it is set to.
    pub expression: String,
}

/// A SET list that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// Something in it is not closed.
    #[error(transparent)]
    Unclosed(#[from] Unclosed),
    /// A part of it is no assignment.
    #[error("`{0}` is not of the form `column = expression`")]
    NotAnAssignment(String),
    /// It says nothing.
    #[error("the SET list is empty")]
    Empty,
}

/// Cuts tokens at the commas that stand outside of all parentheses.
pub fn at_commas<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut depth = 0_i32;
    tokens
        .split(|t| {
            depth += nesting(t);
            depth == 0 && t.is_symbol(",")
        })
        .collect()
}

/// +1 for an opening bracket, -1 for a closing one.
pub fn nesting(token: &Token<'_>) -> i32 {
    if token.is_symbol("(") || token.is_symbol("[") {
        1
    } else if token.is_symbol(")") || token.is_symbol("]") {
        -1
    } else {
        0
    }
}

/// The text that those tokens span.
pub fn span<'a>(sql: &'a str, tokens: &[Token<'a>]) -> &'a str {
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => &sql[first.start..last.end()],
        (None, _) | (_, None) => "",
    }
}

/// Reads a SET list.
pub fn assignments(engine: Engine, sql: &str) -> Result<Vec<Assignment>, SetError> {
    let tokens = lexer::significant(engine, sql)?;
    if tokens.is_empty() {
        return Err(SetError::Empty);
    }
    at_commas(&tokens)
        .into_iter()
        .map(|part| {
            let wrong = || SetError::NotAnAssignment(span(sql, part).to_owned());
            let equals = part
                .iter()
                .position(|t| t.is_symbol("="))
                .ok_or_else(wrong)?;
            let expression = span(sql, &part[equals + 1..]);
            let column = match &part[..equals] {
                [column] => column.name(engine),
                [_, dot, column] if dot.is_symbol(".") => column.name(engine),
                _ => None,
            };
            match column {
                Some(column) if !expression.is_empty() => Ok(Assignment {
                    column,
                    expression: expression.to_owned(),
                }),
                Some(_) | None => Err(wrong()),
            }
        })
        .collect()
}

/// Why a text cannot stand where one expression must: it would end the statement around it.
pub fn expression_problem(engine: Engine, sql: &str) -> Option<String> {
    let tokens = match lexer::tokens(engine, sql) {
        Ok(tokens) => tokens,
        Err(unclosed) => return Some(unclosed.to_string()),
    };
    let open_ended = |t: &&Token<'_>| {
        t.kind == Kind::Comment && (t.text.starts_with("--") || !t.text.ends_with("*/"))
    };
    if let Some(comment) = tokens.iter().find(open_ended) {
        return Some(format!(
            "the comment `{}` would swallow what comes after the expression; write it as /* ... */",
            comment.text
        ));
    }
    let tokens: Vec<Token<'_>> = tokens.into_iter().filter(Token::counts).collect();
    if tokens.is_empty() {
        return Some("the expression is empty".to_owned());
    }
    if tokens.iter().any(|t| t.is_symbol(";")) {
        return Some("an expression cannot hold a semicolon".to_owned());
    }
    let mut depth = 0;
    for token in &tokens {
        depth += nesting(token);
        if depth < 0 {
            break;
        }
    }
    (depth != 0).then(|| "its parentheses do not match".to_owned())
}

/// Whether the name at that place is one of a function that is called. What MySQL and MariaDB print
/// of a key that is the beginning of a column, `email`(10), is none.
pub fn calls(engine: Engine, tokens: &[Token<'_>], at: usize) -> bool {
    let next = |n: usize| tokens.get(at + n);
    let beginning = engine.is_mysql_family()
        && tokens[at].kind == Kind::QuotedName
        && next(2).is_some_and(|t| t.kind == Kind::Number)
        && next(3).is_some_and(|t| t.is_symbol(")"));
    next(1).is_some_and(|t| t.is_symbol("(")) && !beginning
}

/// Whether the expression names that column, as far as the text tells: a word before a
/// parenthesis is a function.
pub fn mentions(engine: Engine, sql: &str, column: &str) -> bool {
    let Ok(tokens) = lexer::significant(engine, sql) else {
        return false;
    };
    tokens.iter().enumerate().any(|(i, token)| {
        token.names(engine, column)
            && !calls(engine, &tokens, i)
            && !(i >= 2 && tokens[i - 1].is_symbol(":") && tokens[i - 2].is_symbol(":"))
    })
}

/// Whether the text names that column behind the first such word.
pub fn mentions_after(engine: Engine, sql: &str, word: &str, column: &str) -> bool {
    lexer::significant(engine, sql)
        .unwrap_or_default()
        .iter()
        .find(|t| t.is(word))
        .is_some_and(|t| mentions(engine, &sql[t.end()..], column))
}

/// The names that the expression may read as columns: words and quoted names that call no
/// function, are no keyword and follow no cast.
pub fn names(engine: Engine, sql: &str) -> Vec<String> {
    let Ok(tokens) = lexer::significant(engine, sql) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let follows = tokens.get(i + 1);
        let qualifies = follows.is_some_and(|t| t.is_symbol("."));
        let calls = calls(engine, &tokens, i);
        let cast = (i >= 2 && tokens[i - 1].is_symbol(":") && tokens[i - 2].is_symbol(":"))
            || (i >= 1 && tokens[i - 1].is("as"));
        let keyword = token.kind == Kind::Word && super::quote::is_reserved(token.text);
        if calls || qualifies || cast || keyword {
            continue;
        }
        out.extend(token.name(engine));
    }
    out
}

/// The expression with every mention of the column (`column`, `table.column`) replaced.
pub fn substitute(
    engine: Engine,
    sql: &str,
    table: &TableName,
    column: &str,
    replacement: &str,
) -> String {
    // What cannot be cut into tokens was refused before.
    let Ok(tokens) = lexer::tokens(engine, sql) else {
        return sql.to_owned();
    };
    let mut out = String::new();
    let mut i = 0;
    while i < tokens.len() {
        let qualified = tokens[i].names(engine, &table.name)
            && tokens.get(i + 1).is_some_and(|t| t.is_symbol("."))
            && tokens.get(i + 2).is_some_and(|t| t.names(engine, column));
        let calls = calls(engine, &tokens, i);
        if qualified {
            out.push_str(replacement);
            i += 3;
        } else if tokens[i].names(engine, column) && !calls {
            out.push_str(replacement);
            i += 1;
        } else {
            out.push_str(tokens[i].text);
            i += 1;
        }
    }
    out
}

/// How a default behaves from row to row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volatility {
    /// One value for ever: literals, casts, operators.
    Constant,
    /// One value for all rows of a statement: `now()`.
    Stable,
    /// Another one for each row, or not to be known.
    Volatile,
}

/// Functions that give one value within a statement.
const STABLE: &[&str] = &[
    "now",
    "statement_timestamp",
    "transaction_timestamp",
    "date_trunc",
    "lower",
    "upper",
    "coalesce",
    "to_char",
    "to_date",
    "to_timestamp",
    "md5",
    "concat",
    "jsonb_build_object",
    "jsonb_build_array",
    "json_build_object",
    "json_build_array",
    "timezone",
    "make_date",
    "make_timestamp",
    "make_interval",
    "current_setting",
    "current_schema",
    "nullif",
    "greatest",
    "least",
    "length",
    "trim",
    "btrim",
    "replace",
    "substr",
    "substring",
    "round",
    "abs",
    "cast",
    "array",
    "row",
    "extract",
    "date_part",
    "interval",
    "timestamp",
    "timestamptz",
    "date",
    "time",
    "numeric",
    "decimal",
    "varchar",
    "char",
    "character",
    "varying",
    "bit",
    "in",
    "and",
    "or",
    "not",
];

/// Words that are values of the moment.
const MOMENTS: &[&str] = &[
    "current_timestamp",
    "current_date",
    "current_time",
    "localtime",
    "localtimestamp",
    "current_user",
    "session_user",
    "current_role",
    "user",
    "current_catalog",
];

/// How a default behaves. A function that is not known counts as volatile.
pub fn volatility(engine: Engine, sql: &str) -> Volatility {
    let Ok(tokens) = lexer::significant(engine, sql) else {
        return Volatility::Volatile;
    };
    let mut found = Volatility::Constant;
    for (i, token) in tokens.iter().enumerate() {
        let lower = token.text.to_lowercase();
        let cast = i >= 2 && tokens[i - 1].is_symbol(":") && tokens[i - 2].is_symbol(":");
        if token.kind == Kind::Word && MOMENTS.contains(&lower.as_str()) {
            found = Volatility::Stable;
        }
        let named = token.kind == Kind::Word || token.kind == Kind::QuotedName;
        let calls = named && tokens.get(i + 1).is_some_and(|t| t.is_symbol("("));
        if calls && !cast {
            if !STABLE.contains(&lower.as_str()) && !MOMENTS.contains(&lower.as_str()) {
                return Volatility::Volatile;
            }
            found = Volatility::Stable;
        }
    }
    found
}

/// Whether SQLite takes the expression after DEFAULT without parentheses.
pub fn is_plain_literal(engine: Engine, sql: &str) -> bool {
    let Ok(tokens) = lexer::significant(engine, sql) else {
        return false;
    };
    match tokens.as_slice() {
        [one] => {
            matches!(one.kind, Kind::Text | Kind::Number)
                || ["null", "true", "false"].iter().any(|w| one.is(w))
                || MOMENTS.iter().any(|w| one.is(w))
        }
        [sign, number] => {
            (sign.is_symbol("-") || sign.is_symbol("+")) && number.kind == Kind::Number
        }
        _ => false,
    }
}

/// What the value of `SELECT <expression> ...` is by its outer form, for engines whose truths are
/// integers. `None` where the form leaves it open.
pub fn outer_form(engine: Engine, sql: &str) -> Option<Expect> {
    let tokens = lexer::significant(engine, sql).ok()?;
    form_of_query(&tokens)
}

fn form_of_query(tokens: &[Token<'_>]) -> Option<Expect> {
    let mut depth = 0;
    let select = tokens.iter().position(|t| {
        depth += nesting(t);
        depth == 0 && t.is("select")
    })?;
    let item = &tokens[select + 1..];
    let mut depth = 0;
    let end = item.iter().position(|t| {
        depth += nesting(t);
        depth == 0
            && [
                "from", "where", "limit", "union", "group", "having", "order",
            ]
            .iter()
            .any(|w| t.is(w))
    });
    form_of_expression(&item[..end.unwrap_or(item.len())])
}

/// Operators and predicates whose result is a truth.
const TRUTHS: &[&str] = &[
    "is", "in", "like", "glob", "between", "and", "or", "isnull", "notnull", "match", "regexp",
    "not", "exists",
];

fn form_of_expression(tokens: &[Token<'_>]) -> Option<Expect> {
    // Once CASE stands outside, its branches decide, and comparisons may be its conditions.
    let mut depth = 0;
    let mut truth = false;
    for token in tokens {
        depth += nesting(token);
        if depth != 0 {
            continue;
        }
        if token.is("case") {
            return None;
        }
        truth |= TRUTHS.iter().any(|w| token.is(w))
            || ["=", "<", ">", "!"].iter().any(|s| token.is_symbol(s));
    }
    if truth {
        return Some(Expect::True);
    }
    match tokens {
        [open, inner @ .., close] if open.is_symbol("(") && close.is_symbol(")") => {
            if inner
                .first()
                .is_some_and(|t| t.is("select") || t.is("with"))
            {
                form_of_query(inner)
            } else {
                form_of_expression(inner)
            }
        }
        [function, open, ..]
            if open.is_symbol("(") && ["count", "sum", "total"].iter().any(|w| function.is(w)) =>
        {
            Some(Expect::Zero)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_lists_split_at_their_own_commas() {
        let list = assignments(
            Engine::PostgreSql,
            "a = coalesce(b, ','), \"C d\" = (SELECT 1), users.e = f = 2",
        )
        .unwrap();
        let pairs: Vec<(&str, &str)> = list
            .iter()
            .map(|a| (a.column.as_str(), a.expression.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("a", "coalesce(b, ',')"),
                ("C d", "(SELECT 1)"),
                ("e", "f = 2")
            ]
        );
        assert_eq!(
            assignments(Engine::PostgreSql, "(a, b) = (1, 2)"),
            Err(SetError::NotAnAssignment("(a, b) = (1, 2)".into()))
        );
        assert_eq!(assignments(Engine::Sqlite, " -- x"), Err(SetError::Empty));
        assert!(assignments(Engine::Sqlite, "a = ").is_err());
    }

    #[test]
    fn conversions_are_carried_over_to_a_default() {
        let table = TableName::parse("users");
        assert_eq!(
            substitute(
                Engine::PostgreSql,
                "upper(name) || users.\"name\" || 'name' || name(1)",
                &table,
                "name",
                "('x')"
            ),
            "upper(('x')) || ('x') || 'name' || name(1)"
        );
    }

    #[test]
    fn the_columns_that_an_expression_reads() {
        let read = |sql| names(Engine::PostgreSql, sql);
        assert_eq!(
            read("coalesce(first, '') || ' ' || t.\"Last Name\"::varchar(20)"),
            ["first", "Last Name"]
        );
        assert_eq!(
            read("CASE WHEN a IS NULL THEN NULL ELSE cast(b AS text) END"),
            ["a", "b"]
        );
    }

    #[test]
    fn functions_that_are_not_known_count_as_volatile() {
        let pg = |sql| volatility(Engine::PostgreSql, sql);
        assert_eq!(pg("'x'::varchar(10)"), Volatility::Constant);
        assert_eq!(pg("1 + 2"), Volatility::Constant);
        assert_eq!(pg("now() - interval '1 day'"), Volatility::Stable);
        assert_eq!(pg("CURRENT_TIMESTAMP"), Volatility::Stable);
        assert_eq!(pg("gen_random_uuid()"), Volatility::Volatile);
        assert_eq!(pg("clock_timestamp()"), Volatility::Volatile);
        assert_eq!(pg("my.function()"), Volatility::Volatile);
    }

    #[test]
    fn the_outer_form_tells_truths_from_counts() {
        let form = |sql| outer_form(Engine::Sqlite, sql);
        assert_eq!(
            form("SELECT count(*) FROM t WHERE a = 1"),
            Some(Expect::Zero)
        );
        assert_eq!(form("SELECT COUNT(*) AS bad FROM t"), Some(Expect::Zero));
        assert_eq!(form("SELECT count(*) = 0 FROM t"), Some(Expect::True));
        assert_eq!(form("SELECT (count(*) = 0) FROM t"), Some(Expect::True));
        assert_eq!(form("SELECT NOT EXISTS (SELECT 1)"), Some(Expect::True));
        assert_eq!(
            form("SELECT (SELECT count(*) FROM a) = (SELECT count(*) FROM b)"),
            Some(Expect::True)
        );
        assert_eq!(form("SELECT (SELECT count(*) FROM a)"), Some(Expect::Zero));
        assert_eq!(
            form("WITH a AS (SELECT 1 = 1) SELECT sum(x) FROM a"),
            Some(Expect::Zero)
        );
        assert_eq!(form("SELECT max(a) FROM t"), None);
        assert_eq!(
            form("SELECT CASE WHEN a = 1 THEN 0 ELSE 1 END FROM t"),
            None
        );
        assert_eq!(form("PRAGMA integrity_check"), None);
    }

    #[test]
    fn an_expression_stays_within_its_place() {
        let problem = |sql| expression_problem(Engine::PostgreSql, sql);
        assert_eq!(problem("a > 0 AND f(')')"), None);
        assert!(problem("a) OR (b").is_some());
        assert!(problem("a; DROP TABLE t").is_some());
        assert!(problem("'a").is_some());
        assert!(problem("a -- b").is_some());
        assert_eq!(problem("a /* b */"), None);
        assert!(problem("/* nothing */").is_some());
    }
}
