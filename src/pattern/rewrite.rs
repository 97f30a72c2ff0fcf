//! SQL of the catalogue with one column called otherwise, token by token: strings, comments,
//! functions, types and other tables' columns of the same name stay as they are.

use crate::dialect::expression::{self, at_commas, nesting, span};
use crate::dialect::lexer::{self, Kind, Token, Unclosed};
use crate::dialect::quote;
use crate::document::Engine;

/// Where a column is named in a text.
pub(super) struct Mention {
    /// Index of the token.
    pub at: usize,
    /// The qualifier before it, as the catalogue spells it: `u` in `u.name`.
    pub qualifier: Option<String>,
}

/// Every place that names the column, as far as the text tells. PostgreSQL prints keywords in
/// capitals and bare names in lower case, so that a column called `first` is no keyword.
pub(super) fn mentions(engine: Engine, tokens: &[Token<'_>], column: &str) -> Vec<Mention> {
    let significant: Vec<usize> = (0..tokens.len()).filter(|i| tokens[*i].counts()).collect();
    let counting: Vec<Token<'_>> = significant.iter().map(|i| tokens[*i]).collect();
    let token = |n: Option<usize>| n.and_then(|n| significant.get(n)).map(|i| &tokens[*i]);
    let mut found = Vec::new();
    for (n, at) in significant.iter().enumerate() {
        let this = &tokens[*at];
        let keyword = engine == Engine::PostgreSql
            && this.kind == Kind::Word
            && this.text.chars().any(char::is_uppercase);
        if keyword || !this.names(engine, column) {
            continue;
        }
        let (before, after) = (token(n.checked_sub(1)), token(Some(n + 1)));
        let calls = expression::calls(engine, &counting, n);
        let qualifies = after.is_some_and(|t| t.is_symbol("."));
        let cast = before.is_some_and(|t| t.is_symbol(":"));
        let collation = before.is_some_and(|t| t.is("collate"));
        let alias = before.is_some_and(|t| t.is("as"));
        if calls || qualifies || cast || collation || alias {
            continue;
        }
        let qualifier = before
            .filter(|t| t.is_symbol("."))
            .and_then(|_| token(n.checked_sub(2)))
            .and_then(|t| t.name(engine));
        found.push(Mention { at: *at, qualifier });
    }
    found
}

/// The text of a check, a key or an index with the column renamed: all of its names are columns of
/// one table.
pub(super) fn rename(engine: Engine, sql: &str, old: &str, new: &str) -> Result<String, Unclosed> {
    let tokens = lexer::tokens(engine, sql)?;
    let places = mentions(engine, &tokens, old);
    Ok(replace(&tokens, |at| {
        places
            .iter()
            .any(|m| m.at == at)
            .then(|| quote::name(engine, new))
    }))
}

/// The text with some tokens replaced.
pub(super) fn replace(
    tokens: &[Token<'_>],
    replacement: impl Fn(usize) -> Option<String>,
) -> String {
    tokens
        .iter()
        .enumerate()
        .map(|(at, token)| replacement(at).unwrap_or_else(|| token.text.to_owned()))
        .collect()
}

/// A CREATE INDEX with the column renamed, under another name, built concurrently on PostgreSQL.
/// `None` where the text is no CREATE INDEX that can be read.
pub(super) fn index(
    engine: Engine,
    definition: &str,
    old: &str,
    new: &str,
    name: &str,
) -> Option<String> {
    let tokens = lexer::tokens(engine, definition).ok()?;
    let index = tokens.iter().position(|t| t.is("index"))?;
    let on = index + tokens[index..].iter().position(|t| t.is("on"))?;
    let keys = on + tokens[on..].iter().position(|t| t.is_symbol("("))?;
    let head: String = tokens[..index].iter().map(|t| t.text).collect();
    let between: String = tokens[on..keys].iter().map(|t| t.text).collect();
    let tail: String = tokens[keys..].iter().map(|t| t.text).collect();
    let tail = rename(engine, &tail, old, new).ok()?;
    let concurrently = match engine {
        Engine::PostgreSql => "CONCURRENTLY ",
        Engine::MySql | Engine::MariaDb | Engine::Sqlite => "",
    };
    let name = quote::name(engine, name);
    Some(format!("{head}INDEX {concurrently}{name} {between}{tail}"))
}

/// MySQL and MariaDB: the keys of a CREATE INDEX with the column renamed, as add_index takes them.
pub(super) fn keys(engine: Engine, definition: &str, old: &str, new: &str) -> Option<Vec<String>> {
    let tokens = lexer::significant(engine, definition).ok()?;
    let open = tokens.iter().position(|t| t.is_symbol("("))?;
    let mut depth = 0;
    let close = open
        + tokens[open..].iter().position(|t| {
            depth += nesting(t);
            depth == 0
        })?;
    at_commas(&tokens[open + 1..close])
        .into_iter()
        .map(|key| match key {
            [one] => {
                let name = one.name(engine)?;
                Some(if one.names(engine, old) {
                    new.to_owned()
                } else {
                    name
                })
            }
            _ => rename(engine, span(definition, key), old, new).ok(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_their_lengths_and_orders() {
        let definition = "CREATE INDEX `no``te (` ON `t` (`no``te`(10) DESC, `other`, `no``te`, (lower(`no``te`))) COMMENT 'no`te'";
        assert_eq!(
            keys(Engine::MariaDb, definition, "no`te", "order").unwrap(),
            ["`order`(10) DESC", "other", "order", "(lower(`order`))"]
        );
    }

    #[test]
    fn only_the_column_is_renamed() {
        for (sql, renamed) in [
            (
                "CHECK ((name <> ''::text))",
                "CHECK ((full_name <> ''::text))",
            ),
            (
                "CHECK ((\"name\" <> 'name'))",
                "CHECK ((full_name <> 'name'))",
            ),
            ("CHECK ((a)::name = name(b))", "CHECK ((a)::name = name(b))"),
            ("UNIQUE (tenant, name)", "UNIQUE (tenant, full_name)"),
            (
                "CHECK (name /* name */ > 1)",
                "CHECK (full_name /* name */ > 1)",
            ),
        ] {
            assert_eq!(
                rename(Engine::PostgreSql, sql, "name", "full_name").unwrap(),
                renamed
            );
        }
        assert_eq!(
            rename(
                Engine::PostgreSql,
                "(first DESC NULLS FIRST)",
                "first",
                "order"
            )
            .unwrap(),
            "(\"order\" DESC NULLS FIRST)"
        );
        assert_eq!(
            rename(Engine::Sqlite, "CHECK (Name > 0)", "name", "n").unwrap(),
            "CHECK (n > 0)"
        );
    }

    #[test]
    fn an_index_gets_another_name_and_column_and_nothing_else() {
        assert_eq!(
            index(
                Engine::PostgreSql,
                "CREATE UNIQUE INDEX name ON public.name USING btree (lower(name) text_pattern_ops) \
                 INCLUDE (id) WHERE (name IS NOT NULL)",
                "name",
                "full_name",
                "full_name_2",
            )
            .unwrap(),
            "CREATE UNIQUE INDEX CONCURRENTLY full_name_2 ON public.name USING btree \
             (lower(full_name) text_pattern_ops) INCLUDE (id) WHERE (full_name IS NOT NULL)"
        );
        assert_eq!(
            index(
                Engine::Sqlite,
                "CREATE INDEX i ON t (name COLLATE NOCASE)",
                "name",
                "n",
                "i_n"
            )
            .unwrap(),
            "CREATE INDEX i_n ON t (n COLLATE NOCASE)"
        );
    }
}
