//! Reads a foreign key's definition as the catalogue prints it.

use crate::dialect::lexer::{self, Token};
use crate::document::Engine;
use crate::operation::ReferentialAction;
use crate::schema::TableName;

/// A foreign key's definition, read.
pub(super) struct ForeignKey {
    pub columns: Vec<String>,
    pub ref_table: TableName,
    pub ref_columns: Vec<String>,
    pub on_delete: Option<ReferentialAction>,
    pub on_update: Option<ReferentialAction>,
    /// Nothing else stands in it: no MATCH FULL, no DEFERRABLE.
    pub plain: bool,
}

/// Reads `FOREIGN KEY (a) REFERENCES t(b) ON DELETE CASCADE`.
pub(super) fn foreign_key(engine: Engine, definition: &str) -> Option<ForeignKey> {
    let tokens = lexer::significant(engine, definition).ok()?;
    let references = tokens.iter().position(|t| t.is("references"))?;
    let columns = match tokens[..references].iter().position(|t| t.is_symbol("(")) {
        Some(open) => name_list(engine, &tokens[open..references]).0,
        None => Vec::new(),
    };
    let mut at = references + 1;
    let first = tokens.get(at)?.name(engine)?;
    at += 1;
    let ref_table = if tokens.get(at).is_some_and(|t| t.is_symbol(".")) {
        let name = tokens.get(at + 1)?.name(engine)?;
        at += 2;
        TableName {
            schema: (first != "public" && first != "main").then_some(first),
            name,
        }
    } else {
        TableName {
            schema: None,
            name: first,
        }
    };
    let (ref_columns, width) = name_list(engine, &tokens[at..]);
    let (mut on_delete, mut on_update, mut plain) = (None, None, !columns.is_empty());
    let mut rest = &tokens[at + width..];
    while let [on, which, tail @ ..] = rest {
        let action = if on.is("on") { action(tail) } else { None };
        let Some((action, width)) = action else {
            plain = false;
            break;
        };
        if which.is("delete") {
            on_delete = action;
        } else {
            on_update = action;
        }
        rest = &tail[width..];
    }
    plain &= rest.is_empty();
    Some(ForeignKey {
        columns,
        ref_table,
        ref_columns,
        on_delete,
        on_update,
        plain,
    })
}

/// The names between parentheses, and how many tokens they took.
fn name_list(engine: Engine, tokens: &[Token<'_>]) -> (Vec<String>, usize) {
    if !tokens.first().is_some_and(|t| t.is_symbol("(")) {
        return (Vec::new(), 0);
    }
    let close = tokens
        .iter()
        .position(|t| t.is_symbol(")"))
        .unwrap_or(tokens.len() - 1);
    let names = tokens[1..close].iter().filter_map(|t| t.name(engine));
    (names.collect(), close + 1)
}

/// The action that the tokens begin with, and how many tokens it took.
fn action(tokens: &[Token<'_>]) -> Option<(Option<ReferentialAction>, usize)> {
    let words = |first: &str, second: &str| {
        tokens.first().is_some_and(|t| t.is(first)) && tokens.get(1).is_some_and(|t| t.is(second))
    };
    if words("no", "action") {
        Some((None, 2))
    } else if words("set", "null") && !tokens.get(2).is_some_and(|t| t.is_symbol("(")) {
        Some((Some(ReferentialAction::SetNull), 2))
    } else if words("set", "default") && !tokens.get(2).is_some_and(|t| t.is_symbol("(")) {
        Some((Some(ReferentialAction::SetDefault), 2))
    } else if tokens.first().is_some_and(|t| t.is("cascade")) {
        Some((Some(ReferentialAction::Cascade), 1))
    } else if tokens.first().is_some_and(|t| t.is("restrict")) {
        Some((Some(ReferentialAction::Restrict), 1))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_read_in_its_parts() {
        let key = foreign_key(
            Engine::PostgreSql,
            "FOREIGN KEY (a, \"B\") REFERENCES crm.people(x, y) ON UPDATE CASCADE ON DELETE SET NULL",
        )
        .unwrap();
        assert_eq!(key.columns, ["a", "B"]);
        assert_eq!(key.ref_table, TableName::parse("crm.people"));
        assert_eq!(key.ref_columns, ["x", "y"]);
        assert_eq!(key.on_update, Some(ReferentialAction::Cascade));
        assert_eq!(key.on_delete, Some(ReferentialAction::SetNull));
        assert!(key.plain);
    }

    #[test]
    fn what_an_operation_cannot_say_is_not_plain() {
        for definition in [
            "FOREIGN KEY (a) REFERENCES t(b) MATCH FULL",
            "FOREIGN KEY (a) REFERENCES t(b) DEFERRABLE INITIALLY DEFERRED",
            "FOREIGN KEY (a, b) REFERENCES t(b, c) ON DELETE SET NULL (a)",
            "REFERENCES t",
        ] {
            assert!(
                !foreign_key(Engine::PostgreSql, definition).unwrap().plain,
                "{definition}"
            );
        }
        assert!(foreign_key(Engine::Sqlite, "CHECK (a > 0)").is_none());
    }
}
