//! What a query reads, as far as its text tells.

use super::lexer::{self, Kind, Token};
use super::quote;
use crate::document::Engine;
use crate::schema::TableName;

/// The tables and views that stand after FROM and JOIN, without what WITH names.
pub fn tables(engine: Engine, sql: &str) -> Vec<TableName> {
    let Ok(tokens) = lexer::significant(engine, sql) else {
        return Vec::new();
    };
    let named: Vec<String> = tokens
        .windows(3)
        .filter(|w| w[1].is("as") && w[2].is_symbol("("))
        .filter_map(|w| w[0].name(engine))
        .collect();
    let mut out: Vec<TableName> = places(engine, &tokens)
        .into_iter()
        .map(|(_, _, name)| name)
        .filter(|name| name.schema.is_some() || !named.contains(&name.name))
        .collect();
    out.sort();
    out.dedup();
    out
}

/// Whether a `*` of its stands for columns.
pub fn has_star(engine: Engine, sql: &str) -> bool {
    let tokens = lexer::significant(engine, sql).unwrap_or_default();
    tokens.windows(2).any(|w| {
        w[1].is_symbol("*")
            && (w[0].is("select")
                || w[0].is("distinct")
                || w[0].is_symbol(",")
                || w[0].is_symbol("."))
    })
}

/// The query, or the expression about the table's row, with another name for a table: as the
/// engine reads it once the table is renamed. Where the name stands for the whole row, the query
/// goes on calling the table by it.
pub fn renamed(engine: Engine, sql: &str, from: &TableName, to: &TableName) -> String {
    let Ok(tokens) = lexer::significant(engine, sql) else {
        return sql.to_owned();
    };
    let read: Vec<(usize, usize)> = places(engine, &tokens)
        .into_iter()
        .filter(|(_, _, name)| name == from)
        .map(|(first, last, _)| (first, last))
        .collect();
    let bare: Vec<usize> = (0..tokens.len())
        .filter(|at| tokens[*at].names(engine, &from.name))
        .filter(|at| *at == 0 || !tokens[*at - 1].is_symbol("."))
        .filter(|at| {
            !read
                .iter()
                .any(|(first, last)| (first..=last).contains(&at))
        })
        .collect();
    let (before_columns, rows): (Vec<usize>, Vec<usize>) = bare
        .into_iter()
        .partition(|at| tokens.get(at + 1).is_some_and(|t| t.is_symbol(".")));
    let own_name = |last: usize| alias(engine, &tokens, last).is_none();
    let keeps_name = !rows.is_empty() || read.iter().any(|(_, last)| !own_name(*last));
    let mut out = String::new();
    let mut at = 0;
    for (index, token) in tokens.iter().enumerate() {
        if let Some((_, last)) = read.iter().find(|(first, _)| *first == index) {
            out.push_str(&sql[at..token.start]);
            out.push_str(&quote::table(engine, to));
            if keeps_name && own_name(*last) {
                // The columns are still asked for by the old name.
                out.push_str(&format!(" AS {}", quote::name(engine, &from.name)));
            }
            at = tokens[*last].end();
        } else if before_columns.contains(&index) && (!keeps_name || read.is_empty()) {
            out.push_str(&sql[at..token.start]);
            out.push_str(&quote::name(engine, &to.name));
            at = token.end();
        }
    }
    out.push_str(&sql[at..]);
    out
}

/// What the query calls the table whose name ends at a place, where it calls it otherwise.
pub(super) fn alias(engine: Engine, tokens: &[Token<'_>], last: usize) -> Option<String> {
    let next = tokens.get(last + 1)?;
    if next.is("as") {
        return tokens.get(last + 2)?.name(engine);
    }
    is_alias(next).then(|| next.name(engine)).flatten()
}

/// Whether the text creates the view of that name.
pub fn creates_view(sql: &str, name: &str) -> bool {
    let tokens = lexer::significant(Engine::Sqlite, sql).unwrap_or_default();
    let Some(at) = tokens.iter().take(3).position(|t| t.is("view")) else {
        return false;
    };
    tokens[at + 1..]
        .iter()
        .take(6)
        .any(|t| t.names(Engine::Sqlite, name))
}

/// A bare word or a name in quotes that begins no clause.
fn is_alias(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::QuotedName => true,
        Kind::Word => !quote::is_reserved(token.text),
        Kind::Space
        | Kind::Comment
        | Kind::Text
        | Kind::Number
        | Kind::Parameter
        | Kind::Symbol => false,
    }
}

/// Functions that say FROM between their arguments.
const OWN_FROM: &[&str] = &["extract", "substring", "trim", "overlay"];

/// Where tables stand: the first and the last token of each name.
pub(super) fn places(engine: Engine, tokens: &[Token<'_>]) -> Vec<(usize, usize, TableName)> {
    let mut out = Vec::new();
    let mut depth = 0;
    // The depths at which a list of FROM is open.
    let mut open: Vec<i32> = Vec::new();
    // Whether each open parenthesis is that of a function which has a FROM of its own.
    let mut calls: Vec<bool> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match super::expression::nesting(token) {
            1 => calls.push(index > 0 && OWN_FROM.iter().any(|w| tokens[index - 1].is(w))),
            -1 => {
                calls.pop();
            }
            _ => {}
        }
        depth += super::expression::nesting(token);
        open.retain(|at| *at <= depth);
        if [
            "where",
            "group",
            "having",
            "order",
            "limit",
            "union",
            "except",
            "intersect",
            "window",
        ]
        .iter()
        .any(|w| token.is(w))
        {
            open.retain(|at| *at != depth);
        }
        let begins = token.is("from")
            && !calls.last().is_some_and(|own| *own)
            && !tokens[..index].last().is_some_and(|t| t.is("distinct"));
        if begins {
            open.push(depth);
        }
        let next = begins
            || token.is("join")
            || (token.is_symbol(",") && open.contains(&depth))
            || (token.is_symbol("(")
                && open.contains(&(depth - 1))
                && index > 0
                && (tokens[index - 1].is("from")
                    || tokens[index - 1].is("join")
                    || tokens[index - 1].is_symbol(",")));
        if next && let Some(place) = name_at(engine, tokens, index + 1) {
            out.push(place);
        }
    }
    out
}

fn name_at(
    engine: Engine,
    tokens: &[Token<'_>],
    mut first: usize,
) -> Option<(usize, usize, TableName)> {
    while tokens
        .get(first)
        .is_some_and(|t| t.is("only") || t.is("lateral"))
    {
        first += 1;
    }
    let word = tokens.get(first)?;
    if word.kind == Kind::Word && quote::is_reserved(word.text) {
        return None;
    }
    let own = word.name(engine)?;
    let (last, schema, name) = match (tokens.get(first + 1), tokens.get(first + 2)) {
        (Some(dot), Some(second)) if dot.is_symbol(".") => {
            (first + 2, Some(own), second.name(engine)?)
        }
        _ => (first, None, own),
    };
    // A function that gives rows.
    if tokens.get(last + 1).is_some_and(|t| t.is_symbol("(")) {
        return None;
    }
    let schema = schema.filter(|s| s != "public" && s != "main");
    Some((first, last, TableName { schema, name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(sql: &str) -> Vec<String> {
        tables(Engine::PostgreSql, sql)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn tables_stand_after_from_and_join() {
        assert_eq!(
            read(
                "SELECT a, extract(year FROM b) FROM users u, billing.\"Orders\" AS o WHERE a IN (SELECT 1 FROM public.teams)"
            ),
            ["teams", "users", "billing.Orders"]
        );
        assert_eq!(
            read("WITH x AS (SELECT * FROM y) SELECT * FROM x JOIN ONLY z ON true"),
            ["y", "z"]
        );
        assert_eq!(
            read("SELECT * FROM (users JOIN teams USING (id)), generate_series(1, 2)"),
            ["teams", "users"]
        );
        assert_eq!(read("SELECT a IS DISTINCT FROM b, 1"), Vec::<String>::new());
    }

    #[test]
    fn a_renamed_table_is_read_under_its_new_name() {
        let new = |sql| {
            let (from, to) = (TableName::parse("users"), TableName::parse("people"));
            renamed(Engine::PostgreSql, sql, &from, &to)
        };
        assert_eq!(
            new("SELECT users.id FROM users"),
            "SELECT people.id FROM people"
        );
        assert_eq!(
            new("SELECT users.id, row_to_json(users) FROM users"),
            "SELECT users.id, row_to_json(users) FROM people AS users"
        );
        assert_eq!(
            new("EXISTS (SELECT 1 FROM teams t WHERE t.id = users.team)"),
            "EXISTS (SELECT 1 FROM teams t WHERE t.id = people.team)"
        );
        assert_eq!(
            new("SELECT u.users FROM users u WHERE u.id > 1"),
            "SELECT u.users FROM people u WHERE u.id > 1"
        );
    }
}
