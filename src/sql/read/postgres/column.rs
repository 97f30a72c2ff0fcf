//! Columns and constraints.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode};

use super::{expression, tree};
use crate::sql::act::{ForeignKey, Generated, NewColumn, NewConstraint, Shape};

/// A column of CREATE TABLE or ADD COLUMN, whose node has its name, its type and what follows.
pub(super) fn column(node: &SyntaxNode) -> NewColumn {
    let mut out = NewColumn {
        name: tree::kid_word::<ast::ColumnName>(node).unwrap_or_default(),
        data_type: tree::kid::<ast::Type>(node).map(|t| tree::text(t.syntax())),
        collation: tree::kid::<ast::Collate>(node).map(|c| collation(c.syntax())),
        ..NewColumn::default()
    };
    for constraint in tree::kids::<ast::Constraint>(node) {
        add(&mut out, &constraint);
    }
    out
}

/// COLLATE's name, as it is written.
pub(super) fn collation(node: &SyntaxNode) -> String {
    tree::kid::<ast::CollationRef>(node)
        .map(|name| tree::text(name.syntax()))
        .unwrap_or_default()
}

fn add(column: &mut NewColumn, constraint: &ast::Constraint) {
    let node = constraint.syntax();
    match constraint {
        ast::Constraint::NotNullConstraint(_) => column.not_null = true,
        ast::Constraint::NullConstraint(_) => {}
        ast::Constraint::DefaultConstraint(_) => {
            column.default = tree::kid::<ast::Expr>(node).map(|e| expression::default(e.syntax()));
        }
        ast::Constraint::GeneratedConstraint(_) => {
            if tree::inside::<ast::GeneratedIdentity>(node)
                .next()
                .is_some()
            {
                column.identity = true;
                column.not_null = true;
            } else {
                column.generated = Some(kept(node));
            }
        }
        ast::Constraint::PrimaryKeyConstraint(_) => {
            column.not_null = true;
            column.constraints.extend(self::constraint(constraint));
        }
        ast::Constraint::CheckConstraint(_)
        | ast::Constraint::ExcludeConstraint(_)
        | ast::Constraint::ForeignKeyConstraint(_)
        | ast::Constraint::ReferencesConstraint(_)
        | ast::Constraint::UniqueConstraint(_) => {
            let own = column.name.clone();
            column
                .constraints
                .extend(self::constraint(constraint).map(|mut made| {
                    if made.columns.is_empty() {
                        made.columns.push(own);
                    }
                    made
                }));
        }
    }
}

fn kept(node: &SyntaxNode) -> Generated {
    if tree::inside::<ast::Stored>(node).next().is_some() {
        Generated::Stored
    } else if tree::inside::<ast::Virtual>(node).next().is_some() {
        Generated::Virtual
    } else {
        Generated::Unsaid
    }
}

/// A constraint; none for DEFAULT, NULL and GENERATED, which are parts of a column.
pub(super) fn constraint(constraint: &ast::Constraint) -> Option<NewConstraint> {
    let node = constraint.syntax();
    let (shape, columns) = match constraint {
        ast::Constraint::PrimaryKeyConstraint(_) => (Shape::PrimaryKey, listed(node)),
        ast::Constraint::UniqueConstraint(_) => (Shape::Unique, listed(node)),
        ast::Constraint::CheckConstraint(_) => check(node),
        ast::Constraint::NotNullConstraint(_) => (Shape::NotNull, direct(node)),
        ast::Constraint::ExcludeConstraint(_) => (Shape::Exclude, mentioned(node)),
        ast::Constraint::ForeignKeyConstraint(_) => foreign_key(node)?,
        ast::Constraint::ReferencesConstraint(_) => references(node)?,
        ast::Constraint::DefaultConstraint(_)
        | ast::Constraint::GeneratedConstraint(_)
        | ast::Constraint::NullConstraint(_) => return None,
    };
    Some(NewConstraint {
        name: tree::kid::<ast::ConstraintNameClause>(node)
            .and_then(|clause| tree::kid_word::<ast::ConstraintName>(clause.syntax())),
        using_index: tree::kid::<ast::UsingIndexName>(node)
            .and_then(|using| tree::kid_name::<ast::IndexRef>(using.syntax()))
            .map(|index| index.name),
        not_valid: tree::has::<ast::NotValid>(node),
        not_enforced: tree::has::<ast::NotEnforced>(node),
        no_inherit: tree::has::<ast::NoInherit>(node),
        ..NewConstraint::new(shape, columns)
    })
}

/// The columns in the list of a key.
fn listed(node: &SyntaxNode) -> Vec<String> {
    tree::inside::<ast::ConstraintColumnRefList>(node)
        .next()
        .map(|list| direct(list.syntax()))
        .unwrap_or_default()
}

fn direct(node: &SyntaxNode) -> Vec<String> {
    tree::kids::<ast::ColumnNameRef>(node)
        .map(|column| tree::name(column.syntax()))
        .collect()
}

fn check(node: &SyntaxNode) -> (Shape, Vec<String>) {
    let condition = tree::kid::<ast::Expr>(node);
    let sql = condition
        .map(|e| tree::text(e.syntax()))
        .unwrap_or_default();
    (Shape::Check { sql }, mentioned(node))
}

/// The names that an expression mentions and that may be columns.
fn mentioned(node: &SyntaxNode) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for name in tree::inside::<ast::NameRef>(node) {
        let calls = name
            .syntax()
            .parent()
            .is_some_and(|parent| ast::CallExpr::can_cast(parent.kind()));
        let name = tree::name(name.syntax());
        if !calls && !out.contains(&name) {
            out.push(name);
        }
    }
    out
}

fn foreign_key(node: &SyntaxNode) -> Option<(Shape, Vec<String>)> {
    let table = tree::kid_name::<ast::TableNameRef>(node)?;
    let mut lists = tree::kids::<ast::ForeignKeyColumnList>(node);
    let from = lists.next().map(|l| direct(l.syntax())).unwrap_or_default();
    let columns = lists.next().map(|l| direct(l.syntax())).unwrap_or_default();
    Some((Shape::ForeignKey(ForeignKey { table, columns }), from))
}

fn references(node: &SyntaxNode) -> Option<(Shape, Vec<String>)> {
    let table = tree::kid_name::<ast::TableNameRef>(node)?;
    let key = ForeignKey {
        table,
        columns: direct(node),
    };
    Some((Shape::ForeignKey(key), Vec::new()))
}
