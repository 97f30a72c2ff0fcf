//! What GRANT and REVOKE are about.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::tree;
use crate::schema::TableName;
use crate::sql::read::cursor;

/// What GRANT and REVOKE are about, as it is written.
pub(super) fn objects(node: &SyntaxNode) -> String {
    tree::kid::<ast::OnPrivilegeObjectsClause>(node)
        .and_then(|clause| tree::kid::<ast::PrivilegeObjects>(clause.syntax()))
        .map(|objects| tree::text(objects.syntax()))
        .unwrap_or_default()
}

/// The tables that they name.
pub(super) fn tables(node: &SyntaxNode) -> Vec<TableName> {
    cursor::granted(&objects(node))
}
