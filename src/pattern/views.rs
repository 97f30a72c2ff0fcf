//! Views that read a column: the same view reading another column, its own names unchanged.

use crate::dialect::expression::{self, nesting};
use crate::dialect::lexer::{self, Token};
use crate::dialect::quote;
use crate::document::Engine;
use crate::operation::{Operation, view_again};
use crate::schema::{Schema, TableName, ViewUse};

use super::carry::Reading;
use super::form::custom;
use super::rewrite::{mentions, replace};

/// The statements that let the view read `new` where it read `old`, and back.
///
/// # Errors
/// Why the view has to be dealt with by hand.
pub(super) fn reread(
    schema: &Schema,
    view: &ViewUse,
    table: &TableName,
    old: &str,
    reading: &Reading<'_>,
) -> Result<Operation, String> {
    let (engine, new) = (schema.engine, reading.new);
    let name = quote::table(engine, &view.view);
    let known = schema.views.get(&view.view);
    if view.materialized {
        return Err(format!(
            "the materialized view {} reads `{old}`, and can only be made anew: drop it first, and \
             create it over `{new}` afterwards",
            view.view
        ));
    }
    let select = select_of(engine, &view.definition);
    let rewritten = rewrite(engine, select, table, old, reading).ok_or_else(|| {
        format!(
            "the view {} reads `{old}` in a way that cannot be rewritten safely: change it by hand \
             first",
            view.view
        )
    })?;
    let again = |select: &str, replace| view_again(engine, &view.view, known, select, replace);
    let sql = |select: &str| match engine {
        Engine::PostgreSql | Engine::MySql | Engine::MariaDb => again(select, true),
        Engine::Sqlite => format!("DROP VIEW {name};\n{}", again(select, false)),
    };
    Ok(custom(sql(&rewritten), sql(select)))
}

/// The SELECT of a definition: SQLite's catalogue keeps the whole CREATE VIEW.
fn select_of(engine: Engine, definition: &str) -> &str {
    let trimmed = definition.trim().trim_end_matches(';').trim_end();
    let Ok(tokens) = lexer::significant(engine, trimmed) else {
        return trimmed;
    };
    if tokens.first().is_some_and(|t| t.is("create"))
        && let Some(at) = tokens.iter().position(|t| t.is("as"))
        && let Some(first) = tokens.get(at + 1)
    {
        return &trimmed[first.start..];
    }
    trimmed
}

/// The SELECT with every mention of the table's old column replaced; a bare `t.old` in a list of
/// results keeps its name by `AS`. `None` where a mention may belong to something else.
fn rewrite(
    engine: Engine,
    select: &str,
    table: &TableName,
    old: &str,
    reading: &Reading<'_>,
) -> Option<String> {
    let new = reading.new;
    let tokens = lexer::tokens(engine, select).ok()?;
    let significant: Vec<Token<'_>> = tokens.iter().filter(|t| t.counts()).copied().collect();
    if has_star(&significant) || significant.iter().any(|t| t.is("natural")) {
        return None;
    }
    let aliases = aliases(engine, &significant, table);
    let selects = significant.iter().filter(|t| t.is("select")).count();
    let joins = significant.iter().any(|t| t.is("join"));
    let commas = from_has_comma(&significant);
    let alone = selects == 1 && !joins && !commas && !significant.iter().any(|t| t.is("with"));
    let mut replacements = Vec::new();
    for mention in mentions(engine, &tokens, old) {
        let ours = match &mention.qualifier {
            Some(qualifier) => aliases
                .iter()
                .any(|a| super::form::same(engine, a, qualifier)),
            None if alone => true,
            None => return None,
        };
        if !ours {
            continue;
        }
        let at = significant
            .iter()
            .position(|t| t.start == tokens[mention.at].start)?;
        // MySQL and MariaDB print the database as well: `shop`.`users`.`name`.
        let width = match mention.qualifier {
            Some(_) if at >= 4 && significant[at - 3].is_symbol(".") => 4,
            Some(_) => 2,
            None => 0,
        };
        let mut text = match reading.expression {
            None => quote::name(engine, new),
            Some(sql) => {
                let mut read = sql.to_owned();
                // The expression brings its qualifier along.
                if let Some(qualifier) = &mention.qualifier {
                    for column in reading.columns {
                        let qualified = format!(
                            "{}.{}",
                            quote::name(engine, qualifier),
                            quote::name(engine, column)
                        );
                        read = expression::substitute(engine, &read, table, column, &qualified);
                    }
                    let before = tokens[..mention.at].iter().enumerate().rev();
                    let gone = before
                        .filter(|(_, t)| t.counts())
                        .take(width)
                        .map(|(at, _)| at);
                    replacements.extend(gone.map(|at| (at, String::new())));
                }
                format!("({read})")
            }
        };
        if is_whole_item(&significant, at.checked_sub(width)?, at) {
            text = format!("{text} AS {}", quote::name(engine, old));
        }
        replacements.push((mention.at, text));
    }
    Some(replace(&tokens, |at| {
        replacements
            .iter()
            .find(|(place, _)| *place == at)
            .map(|(_, text)| text.clone())
    }))
}

/// `*` as a result: which columns it means changes with the table.
fn has_star(tokens: &[Token<'_>]) -> bool {
    tokens.iter().enumerate().any(|(at, token)| {
        token.is_symbol("*")
            && at.checked_sub(1).is_some_and(|before| {
                let before = &tokens[before];
                before.is("select")
                    || before.is("distinct")
                    || before.is_symbol(",")
                    || before.is_symbol(".")
            })
    })
}

/// What the table is called in the text: its own name, and what stands behind it in FROM.
fn aliases(engine: Engine, tokens: &[Token<'_>], table: &TableName) -> Vec<String> {
    let mut out = vec![table.name.clone()];
    for (at, token) in tokens.iter().enumerate() {
        let introduces = at.checked_sub(1).is_some_and(|before| {
            let mut before = before;
            // Over the schema, and over parentheses that PostgreSQL puts around joins.
            if tokens[before].is_symbol(".") && before >= 2 {
                before -= 2;
            }
            while tokens[before].is_symbol("(") && before > 0 {
                before -= 1;
            }
            tokens[before].is("from") || tokens[before].is("join") || tokens[before].is_symbol(",")
        });
        if !introduces || !token.names(engine, &table.name) {
            continue;
        }
        let next = match tokens.get(at + 1) {
            Some(t) if t.is("as") => tokens.get(at + 2),
            other => other,
        };
        const CLAUSES: &[&str] = &[
            "where",
            "join",
            "on",
            "left",
            "right",
            "inner",
            "cross",
            "full",
            "group",
            "order",
            "having",
            "limit",
            "union",
            "except",
            "intersect",
            "natural",
            "using",
            "offset",
            "window",
            "tablesample",
            "from",
            "for",
            "fetch",
        ];
        if let Some(next) = next
            && !CLAUSES.iter().any(|word| next.is(word))
            && let Some(alias) = next.name(engine)
        {
            out.push(alias);
        }
    }
    out
}

/// Whether FROM lists several tables with commas.
fn from_has_comma(tokens: &[Token<'_>]) -> bool {
    let Some(from) = tokens.iter().position(|t| t.is("from")) else {
        return false;
    };
    let mut depth = 0;
    tokens[from..]
        .iter()
        .take_while(|t| !t.is("where") && !t.is("group") && !t.is("order"))
        .any(|t| {
            depth += nesting(t);
            depth == 0 && t.is_symbol(",")
        })
}

/// Whether the tokens from `first` to `last` are a whole item of a list of results, without a name
/// of its own.
fn is_whole_item(tokens: &[Token<'_>], first: usize, last: usize) -> bool {
    let begins = first.checked_sub(1).is_some_and(|before| {
        tokens[before].is("select")
            || tokens[before].is("distinct")
            || tokens[before].is_symbol(",")
    });
    let ends = tokens
        .get(last + 1)
        .is_none_or(|t| t.is_symbol(",") || t.is("from"));
    if !begins || !ends {
        return false;
    }
    // A list of results: going back at the same depth, SELECT comes before anything else that
    // begins a list.
    let mut depth = 0;
    for token in tokens[..first].iter().rev() {
        depth -= nesting(token);
        if depth < 0 {
            return false;
        }
        if depth == 0 {
            if token.is("select") {
                return true;
            }
            if ["from", "by", "in", "values", "on"]
                .iter()
                .any(|w| token.is(w))
            {
                return false;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pg(select: &str) -> Option<String> {
        let table = TableName::parse("users");
        let reading = Reading {
            new: "full_name",
            columns: &[],
            expression: None,
        };
        rewrite(Engine::PostgreSql, select, &table, "name", &reading)
    }

    #[test]
    fn results_keep_their_names() {
        for (select, rewritten) in [
            (
                " SELECT users.id,\n    users.name\n   FROM users",
                " SELECT users.id,\n    users.full_name AS name\n   FROM users",
            ),
            (
                "SELECT id, name FROM users WHERE name IS NOT NULL ORDER BY name, id",
                "SELECT id, full_name AS name FROM users WHERE full_name IS NOT NULL ORDER BY \
                 full_name, id",
            ),
            (
                "SELECT u.name AS who, upper(u.name) AS name, o.name FROM (users u JOIN orders o \
                 ON ((u.id = o.user_id)))",
                "SELECT u.full_name AS who, upper(u.full_name) AS name, o.name FROM (users u JOIN \
                 orders o ON ((u.id = o.user_id)))",
            ),
            (
                "SELECT s.name FROM (SELECT users.name FROM users GROUP BY users.name) s",
                "SELECT s.name FROM (SELECT users.full_name AS name FROM users GROUP BY \
                 users.full_name) s",
            ),
            (
                "SELECT DISTINCT u.name FROM public.users u",
                "SELECT DISTINCT u.full_name AS name FROM public.users u",
            ),
            (
                "SELECT count(*) AS n, 'name' AS name FROM users",
                "SELECT count(*) AS n, 'name' AS name FROM users",
            ),
        ] {
            assert_eq!(pg(select).as_deref(), Some(rewritten));
        }
    }

    #[test]
    fn a_view_goes_on_showing_the_type_that_it_showed() {
        let table = TableName::parse("users");
        let reading = Reading {
            new: "age_new",
            columns: &["age_new".to_owned()],
            expression: Some("CAST(age_new AS text)"),
        };
        let select = "SELECT u.age, upper(age) FROM users u WHERE u . age > '5'";
        assert_eq!(
            rewrite(Engine::PostgreSql, select, &table, "age", &reading).unwrap(),
            "SELECT (CAST(u.age_new AS text)) AS age, upper((CAST(age_new AS text))) FROM users u \
             WHERE   (CAST(u.age_new AS text)) > '5'"
        );
    }

    #[test]
    fn a_database_before_the_table_goes_with_it() {
        let table = TableName::parse("users");
        let select = "select `shop`.`users`.`age` AS `age` from `shop`.`users` where `shop`.`users`.`age` > 5";
        let columns = ["age_new".to_owned()];
        let reading = |expression| Reading {
            new: "age_new",
            columns: &columns,
            expression,
        };
        let of = |expression| {
            rewrite(Engine::MariaDb, select, &table, "age", &reading(expression)).unwrap()
        };
        assert_eq!(
            of(None),
            "select `shop`.`users`.age_new AS `age` from `shop`.`users` where `shop`.`users`.age_new > 5"
        );
        assert_eq!(
            of(Some("CAST(age_new AS CHAR)")),
            "select (CAST(users.age_new AS CHAR)) AS `age` from `shop`.`users` where (CAST(users.age_new AS CHAR)) > 5"
        );
    }

    #[test]
    fn what_may_be_another_table_s_is_left_to_a_person() {
        for select in [
            "SELECT name FROM users JOIN orders USING (name)",
            "SELECT * FROM users",
            "SELECT users.* FROM users",
            "SELECT name FROM users, orders",
            "SELECT name FROM (SELECT users.name FROM users) s",
            "SELECT id FROM users NATURAL JOIN orders",
        ] {
            assert_eq!(pg(select), None, "{select}");
        }
    }

    #[test]
    fn sqlite_makes_the_view_anew_and_back() {
        let view = ViewUse {
            view: TableName::parse("people"),
            columns: vec!["name".into()],
            definition: "CREATE VIEW people AS SELECT id, name FROM users;".into(),
            materialized: false,
        };
        let table = TableName::parse("users");
        let reading = Reading {
            new: "full_name",
            columns: &[],
            expression: None,
        };
        let schema = Schema::empty(Engine::Sqlite);
        let operation = reread(&schema, &view, &table, "name", &reading).unwrap();
        insta::assert_yaml_snapshot!(operation);
    }
}
