//! How many rows a condition may hold for, as far as its text tells.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::tree;
use crate::schema::TableName;
use crate::sql::effect::Bound;
use crate::sql::read::key::{self, BATCH};

/// UPDATE and DELETE.
pub(super) fn of_change(node: &SyntaxNode, table: &TableName) -> Bound {
    // LIMIT in what it selects its rows by.
    if tree::inside::<ast::LimitClause>(node).next().is_some()
        || tree::inside::<ast::FetchClause>(node).next().is_some()
        || tree::has::<ast::WhereCurrentOf>(node)
    {
        return Bound::Batch;
    }
    let Some(condition) = condition(node) else {
        return Bound::Everything;
    };
    of_condition(&condition, Some(table))
}

/// Whether a query looks at a handful of rows.
pub(super) fn of_query(node: &SyntaxNode) -> bool {
    tree::kid::<ast::LimitClause>(node).is_some()
        || condition(node).is_some_and(|c| of_condition(&c, None) == Bound::Batch)
}

/// The columns for which its condition gives a value, or a list of them.
pub(super) fn given(node: &SyntaxNode) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(condition) = condition(node) {
        conjuncts(condition, &mut parts);
    }
    parts
        .iter()
        .filter_map(|part| {
            let mut sides = tree::kids::<ast::Expr>(part).map(|e| e.syntax().clone());
            let (left, right) = (sides.next()?, sides.next()?);
            let operator = operator(part);
            let found = match operator.as_str() {
                "=" if fixed(&right) || one_of(&right) => &left,
                "=" if fixed(&left) => &right,
                "IN" if listed(&right) => &left,
                _ => return None,
            };
            column_of(found)
        })
        .collect()
}

fn condition(node: &SyntaxNode) -> Option<SyntaxNode> {
    let clause = tree::kid::<ast::WhereClause>(node)?;
    Some(tree::kid::<ast::Expr>(clause.syntax())?.syntax().clone())
}

/// What one of the conditions that AND joins says of the key.
#[derive(Default)]
struct Ends {
    lower: bool,
    upper: bool,
}

fn of_condition(condition: &SyntaxNode, table: Option<&TableName>) -> Bound {
    let mut parts = Vec::new();
    conjuncts(condition.clone(), &mut parts);
    let mut ends = Ends::default();
    for part in &parts {
        let text = tree::text(part).to_lowercase();
        match text.as_str() {
            "true" => continue,
            "false" => return Bound::Batch,
            _ => {}
        }
        if settles(part, table, &mut ends) {
            return Bound::Batch;
        }
    }
    if ends.lower && ends.upper {
        return Bound::Batch;
    }
    let says_nothing = parts
        .iter()
        .all(|p| ["true", "1=1", "1 = 1"].contains(&tree::text(p).to_lowercase().as_str()));
    if says_nothing {
        Bound::Everything
    } else {
        Bound::Condition
    }
}

/// The conditions that AND joins. Not recursive: a text may join thousands.
fn conjuncts(condition: SyntaxNode, out: &mut Vec<SyntaxNode>) {
    let mut rest = vec![condition];
    while let Some(node) = rest.pop() {
        if ast::ParenExpr::can_cast(node.kind())
            && let Some(inner) = tree::kid::<ast::Expr>(&node)
        {
            rest.push(inner.syntax().clone());
            continue;
        }
        if ast::BinExpr::can_cast(node.kind()) && operator(&node) == "AND" {
            rest.extend(tree::kids::<ast::Expr>(&node).map(|e| e.syntax().clone()));
            continue;
        }
        out.push(node);
    }
}

/// The words between the two sides of an operator. Only the node's own children are looked at:
/// thousands of them may be nested.
fn operator(node: &SyntaxNode) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut sides = 0;
    for element in node.children_with_tokens() {
        if let Some(child) = element.as_node() {
            if ast::Expr::can_cast(child.kind()) {
                sides += 1;
            } else if sides == 1 {
                words.extend(tree::words(child));
            }
        } else if let Some(token) = element.as_token()
            && sides == 1
            && !token.kind().is_trivia()
        {
            words.push(token.text().to_uppercase());
        }
    }
    if sides == 2 {
        words.join(" ")
    } else {
        String::new()
    }
}

/// Whether the condition alone says that there are few; what it says of a range is noted.
fn settles(part: &SyntaxNode, table: Option<&TableName>, ends: &mut Ends) -> bool {
    let sides: Vec<SyntaxNode> = tree::kids::<ast::Expr>(part)
        .map(|e| e.syntax().clone())
        .collect();
    let key = |node: &SyntaxNode| is_key(node, table);
    if ast::BetweenExpr::can_cast(part.kind()) {
        return matches!(sides.as_slice(), [target, start, end]
            if key(target) && fixed(start) && fixed(end));
    }
    let [left, right] = sides.as_slice() else {
        return false;
    };
    let operator = operator(part);
    let turned = key(right) && fixed(left);
    if !(key(left) || turned) {
        let few = match operator.as_str() {
            "=" => fixed(right) || one_of(right),
            "IN" => listed(right),
            _ => false,
        };
        return few && tells_rows_apart(left);
    }
    let value = if turned { left } else { right };
    match operator.as_str() {
        "=" => fixed(value) || one_of(value),
        "IN" => listed(value),
        "<" | "<=" | ">" | ">=" if fixed(value) => {
            let upper = operator.starts_with('<') != turned;
            if upper {
                ends.upper = true;
                let end: Option<u64> = tree::text(value).parse().ok();
                return end.is_some_and(|end| end <= BATCH);
            }
            ends.lower = true;
            false
        }
        _ => false,
    }
}

/// The name of the column that an expression is.
fn column_of(node: &SyntaxNode) -> Option<String> {
    match ast::FieldExpr::cast(node.clone()) {
        Some(field) => tree::kids::<ast::NameRef>(field.syntax())
            .last()
            .map(|name| tree::name(name.syntax())),
        None => ast::NameRef::cast(node.clone()).map(|name| tree::name(name.syntax())),
    }
}

/// Whether one value of the column that it is stands in one row or a few, by its name.
fn tells_rows_apart(node: &SyntaxNode) -> bool {
    column_of(node).is_some_and(|column| key::tells_rows_apart(&column))
}

/// Whether it is the key by its name.
fn is_key(node: &SyntaxNode, table: Option<&TableName>) -> bool {
    column_of(node).is_some_and(|column| key::is_key(&column, table))
}

/// A value that is one for the statement: no column, no query.
fn fixed(node: &SyntaxNode) -> bool {
    let named = tree::inside::<ast::NameRef>(node).any(|name| {
        !name
            .syntax()
            .parent()
            .is_some_and(|parent| ast::CallExpr::can_cast(parent.kind()))
    });
    !named && tree::inside::<ast::SelectVariant>(node).next().is_none()
}

/// `ANY (...)` of fixed values, or a query that gives one value.
fn one_of(node: &SyntaxNode) -> bool {
    let any = tree::inside::<ast::AnyFn>(node).next().is_some();
    if any {
        return fixed(node);
    }
    ast::ParenExpr::can_cast(node.kind())
        && tree::inside::<ast::SelectVariant>(node).next().is_some()
}

/// `IN (1, 2, 3)`.
fn listed(node: &SyntaxNode) -> bool {
    fixed(node)
}
