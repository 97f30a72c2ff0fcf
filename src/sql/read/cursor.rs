//! A place among a statement's tokens, from which words and names are taken off.

use crate::dialect::expression::{at_commas, nesting};
use crate::dialect::lexer::{self, Kind, Token};
use crate::document::Engine;
use crate::schema::TableName;

/// See the module.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'c, 't> {
    pub engine: Engine,
    /// The text that the tokens are of.
    pub text: &'t str,
    pub tokens: &'c [Token<'t>],
}

impl<'c, 't> Cursor<'c, 't> {
    /// The next token.
    pub(super) fn peek(&self) -> Option<&'c Token<'t>> {
        self.tokens.first()
    }

    /// Whether nothing is left.
    pub(super) fn done(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Leaves tokens out.
    pub(super) fn skip(&mut self, count: usize) {
        self.tokens = self.tokens.get(count..).unwrap_or_default();
    }

    /// Takes the words off where they come next.
    pub(super) fn take(&mut self, words: &[&str]) -> bool {
        let come =
            self.tokens.len() >= words.len() && words.iter().zip(self.tokens).all(|(w, t)| t.is(w));
        if come {
            self.skip(words.len());
        }
        come
    }

    /// Whether the words come next.
    pub(super) fn sees(mut self, words: &[&str]) -> bool {
        self.take(words)
    }

    /// Takes off whichever of the words comes next.
    pub(super) fn any<'w>(&mut self, words: &[&'w str]) -> Option<&'w str> {
        let found = words.iter().find(|w| self.sees(&[w]))?;
        self.skip(1);
        Some(found)
    }

    /// Takes a character off where it comes next.
    pub(super) fn symbol(&mut self, symbol: &str) -> bool {
        let comes = self.peek().is_some_and(|t| t.is_symbol(symbol));
        if comes {
            self.skip(1);
        }
        comes
    }

    /// Takes a name off.
    pub(super) fn name(&mut self) -> Option<String> {
        let name = self.peek()?.name(self.engine)?;
        self.skip(1);
        Some(name)
    }

    /// Takes a table's name off, perhaps a qualified one.
    pub(super) fn table(&mut self) -> Option<TableName> {
        let first = self.name()?;
        let mut rest = *self;
        if rest.symbol(".")
            && let Some(second) = rest.name()
        {
            *self = rest;
            let schema = (first != "main" || self.engine != Engine::Sqlite).then_some(first);
            return Some(TableName {
                schema,
                name: second,
            });
        }
        Some(TableName {
            schema: None,
            name: first,
        })
    }

    /// Takes off tables with commas between them.
    pub(super) fn tables(&mut self) -> Vec<TableName> {
        let mut out = Vec::new();
        while let Some(table) = self.table() {
            out.push(table);
            if !self.symbol(",") {
                break;
            }
        }
        out
    }

    /// What stands in the parentheses that come next, which are taken off.
    pub(super) fn group(&mut self) -> Option<Self> {
        if !self.peek()?.is_symbol("(") {
            return None;
        }
        let mut depth = 0;
        for (at, token) in self.tokens.iter().enumerate() {
            depth += nesting(token);
            if depth == 0 {
                let inner = Self {
                    tokens: self.tokens.get(1..at).unwrap_or_default(),
                    ..*self
                };
                self.skip(at + 1);
                return Some(inner);
            }
        }
        let inner = Self {
            tokens: self.tokens.get(1..).unwrap_or_default(),
            ..*self
        };
        self.tokens = &[];
        Some(inner)
    }

    /// The pieces between commas that stand in no parentheses.
    pub(super) fn items(&self) -> Vec<Self> {
        at_commas(self.tokens)
            .into_iter()
            .map(|tokens| Self { tokens, ..*self })
            .collect()
    }

    /// The names in the parentheses that come next; an expression or a prefix as it is written.
    pub(super) fn columns(&mut self) -> Option<Vec<String>> {
        let group = self.group()?;
        let columns = group.items().into_iter().map(|mut item| {
            let whole = item.words();
            match item.name() {
                // A prefix, an order and a collation are no part of the column's name.
                Some(name)
                    if item.done()
                        || item.sees(&["asc"])
                        || item.sees(&["desc"])
                        || item.sees(&["collate"])
                        || (item.peek().is_some_and(|t| t.is_symbol("("))
                            && item.tokens.get(1).is_some_and(|t| t.kind == Kind::Number)) =>
                {
                    name
                }
                Some(_) | None => whole,
            }
        });
        Some(columns.collect())
    }

    /// What is left, as it is written.
    pub(super) fn words(&self) -> String {
        self.since(self.tokens).to_owned()
    }

    /// The text of the tokens.
    fn since(&self, tokens: &[Token<'t>]) -> &'t str {
        match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => self.text.get(first.start..last.end()).unwrap_or_default(),
            _ => "",
        }
    }

    /// The text between another place before and this one.
    pub(super) fn text_from(&self, before: &Self) -> String {
        let count = before.tokens.len().saturating_sub(self.tokens.len());
        let tokens = before.tokens.get(..count).unwrap_or_default();
        self.since(tokens).to_owned()
    }

    /// Whether the words stand together anywhere.
    pub(super) fn has(&self, words: &[&str]) -> bool {
        self.tokens
            .windows(words.len())
            .any(|window| words.iter().zip(window).all(|(w, t)| t.is(w)))
    }

    /// The first words, to be named to a person.
    pub(super) fn first_words(&self) -> String {
        let words: Vec<&str> = self.tokens.iter().take(3).map(|t| t.text).collect();
        let joined = words.join(" ");
        joined.chars().take(60).collect()
    }
}

/// The tables among what GRANT and REVOKE of PostgreSQL name, as it is written: TABLE may be left out,
/// and anything else has a word before its name (ALL TABLES IN, SEQUENCE, FUNCTION, SCHEMA).
pub(super) fn granted(text: &str) -> Vec<TableName> {
    let Ok(tokens) = lexer::significant(Engine::PostgreSql, text) else {
        return Vec::new();
    };
    let mut rest = Cursor {
        engine: Engine::PostgreSql,
        text,
        tokens: &tokens,
    };
    rest.take(&["table"]);
    let mut tables = rest.tables();
    for table in &mut tables {
        table.schema = table.schema.take().filter(|schema| schema != "public");
    }
    if rest.done() { tables } else { Vec::new() }
}
