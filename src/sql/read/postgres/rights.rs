//! What GRANT and REVOKE are about.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::tree;
use crate::dialect::lexer;
use crate::document::Engine;
use crate::schema::TableName;
use crate::sql::read::cursor::Cursor;

/// What GRANT and REVOKE are about, as it is written.
pub(super) fn objects(node: &SyntaxNode) -> String {
    tree::kid::<ast::OnPrivilegeObjectsClause>(node)
        .and_then(|clause| tree::kid::<ast::PrivilegeObjects>(clause.syntax()))
        .map(|objects| tree::text(objects.syntax()))
        .unwrap_or_default()
}

/// The tables that GRANT and REVOKE name: TABLE may be left out.
pub(super) fn tables(node: &SyntaxNode) -> Vec<TableName> {
    let text = objects(node);
    let Ok(tokens) = lexer::significant(Engine::PostgreSql, &text) else {
        return Vec::new();
    };
    let mut rest = Cursor {
        engine: Engine::PostgreSql,
        text: &text,
        tokens: &tokens,
    };
    rest.take(&["table"]);
    let mut tables = rest.tables();
    for table in &mut tables {
        table.schema = table.schema.take().filter(|schema| schema != "public");
    }
    // Anything else has a word before its name: ALL TABLES IN, SEQUENCE, FUNCTION, SCHEMA.
    if rest.done() { tables } else { Vec::new() }
}
