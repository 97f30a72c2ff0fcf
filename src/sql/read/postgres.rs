//! PostgreSQL, by squawk's parser, which reads on behind what it cannot read.

use squawk_syntax::SourceFile;
use squawk_syntax::ast::{self, AstNode};

use super::Lines;
use crate::sql::act::{Act, Control};
use crate::sql::simulate::Parsed;
use crate::sql::unknown::Unknown;

/// Reads a text.
pub(super) fn parse(text: &str) -> Parsed {
    let lines = Lines::of(text);
    let parse = SourceFile::parse(text);
    let statements = parse
        .tree()
        .stmts()
        .map(|statement| {
            let range = statement.syntax().text_range();
            let span = lines.span(range.start().into(), range.end().into());
            (span, act(&statement))
        })
        .collect();
    let errors = parse
        .errors()
        .iter()
        .map(|e| lines.error(e.message(), e.range().start().into()))
        .collect();
    Parsed { statements, errors }
}

fn act(statement: &ast::Stmt) -> Act {
    if let ast::Stmt::Begin(_) = statement {
        return Act::Transaction(Control::Begin);
    }
    if let ast::Stmt::Commit(_) = statement {
        return Act::Transaction(Control::Commit { chain: false });
    }
    let text = statement.syntax().text().to_string();
    let words: Vec<&str> = text.split_whitespace().take(3).collect();
    Act::Unknown(Unknown::Statement {
        words: words.join(" "),
    })
}
