//! The parsers: from a text to [`Act`]s.

mod postgres;

use super::act::Act;
use super::script::{Context, Script, Span, SyntaxError};
use super::simulate::{Parsed, simulate_after};
use super::unknown::Unknown;
use crate::document::Engine;

/// Reads a text of statements: what each does, and what they do together.
pub fn script(engine: Engine, text: &str, context: &Context<'_>) -> Script {
    let before = context.before.map(|sql| parse(engine, sql));
    simulate_after(
        engine,
        before.unwrap_or_default(),
        parse(engine, text),
        context,
    )
}

/// The statements of a text, and where it cannot be parsed.
pub fn parse(engine: Engine, text: &str) -> Parsed {
    match engine {
        Engine::PostgreSql => postgres::parse(text),
        Engine::MySql | Engine::MariaDb | Engine::Sqlite => unread(text),
    }
}

/// A text that is not read at all.
fn unread(text: &str) -> Parsed {
    let lines = Lines::of(text);
    Parsed {
        statements: vec![(lines.span(0, text.len()), Act::Unknown(Unknown::Syntax))],
        errors: Vec::new(),
    }
}

/// Where the lines of a text begin.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

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
