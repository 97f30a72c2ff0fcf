//! Finding one's way in squawk's tree.

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::schema::TableName;

/// The first child of that kind.
pub(super) fn kid<N: AstNode>(node: &SyntaxNode) -> Option<N> {
    node.children().find_map(N::cast)
}

/// Every child of that kind.
pub(super) fn kids<N: AstNode>(node: &SyntaxNode) -> impl Iterator<Item = N> {
    node.children().filter_map(N::cast)
}

/// Every node of that kind, however deep within.
pub(super) fn inside<N: AstNode>(node: &SyntaxNode) -> impl Iterator<Item = N> {
    node.descendants().filter_map(N::cast)
}

/// Whether a child of that kind is there.
pub(super) fn has<N: AstNode>(node: &SyntaxNode) -> bool {
    kid::<N>(node).is_some()
}

/// Whether the node itself has that token.
pub(super) fn says(node: &SyntaxNode, kind: SyntaxKind) -> bool {
    node.children_with_tokens()
        .filter_map(|element| element.into_token())
        .any(|token| token.kind() == kind)
}

/// The text, without what surrounds it.
pub(super) fn text(node: &SyntaxNode) -> String {
    node.text().to_string().trim().to_owned()
}

/// The words of a node, in upper case.
pub(super) fn words(node: &SyntaxNode) -> Vec<String> {
    node.descendants_with_tokens()
        .filter_map(|element| element.into_token())
        .filter(|token| !token.kind().is_trivia())
        .map(|token| token.text().to_uppercase())
        .collect()
}

/// Whether an option stands in a list of them, in upper case, and is not switched off there.
pub(super) fn switched_on(list: &SyntaxNode, option: &str) -> bool {
    let words = words(list);
    words
        .iter()
        .position(|word| word == option)
        .is_some_and(|at| {
            !words.get(at + 1).is_some_and(|value| {
                let value = value.trim_matches('\'');
                ["FALSE", "OFF", "0", "NO"].contains(&value)
            })
        })
}

/// The first words of a node, as they are written.
pub(super) fn opening(node: &SyntaxNode) -> String {
    let words: Vec<String> = node
        .descendants_with_tokens()
        .filter_map(|element| element.into_token())
        .filter(|token| !token.kind().is_trivia())
        .take(3)
        .map(|token| token.text().to_owned())
        .collect();
    words.join(" ")
}

/// The name that a node spells which holds one name: folded, and without its quotes.
pub(super) fn name(node: &SyntaxNode) -> String {
    ast::normalize_name_node(node)
}

/// The parts of a qualified name.
pub(super) fn parts(node: &SyntaxNode) -> Vec<String> {
    node.descendants()
        .filter(|n| {
            n.kind() == SyntaxKind::PATH_SEGMENT || n.kind() == SyntaxKind::PATH_SEGMENT_REF
        })
        .map(|n| name(&n))
        .collect()
}

/// A qualified name, as the catalogue has it; the database before it says nothing.
pub(super) fn qualified(node: &SyntaxNode) -> TableName {
    let mut parts = parts(node);
    let name = parts.pop().unwrap_or_default();
    TableName {
        schema: parts.pop().filter(|schema| schema != "public"),
        name,
    }
}

/// The qualified name of the first child of that kind.
pub(super) fn kid_name<N: AstNode>(node: &SyntaxNode) -> Option<TableName> {
    kid::<N>(node).map(|n| qualified(n.syntax()))
}

/// The name of the first child of that kind.
pub(super) fn kid_word<N: AstNode>(node: &SyntaxNode) -> Option<String> {
    kid::<N>(node).map(|n| name(n.syntax()))
}

/// The value of a string, without its quotes; anything else as it is written.
pub(super) fn value(node: &SyntaxNode) -> String {
    let text = text(node);
    let inner = text
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    match inner {
        Some(inner) => inner.replace("''", "'"),
        None => text,
    }
}

/// CASCADE.
pub(super) fn cascades(node: &SyntaxNode) -> bool {
    has::<ast::Cascade>(node)
}

/// The column names in a node.
pub(super) fn columns(node: &SyntaxNode) -> Vec<String> {
    inside::<ast::ColumnNameRef>(node)
        .map(|column| name(column.syntax()))
        .collect()
}
