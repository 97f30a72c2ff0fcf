//! How many rows a condition may hold for, as far as its text tells.

use sqlparser::ast::{BinaryOperator, Expr, Query, TableFactor};

use super::limit;
use crate::schema::TableName;
use crate::sql::effect::Bound;
use crate::sql::read::key::{self, BATCH};

/// UPDATE and DELETE.
pub(super) fn of_change(condition: Option<&Expr>, limited: bool, table: &TableName) -> Bound {
    match condition {
        _ if limited => Bound::Batch,
        Some(condition) => of(condition, Some(table)),
        None => Bound::Everything,
    }
}

/// The columns for which the condition gives a value, or a list of them.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's enums, of which new kinds give no value"
)]
pub(super) fn given(condition: Option<&Expr>) -> Vec<String> {
    conjuncts(condition)
        .into_iter()
        .filter_map(|part| match part {
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Eq,
                right,
            } => {
                if is_value(right) {
                    column_of(left)
                } else if is_value(left) {
                    column_of(right)
                } else {
                    None
                }
            }
            Expr::InList {
                expr,
                list,
                negated: false,
            } if list.iter().all(is_value) => column_of(expr),
            _ => None,
        })
        .map(str::to_owned)
        .collect()
}

/// The conditions that AND joins. Not recursive: a text may join thousands.
fn conjuncts(condition: Option<&Expr>) -> Vec<&Expr> {
    let mut rest: Vec<&Expr> = condition.into_iter().collect();
    let mut out = Vec::new();
    while let Some(expr) = rest.pop() {
        if let Expr::Nested(inner) = expr {
            rest.push(inner);
        } else if let Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } = expr
        {
            rest.extend([left.as_ref(), right.as_ref()]);
        } else {
            out.push(expr);
        }
    }
    out
}

/// How many rows a condition may hold for: few where it gives a key's values, or both ends of a
/// range of them.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's enums, of which new kinds say nothing of a key"
)]
pub(super) fn of(condition: &Expr, table: Option<&TableName>) -> Bound {
    let is_key = |expr: &Expr| column_of(expr).is_some_and(|c| key::is_key(c, table));
    let apart = |expr: &Expr| {
        column_of(expr).is_some_and(|c| key::is_key(c, table) || key::tells_rows_apart(c))
    };
    let (mut lower, mut upper, mut always) = (false, false, true);
    for expr in conjuncts(Some(condition)) {
        let text = expr.to_string().to_lowercase();
        match text.as_str() {
            "true" | "1" | "1 = 1" => continue,
            "false" | "0" | "1 = 0" | "0 = 1" => return Bound::Batch,
            _ => always = false,
        }
        match expr {
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Eq,
                right,
            } if (apart(left) && (is_value(right) || is_one(right)))
                || (apart(right) && is_value(left)) =>
            {
                return Bound::Batch;
            }
            Expr::BinaryOp { left, op, right } if is_key(left) && is_value(right) => match op {
                BinaryOperator::Gt | BinaryOperator::GtEq => lower = true,
                BinaryOperator::Lt | BinaryOperator::LtEq => {
                    upper = true;
                    if right.to_string().parse().is_ok_and(|end: u64| end <= BATCH) {
                        return Bound::Batch;
                    }
                }
                _ => {}
            },
            Expr::BinaryOp { left, op, right } if is_key(right) && is_value(left) => match op {
                BinaryOperator::Gt | BinaryOperator::GtEq => upper = true,
                BinaryOperator::Lt | BinaryOperator::LtEq => lower = true,
                _ => {}
            },
            Expr::Between {
                expr,
                negated: false,
                low,
                high,
            } if is_key(expr) && is_value(low) && is_value(high) => return Bound::Batch,
            Expr::InList {
                expr,
                negated: false,
                list,
            } if apart(expr) && list.iter().all(is_value) => return Bound::Batch,
            Expr::InSubquery {
                subquery,
                negated: false,
                ..
            } if is_limited(subquery) => return Bound::Batch,
            _ => {}
        }
    }
    if lower && upper {
        Bound::Batch
    } else if always {
        Bound::Everything
    } else {
        Bound::Condition
    }
}

/// Whether it gives no more rows than it says: MySQL wants such a query within another one.
fn is_limited(query: &Query) -> bool {
    limit(query.limit_clause.as_ref())
        || query.body.as_select().is_some_and(|select| {
            let [only] = select.from.as_slice() else {
                return false;
            };
            matches!(&only.relation, TableFactor::Derived { subquery, .. }
                if only.joins.is_empty() && is_limited(subquery))
        })
}

/// The name of the column that an expression is.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's enums, of which new kinds are no column"
)]
fn column_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Nested(inner) => column_of(inner),
        Expr::Identifier(ident) => Some(&ident.value),
        Expr::CompoundIdentifier(parts) => parts.last().map(|last| last.value.as_str()),
        _ => None,
    }
}

/// A query that gives one value: the server refuses it where it gives more.
fn is_one(expr: &Expr) -> bool {
    matches!(expr, Expr::Subquery(_))
}

/// One value for the statement: no column, no query.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's enums, of which new kinds are no value"
)]
fn is_value(expr: &Expr) -> bool {
    match expr {
        Expr::Value(_) => true,
        Expr::UnaryOp { expr, .. } => is_value(expr),
        Expr::Nested(inner) => is_value(inner),
        // `@last`, and what a client fills in.
        Expr::Identifier(ident) => ident.value.starts_with(['@', ':', '?', '$']),
        Expr::BinaryOp { left, right, .. } => is_value(left) && is_value(right),
        _ => false,
    }
}
