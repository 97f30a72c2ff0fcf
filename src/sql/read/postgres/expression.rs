//! Expressions: how they behave from row to row, and which functions they call.

use std::collections::HashMap;
use std::sync::LazyLock;

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::tree;
use crate::sql::act::{Default, Volatility};

/// Functions that come with PostgreSQL, by pg_proc.
static FUNCTIONS: LazyLock<HashMap<&'static str, Volatility>> = LazyLock::new(|| {
    let mut out = HashMap::new();
    let mut volatility = Volatility::Volatile;
    for line in include_str!("functions.txt").lines() {
        match line.strip_prefix("= ") {
            Some("immutable") => volatility = Volatility::Immutable,
            Some("stable") => volatility = Volatility::Stable,
            Some(_) => volatility = Volatility::Volatile,
            None if line.starts_with('#') => {}
            None => out.extend(line.split(' ').map(|name| (name, volatility.clone()))),
        }
    }
    out
});

/// The names of the functions that are called within, as they are written but folded.
fn called(node: &SyntaxNode) -> Vec<String> {
    tree::inside::<ast::CallExpr>(node)
        .filter_map(|call| {
            // Those with a syntax of their own (EXTRACT, TRIM) have no name as a child.
            tree::kid::<ast::ArgList>(call.syntax())?;
            let callee = call.syntax().first_child()?;
            let name = match ast::NameRef::cast(callee.clone()) {
                Some(name) => tree::name(name.syntax()),
                None => tree::text(&callee).to_lowercase(),
            };
            Some(match name.strip_prefix("pg_catalog.") {
                Some(bare) => bare.to_owned(),
                None => name,
            })
        })
        .collect()
}

/// The functions that are called within and are none of PostgreSQL's own.
pub(super) fn unknown_calls(node: &SyntaxNode) -> Vec<String> {
    let mut calls: Vec<String> = called(node)
        .into_iter()
        .filter(|name| !FUNCTIONS.contains_key(name.as_str()))
        .collect();
    calls.sort();
    calls.dedup();
    calls
}

/// How an expression behaves.
pub(super) fn volatility(node: &SyntaxNode) -> Volatility {
    let mut found = Volatility::Immutable;
    let moments = [
        "current_timestamp",
        "current_date",
        "current_time",
        "localtime",
        "localtimestamp",
        "current_user",
        "current_role",
        "session_user",
        "system_user",
        "user",
        "current_catalog",
        "current_schema",
    ];
    let words = tree::inside::<ast::NameRef>(node)
        .any(|name| moments.contains(&tree::text(name.syntax()).to_lowercase().as_str()));
    if words {
        found = Volatility::Stable;
    }
    for name in called(node) {
        if moments.contains(&name.as_str()) {
            found = Volatility::Stable;
            continue;
        }
        match FUNCTIONS.get(name.as_str()) {
            Some(Volatility::Immutable) => {}
            Some(Volatility::Stable) => found = Volatility::Stable,
            Some(Volatility::Volatile | Volatility::Unknown { .. }) => return Volatility::Volatile,
            None => return Volatility::Unknown { function: name },
        }
    }
    found
}

/// A default.
pub(super) fn default(node: &SyntaxNode) -> Default {
    let sql = tree::text(node);
    Default {
        null: is_null(&sql),
        volatility: volatility(node),
        sql,
    }
}

/// `NULL`, `(NULL)`, `NULL::text`.
fn is_null(sql: &str) -> bool {
    let bare = sql.split("::").next().unwrap_or_default();
    bare.trim_matches(['(', ')', ' '])
        .eq_ignore_ascii_case("null")
}
