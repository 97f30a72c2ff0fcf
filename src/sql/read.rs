//! The parsers: from a text to [`Act`]s.

mod column;
mod cursor;
#[cfg(feature = "sql")]
mod cut;
#[cfg(feature = "sql")]
mod functions;
#[cfg(feature = "sql")]
mod guard;
#[cfg(feature = "sql")]
mod key;
mod mysql;
mod own;
#[cfg(feature = "sql")]
mod postgres;
#[cfg(feature = "sql")]
mod rows;
mod sqlite;

pub(crate) use own::own;

use super::act::{Act, TypeChange};
#[cfg(feature = "sql")]
use super::script::Context;
use super::script::Script;
#[cfg(feature = "sql")]
use super::script::{Span, SyntaxError};
use super::simulate::Parsed;
use super::unknown::{Failure, Unknown};
use crate::document::Engine;

/// What people wrote, read by the parsers; nothing where they are left off.
pub(crate) fn raw(engine: Engine, text: &str) -> Option<Parsed> {
    #[cfg(feature = "sql")]
    return Some(parse(engine, text));
    #[cfg(not(feature = "sql"))]
    {
        let _ = (engine, text);
        None
    }
}

/// A statement that reads or changes rows: the parsers' part.
fn rows_act(c: cursor::Cursor<'_, '_>) -> Act {
    #[cfg(feature = "sql")]
    return rows::act(c);
    #[cfg(not(feature = "sql"))]
    return unknown(&c);
}

/// Reads a text of statements: what each does, and what they do together.
#[cfg(feature = "sql")]
pub fn script(engine: Engine, text: &str, context: &Context<'_>) -> Script {
    let before = context.before.map(|sql| parse(engine, sql));
    let mut script = super::simulate::simulate_after(
        engine,
        before.unwrap_or_default(),
        parse(engine, text),
        context,
    );
    if engine == Engine::PostgreSql {
        new_labels(text, &mut script);
    }
    script
}

/// What ADD VALUE adds to an enum cannot be used in the transaction that adds it, wherever a
/// statement spells it.
pub(crate) fn new_labels(text: &str, script: &mut Script) {
    let mut fresh: Vec<(usize, String)> = Vec::new();
    for reading in &mut script.statements {
        let Some(transaction) = reading.transaction else {
            continue;
        };
        if let Act::AlterType {
            change: TypeChange::AddValue { value, .. },
            ..
        } = &reading.act
        {
            fresh.push((transaction, value.clone()));
            continue;
        }
        let sql = reading.span.of(text);
        for (_, value) in fresh.iter().filter(|(own, _)| *own == transaction) {
            if sql.contains(&format!("'{}'", value.replace('\'', "''"))) {
                reading.effect.fails.push(Failure::NewEnumValue {
                    value: value.clone(),
                });
            }
        }
    }
}

/// The statements of a text, and where it cannot be parsed.
#[cfg(feature = "sql")]
pub fn parse(engine: Engine, text: &str) -> Parsed {
    match engine {
        Engine::PostgreSql => postgres::parse(text),
        Engine::MySql | Engine::MariaDb => mysql::parse(engine, text),
        Engine::Sqlite => sqlite::parse(engine, text),
    }
}

/// A statement that is not known, by its first words.
fn unknown(c: &cursor::Cursor<'_, '_>) -> Act {
    Act::Unknown(Unknown::Statement {
        words: c.first_words(),
    })
}

/// Where the lines of a text begin.
#[cfg(feature = "sql")]
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

#[cfg(feature = "sql")]
impl<'t> Lines<'t> {
    /// Looks through a text.
    pub(super) fn of(text: &'t str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after).collect(),
        }
    }

    /// The line and the character in it, both from 1.
    fn place(&self, at: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= at);
        let start = self
            .starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(0);
        let before = self.text.get(start..at).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// A text that is not read at all.
    pub(super) fn unread(&self, why: Unknown) -> Parsed {
        Parsed {
            statements: vec![(self.span(0, self.text.len()), Act::Unknown(why))],
            errors: Vec::new(),
        }
    }

    /// The byte offset of a character in a line, both from 1.
    fn offset(&self, line: usize, column: usize) -> usize {
        let start = self.starts.get(line.saturating_sub(1)).copied();
        let start = start.unwrap_or(self.text.len());
        let rest = self.text.get(start..).unwrap_or_default();
        rest.char_indices()
            .nth(column.saturating_sub(1))
            .map_or(self.text.len(), |(at, _)| start + at)
    }

    /// The span between two byte offsets.
    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        let (line, column) = self.place(start);
        Span {
            start,
            end,
            line,
            column,
        }
    }

    /// An error at a byte offset.
    pub(super) fn error(&self, message: impl Into<String>, at: usize) -> SyntaxError {
        let (line, column) = self.place(at);
        SyntaxError {
            message: message.into(),
            at,
            line,
            column,
        }
    }
}

#[cfg(all(test, feature = "sql"))]
mod tests;

#[cfg(all(test, feature = "sql"))]
mod claims;
