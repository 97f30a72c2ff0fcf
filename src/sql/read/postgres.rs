//! PostgreSQL, by squawk's parser, which reads on behind what it cannot read.

mod bound;
mod column;
mod expression;
mod object;
mod rights;
mod rows;
mod session;
mod statement;
mod table;
mod tree;

use squawk_syntax::SourceFile;
use squawk_syntax::ast::{AstNode, Stmt};

use super::Lines;
use crate::document::Engine;
use crate::sql::act::Act;
use crate::sql::script::Span;
use crate::sql::simulate::Parsed;
use crate::sql::unknown::Unknown;

/// Reads a text.
pub(super) fn parse(text: &str) -> Parsed {
    let lines = Lines::of(text);
    if let Err(why) = super::guard::check(Engine::PostgreSql, text) {
        return lines.unread(why);
    }
    super::guard::with_room(|| read(text, &lines))
}

fn read(text: &str, lines: &Lines<'_>) -> Parsed {
    // The server takes no NUL, and to the parser it is the end of the text.
    let nul: Vec<usize> = text.match_indices('\0').map(|(at, _)| at).collect();
    let cleaned = text.replace('\0', " ");
    let parse = SourceFile::parse(&cleaned);
    let mut errors: Vec<(usize, String)> = parse
        .errors()
        .iter()
        .map(|e| (usize::from(e.range().start()), e.message().to_owned()))
        .chain(
            nul.into_iter()
                .map(|at| (at, "the character 0 cannot stand in SQL".to_owned())),
        )
        .collect();
    errors.sort();
    errors.dedup();
    let nodes: Vec<(Stmt, (usize, usize))> = parse
        .tree()
        .stmts()
        .filter(|statement| !matches!(statement, Stmt::EmptyStmt(_)))
        .map(|statement| {
            let place = span(&cleaned, &statement);
            (statement, place)
        })
        .collect();
    let mut statements: Vec<(Span, Act)> = Vec::new();
    // Errors up to here belong to a statement, or have become one.
    let mut seen = 0;
    for (at, (node, (start, end))) in nodes.iter().enumerate() {
        seen += strays(&cleaned, &errors[seen..], *start, lines, &mut statements);
        // What is missing at the end of a statement is said of the word after it.
        let next = nodes
            .get(at + 1)
            .map_or(cleaned.len(), |(_, (start, _))| *start);
        let broken = errors[seen..].iter().any(|(at, _)| *at <= next);
        seen += errors[seen..].partition_point(|(at, _)| at <= end);
        let act = if broken {
            Act::Unknown(Unknown::Syntax)
        } else {
            statement::act(node)
        };
        statements.push((lines.span(*start, *end), act));
    }
    strays(
        &cleaned,
        &errors[seen..],
        usize::MAX,
        lines,
        &mut statements,
    );
    Parsed {
        statements,
        errors: errors
            .into_iter()
            .map(|(at, message)| lines.error(message, at))
            .collect(),
    }
}

/// What stands before a statement and belongs to none cannot be read: each line of it is a
/// statement of its own. Gives the number of errors that it holds.
fn strays(
    text: &str,
    errors: &[(usize, String)],
    until: usize,
    lines: &Lines<'_>,
    out: &mut Vec<(Span, Act)>,
) -> usize {
    let count = errors.partition_point(|(at, _)| *at < until);
    let mut done = out.last().map_or(0, |(span, _)| span.end);
    for (at, _) in &errors[..count] {
        let start = floor(text, *at);
        if start < done || start >= text.len() {
            continue;
        }
        let rest = &text[start..until.min(text.len()).max(start)];
        let end = start + rest.find(['\n', ';']).unwrap_or(rest.len());
        out.push((lines.span(start, end), Act::Unknown(Unknown::Syntax)));
        done = end;
    }
    count
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// From the first word to the last, without the semicolon.
fn span(text: &str, statement: &Stmt) -> (usize, usize) {
    let range = statement.syntax().text_range();
    let start = statement
        .syntax()
        .descendants_with_tokens()
        .filter_map(|element| element.into_token())
        .find(|token| !token.kind().is_trivia())
        .map_or(range.start(), |token| token.text_range().start());
    let (start, end) = (usize::from(start), usize::from(range.end()));
    let shown = text.get(start..end).unwrap_or_default();
    let bare = shown.trim_end().trim_end_matches(';').trim_end();
    (start, start + bare.len())
}
