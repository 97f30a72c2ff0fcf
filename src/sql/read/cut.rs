//! Cuts a text of MySQL, MariaDB or SQLite into statements, and says where each stands.

use crate::dialect::lexer::{self, Token};
use crate::dialect::split::Body;
use crate::document::Engine;
use crate::sql::act::Act;
use crate::sql::script::SyntaxError;
use crate::sql::simulate::Parsed;
use crate::sql::unknown::Unknown;

use super::Lines;
use super::cursor::Cursor;

/// A statement's tokens that count, and the bytes that they span.
pub(super) struct Cut<'t> {
    /// The first byte.
    pub start: usize,
    /// Behind the last byte, without the delimiter.
    pub end: usize,
    /// What counts; empty for the part of a text that cannot be cut up.
    pub tokens: Vec<Token<'t>>,
}

/// The statements of a text, and where a string or a comment is not closed: all behind that is one
/// statement that nobody can read.
pub(super) fn cut<'t>(engine: Engine, text: &'t str) -> (Vec<Cut<'t>>, Vec<SyntaxError>) {
    let lines = Lines::of(text);
    let (tokens, broken) = match lexer::tokens(engine, text) {
        Ok(tokens) => (tokens, None),
        Err(unclosed) => {
            let at = lines.offset(unclosed.line, unclosed.at);
            let before = text.get(..at).unwrap_or_default();
            let error = lines.error(format!("{} is not closed", unclosed.what), at);
            (
                lexer::tokens(engine, before).unwrap_or_default(),
                Some(error),
            )
        }
    };
    let mut cutter = Cutter {
        engine,
        text,
        delimiter: ";",
        out: Vec::new(),
        now: Vec::new(),
        body: Body::default(),
    };
    cutter.run(tokens);
    if let Some(error) = &broken {
        // What was begun before it belongs to it.
        let start = cutter.now.first().map_or(error.at, |t| t.start);
        cutter.now.clear();
        cutter.out.push(Cut {
            start,
            end: text.trim_end().len().max(start),
            tokens: Vec::new(),
        });
    }
    cutter.end();
    (cutter.out, broken.into_iter().collect())
}

/// Reads each statement of a text by itself.
pub(super) fn parsed(
    engine: Engine,
    text: &str,
    statement: impl Fn(Cursor<'_, '_>) -> Act,
) -> Parsed {
    let lines = Lines::of(text);
    let (cuts, errors) = cut(engine, text);
    let statements = cuts
        .iter()
        .map(|cut| {
            let act = if cut.tokens.is_empty() {
                Act::Unknown(Unknown::Syntax)
            } else {
                statement(Cursor {
                    engine,
                    text,
                    tokens: &cut.tokens,
                })
            };
            (lines.span(cut.start, cut.end), act)
        })
        .collect();
    Parsed { statements, errors }
}

struct Cutter<'t> {
    engine: Engine,
    text: &'t str,
    /// What ends a statement: another one than `;` after the client's command DELIMITER.
    delimiter: &'t str,
    out: Vec<Cut<'t>>,
    now: Vec<Token<'t>>,
    body: Body,
}

impl<'t> Cutter<'t> {
    fn run(&mut self, tokens: Vec<Token<'t>>) {
        let mut behind = 0;
        for token in tokens {
            if token.start < behind || !token.counts() {
                continue;
            }
            if self.now.is_empty() && self.engine.is_mysql_family() && token.is("delimiter") {
                let rest = self.text.get(token.end()..).unwrap_or_default();
                let line = rest.split('\n').next().unwrap_or_default();
                behind = token.end() + line.len();
                let word = line.split_whitespace().next();
                self.delimiter = word.unwrap_or(";");
                continue;
            }
            let here = self.text.get(token.start..).unwrap_or_default();
            let inside = self.delimiter == ";" && self.body.is_open();
            if here.starts_with(self.delimiter) && !inside {
                behind = token.start + self.delimiter.len();
                self.end();
            } else {
                self.body.meet(&token);
                self.now.push(token);
            }
        }
    }

    fn end(&mut self) {
        self.body = Body::default();
        let tokens = std::mem::take(&mut self.now);
        if let (Some(first), Some(last)) = (tokens.first(), tokens.last()) {
            self.out.push(Cut {
                start: first.start,
                end: last.end(),
                tokens,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(engine: Engine, text: &str) -> Vec<String> {
        cut(engine, text)
            .0
            .iter()
            .map(|c| text[c.start..c.end].to_owned())
            .collect()
    }

    #[test]
    fn bodies_stay_whole_and_delimiters_are_the_clients() {
        assert_eq!(
            cuts(
                Engine::MySql,
                "SELECT 1; -- x;\nCREATE TRIGGER a BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a = 1; END;\nSELECT ';'"
            )
            .len(),
            3
        );
        assert_eq!(
            cuts(
                Engine::MariaDb,
                "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END //\nDELIMITER ;\nDROP TABLE t; SELECT 2"
            ),
            [
                "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
                "DROP TABLE t",
                "SELECT 2"
            ]
        );
        assert_eq!(
            cuts(Engine::Sqlite, "SELECT 1;;\n;DELETE FROM t WHERE a = 'x"),
            ["SELECT 1", "DELETE FROM t WHERE a = 'x"]
        );
    }
}
