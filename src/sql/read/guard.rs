//! What a text must be before a parser, which calls itself for each level of nesting, may see it.

use crate::dialect::lexer;
use crate::document::Engine;
use crate::sql::unknown::Unknown;

/// Bytes of a text that is read. What people write is far below.
const LONGEST: usize = 16 * 1024 * 1024;

/// Brackets within brackets.
const DEEPEST: usize = 200;

/// Words between two commas or semicolons, which may all be levels of one tree: `1 + 1 + 1 ...`.
const LONGEST_RUN: usize = 5_000;

/// Room for the deepest tree that [`check`] lets through: several times what it was seen to take.
const ROOM: usize = 256 * 1024 * 1024;

/// Whether the parsers can take a text.
///
/// # Errors
/// Why they cannot.
pub(super) fn check(engine: Engine, text: &str) -> Result<(), Unknown> {
    if text.len() > LONGEST {
        return Err(Unknown::TooLong);
    }
    let mut meter = Meter::default();
    // What is not closed has no tokens: then every byte counts as one.
    let fits = match lexer::tokens(engine, text) {
        Ok(tokens) => tokens
            .iter()
            .filter(|token| token.counts())
            .all(|token| meter.takes(token.text)),
        Err(_) => text.split_inclusive(is_boundary).all(|word| {
            let bare = word.trim_end_matches(is_boundary);
            (bare.is_empty() || meter.takes(bare))
                && (bare.len() == word.len() || meter.takes(&word[bare.len()..]))
        }),
    };
    if fits { Ok(()) } else { Err(Unknown::TooDeep) }
}

fn is_boundary(c: char) -> bool {
    !c.is_alphanumeric() && c != '_'
}

#[derive(Default)]
struct Meter {
    depth: usize,
    run: usize,
}

impl Meter {
    /// Counts a word; false where it is one too deep.
    fn takes(&mut self, word: &str) -> bool {
        match word {
            "(" | "[" => self.depth += 1,
            ")" | "]" => self.depth = self.depth.saturating_sub(1),
            "," | ";" => self.run = 0,
            blank if blank.trim().is_empty() => {}
            _ => self.run += 1,
        }
        self.depth <= DEEPEST && self.run <= LONGEST_RUN
    }
}

/// Runs what may need a deep stack.
pub(super) fn with_room<T>(work: impl FnOnce() -> T) -> T {
    stacker::grow(ROOM, work)
}
